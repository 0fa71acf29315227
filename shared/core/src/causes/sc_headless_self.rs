//! SC-HEADLESS-SELF: no listener for the pod's own address.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-HEADLESS-SELF",
    title: "no listener for the pod's own address",
    severity: Severity::Info,
    what: "A connection from the pod to its own address does not go through the proxy's outbound side.",
    when: "An endpoint of the headless Service has the pod's own first address.",
    why: "The pod's rules do not redirect what it sends to itself, so istiod leaves the listener out.",
    seen: &["in Envoy: a listener for every other endpoint"],
    fix: "Nothing is broken.",
    example: &[
        "  Service  clusterIP: None",
        "  Pod      status.podIP: an endpoint of it",
    ],
    also: &["SC-HEADLESS-NOEP"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "the pod itself")
}
