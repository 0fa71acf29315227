//! SC-EXPORTTO: not exported to this namespace.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build, sidecar};
use crate::predict::store::EXPORT_TO_ANNOTATION;
use crate::snapshot::FieldPath;
use crate::snapshot::views;

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
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "not visible here")
}

/// The pod's namespace is added, where the list is written.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(object) = tale.object() else {
        return Vec::new();
    };
    let default = &tale.store.mesh.default_service_export_to;
    if let Some(entry) = tale.view::<views::ServiceEntry>(object.id) {
        return vec![build::export_to(
            tale,
            object,
            &entry.spec.export_to,
            default,
        )];
    }
    let namespace = tale.proxy.namespace.as_str();
    let annotations = &object.meta.annotations;
    let Some(written) = annotations.get(EXPORT_TO_ANNOTATION) else {
        return Vec::new();
    };
    let mut names: Vec<&str> = written.split(',').map(str::trim).collect();
    names.retain(|name| *name != "~");
    names.push(namespace);
    let field = FieldPath::root()
        .key("metadata")
        .key("annotations")
        .key(EXPORT_TO_ANNOTATION);
    let operation = build::replace(&field, names.join(","));
    let title = format!("export it to {namespace} too");
    vec![build::patch(title, object.id, vec![operation])]
}
