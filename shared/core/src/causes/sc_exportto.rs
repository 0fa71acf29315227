//! SC-EXPORTTO: not exported to this namespace.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-EXPORTTO",
    title: "not exported to this namespace",
    severity: Severity::Error,
    what: "For this pod the service does not exist: no listener, no virtual host, no cluster.",
    when: "exportTo of the ServiceEntry, or the annotation networking.istio.io/exportTo of the Service, names neither the pod's namespace nor *; without either the mesh's defaultServiceExportTo counts.",
    why: "istiod keeps a list of services for each namespace. `.` is the service's own namespace, `~` is nobody, and `*` beside others makes it public. A Sidecar cannot bring back what is not exported.",
    seen: &["on istiod: the service is missing in /debug/sidecarz?proxyID=POD.NAMESPACE"],
    fix: "Add the pod's namespace to exportTo.",
    example: &[
        "- ServiceEntry  exportTo: [.]",
        "+ ServiceEntry  exportTo: [., shop]",
    ],
    also: &["SC-SIDECAR-HOSTS", "SC-SCOPE-SHADOW"],
    source: "pilot/pkg/model/push_context.go:PushContext.initServiceRegistry",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("no change is tried for a sidecar yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "not visible here")
}
