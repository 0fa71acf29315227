//! SC-E-EGRESSPROXY: the egress proxy has no cluster.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::ledger::{Reason, Step};
use crate::snapshot::{FieldPath, views};

pub(super) static PAGE: Page = Page {
    code: "SC-E-EGRESSPROXY",
    title: "the egress proxy has no cluster",
    severity: Severity::Error,
    what: "What nobody declared is closed, and HTTP gets 503.",
    when: "The Sidecar in force has an outboundTrafficPolicy.egressProxy whose host it does not import, or whose port or subset does not exist, and no listener takes the address and port.",
    why: "The last chain of virtualOutbound, of listeners without a chain for everything, and the virtual host allow_any lead to the proxy's cluster. istiod builds that cluster as for any service: the Sidecar has to import it, and the port and the subset have to exist.",
    seen: &["in Envoy's access log: the cluster of the egress proxy, and the flag NC"],
    fix: "Import the proxy's host in egress.hosts, and name one of its ports; or declare the destination by a ServiceEntry.",
    example: &[
        "  Sidecar  outboundTrafficPolicy: {egressProxy: {host: out.egress…}}",
        "- Sidecar  egress: [{hosts: [./*]}]",
        "+ Sidecar  egress: [{hosts: [./*, egress/*]}]",
    ],
    also: &["SC-E-PASSTHROUGH", "SC-SIDECAR-HOSTS"],
    source: "pilot/pkg/networking/core/listener_builder.go:buildOutboundCatchAllNetworkFiltersOnly",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let proxy = proxy(tale)?;
    let step = tale.step()?;
    let at = |field: FieldPath, label: String| Some(Told::at(step.object(), field, label));
    let field = step.field();
    match tale.symptom {
        Symptom::Reason(Reason::NotVisible { .. }) => {
            at(field.key("host"), "not known to this proxy".to_owned())
        }
        Symptom::Reason(Reason::UnknownHost { .. }) => {
            at(field.key("host"), "nobody has this host".to_owned())
        }
        Symptom::Reason(Reason::PortAbsent { host, .. }) => {
            let label = format!("{} has {}", proxy.host, tale.ports_of(host));
            at(field.key("port").key("number"), label)
        }
        Symptom::Reason(Reason::SubsetUndefined { .. }) => {
            at(field.key("subset"), "in no DestinationRule".to_owned())
        }
        Symptom::Reason(_) => at(field, "it has no cluster".to_owned()),
        _ => None,
    }
}

/// Where undeclared destinations go, as written.
fn proxy<'t>(tale: &Tale<'t, '_>) -> Option<&'t views::Destination> {
    let Step::EgressProxy(sidecar) = tale.step()? else {
        return None;
    };
    let policy = &tale.view::<views::Sidecar>(*sidecar)?.spec;
    policy
        .outbound_traffic_policy
        .as_ref()?
        .egress_proxy
        .as_ref()
}

/// The proxy's host, imported where everything else is.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let import = || {
        let Symptom::Reason(Reason::NotVisible { .. }) = tale.symptom else {
            return None;
        };
        let host = &proxy(tale)?.host;
        let service = tale.store.services_named(host).next()?;
        let sidecar = tale.object()?.id;
        let egress = &tale.view::<views::Sidecar>(sidecar)?.spec.egress;
        let entry = egress.iter().position(|e| e.port.is_none())?;
        let host = format!("{}/{host}", service.namespace);
        sidecar::add_host(tale, entry, host)
    };
    import().into_iter().collect()
}
