//! GW-NONE-SELECTS: no Gateway selects this pod.

use super::{Cause, Fixes, Page, Severity, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-NONE-SELECTS",
    title: "no Gateway selects this pod",
    severity: Severity::Error,
    what: "The pod has no Gateway listeners. No port of it is open but Envoy's own.",
    when: "For every Gateway, spec.selector has a label that the pod lacks or has with another value. A Gateway without selector would fit every gateway pod.",
    why: "istiod gives a Gateway to a pod only if all labels of the selector are on the pod. Without any Gateway there is nothing to build, and istiod says so at debug level only.",
    seen: &[
        "in istiod's log, at debug level:",
        "  buildGatewayListeners: no gateways for router NODE-ID",
        "istioctl analyze: IST0101 for the selector, if it fits no pod at all",
    ],
    fix: "Write labels in spec.selector that the gateway's pods carry.",
    example: &[
        "  Pod      metadata.labels.istio: ingress",
        "- Gateway  selector.istio: ingressgateway",
        "+ Gateway  selector.istio: ingress",
    ],
    also: &["GW-SEL-MISMATCH", "GW-SEL-NS-SCOPED", "GW-PROXY-NOT-ROUTER"],
    source: "pilot/pkg/model/push_context.go:PushContext.mergeGateways",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("no gateway was read that it could select"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    Some(Told::at(
        object.id,
        FieldPath::of("spec.selector"),
        "no gateway pod has these labels",
    ))
}
