//! SC-INJ-OPTOUT: this pod asks for no sidecar.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-INJ-OPTOUT",
    title: "this pod asks for no sidecar",
    severity: Severity::Warning,
    what: "There is no Envoy and no listener: the connection leaves the pod as the application makes it.",
    when: "The pod's label sidecar.istio.io/inject is false, or the annotation of that name where there is no such label.",
    why: "The injector asks the pod's label first, then its annotation, then its own policy.",
    seen: &["on the mesh: istioctl proxy-status does not list the pod"],
    fix: "Remove the label, and make the pod anew.",
    example: &[
        "- Pod  labels: {sidecar.istio.io/inject: \"false\"}",
        "+ Pod  labels: {}",
    ],
    also: &["SC-INJ-NOPROXY", "SC-INJ-HOSTNET"],
    source: "pkg/kube/inject/inject.go:injectRequired",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "asks for none")
}

/// Without the label the namespace decides.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    sidecar::inject(tale).into_iter().collect()
}
