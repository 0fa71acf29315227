//! SC-AUTO-AUTO: a detected protocol is there already.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-AUTO-AUTO",
    title: "a detected protocol is there already",
    severity: Severity::Warning,
    what: "The service adds nothing to the listener: what is not HTTP goes where the first service leads.",
    when: "The protocol of this port is not declared, and the listener of its address and port detects protocols already.",
    why: "A listener has one chain for bytes that are not HTTP. istiod does not look whether the later service would need another one. On the wildcard address HTTP still finds the service by its host.",
    seen: &["in Envoy: the listener's default chain leads to the first service"],
    fix: "Give the service an address of its own, or say HTTP or TLS where that is what its clients speak.",
    example: &[
        "  ServiceEntry  hosts: [a.com]; no addresses; 7070",
        "- ServiceEntry  hosts: [b.com]; no addresses; 7070",
        "+ ServiceEntry  hosts: [b.com]; addresses: [10.9.9.9]; 7070",
    ],
    also: &["SC-TCP-OVER-TCP", "SC-WELLKNOWN"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "an address of its own, or another protocol, is for the one who runs the service to say",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "detected already")
}
