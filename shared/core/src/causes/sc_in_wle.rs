//! SC-IN-WLE: a WorkloadEntry stands for this pod.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, sidecar};
use crate::ledger::Reason;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-IN-WLE",
    title: "a WorkloadEntry stands for this pod",
    severity: Severity::Info,
    what: "The port has no chains of its own at the pod: its connections take those of another Service's port, or the ones for all other ports.",
    when: "A WorkloadEntry with labels has the pod's first address, and the Service selects the pod, but not the WorkloadEntry, or is headless.",
    why: "istiod looks for a WorkloadEntry with a proxy's address before it looks for the pod. With one, its labels and ports say which Services lead to the proxy.",
    seen: &["in Envoy: virtualInbound has no chain with that destination port"],
    fix: "Remove the WorkloadEntry, or give it the labels that the Service selects.",
    example: &[
        "  Service        selector: {app: cache}",
        "- WorkloadEntry  labels: {app: cache-vm}",
        "+ WorkloadEntry  labels: {app: cache}",
    ],
    also: &["SC-IN-SELECTORLESS-MIX", "SC-IN-NOSERVICE"],
    source: "pilot/pkg/serviceregistry/kube/controller/controller.go:Controller.GetProxyServiceTargets",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "the connections work; what the WorkloadEntry is for is for a person to decide",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Reason(Reason::WorkloadEntryInstead { by }) = tale.symptom else {
        return None;
    };
    let told = sidecar::told(tale, "no chains of its own at the pod")?;
    let address = FieldPath::of("spec.address");
    Some(told.beside(*by, address, "the pod's address"))
}
