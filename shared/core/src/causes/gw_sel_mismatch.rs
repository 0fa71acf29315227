//! GW-SEL-MISMATCH: the selector does not fit this pod.

use super::{Cause, Fixes, Page, Severity, Tale, Told};
use crate::snapshot::{FieldPath, views};

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

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let selector = &tale.view::<views::Gateway>(object.id)?.spec.selector;
    let differing = selector
        .iter()
        .find(|(key, value)| tale.proxy.labels.get(*key) != Some(*value))?;
    let (key, value) = differing;
    let label = match tale.proxy.labels.get(key) {
        Some(other) => format!("the gateway's pods have {key}: {other}"),
        None => format!("the gateway's pods have no label {key}"),
    };
    let mut told =
        Told::at(object.id, FieldPath::of("spec.selector"), label).value(format!("{key}: {value}"));
    if let Some(workload) = tale.proxy.object() {
        told = told.so(format!(
            "no pod has these labels; the nearest are those of {}",
            tale.name_of(workload)
        ));
    }
    Some(told)
}
