//! The objects of a change's files, laid over those of a cluster as `kubectl apply` would.
//!
//! An apply leaves what it does not know: what the server has set, and what others have set since the last apply. What
//! that last apply wrote is known from its annotation; without one the file has the last word on all that the server
//! does not set itself.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::apply::read;
use super::proof::not_admitted;
use crate::snapshot::reader::raw_value;
use crate::snapshot::views::{AsView, Pod, Service, View};
use crate::snapshot::{Kind, Laid, Object, ObjectId, Origin, Snapshot};

/// Where kubectl keeps what it applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a cluster would hold.
#[derive(Debug)]
pub struct Overlay {
    /// The objects after the change.
    pub snapshot: Snapshot,
    /// Why the API server would refuse some of the change; those objects stay as they are.
    pub refused: Vec<String>,
}

/// The objects of a cluster with those of files in their place. A file's object keeps its place in the file; what the
/// server has set stays unless the file sets it, and a new object has no creation time: it is the youngest.
#[must_use]
pub fn lay(live: &Snapshot, files: &Snapshot) -> Overlay {
    let (mut changed, mut created, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for file in files.objects() {
        let key = &file.key;
        match live.find(key.kind, &key.namespace, &key.name) {
            None => created.push(as_new(live, file)),
            Some(old) => {
                let object = as_changed(live, old, files, file);
                match not_admitted(&object) {
                    Some(sentence) => refused.push(format!("{} {sentence}", key.kind)),
                    None => changed.push(object),
                }
            }
        }
    }
    let mut snapshot = live.with_texts(files.sources(), changed, created);
    let coverage = &mut snapshot.coverage;
    coverage.unread_documents += files.coverage.unread_documents;
    let more = files.coverage.kinds_not_read.iter().cloned();
    coverage.kinds_not_read.extend(more);
    Overlay { snapshot, refused }
}

/// A file's object, with its place among the texts of both.
fn moved(live: &Snapshot, file: &Object) -> Object {
    let before = u32::try_from(live.sources().len()).unwrap_or(u32::MAX);
    let mut origin = file.origin.clone();
    if let Some(Origin { source, .. }) = &mut origin {
        source.0 = source.0.saturating_add(before);
    }
    Object {
        id: ObjectId::default(),
        key: file.key.clone(),
        api_version: file.api_version.clone(),
        meta: file.meta.clone(),
        namespace_written: file.namespace_written,
        view: file.view.clone(),
        origin,
        patched: None,
        laid: None,
    }
}

fn as_new(live: &Snapshot, file: &Object) -> Object {
    Object {
        laid: Some(Laid::New),
        ..moved(live, file)
    }
}

fn as_changed(live: &Snapshot, old: &Object, files: &Snapshot, file: &Object) -> Object {
    let mut object = Object {
        id: old.id,
        ..moved(live, file)
    };
    let merged = text_of(live, old)
        .zip(text_of(files, file))
        .map(|(stored, value)| merged(file.key.kind, stored, value))
        .and_then(|whole| {
            let (meta, view) = read(file.key.kind, &file.key.name, &whole).ok()?;
            Some((meta, view, whole))
        });
    if let Some((meta, view, whole)) = merged {
        let remade = remade(&old.view, &view);
        (object.meta, object.view) = (meta, view);
        let whole = Arc::new(whole);
        object.laid = Some(Laid::Over { whole, remade });
    }
    // Of some kinds no text is kept: what the server says of them is in their view.
    let (meta, stored) = (&mut object.meta, &old.meta);
    if meta.creation_timestamp.is_none() {
        meta.creation_timestamp = stored.creation_timestamp;
    }
    if meta.resource_version.is_none() {
        meta.resource_version.clone_from(&stored.resource_version);
    }
    if let (View::Pod(pod), Some(was)) = (&mut object.view, Pod::of(&old.view)) {
        pod.status.clone_from(&was.status);
        pod.spec.node_name.clone_from(&was.spec.node_name);
    }
    object
}

fn text_of(snapshot: &Snapshot, object: &Object) -> Option<Value> {
    let origin = object.origin.as_ref()?;
    raw_value(snapshot.source(origin.source)?, origin)
}

/// Whether a Service chooses its endpoints in another way than before.
fn remade(old: &View, new: &View) -> bool {
    let Some((old, new)) = Service::of(old).zip(Service::of(new)) else {
        return false;
    };
    let targets = |service: &Service| -> Vec<_> {
        let ports = service.spec.ports.iter();
        ports
            .map(|p| (p.name.clone(), p.port, p.target_port.clone()))
            .collect()
    };
    old.spec.selector != new.spec.selector || targets(old) != targets(new)
}

/// The file's object with what stays of the stored one.
fn merged(kind: Kind, stored: Value, mut value: Value) -> Value {
    let applied = stored
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(LAST_APPLIED)?.as_str())
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let (Value::Object(into), Value::Object(from)) = (&mut value, stored) else {
        return value;
    };
    if let (Some(Value::Object(into)), Some(Value::Object(from))) =
        (into.get_mut("metadata"), from.get("metadata"))
    {
        for key in ["creationTimestamp", "uid", "resourceVersion", "generation"] {
            keep(into, from, key);
        }
        for key in ["labels", "annotations"] {
            let pointer = format!("/metadata/{key}");
            let applied = applied.as_ref();
            let wrote = applied.map(|a| a.pointer(&pointer).cloned().unwrap_or_default());
            of_others(into, from, key, wrote.as_ref());
        }
    }
    if let (Some(Value::Object(into)), Some(Value::Object(from))) =
        (into.get_mut("spec"), from.get("spec"))
    {
        match kind {
            Kind::Service => of_service(into, from, applied.as_ref()),
            // Often a scaler's; the server's default is 1.
            Kind::Deployment | Kind::StatefulSet => keep(into, from, "replicas"),
            _ => {}
        }
    }
    // No apply writes a status.
    into.remove("status");
    keep(into, &from, "status");
    value
}

/// Takes over what the file does not set.
fn keep(into: &mut Map<String, Value>, from: &Map<String, Value>, key: &str) {
    if into.get(key).is_none_or(Value::is_null)
        && let Some(value) = from.get(key)
    {
        into.insert(key.to_owned(), value.clone());
    }
}

/// Labels or annotations that the last apply did not write are somebody else's and stay. Without a last apply the file
/// decides, but for the name that the server gives each namespace as a label.
fn of_others(
    into: &mut Map<String, Value>,
    from: &Map<String, Value>,
    key: &str,
    wrote: Option<&Value>,
) {
    let Some(Value::Object(stored)) = from.get(key) else {
        return;
    };
    let stays = |(name, _): &(&String, &Value)| match wrote {
        Some(wrote) => wrote.get(name.as_str()).is_none(),
        None => name.as_str() == "kubernetes.io/metadata.name",
    };
    let others: Vec<_> = stored.iter().filter(stays).collect();
    if others.is_empty() {
        return;
    }
    let own = into.entry(key).or_insert(Value::Null);
    if own.is_null() {
        *own = Value::Object(Map::new());
    }
    if let Value::Object(own) = own {
        for (name, value) in others {
            own.entry(name).or_insert_with(|| value.clone());
        }
    }
}

/// What the API server gives a Service, and the ports that others have added: the list is merged by port and protocol.
fn of_service(into: &mut Map<String, Value>, from: &Map<String, Value>, applied: Option<&Value>) {
    let kind = |spec: &Map<String, Value>| {
        let kind = spec.get("type").and_then(Value::as_str);
        kind.unwrap_or("ClusterIP").to_owned()
    };
    if kind(into) != "ExternalName" {
        // Both say the same, so the list stays only where the file has neither.
        if into.get("clusterIP").is_none_or(Value::is_null) {
            keep(into, from, "clusterIPs");
        }
        for key in ["clusterIP", "ipFamilies", "ipFamilyPolicy"] {
            keep(into, from, key);
        }
    }
    let number = |port: &Value| {
        let protocol = port.get("protocol").and_then(Value::as_str);
        let number = port.get("port").and_then(Value::as_f64)?;
        Some((number.to_bits(), protocol.unwrap_or("TCP").to_owned()))
    };
    let on_nodes = matches!(kind(into).as_str(), "NodePort" | "LoadBalancer");
    let wrote = applied.map(|a| a.pointer("/spec/ports").and_then(Value::as_array));
    let (Some(Value::Array(own)), Some(Value::Array(stored))) =
        (into.get_mut("ports"), from.get("ports"))
    else {
        return;
    };
    for was in stored {
        match own.iter_mut().find(|port| number(port) == number(was)) {
            Some(Value::Object(port)) => {
                if let (true, Value::Object(was)) = (on_nodes, was) {
                    keep(port, was, "nodePort");
                }
            }
            Some(_) => {}
            None => {
                let of_others = wrote.is_some_and(|ports| {
                    let mut wrote = ports.into_iter().flatten();
                    !wrote.any(|port| number(port) == number(was))
                });
                if of_others {
                    own.push(was.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lay;
    use crate::change::{apply, file_diffs};
    use crate::snapshot::reader::{LiveLoader, Loader, ReadOptions};
    use crate::snapshot::views::{AsView, Service};
    use crate::snapshot::{Change, Coverage, FieldPath, Kind, Operation, Snapshot};
    use serde_json::{Value, json};

    fn service(more: &Value) -> Value {
        let mut stored = json!({"metadata": {"name": "edge", "namespace": "web", "uid": "u", "resourceVersion": "7",
                "creationTimestamp": "2026-03-02T08:00:00Z", "labels": {"team": "edge", "added": "by-another"}},
            "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"],
                "ipFamilies": ["IPv4"], "ports": [
                    {"name": "a", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 32080},
                    {"name": "b", "port": 31400, "protocol": "TCP", "targetPort": 31400, "nodePort": 32400}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}});
        if !more.is_null() {
            stored["metadata"]["annotations"] =
                json!({"kubectl.kubernetes.io/last-applied-configuration": more.to_string()});
        }
        stored
    }

    fn live(stored: &Value) -> Snapshot {
        let mut loader = LiveLoader::default();
        loader.read(Kind::Service, "v1", stored.to_string().as_bytes());
        loader.finish(Coverage::default())
    }

    fn files(text: &str) -> Snapshot {
        let mut loader = Loader::new(ReadOptions::default());
        loader.read("edge.yaml", text);
        loader.finish().snapshot
    }

    const FILE: &str = "apiVersion: v1
kind: Service
metadata:
  name: edge
  namespace: web
  creationTimestamp: null
spec:
  type: LoadBalancer
  ports:
  - name: a
    port: 80
    targetPort: 8081
status: {}
";

    fn view(snapshot: &Snapshot) -> &Service {
        Service::of(&snapshot.find(Kind::Service, "web", "edge").unwrap().view).unwrap()
    }

    #[test]
    fn what_the_server_has_set_stays() {
        let live = live(&service(&Value::Null));
        let laid = lay(&live, &files(FILE));
        assert_eq!(laid.refused, Vec::<String>::new());
        let object = laid.snapshot.find(Kind::Service, "web", "edge").unwrap();
        assert!(object.meta.creation_timestamp.is_some() && !object.is_new());
        assert_eq!(object.meta.resource_version.as_deref(), Some("7"));
        // Without a last apply the file decides about labels and ports.
        assert!(object.meta.labels.is_empty());
        let view = view(&laid.snapshot);
        let ports: Vec<_> = view
            .spec
            .ports
            .iter()
            .map(|p| (p.port, p.node_port))
            .collect();
        assert_eq!(ports, [(80, Some(32080))]);
        assert_eq!(view.spec.cluster_ip, "10.96.0.1");
        assert_eq!(view.spec.cluster_ips, ["10.96.0.1"]);
        assert_eq!(view.status.load_balancer.ingress.len(), 1);
        let at = laid
            .snapshot
            .locate(object.id, &FieldPath::of("spec"))
            .unwrap();
        assert_eq!((at.line, at.exact), (7, true));
    }

    #[test]
    fn what_others_have_set_since_the_last_apply_stays() {
        let applied =
            json!({"metadata": {"labels": {"team": "edge"}}, "spec": {"ports": [{"port": 80}]}});
        let laid = lay(&live(&service(&applied)), &files(FILE));
        let object = laid.snapshot.find(Kind::Service, "web", "edge").unwrap();
        let labels: Vec<&String> = object.meta.labels.keys().collect();
        assert_eq!(labels, ["added"]);
        let ports: Vec<u32> = view(&laid.snapshot)
            .spec
            .ports
            .iter()
            .map(|p| p.port)
            .collect();
        assert_eq!(ports, [80, 31400]);
    }

    #[test]
    fn what_the_file_sets_it_sets() {
        let headless = FILE.replace("type: LoadBalancer", "clusterIP: None");
        let laid = lay(&live(&service(&Value::Null)), &files(&headless));
        let view = view(&laid.snapshot);
        assert_eq!(view.spec.cluster_ip, "None");
        assert_eq!(view.spec.cluster_ips, Vec::<String>::new());
        assert_eq!(view.spec.ports[0].node_port, None);
    }

    #[test]
    fn a_fix_starts_from_both_and_edits_the_file() {
        let laid = lay(&live(&service(&Value::Null)), &files(FILE));
        let id = laid.snapshot.find(Kind::Service, "web", "edge").unwrap().id;
        let change = Change::Patch {
            object: id,
            operations: vec![Operation::Replace {
                path: "/spec/ports/0/targetPort".to_owned(),
                value: json!(8080),
            }],
        };
        let after = apply(&laid.snapshot, std::slice::from_ref(&change)).unwrap();
        assert_eq!(view(&after).spec.cluster_ip, "10.96.0.1");
        let diffs = file_diffs(&laid.snapshot, &[change]).unwrap();
        assert_eq!(diffs.diffs.len(), 1);
        assert_eq!(diffs.diffs[0].new, FILE.replace("8081", "8080"));
    }

    #[test]
    fn a_new_object_is_younger_than_all_that_are_stored() {
        let new = FILE.replace("name: edge", "name: other");
        let laid = lay(&live(&service(&Value::Null)), &files(&new));
        let old = laid.snapshot.find(Kind::Service, "web", "edge").unwrap();
        let new = laid.snapshot.find(Kind::Service, "web", "other").unwrap();
        assert!(new.is_new() && !old.is_new());
        assert!(new.ages_known(old) && old.ages_known(new));
        assert!(!new.ages_known(new));
    }
}
