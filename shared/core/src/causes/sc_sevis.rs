//! SC-SEVIS: the mesh hides this ServiceEntry here.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-SEVIS",
    title: "the mesh hides this ServiceEntry here",
    severity: Severity::Error,
    what: "For this pod the ServiceEntry does not exist: no listener, no virtual host, no cluster.",
    when: "meshConfig.serviceEntryVisibility has applyToSidecars, and the first of its policies that fits the labels of the ServiceEntry's namespace, or its default, says NAMESPACE or NONE.",
    why: "serviceEntryVisibility is the most that a ServiceEntry gets: NAMESPACE leaves what its exportTo gives to its own namespace, NONE leaves nothing. No exportTo widens it, and no Sidecar.",
    seen: &[
        "on istiod: the host is missing in /debug/sidecarz?proxyID=POD.NAMESPACE",
        "on the mesh: kubectl -n istio-system get configmap istio -o yaml",
    ],
    fix: "Write the ServiceEntry in the pod's namespace, or in one whose labels a policy with PUBLIC fits.",
    example: &[
        "  MeshConfig    serviceEntryVisibility.defaultVisibility: NAMESPACE",
        "- ServiceEntry  data/db, exportTo: [*]",
        "+ ServiceEntry  shop/db",
    ],
    also: &["SC-EXPORTTO", "SC-SIDECAR-HOSTS"],
    source: "pilot/pkg/model/push_context.go:PushContext.serviceExportTo",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("who sees ServiceEntries is decided for the whole mesh"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let told = sidecar::told(tale, "hidden from this namespace")?;
    Some(match tale.store.mesh.object {
        Some(mesh) => told.beside(mesh, FieldPath::of("data.mesh"), "serviceEntryVisibility"),
        None => told,
    })
}
