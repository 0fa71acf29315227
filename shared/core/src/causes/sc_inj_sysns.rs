//! SC-INJ-SYSNS: no sidecar in a namespace of the system.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-INJ-SYSNS",
    title: "no sidecar in a namespace of the system",
    severity: Severity::Warning,
    what: "There is no Envoy and no listener: the connection leaves the pod as the application makes it.",
    when: "The pod is in kube-system, kube-public, kube-node-lease or local-path-storage.",
    why: "The injector leaves these four namespaces out before it looks at any label: what the cluster itself needs must not wait for the mesh.",
    seen: &["on the mesh: istioctl proxy-status does not list the pod"],
    fix: "Run the workload in a namespace of its own, or let its destinations take plaintext.",
    example: &[
        "- Deployment  metadata.namespace: kube-system",
        "+ Deployment  metadata.namespace: tools",
    ],
    also: &["SC-INJ-HOSTNET", "SC-INJ-NOPROXY"],
    source: "pkg/kube/inject/inject.go:injectRequired",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("where a workload lives is for a person to decide"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "the injector leaves this namespace out")
}
