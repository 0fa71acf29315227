//! SC-IN-TARGETPORT: the pod has no port of that name.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-IN-TARGETPORT",
    title: "the pod has no port of that name",
    severity: Severity::Error,
    what: "The Service port leads nowhere on this pod: it has no chains of its own.",
    when: "targetPort is a name that no container port of the pod with the same transport has.",
    why: "A name is looked up among the pod's container ports. A number needs no container port.",
    seen: &["kubectl get endpointslices: the pod is listed without that port"],
    fix: "Name the container port, or write the number.",
    example: &[
        "- Service  ports[0].targetPort: web",
        "+ Service  ports[0].targetPort: 8080",
    ],
    also: &["SC-IN-CONFLICT", "GW-PORT-NAMED-TARGET"],
    source: "pilot/pkg/serviceregistry/kube/controller/util.go:FindPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which of the pod's ports is meant is for you to say"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "no such container port")
}
