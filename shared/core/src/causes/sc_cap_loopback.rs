//! SC-CAP-LOOPBACK: a pod's calls to itself pass Envoy by.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-CAP-LOOPBACK",
    title: "a pod's calls to itself pass Envoy by",
    severity: Severity::Info,
    what: "The connection stays in the pod and goes to the application without Envoy.",
    when: "The client dials its own pod's address, or a loopback address.",
    why: "What leaves through the loopback device is not redirected, unless includeOutboundIPRanges holds a loopback address. By the Service's address it is redirected, comes back, and goes through the inbound listener.",
    seen: &["in Envoy's access log: nothing"],
    fix: "Nothing; dial the Service's name where the mesh should see it.",
    example: &["- client  10.12.0.11:5701", "+ client  manager:5701"],
    also: &["SC-HEADLESS-SELF", "SC-PODIP-DIRECT"],
    source: "tools/istio-iptables/pkg/capture/run.go:IptablesConfigurator.Run",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "a pod's calls to its own address never come to Envoy: the client dials the Service's name for that",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "the pod's own address")
}
