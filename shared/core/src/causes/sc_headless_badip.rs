//! SC-HEADLESS-BADIP: the endpoint has no IP address.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-HEADLESS-BADIP",
    title: "the endpoint has no IP address",
    severity: Severity::Error,
    what: "No listener for this endpoint.",
    when: "A ServiceEntry with resolution NONE takes workloads whose address is a host name or a socket.",
    why: "A listener for each endpoint is bound to its address, and a name is none.",
    seen: &["in Envoy: no listener with that name"],
    fix: "Give the WorkloadEntry an IP address, or use resolution DNS.",
    example: &[
        "- WorkloadEntry  address: db-1.example.com",
        "+ WorkloadEntry  address: 10.1.1.1",
    ],
    also: &["SC-HEADLESS-NOEP"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("no change is tried for a sidecar yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "no IP address")
}
