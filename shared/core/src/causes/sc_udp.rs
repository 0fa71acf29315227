//! SC-UDP: a UDP port has no listener.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-UDP",
    title: "a UDP port has no listener",
    severity: Severity::Info,
    what: "The proxy does not handle this port: UDP is not redirected to it.",
    when: "Service.spec.ports[].protocol is UDP, or that of a ServiceEntry's port is.",
    why: "istiod builds listeners of sidecars for TCP and HTTP only.",
    seen: &["in Envoy: neither listener nor cluster for the port"],
    fix: "Nothing is broken: UDP goes past the proxy.",
    example: &["  Service  ports[0].protocol: UDP"],
    also: &["SC-NAME-UDP"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "UDP")
}
