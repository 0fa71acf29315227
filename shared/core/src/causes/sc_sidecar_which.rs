//! SC-SIDECAR-WHICH: another Sidecar decides for this pod.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

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
    fixes: Fixes::None("no change is tried for a sidecar yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "not the one in force")
}
