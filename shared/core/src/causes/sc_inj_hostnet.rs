//! SC-INJ-HOSTNET: no sidecar on the node's network.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-INJ-HOSTNET",
    title: "no sidecar on the node's network",
    severity: Severity::Warning,
    what: "There is no Envoy and no listener: the connection leaves the node as the application makes it.",
    when: "The pod's spec.hostNetwork is true.",
    why: "Its rules would redirect the whole node's connections, so the injector refuses such pods before it looks at labels.",
    seen: &["on the mesh: istioctl proxy-status does not list the pod"],
    fix: "Give the pod a network of its own, or let its destinations take plaintext.",
    example: &["- Pod  hostNetwork: true", "+ Pod  hostNetwork: false"],
    also: &["SC-INJ-NOPROXY", "SC-INJ-OPTOUT"],
    source: "pkg/kube/inject/inject.go:injectRequired",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "a pod in its node's network gets no sidecar, and leaving that network changes where it listens",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "shares the node's network")
}
