//! SC-IN-SELECTORLESS-MIX: only the Services that select a pod count.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, build, sidecar};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "SC-IN-SELECTORLESS-MIX",
    title: "only the Services that select a pod count",
    severity: Severity::Info,
    what: "The port has no chains of its own at the pod: its connections take those of another Service's port, or the ones for all other ports.",
    when: "A Service without a selector lists the pod's address in an EndpointSlice, and another Service selects the pod.",
    why: "istiod asks for the Services that select a pod. Only where there is none does it look for slices with the pod's address.",
    seen: &["in Envoy: virtualInbound has no chain with that destination port"],
    fix: "Give the Service a selector, or add its port to the Service that selects the pod.",
    example: &[
        "- Service  web-admin  (no selector)",
        "+ Service  web-admin  selector: {app: web}",
    ],
    also: &["SC-IN-SIDECAR", "SC-IN-CONFLICT"],
    source: "pilot/pkg/serviceregistry/kube/controller/controller.go:Controller.GetProxyServiceTargets",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "the connections work; which pods the Service is for is for a person to decide",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Reason(Reason::SelectedByOthers { by }) = tale.symptom else {
        return None;
    };
    let told = sidecar::told(tale, "no chains of its own at the pod")?;
    Some(told.beside(*by, build::spec().key("selector"), "selects the pod"))
}
