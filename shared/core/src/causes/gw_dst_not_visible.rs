//! GW-DST-NOT-VISIBLE: this Service is hidden from the pod.

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Reason;
use crate::predict::store::EXPORT_TO_ANNOTATION;
use crate::snapshot::{FieldPath, Kind, views};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-NOT-VISIBLE",
    title: "this Service is hidden from the pod",
    severity: Severity::Error,
    what: "The route leads to a cluster that this gateway does not get. TCP connections are accepted and closed; HTTP gets 503.",
    when: "The Service's annotation networking.istio.io/exportTo, or exportTo of the ServiceEntry, holds neither `*` nor the namespace of the gateway's pod. Without it, defaultServiceExportTo of the mesh config counts. serviceEntryVisibility can narrow it further.",
    why: "A pod gets clusters only for the Services that are exported to its namespace.",
    seen: &[
        "in Envoy: the cluster is missing in /clusters; the flag NC in the access log",
        "in istiod: the Service is in /debug/registryz all the same",
    ],
    fix: "Add the gateway's namespace to the export.",
    example: &[
        "  Pod      metadata.namespace: ingress",
        r#"- Service  annotations["networking.istio.io/exportTo"]: ".""#,
        r#"+ Service  annotations["networking.istio.io/exportTo"]: ".,ingress""#,
    ],
    also: &["GW-DST-UNKNOWN-HOST", "GW-VS-EXPORTTO"],
    source: "pilot/pkg/model/push_context.go:PushContext.serviceExportTo",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let destination = tale.step()?.field();
    let written = tale.destination()?;

    let Symptom::Reason(Reason::NotVisible { host }) = tale.symptom else {
        return None;
    };
    let namespace = &tale.proxy.namespace;
    let mut told = Told::at(
        object.id,
        destination.key("host"),
        format!("exists, but {namespace} does not see it"),
    )
    .value(&written.host);
    if let Some(service) = tale.store.services_named(host).next() {
        let exported = tale.store.snapshot.get(service.object)?;
        let field = if exported.key.kind == Kind::Service {
            FieldPath::of("metadata.annotations").key(EXPORT_TO_ANNOTATION)
        } else {
            FieldPath::of("spec.exportTo")
        };
        told = told.beside(service.object, field, format!("leaves out {namespace}"));
    }
    Some(told)
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    export(tale).into_iter().collect()
}

fn export(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let Symptom::Reason(Reason::NotVisible { host }) = tale.symptom else {
        return None;
    };
    let service = tale.store.services_named(host).next()?;
    let object = tale.store.snapshot.get(service.object)?;
    let default = &tale.store.mesh.default_service_export_to;
    if let Some(entry) = tale.view::<views::ServiceEntry>(object.id) {
        return Some(build::export_to(
            tale,
            object,
            &entry.spec.export_to,
            default,
        ));
    }
    let own = &tale.proxy.namespace;
    let annotations = FieldPath::of("metadata.annotations");
    let field = annotations.clone().key(EXPORT_TO_ANNOTATION);
    let written = object.meta.annotations.get(EXPORT_TO_ANNOTATION);
    let operation = match written {
        Some(text) => {
            let value = with_namespace(text.split(','), own);
            build::replace(&field, value)
        }
        None => {
            let value = with_namespace(default.iter().map(String::as_str), own);
            if object.meta.annotations.is_empty() {
                build::add(&annotations, json!({ EXPORT_TO_ANNOTATION: value }))
            } else {
                build::add(&field, value)
            }
        }
    };
    Some(build::patch(
        format!("export it to {own} too"),
        object.id,
        vec![operation],
    ))
}

/// A comma list with one more namespace; `~` means nobody, so it goes.
fn with_namespace<'n>(names: impl Iterator<Item = &'n str>, namespace: &'n str) -> String {
    let kept = names
        .map(str::trim)
        .filter(|name| !matches!(*name, "" | "~"));
    kept.chain([namespace]).collect::<Vec<_>>().join(",")
}
