//! SC-SIDECAR-PROTO: the Sidecar has another protocol for it.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build, sidecar};
use crate::ledger::Step;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-PROTO",
    title: "the Sidecar has another protocol for it",
    severity: Severity::Error,
    what: "The service's port has an HTTP listener, and no route: what its clients send goes where everything goes that nobody declared.",
    when: "An entry of Sidecar.spec.egress has a port with an HTTP protocol, and imports a service whose port of that number has a TCP one.",
    why: "The entry's protocol decides which listener is made. Routes are made for services whose own port is HTTP, and this one is not.",
    seen: &["in Envoy: 0.0.0.0_PORT with route PORT, which has no virtual host for the service"],
    fix: "Write the protocol of the service's port in the entry.",
    example: &[
        "  Service  ports[0].name: tcp-db",
        "- Sidecar  egress[0].port.protocol: HTTP",
        "+ Sidecar  egress[0].port.protocol: TCP",
    ],
    also: &[
        "SC-SIDECAR-HEADLESS",
        "SC-SIDECAR-BIND",
        "SC-RDS-WRONG-ENTRY",
    ],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn field(tale: &Tale<'_, '_>) -> Option<FieldPath> {
    let Step::Put { egress, .. } = tale.step()? else {
        return None;
    };
    let entry = build::spec().key("egress").index(*egress);
    Some(entry.key("port").key("protocol"))
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::EgressProtocol { own } = tale.symptom else {
        return None;
    };
    let step = tale.step()?;
    let told = Told::at(
        sidecar::deciding(tale)?,
        field(tale)?,
        format!("the service's port is {own}"),
    );
    Some(told.beside(
        step.object(),
        step.field(),
        "its own protocol decides about routes",
    ))
}

/// The service's own protocol.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let (Symptom::EgressProtocol { own }, Some(sidecar), Some(field)) =
        (tale.symptom, sidecar::deciding(tale), field(tale))
    else {
        return Vec::new();
    };
    let title = format!("write {own} in the Sidecar");
    vec![build::patch(
        title,
        sidecar,
        vec![build::replace(&field, own.to_string())],
    )]
}
