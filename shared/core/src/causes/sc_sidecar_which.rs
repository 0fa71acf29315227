//! SC-SIDECAR-WHICH: another Sidecar decides for this pod.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};
use crate::snapshot::views;

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
