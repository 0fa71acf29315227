//! SC-WILD-SE: this ServiceEntry takes every IP on a port.

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build, sidecar};
use crate::ledger::Step;
use crate::snapshot::views::ServiceEntry;
use crate::snapshot::{Change, FieldPath, Kind};

pub(super) static PAGE: Page = Page {
    code: "SC-WILD-SE",
    title: "this ServiceEntry takes every IP on a port",
    severity: Severity::Error,
    what: "Connections to addresses without a listener of their own, pods' among them, go to the ServiceEntry's host.",
    when: "A ServiceEntry has a TCP port, or one without protocol, and no addresses, and the proxy does not use addresses that Istio gives to hosts.",
    why: "A TCP port without addresses listens on 0.0.0.0 in every sidecar that sees the entry. An IP with no listener of its own lands there.",
    seen: &[
        "in Envoy: istioctl proxy-config listeners POD --port PORT shows 0.0.0.0",
        "in Envoy's access log: the cluster is the entry's, and the address that was dialled another one",
    ],
    fix: "Give the entry addresses, keep it to its namespace with exportTo, use TLS with its hosts as server names, or give the destination a listener of its own: a headless Service has one for each pod.",
    example: &[
        "- ServiceEntry  hosts: [db.example.com]; no addresses",
        "+ ServiceEntry  hosts: [db.example.com]; addresses: [10.9.9.9]",
    ],
    also: &[
        "SC-PODIP-DIRECT",
        "SC-TCP-OVER-TCP",
        "SC-EXTERNALNAME-LEGACY",
    ],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Step::Put { of, port, .. } = tale.step()? else {
        return None;
    };
    let entry = tale.view::<ServiceEntry>(of.service)?;
    let written = entry.spec.ports.get(*port)?;
    let protocol = match written.protocol.as_str() {
        "" => "without protocol",
        protocol => protocol,
    };
    let addresses = if entry.spec.addresses.is_empty() {
        "no addresses"
    } else {
        "a wildcard address"
    };
    let remark = format!(
        "{addresses}; ports[{port}] is {} {protocol}",
        written.number
    );
    let told = Told::at(of.service, FieldPath::of("spec"), addresses);
    Some(Told {
        remark: Some(remark),
        ..told.why(
            "a TCP port without addresses listens on 0.0.0.0 in every sidecar that sees the \
             entry. An IP with no listener of its own lands there.",
        )
    })
}

/// What is dialled gets listeners of its own; whose entry it is stays as it is.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::CatchAll { services, unknown } = tale.symptom else {
        return Vec::new();
    };
    let by_hand = unknown.and_then(|address| by_hand(tale, address));
    let declared = unknown.and_then(|address| sidecar::declare(tale, address));
    let headless = sidecar::headless(tale, services);
    headless
        .into_iter()
        .chain(by_hand)
        .chain(declared)
        .collect()
}

/// An entry whose host is a name of Kubernetes' own DNS was meant for the Service of that name: a headless one with the
/// address for its endpoint does what the entry should.
fn by_hand(tale: &Tale<'_, '_>, address: &str) -> Option<Candidate> {
    let Step::Put { of, .. } = tale.step()? else {
        return None;
    };
    let entry = sidecar::service(tale, *of)?;
    let (namespace, name) = (entry.namespace.as_str(), entry.hostname.as_str());
    let find = |kind| tale.store.snapshot.find(kind, namespace, name);
    if name.contains(['.', '*']) || find(Kind::Service).is_some() {
        return None;
    }
    let port = json!({"name": format!("tcp-{}", tale.port), "port": tale.port});
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": "None", "ports": [port]},
    });
    let family = if address.contains(':') {
        "IPv6"
    } else {
        "IPv4"
    };
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": build::unique(&format!("{name}-1"), |name| {
                let all = &tale.store.snapshot;
                all.find(Kind::EndpointSlice, namespace, name).is_some()
            }),
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": family,
        "endpoints": [{"addresses": [address]}],
        "ports": [port],
    });
    let create = |kind, object| Change::Create {
        kind,
        object,
        beside: Some(of.service),
    };
    let changes = vec![
        create(Kind::Service, service),
        create(Kind::EndpointSlice, slice),
    ];
    let title = format!("a headless Service {name} with this address for its endpoint");
    Some(Candidate::new(title, changes))
}
