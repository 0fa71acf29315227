//! SC-WELLKNOWN: a listener of MySQL or Mongo is not shared.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-WELLKNOWN",
    title: "a listener of MySQL or Mongo is not shared",
    severity: Severity::Error,
    what: "The later of the two services is left out of the listener.",
    when: "Two services have the same listener address and port, and one's protocol is MySQL or Mongo while the other's is another one.",
    why: "To share a listener Envoy has to look at the client's first bytes, and waits for ever where the server speaks first. istiod counts both protocols among those, and keeps such a listener for one protocol.",
    seen: &[
        "in istiod's log:",
        "  conflict happens on a well known port PORT, incoming protocol P, existing protocol P, conflict type TYPE",
    ],
    fix: "Give one of the services an address or a port of its own.",
    example: &[
        "  ServiceEntry  hosts: [a.com]; no addresses; 27017 TCP",
        "- ServiceEntry  hosts: [b.com]; no addresses; 27017 MONGO",
        "+ ServiceEntry  hosts: [b.com]; addresses: [10.9.9.9]; 27017 MONGO",
    ],
    also: &["SC-TCP-OVER-TCP", "SC-AUTO-AUTO"],
    source: "pilot/pkg/networking/core/listener.go:isConflictWithWellKnownPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "an address of its own, or another protocol, is for the one who runs the service to say",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "another protocol is there")
}
