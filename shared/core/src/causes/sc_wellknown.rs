//! SC-WELLKNOWN: a listener of MySQL or Mongo is not shared.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-WELLKNOWN",
    title: "a listener of MySQL or Mongo is not shared",
    severity: Severity::Error,
    what: "The later of the two services is left out of the listener.",
    when: "Two services have the same listener address and port, and one's protocol is MySQL or Mongo while the other's is another one.",
    why: "With these protocols the server speaks first, so a listener that waits for the client's first bytes would hang. istiod keeps such a listener for one protocol.",
    seen: &[
        "in istiod's log:",
        "  conflict happens on a well known port PORT, incoming protocol P, existing protocol P, conflict type TYPE",
    ],
    fix: "Give the services addresses or ports of their own, or name both ports tcp-NAME.",
    example: &[
        "- ServiceEntry  ports[0].protocol: MONGO",
        "+ ServiceEntry  ports[0].protocol: TCP",
    ],
    also: &["SC-TCP-OVER-TCP", "SC-AUTO-AUTO"],
    source: "pilot/pkg/networking/core/listener.go:isConflictWithWellKnownPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("no change is tried for a sidecar yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "another protocol is there")
}
