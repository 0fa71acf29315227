//! SC-INJ-NOPROXY: this pod has no sidecar.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-INJ-NOPROXY",
    title: "this pod has no sidecar",
    severity: Severity::Warning,
    what: "There is no Envoy and no listener: the connection leaves the pod as the application makes it.",
    when: "No container of the pod runs the proxy, and neither its labels nor its namespace's ask for one.",
    why: "The injector's webhook goes by the namespace's labels istio-injection and istio.io/rev, and by the pod's labels.",
    seen: &["on the mesh: istioctl proxy-status does not list the pod"],
    fix: "Label the namespace istio-injection=enabled, or the pod sidecar.istio.io/inject=true, and make the pod anew.",
    example: &[
        "- Namespace  labels: {}",
        "+ Namespace  labels: {istio-injection: enabled}",
    ],
    also: &["SC-INJ-OPTOUT", "SC-INJ-HOSTNET"],
    source: "pkg/kube/inject/inject.go:injectRequired",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "runs no proxy")
}

/// The label on this workload alone: the namespace's others stay as they are.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    sidecar::inject(tale).into_iter().collect()
}
