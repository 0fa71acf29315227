//! SC-LOCKED: an earlier egress entry has the listener.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-LOCKED",
    title: "an earlier egress entry has the listener",
    severity: Severity::Error,
    what: "The service is not added to the listener of that address and port.",
    when: "An egress entry with a port made the listener, and this service comes by a later entry without a port.",
    why: "Who names a port in a Sidecar chooses the services on it: later entries without a port add nothing to that listener.",
    seen: &["in Envoy: the listener leads to the services of the first entry only"],
    fix: "Import the service in the entry with the port too, or remove that entry.",
    example: &[
        "  Sidecar  egress[0].port.number: 9000",
        "- Sidecar  egress[0].hosts: [apps/a.com]",
        "+ Sidecar  egress[0].hosts: [apps/a.com, apps/b.com]",
    ],
    also: &["SC-SIDECAR-PORTMAP", "SC-TCP-OVER-TCP"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("no change is tried for a sidecar yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "the listener is closed to it")
}
