//! SC-UDP: a UDP port has no listener.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, sidecar};
use crate::ledger::Step;

pub(super) static PAGE: Page = Page {
    code: "SC-UDP",
    title: "a UDP port has no listener",
    severity: Severity::Info,
    what: "The proxy does not handle this port: UDP is not redirected to it.",
    when: "Service.spec.ports[].protocol is UDP, or that of a ServiceEntry's port is.",
    why: "istiod builds listeners of sidecars for TCP and HTTP only.",
    seen: &["in Envoy: neither listener nor cluster for the port"],
    fix: "Nothing is broken: UDP goes past the proxy. What takes TCP on the same number needs a port for TCP beside it.",
    example: &[
        "  Service  ports: [{name: dns, protocol: UDP, port: 5353}]",
        "+ Service  ports[1]: {name: tcp-dns, protocol: TCP, port: 5353}",
    ],
    also: &["SC-NAME-UDP"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::Or(fixes, "no container says that it takes TCP there"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "UDP")
}

/// The same number for TCP, where a container has it for TCP too.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    match tale.step() {
        Some(Step::Put { of, .. }) => sidecar::add_port(tale, of.service).into_iter().collect(),
        _ => Vec::new(),
    }
}
