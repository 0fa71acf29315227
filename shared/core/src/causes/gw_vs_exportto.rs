//! GW-VS-EXPORTTO: this VirtualService is hidden from the pod.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-VS-EXPORTTO",
    title: "this VirtualService is hidden from the pod",
    severity: Severity::Error,
    what: "The VirtualService does not exist for this gateway pod.",
    when: "spec.exportTo holds neither `*` nor the namespace of the gateway's pod (`.` is the VirtualService's own). If exportTo is missing, defaultVirtualServiceExportTo of the mesh config counts in its place.",
    why: "Visibility is decided by the namespace in which the proxy runs. The namespace of the Gateway object does not count.",
    seen: &[
        "in istiod's log, if no other visible VirtualService names the Gateway:",
        "  no virtual service bound to gateway: NS/NAME",
    ],
    fix: "Add the pod's namespace to exportTo, or remove exportTo.",
    example: &[
        "  Pod             metadata.namespace: istio-ingress",
        r#"- VirtualService  exportTo: ["."]"#,
        r#"+ VirtualService  exportTo: [".", istio-ingress]"#,
    ],
    also: &["GW-VS-NONE", "GW-VS-GWNAME", "GW-DST-NOT-VISIBLE"],
    source: "pilot/pkg/model/push_context.go:PushContext.initVirtualServices",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let namespace = &tale.proxy.namespace;
    let told = Told::at(
        object.id,
        FieldPath::of("spec.exportTo"),
        format!("leaves out {namespace}, where the gateway's pods are"),
    );
    Some(told)
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    export(tale).into_iter().collect()
}

fn export(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let object = tale.object()?;
    let written = &tale.virtual_service()?.export_to;
    let default = &tale.store.mesh.default_virtual_service_export_to;
    Some(build::export_to(tale, object, written, default))
}
