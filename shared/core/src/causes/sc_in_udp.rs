//! SC-IN-UDP: a UDP port gives the pod's port its chains.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};
use crate::ledger::{EntryId, Step};
use crate::predict::protocol::Protocol;

pub(super) static PAGE: Page = Page {
    code: "SC-IN-UDP",
    title: "a UDP port gives the pod's port its chains",
    severity: Severity::Warning,
    what: "The sidecar takes the TCP connections of that port as plain bytes: they work, without HTTP's routes, metrics and policies.",
    when: "A UDP port of a Service and an HTTP port lead to the same number of the pod, and the UDP one comes first: in spec.ports, or in the older Service.",
    why: "istiod makes inbound chains for each port that a Service leads to, whatever its transport, and treats UDP as TCP there. The first one has the number.",
    seen: &["in Envoy: the chains of that port have no HTTP connection manager"],
    fix: "Write the TCP port before the UDP port.",
    example: &[
        "- Service  ports: [{name: quic, protocol: UDP}, {name: http-web}]",
        "+ Service  ports: [{name: http-web}, {name: quic, protocol: UDP}]",
    ],
    also: &["SC-IN-CONFLICT", "SC-UDP"],
    source: "pilot/pkg/networking/core/listener_inbound.go:ListenerBuilder.getFilterChainsByServicePort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("the connections work; what they need of HTTP is for a person to decide"),
};

/// Whether what has the port is a UDP port of a Service.
pub(super) fn is_udp(tale: &Tale<'_, '_>, by: EntryId) -> bool {
    let Some(Step::ServicePort { service, index } | Step::Inbound { service, index }) =
        tale.ledger.get(by).map(|e| &e.step)
    else {
        return false;
    };
    let mut all = tale.store.services.iter();
    let holder = all.find(|s| s.object == *service);
    holder
        .and_then(|s| s.ports.get(*index))
        .is_some_and(|p| p.protocol == Protocol::Udp)
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "HTTP, taken as bytes")
}
