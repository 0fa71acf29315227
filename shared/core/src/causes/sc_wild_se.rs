//! SC-WILD-SE: this ServiceEntry takes every IP on a port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::ledger::Step;
use crate::snapshot::FieldPath;
use crate::snapshot::views::ServiceEntry;

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
    let Symptom::CatchAll { services, .. } = tale.symptom else {
        return Vec::new();
    };
    sidecar::headless(tale, services)
}
