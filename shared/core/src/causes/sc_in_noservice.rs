//! SC-IN-NOSERVICE: no Service names a port of this pod.

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::snapshot::{Change, FieldPath, Kind};

/// Labels that say what a pod is, the usual one first.
const NAMES: [&str; 3] = ["app.kubernetes.io/name", "app", "k8s-app"];

pub(super) static PAGE: Page = Page {
    code: "SC-IN-NOSERVICE",
    title: "no Service names a port of this pod",
    severity: Severity::Warning,
    what: "Clients have no listener for the pod, so they send what the application sends, in plaintext. The pod's own sidecar takes it with the chains of all other ports.",
    when: "No Service of the pod's namespace selects it or lists its address in a slice, no ServiceEntry has it for an endpoint, and no Sidecar lists its ports.",
    why: "istiod knows a pod's ports from Services alone; a container's ports say nothing to it. Without a Service there is no name, no listener and no mutual TLS for them.",
    seen: &[
        "istiod's metric pilot_no_ip",
        "in the client's access log: PassthroughCluster",
    ],
    fix: "Add a Service: a headless one where clients dial pods by address.",
    example: &[
        "  Pod      labels: {app: cache}",
        "+ Service  clusterIP: None; selector: {app: cache}; port 5701",
    ],
    also: &["SC-PODIP-DIRECT", "SC-E-PASSTHROUGH-STRICT"],
    source: "pilot/pkg/serviceregistry/kube/controller/controller.go:Controller.GetProxyServiceTargets",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::UnnamedPod { pod } = tale.symptom else {
        return None;
    };
    let labels = FieldPath::of("metadata.labels");
    Some(Told::at(pod, labels, "no Service selects these"))
}

/// A headless Service by the label that says what the pod is.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::UnnamedPod { pod } = tale.symptom else {
        return Vec::new();
    };
    let Some(object) = tale.store.snapshot.get(pod) else {
        return Vec::new();
    };
    let labels = &object.meta.labels;
    let named = NAMES.iter().find_map(|key| Some((*key, labels.get(key)?)));
    let Some((key, value)) = named else {
        return Vec::new();
    };
    let namespace = object.key.namespace.as_str();
    let name = build::unique(value, |name| {
        let all = tale.store.snapshot;
        all.find(Kind::Service, namespace, name).is_some()
    });
    let port = tale.port;
    let new = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": true,
            "selector": {key: value},
            "ports": [{"name": format!("tcp-{port}"), "port": port, "targetPort": port}],
        },
    });
    let change = Change::Create {
        kind: Kind::Service,
        object: new,
        beside: Some(pod),
    };
    let title = format!("a headless Service for {key}={value}");
    vec![Candidate::new(title, vec![change])]
}
