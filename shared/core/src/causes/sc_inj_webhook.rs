//! SC-INJ-WEBHOOK: no injection webhook takes the pod.

use serde_json::Value;

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::predict::istiod::REVISION_LABEL;
use crate::predict::{INJECT, INJECTION, is_by_chart, workload_spec};
use crate::snapshot::views::Labels;
use crate::snapshot::{FieldPath, Kind, Object, ObjectId};

pub(super) static PAGE: Page = Page {
    code: "SC-INJ-WEBHOOK",
    title: "no injection webhook takes the pod",
    severity: Severity::Warning,
    what: "There is no Envoy and no listener, though a label or an annotation asks for them: the connection leaves the pod as the application makes it.",
    when: "No webhook of the injector selects the pod by its labels and its namespace's: istio-injection is not enabled, or nobody serves the revision, or only an annotation asks.",
    why: "A namespace's istio-injection comes first: with it, no revision and no label of the pod asks for a sidecar. Without it the namespace's istio.io/rev counts, then the pod's labels. Webhooks see no annotations.",
    seen: &["on the mesh: istioctl proxy-status does not list the pod"],
    fix: "Use one of: istio-injection=enabled or istio.io/rev of an installed revision on the namespace, or the label sidecar.istio.io/inject=true on the pod. Then make the pod anew.",
    example: &[
        "- Pod  annotations: {sidecar.istio.io/inject: \"true\"}",
        "+ Pod  labels: {sidecar.istio.io/inject: \"true\"}",
    ],
    also: &["SC-INJ-NOPROXY", "SC-INJ-OPTOUT"],
    source: "manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

/// What asks for a sidecar, in the order in which it counts: where, and what stands there.
struct Asking<'t> {
    object: ObjectId,
    labels: FieldPath,
    key: &'static str,
    value: &'t str,
}

fn namespace<'t>(tale: &Tale<'t, '_>) -> Option<&'t Object> {
    let all = tale.store.snapshot;
    all.find(Kind::Namespace, "", &tale.proxy.namespace)
}

fn metadata(tale: &Tale<'_, '_>) -> Option<(ObjectId, FieldPath)> {
    let id = tale.proxy.object()?;
    let workload = tale.store.snapshot.get(id).and_then(workload_spec);
    let root = match workload {
        Some(_) => build::spec().key("template"),
        None => FieldPath::root(),
    };
    Some((id, root.key("metadata")))
}

fn asking<'t>(tale: &Tale<'t, '_>) -> Vec<Asking<'t>> {
    let mut found = Vec::new();
    let mut look = |object, labels: &FieldPath, from: &'t Labels, key: &'static str| {
        if let Some(value) = from.get(key) {
            found.push(Asking {
                object,
                labels: labels.clone(),
                key,
                value,
            });
        }
    };
    if let Some(namespace) = namespace(tale) {
        let path = FieldPath::of("metadata.labels");
        look(namespace.id, &path, &namespace.meta.labels, INJECTION);
        look(namespace.id, &path, &namespace.meta.labels, REVISION_LABEL);
    }
    if let Some((id, path)) = metadata(tale) {
        let path_of = |name: &str| path.clone().key(name.to_owned());
        let labels = path_of("labels");
        look(id, &labels, &tale.proxy.labels, REVISION_LABEL);
        look(id, &labels, &tale.proxy.labels, INJECT);
        look(id, &path_of("annotations"), &tale.proxy.annotations, INJECT);
    }
    found
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let all = asking(tale);
    let (first, rest) = all.split_first()?;
    let by_chart = is_by_chart(tale.store.snapshot);
    let field = |a: &Asking<'_>| a.labels.clone().key(a.key);
    let is_annotation = field(first).pointer().contains("/annotations/");
    let label = match first.key {
        INJECTION if first.value != "enabled" => "not enabled: no webhook takes this namespace",
        _ if is_annotation => "webhooks see labels alone",
        _ => "no webhook takes this",
    };
    let mut told = Told::at(first.object, field(first), label);
    for other in rest {
        told = told.beside(other.object, field(other), "does not count then");
    }
    if by_chart {
        told.assumes
            .push("the injection webhooks are those of Istio's chart".to_owned());
    }
    Some(told)
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let all = asking(tale);
    let mut found = Vec::new();
    let of_namespace = |a: &&Asking<'_>| [INJECTION, REVISION_LABEL].contains(&a.key);
    match all
        .iter()
        .find(of_namespace)
        .filter(|a| namespace(tale).is_some_and(|n| n.id == a.object))
    {
        Some(first) => found.extend(label_namespace(tale, first)),
        None => found.extend(label_pod(tale)),
    }
    found.truncate(build::WAYS);
    found
}

/// The namespace's labels, as one revision's or the default's webhooks ask for them.
fn label_namespace(tale: &Tale<'_, '_>, first: &Asking<'_>) -> Vec<Candidate> {
    let Some(namespace) = namespace(tale) else {
        return Vec::new();
    };
    let labels = &first.labels;
    let own = &namespace.meta.labels;
    let set = |key: &'static str, value: &str| {
        let path = labels.clone().key(key);
        if own.contains_key(key) {
            build::replace(&path, value)
        } else {
            build::add(&path, value)
        }
    };
    let name = &namespace.key.name;
    let enabled = build::patch(
        format!("label {name} {INJECTION}=enabled"),
        namespace.id,
        vec![set(INJECTION, "enabled")],
    );
    let revisions = tale
        .store
        .snapshot
        .of_kind(Kind::MutatingWebhookConfiguration)
        .filter_map(|o| {
            let labels = &o.meta.labels;
            labels
                .get("istio.io/tag")
                .or_else(|| labels.get(REVISION_LABEL))
        })
        .filter(|revision| *revision != "default" && own.get(REVISION_LABEL) != Some(*revision));
    let by_revision = revisions.map(|revision| {
        let mut operations = vec![set(REVISION_LABEL, revision)];
        if own.contains_key(INJECTION) {
            operations.push(build::remove(&labels.clone().key(INJECTION)));
        }
        let title = format!("label {name} {REVISION_LABEL}={revision}");
        build::patch(title, namespace.id, operations)
    });
    // Without it the namespace's revision counts, or what the pod asks for itself.
    let pod_asks = tale.proxy.labels.get(INJECT).is_some_and(|v| v == "true");
    let asked = pod_asks || own.contains_key(REVISION_LABEL);
    let leave = (first.key == INJECTION && asked).then(|| {
        let path = labels.clone().key(INJECTION);
        let title = format!("remove the label {INJECTION} of {name}");
        build::patch(title, namespace.id, vec![build::remove(&path)])
    });
    let all = leave.into_iter().chain(std::iter::once(enabled));
    all.chain(by_revision).collect()
}

/// The pod's own label.
fn label_pod(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (id, metadata) = metadata(tale)?;
    let labels = metadata.key("labels");
    let own = &tale.proxy.labels;
    let mut operations = Vec::new();
    if own.is_empty() {
        operations.push(build::add(&labels, serde_json::json!({})));
    }
    let inject = labels.clone().key(INJECT);
    let value = Value::from("true");
    operations.push(if own.contains_key(INJECT) {
        build::replace(&inject, value)
    } else {
        build::add(&inject, value)
    });
    if own.contains_key(REVISION_LABEL) {
        operations.push(build::remove(&labels.key(REVISION_LABEL)));
    }
    let title = format!("label the pod {INJECT}=true");
    Some(build::patch(title, id, operations))
}
