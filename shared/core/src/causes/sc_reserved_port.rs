//! SC-RESERVED-PORT: the proxy itself has this port.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-RESERVED-PORT",
    title: "the proxy itself has this port",
    severity: Severity::Error,
    what: "The port of the service has no listener of its own.",
    when: "The listener would be on the wildcard address, because the protocol is HTTP or the Sidecar's bind says so, and the port is 15001, 15006, 15021 or 15090.",
    why: "Envoy has listeners on these ports already, and a second one on the same address would be refused.",
    seen: &[
        "in istiod's log:",
        "  buildSidecarOutboundListeners: skipping sidecar port PORT for node NODE as it conflicts with static listener",
    ],
    fix: "Use another port, or a TCP protocol with an address of its own.",
    example: &[
        "- Service  ports[0].port: 15021",
        "+ Service  ports[0].port: 8021",
    ],
    also: &["SC-IN-RESERVED", "SC-PRIVILEGED"],
    source: "pilot/pkg/model/context.go:conflictWithReservedListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "another port or protocol is a change of the clients and the application too",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "the proxy's own port")
}
