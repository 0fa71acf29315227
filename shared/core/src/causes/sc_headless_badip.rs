//! SC-HEADLESS-BADIP: the endpoint has no IP address.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-HEADLESS-BADIP",
    title: "the endpoint has no IP address",
    severity: Severity::Error,
    what: "No listener for this endpoint.",
    when: "A ServiceEntry with resolution NONE selects a WorkloadEntry that has a network and no address. One with a host name or a socket for an address is no endpoint at all.",
    why: "A listener for each endpoint is bound to its address, and here there is none.",
    seen: &["in Envoy: no listener with that name"],
    fix: "Give the WorkloadEntry an IP address.",
    example: &[
        "- WorkloadEntry  network: machines",
        "+ WorkloadEntry  network: machines; address: 10.1.1.1",
    ],
    also: &["SC-HEADLESS-NOEP"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("the address of the workload is in no object"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "no IP address")
}
