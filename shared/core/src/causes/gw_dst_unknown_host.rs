//! GW-DST-UNKNOWN-HOST: no such Service is known to istiod.

use super::{Candidate, Cause, Choice, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Reason;
use crate::predict::store::Registry;
use crate::snapshot::{Kind, Object};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-UNKNOWN-HOST",
    title: "no such Service is known to istiod",
    severity: Severity::Error,
    what: "The listener exists, but its route leads to a cluster that Envoy does not have. TCP connections are accepted and closed; HTTP gets 503.",
    when: "destination.host, after short names are lengthened, is the host of no Service or ServiceEntry that the pod's namespace may see.",
    why: "istiod writes the cluster's name into the route without checking that the Service exists. Clusters are made from Services alone.",
    seen: &[
        "in Envoy's stats, rising: tcp.outbound|PORT||HOST.downstream_cx_no_route",
        "in Envoy's access log: the flag NC",
        "istioctl analyze: IST0101 for the host",
    ],
    fix: "Correct the host, or create the Service or a ServiceEntry.",
    example: &[
        "  Service         metadata.name: kafka-broker0",
        "- VirtualService  tcp[0].route[0].destination.host: kafka",
        "+ VirtualService  tcp[0].route[0].destination.host: kafka-broker0",
    ],
    also: &[
        "GW-DST-SHORT-NAME",
        "GW-DST-NOT-VISIBLE",
        "GW-DST-PORT-ABSENT",
    ],
    source: "pilot/pkg/networking/core/route/route.go:GetDestinationCluster",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let destination = tale.step()?.field();
    let written = tale.destination()?;

    let Symptom::Reason(Reason::UnknownHost { host }) = tale.symptom else {
        return None;
    };
    let label = if written.host == *host {
        "no Service or ServiceEntry has this host".to_owned()
    } else {
        format!("means {host}: no such Service")
    };
    Some(Told::at(object.id, destination.key("host"), label).value(&written.host))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    if let Some(candidate) = build::wished_destination(tale, wish) {
        return vec![candidate];
    }
    let meant = meant(tale).unwrap_or_default();
    if meant.is_empty() {
        return which(tale, wish).into_iter().collect();
    }
    meant
}

/// Nothing is like the name: only a person knows what was meant, even where there is but one Service. A host outside
/// of the mesh means none of them.
fn which(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    if !is_of_the_mesh(&tale.destination()?.host) {
        return None;
    }
    let mut chosen = build::choose_for_destination(tale, wish)?;
    let ways = vec![build::way(&chosen.to)];
    chosen.because = None;
    chosen.choice.get_or_insert(Choice {
        question: "which Service?",
        ways,
    });
    let candidate = build::lead_to(tale, &chosen.to)?;
    let title = "lead to one that is there".to_owned();
    Some(chosen.on(Candidate { title, ..candidate }))
}

/// `name.namespace`, which istiod takes for a whole host; else a Service whose name this could be a slip of; else one
/// of that name in another namespace.
fn meant(tale: &Tale<'_, '_>) -> Option<Vec<Candidate>> {
    let vs = tale.object()?;
    let written = tale.destination()?;
    let mut parts = written.host.split('.');
    let name = parts.next()?;
    let namespace = parts.next().unwrap_or(&vs.key.namespace);
    let snapshot = tale.store.snapshot;
    if let Some(exact) = snapshot.find(Kind::Service, namespace, name) {
        return Some(build::hosts_in_full(tale, vec![exact]));
    }
    let services = snapshot.of_kind(Kind::Service);
    let mut near: Vec<(usize, &Object)> = services
        .filter(|o| o.key.namespace == namespace)
        .filter_map(|o| build::slip(&o.key.name, name).map(|distance| (distance, o)))
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    let field = tale.step()?.field().key("host");
    let slips = near.into_iter().map(|(_, o)| {
        let host = if written.host.contains('.') {
            format!(
                "{}.{}.svc.{}",
                o.key.name, namespace, tale.store.mesh.domain
            )
        } else {
            o.key.name.clone()
        };
        let title = format!("write {host}");
        build::patch(title, vs.id, vec![build::replace(&field, host)])
    });
    let entries = tale.store.services.iter().filter(|s| {
        s.registry == Registry::ServiceEntry && build::slip(&s.hostname, &written.host).is_some()
    });
    let entries = entries.map(|s| {
        let title = format!("write {}", s.hostname);
        build::patch(
            title,
            vs.id,
            vec![build::replace(&field, s.hostname.as_str())],
        )
    });
    let same = if is_of_the_mesh(&written.host) {
        build::services_of_name(tale, name)
    } else {
        Vec::new()
    };
    let elsewhere = build::hosts_in_full(tale, same);
    let all = slips.chain(entries).chain(elsewhere);
    Some(all.take(build::WAYS).collect())
}

/// Whether a host is written as that of a Kubernetes Service.
fn is_of_the_mesh(host: &str) -> bool {
    host.split('.').nth(2).is_none_or(|svc| svc == "svc")
}
