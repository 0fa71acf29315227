//! GW-SEL-MISMATCH: the selector does not fit this pod.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-SEL-MISMATCH",
    title: "the selector does not fit this pod",
    severity: Severity::Error,
    what: "The Gateway that declares the port is ignored for this pod; other Gateways may still apply to it.",
    when: "A key of spec.selector is missing from the pod's metadata.labels or has another value there.",
    why: "All labels of the selector must be on the pod. The chart `gateway` sets the label `istio` to the release's name without a leading `istio-`: a release istio-ingress has `istio: ingress`, not `istio: ingressgateway`. Labels on the Deployment or the Service do not count.",
    seen: &[
        "nothing in istiod's log at its usual level",
        "on the mesh: kubectl get pods -A --show-labels",
        "istioctl analyze: IST0101 for the selector, if it fits no pod at all",
    ],
    fix: "Make spec.selector equal to labels of the pod.",
    example: &[
        "  Pod      metadata.labels.istio: ingress",
        "- Gateway  selector.istio: ingressgateway",
        "+ Gateway  selector.istio: ingress",
    ],
    also: &["GW-NONE-SELECTS", "GW-SEL-NS-SCOPED", "GW-REV-MISMATCH"],
    source: "pilot/pkg/model/push_context.go:PushContext.mergeGateways",
};
