//! Whether a pod has a sidecar, or will get one when it is made.
//! After istio `pkg/kube/inject/inject.go:injectRequired` and the selectors of the injector's webhooks
//! (`istio-discovery/templates/mutatingwebhook.yaml`, 1.31).

use std::borrow::Cow;

use super::features::switch;
use super::istiod::REVISION_LABEL;
use super::proxy::{ProxyKind, containers, pods_of, runs_proxy, workload_spec};
use crate::snapshot::views::{
    AsView, Labels, MutatingWebhook, MutatingWebhookConfiguration, PodSpec,
};
use crate::snapshot::{Kind, Object, Snapshot};

/// The label, and the annotation before it, that asks for a sidecar or against one.
pub(crate) const INJECT: &str = "sidecar.istio.io/inject";

/// The label of a namespace that asks for sidecars of the default revision.
pub(crate) const INJECTION: &str = "istio-injection";

/// The annotation with the names of the injector's templates.
const TEMPLATES: &str = "inject.istio.io/templates";

/// Namespaces that the injector leaves out, whatever their labels. After istio
/// `pkg/kube/inject/initializer.go:IgnoredNamespaces`.
const IGNORED_NAMESPACES: [&str; 4] = [
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "local-path-storage",
];

/// Templates for gRPC without Envoy.
const WITHOUT_ENVOY: [&str; 2] = ["grpc-simple", "grpc-agent"];

/// How the names of the injector's webhooks end.
const INJECTOR: &str = "sidecar-injector.istio.io";

/// The label that every namespace has: its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Whether a pod has a sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// One of its containers runs the proxy, or a webhook adds one.
    Yes,
    /// It shares its node's network: never.
    HostNetwork,
    /// The injector leaves its namespace out: never.
    IgnoredNamespace,
    /// Its label or annotation `sidecar.istio.io/inject` says no.
    OptedOut,
    /// A label or annotation asks for one, and no webhook of the injector selects it.
    NotSelected,
    /// Its template has no Envoy: the application's gRPC asks istiod itself.
    WithoutEnvoy,
    /// Nothing asks for one.
    No,
    /// Its template is one that is not Istio's own.
    OwnTemplate,
    /// It may be asked for by the labels of its namespace, which was not read.
    Unknown,
}

/// Whether the pods of an object have a sidecar, or will get one.
#[must_use]
pub fn injection(snapshot: &Snapshot, object: &Object) -> Injection {
    let Some((labels, spec, _)) = pods_of(object) else {
        return Injection::No;
    };
    let annotations = match workload_spec(object) {
        Some(workload) => &workload.template.metadata.annotations,
        None => &object.meta.annotations,
    };
    if runs_proxy(spec) {
        return if runs_envoy(spec) {
            Injection::Yes
        } else {
            Injection::WithoutEnvoy
        };
    }
    // A pod that was injected carries this, whatever its containers are called.
    if annotations.contains_key("sidecar.istio.io/status") {
        return by_template(annotations);
    }
    if spec.host_network {
        return Injection::HostNetwork;
    }
    let namespace = object.key.namespace.as_str();
    if IGNORED_NAMESPACES.contains(&namespace) {
        return Injection::IgnoredNamespace;
    }
    let asked = labels.get(INJECT).or_else(|| annotations.get(INJECT));
    if asked.is_some_and(|v| v == "false") {
        return Injection::OptedOut;
    }
    let none = Labels::new();
    let read = snapshot.find(Kind::Namespace, "", namespace);
    let around = read.map_or(&none, |n| &n.meta.labels);
    if is_selected(snapshot, namespace, around, labels) {
        return by_template(annotations);
    }
    let asks = asked.is_some()
        || labels.contains_key(REVISION_LABEL)
        || around.contains_key(REVISION_LABEL)
        || around.get(INJECTION).is_some_and(|v| v != "disabled");
    match (read, asks) {
        (None, _) => Injection::Unknown,
        (Some(_), true) => Injection::NotSelected,
        (Some(_), false) => Injection::No,
    }
}

/// Whether a pod has a sidecar's Envoy, or a webhook adds one.
pub(super) fn gets_sidecar(snapshot: &Snapshot, object: &Object) -> bool {
    pods_of(object).is_some_and(|(_, _, kind)| kind == ProxyKind::Sidecar)
        && injection(snapshot, object) == Injection::Yes
}

/// The agent of a gRPC application runs as the proxy does, and starts no Envoy.
/// After istio `pilot/cmd/pilot-agent/options/options.go:disableEnvoyEnv`.
fn runs_envoy(spec: &PodSpec) -> bool {
    let mut variables = containers(spec).flat_map(|c| &c.env);
    !variables.any(|e| e.name == "DISABLE_ENVOY" && switch(&e.value) == Some(true))
}

/// By the templates that the pod asks for. After istio `pkg/kube/inject/inject.go:selectTemplates`.
fn by_template(annotations: &Labels) -> Injection {
    let Some(written) = annotations.get(TEMPLATES) else {
        return Injection::Yes;
    };
    let names: Vec<&str> = written.split(',').map(str::trim).collect();
    if names.iter().any(|n| ["sidecar", "gateway"].contains(n)) {
        Injection::Yes
    } else if names.iter().all(|n| WITHOUT_ENVOY.contains(n)) {
        Injection::WithoutEnvoy
    } else {
        Injection::OwnTemplate
    }
}

/// The injector's webhooks, as far as they were read.
fn webhooks(snapshot: &Snapshot) -> impl Iterator<Item = &MutatingWebhook> {
    snapshot
        .of_kind(Kind::MutatingWebhookConfiguration)
        .filter_map(|o| MutatingWebhookConfiguration::of(&o.view))
        .flat_map(|c| &c.webhooks)
        .filter(|w| w.name.ends_with(INJECTOR))
}

/// Whether no webhook was read, so that those of istio's chart are taken to be there, for every revision.
pub(crate) fn is_by_chart(snapshot: &Snapshot) -> bool {
    webhooks(snapshot).next().is_none()
}

/// Whether a webhook of the injector takes a pod with these labels in this namespace.
fn is_selected(snapshot: &Snapshot, name: &str, namespace: &Labels, pod: &Labels) -> bool {
    if is_by_chart(snapshot) {
        return by_chart(namespace, pod);
    }
    let mut namespace = Cow::Borrowed(namespace);
    // The API server gives it to every Namespace; a manifest need not have it.
    if !namespace.contains_key(NAME_LABEL) {
        let labels = namespace.to_mut();
        labels.insert(NAME_LABEL.to_owned(), name.to_owned());
    }
    webhooks(snapshot).any(|w| w.namespace_selector.fits(&namespace) && w.object_selector.fits(pod))
}

/// The rules of the chart's webhooks: the namespace's `istio-injection` comes first, then its revision, then what the
/// pod asks for. Of a pod that is against it no webhook hears.
fn by_chart(namespace: &Labels, pod: &Labels) -> bool {
    let asked = pod.get(INJECT).map(String::as_str);
    match namespace.get(INJECTION) {
        _ if asked == Some("false") => false,
        Some(value) => value == "enabled",
        None => {
            namespace.contains_key(REVISION_LABEL)
                || pod.contains_key(REVISION_LABEL)
                || asked == Some("true")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::reader::{Loader, ReadOptions};

    fn of(namespace: &str, pod: &str) -> Injection {
        with("", namespace, pod)
    }

    fn with(more: &str, namespace: &str, pod: &str) -> Injection {
        let text = format!(
            "{more}apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{namespace}}}}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop, {pod}}}\n\
             spec: {{containers: [{{name: web}}]}}\n"
        );
        let mut loader = Loader::new(ReadOptions::default());
        loader.read("mesh.yaml", text);
        let snapshot = loader.finish().snapshot;
        let object = snapshot.find(Kind::Pod, "shop", "web").unwrap();
        injection(&snapshot, object)
    }

    #[test]
    fn labels_of_the_namespace_come_before_those_of_the_pod() {
        use Injection::{No, NotSelected, OptedOut, OwnTemplate, WithoutEnvoy, Yes};
        let yes = "labels: {sidecar.istio.io/inject: 'true'}";
        for (namespace, pod, expected) in [
            ("", "", No),
            ("istio-injection: enabled", "", Yes),
            ("istio.io/rev: canary", "", Yes),
            ("istio-injection: disabled", "", No),
            ("istio-injection: enable", "", NotSelected),
            ("istio-injection: disabled", yes, NotSelected),
            (
                "istio-injection: disabled, istio.io/rev: canary",
                yes,
                NotSelected,
            ),
            ("", yes, Yes),
            ("", "labels: {istio.io/rev: canary}", Yes),
            (
                "",
                "annotations: {sidecar.istio.io/inject: 'true'}",
                NotSelected,
            ),
            (
                "istio-injection: enabled",
                "annotations: {sidecar.istio.io/inject: 'false'}",
                OptedOut,
            ),
            (
                "istio-injection: enabled",
                "labels: {sidecar.istio.io/inject: 'true'}, annotations: {sidecar.istio.io/inject: 'false'}",
                Yes,
            ),
            (
                "istio-injection: enabled",
                "annotations: {inject.istio.io/templates: grpc-agent}",
                WithoutEnvoy,
            ),
            (
                "istio-injection: enabled",
                "annotations: {inject.istio.io/templates: 'sidecar, own'}",
                Yes,
            ),
            (
                "istio-injection: enabled",
                "annotations: {inject.istio.io/templates: own}",
                OwnTemplate,
            ),
        ] {
            assert_eq!(of(namespace, pod), expected, "{namespace} | {pod}");
        }
    }

    #[test]
    fn webhooks_that_were_read_decide() {
        let canary = "
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector-canary, labels: {istio.io/rev: canary}}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  namespaceSelector:
    matchExpressions:
    - {key: istio.io/rev, operator: In, values: [canary]}
    - {key: istio-injection, operator: DoesNotExist}
  objectSelector:
    matchExpressions:
    - {key: sidecar.istio.io/inject, operator: NotIn, values: ['false']}
---
";
        assert_eq!(with(canary, "istio.io/rev: canary", ""), Injection::Yes);
        for namespace in ["istio.io/rev: stable", "istio-injection: enabled"] {
            assert_eq!(with(canary, namespace, ""), Injection::NotSelected);
        }
    }
}
