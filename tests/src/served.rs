//! Manifests as an API server would give them back.

use std::fs;
use std::path::Path;

use mesh_core::snapshot::Kind;
use serde_json::{Value, json};

use crate::fake_api::objects;

/// The files of a folder with their texts, by name; none where there is no folder.
///
/// # Panics
/// When a file cannot be read.
#[must_use]
pub fn texts(folder: &Path) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let text = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let mut found: Vec<(String, String)> = paths
        .map(|path| (path.display().to_string(), text(&path)))
        .collect();
    found.sort();
    found
}

/// The objects of manifests with what a server sets: creation times, versions, cluster addresses, slices. Of two objects
/// of one name the later stays.
///
/// # Panics
/// When there are too many Services.
#[must_use]
pub fn served(texts: &[(String, String)]) -> Vec<Value> {
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    let mut found = objects(&texts);
    let mut next = 0_u8;
    for object in &mut found {
        let name = object["metadata"]["name"].clone();
        let metadata = &mut object["metadata"];
        for (key, value) in [
            ("creationTimestamp", json!("2026-03-02T08:00:00Z")),
            (
                "uid",
                json!(format!("uid-of-{}", name.as_str().unwrap_or_default())),
            ),
            ("resourceVersion", json!("812034")),
        ] {
            if metadata[key].is_null() {
                metadata[key] = value;
            }
        }
        if object["kind"] == Kind::Service.name() && object["spec"]["clusterIP"].is_null() {
            next = next.checked_add(1).expect("fewer Services");
            let address = format!("10.96.0.{next}");
            object["spec"]["clusterIP"] = json!(address);
            object["spec"]["clusterIPs"] = json!([address]);
        }
    }
    let services = found.iter().filter(|o| o["kind"] == Kind::Service.name());
    let slices: Vec<Value> = services.map(|service| slice(service, &found)).collect();
    found.extend(slices);
    found
}

/// The slice of a Service: the pods that it selects.
fn slice(service: &Value, all: &[Value]) -> Value {
    let metadata = &service["metadata"];
    let selector = service["spec"]["selector"].as_object();
    let selected = |object: &&Value| {
        let own = object["kind"] == Kind::Pod.name()
            && object["metadata"]["namespace"] == metadata["namespace"];
        let mut asked = selector.into_iter().flatten();
        own && selector.is_some() && asked.all(|(k, v)| object["metadata"]["labels"][k] == *v)
    };
    let endpoint = |pod: &Value| {
        json!({"addresses": [pod["status"]["podIP"]], "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": metadata["namespace"]}})
    };
    let ports = service["spec"]["ports"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let port = |port: Value| {
        let target = match &port["targetPort"] {
            Value::Number(number) => json!(number),
            _ => port["port"].clone(),
        };
        json!({"name": port["name"], "port": target, "protocol": "TCP"})
    };
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"],
            "labels": {"kubernetes.io/service-name": metadata["name"]}},
        "addressType": "IPv4",
        "ports": ports.into_iter().map(port).collect::<Vec<Value>>(),
        "endpoints": all.iter().filter(selected).map(endpoint).collect::<Vec<Value>>()})
}
