//! GW-NS-NOT-DISCOVERED: istiod does not watch this namespace.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build, unseen};
use crate::snapshot::{FieldPath, Kind, Operation};

pub(super) static PAGE: Page = Page {
    code: "GW-NS-NOT-DISCOVERED",
    title: "istiod does not watch this namespace",
    severity: Severity::Error,
    what: "Nothing in the namespace exists for istiod: no Gateway, VirtualService, DestinationRule, Service or pod.",
    when: "meshConfig.discoverySelectors is not empty and no entry of it fits the labels of the object's Namespace.",
    why: "istiod drops every object of a namespace that no discovery selector fits, before it looks at the object.",
    seen: &[
        "the object is missing in istiod's /debug/configz, a Service in /debug/registryz",
        "on the mesh: kubectl get namespaces --show-labels",
    ],
    fix: "Label the Namespace so that a discovery selector fits it, or widen discoverySelectors.",
    example: &[
        "  MeshConfig  discoverySelectors[0].matchLabels.mesh: enabled",
        "+ Namespace   metadata.labels.mesh: enabled",
    ],
    also: &[
        "GW-REV-MISMATCH",
        "GW-NONE-SELECTS",
        "GW-VS-NONE",
        "GW-DST-UNKNOWN-HOST",
    ],
    source: "pilot/pkg/config/kube/crdclient/client.go:Client.addCRD",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = unseen::object(tale)?;
    let namespace = &object.key.namespace;
    let told = Told::at(
        object.id,
        FieldPath::of("metadata.namespace"),
        format!("no discovery selector fits the labels of namespace {namespace}"),
    );
    Some(told.value(namespace))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    label(tale).into_iter().collect()
}

/// The labels of the first selector that asks for nothing else.
fn label(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let snapshot = tale.store.snapshot;
    let namespace = snapshot.find(Kind::Namespace, "", &unseen::object(tale)?.key.namespace)?;
    let selectors = &tale.store.mesh.discovery_selectors;
    let selector = selectors.iter().find(|s| s.match_expressions.is_empty())?;
    let path = FieldPath::of("metadata.labels");
    let operations: Vec<Operation> = if namespace.meta.labels.is_empty() {
        vec![build::add(&path, serde_json::json!(selector.match_labels))]
    } else {
        let wanted = selector.match_labels.iter();
        wanted
            .map(|(key, value)| build::add(&path.clone().key(key.clone()), value.as_str()))
            .collect()
    };
    let title = format!("label the namespace {} for discovery", namespace.key.name);
    Some(build::patch(title, namespace.id, operations))
}
