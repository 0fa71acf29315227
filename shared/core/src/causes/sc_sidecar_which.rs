//! SC-SIDECAR-WHICH: another Sidecar decides for this pod.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, age, sidecar};
use crate::ledger::EntryId;
use crate::snapshot::{FieldPath, ObjectId, views};

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-WHICH",
    title: "another Sidecar decides for this pod",
    severity: Severity::Warning,
    what: "What this Sidecar says does not apply to the pod.",
    when: "spec.workloadSelector.labels is no subset of the pod's labels, or another Sidecar of the namespace comes first.",
    why: "One Sidecar decides for a pod, and nothing is merged: of its namespace the oldest with a fitting workloadSelector, else the oldest without one, else the oldest without one in the root namespace.",
    seen: &["on istiod: /debug/sidecarz?proxyID=POD.NAMESPACE names the Sidecar in force"],
    fix: "Make the labels fit, or write what is needed into the Sidecar that decides.",
    example: &[
        "  Pod      metadata.labels: app=shop",
        "- Sidecar  workloadSelector.labels: app=store",
        "+ Sidecar  workloadSelector.labels: app=shop",
    ],
    also: &["SC-SIDECAR-HOSTS"],
    source: "pilot/pkg/model/push_context.go:PushContext.doGetSidecarScope",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which pods a Sidecar is for is yours to say"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.step()?.object();
    let view = tale.view::<views::Sidecar>(object)?;
    if let Symptom::Displaced { by } = tale.symptom {
        return displaced(tale, object, by);
    }
    let labels = view.spec.workload_selector.iter().flat_map(|w| &w.labels);
    let own = &tale.proxy.labels;
    let other = labels.into_iter().find(|(k, v)| own.get(k) != Some(*v));
    let label = match other.map(|(key, _)| (key, own.get(key))) {
        Some((key, Some(value))) => format!("the pod has {key}={value}"),
        Some((key, None)) => format!("the pod has no label {key}"),
        None => "not the one in force".to_owned(),
    };
    sidecar::told(tale, &label)
}

/// Both fit the pod, and only the first counts: one of its namespace, one with a selector, the older one.
fn displaced(tale: &Tale<'_, '_>, object: ObjectId, by: EntryId) -> Option<Told> {
    let first = tale.ledger.get(by)?.step.object();
    let open = |id| {
        let view = tale.view::<views::Sidecar>(id);
        view.is_some_and(|s| s.spec.workload_selector.is_none())
    };
    let namespace = |id| tale.store.snapshot.get(id).map(|o| &o.key.namespace);
    let (field, label) = if namespace(object) != namespace(first) {
        ("metadata.namespace", "for namespaces without a Sidecar")
    } else if open(object) && !open(first) {
        (
            "spec",
            "has no workloadSelector, and another one selects the pod",
        )
    } else {
        let told = Told::at(object, FieldPath::of("metadata.name"), "the younger one");
        let told = told.beside(first, FieldPath::of("metadata.name"), "in force");
        return Some(age::outcomes(tale, object, first, told));
    };
    let told = Told::at(object, FieldPath::of(field), label);
    Some(told.beside(first, FieldPath::of("metadata.name"), "in force"))
}
