//! SC-IN-SIDECAR: the Sidecar lists the inbound ports.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, build, sidecar};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "SC-IN-SIDECAR",
    title: "the Sidecar lists the inbound ports",
    severity: Severity::Warning,
    what: "The port has no chains of its own: its connections take the chains for all other ports.",
    when: "The Sidecar in force has ingress, and no entry has this port of the pod.",
    why: "With ingress the Sidecar says everything about inbound ports: what Services say does not count.",
    seen: &["in Envoy: virtualInbound has no chain with that destination port"],
    fix: "Add the port to ingress, or remove ingress.",
    example: &[
        "  Service  ports[0].targetPort: 9090",
        "+ Sidecar  ingress[1].port.number: 9090",
    ],
    also: &["SC-CAP-MODE-NONE"],
    source: "pilot/pkg/networking/core/listener_inbound.go:ListenerBuilder.buildInboundChainConfigs",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "the port is passed on all the same, and a Sidecar's list may leave it out on purpose",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let told = sidecar::told(tale, "not listed in the Sidecar")?;
    let Symptom::Reason(Reason::IngressListed { sidecar }) = tale.symptom else {
        return Some(told);
    };
    Some(told.beside(
        *sidecar,
        build::spec().key("ingress"),
        "the ports that count",
    ))
}
