//! Prediction and istiod's answer, compared at four levels: the set of listeners, their filter chains, the virtual
//! hosts of the routes, and the clusters that are named there with their endpoints.

use std::collections::{BTreeMap, BTreeSet};

use mesh_core::ledger::{Fate, Ledger, Reason};
use mesh_core::predict::ProxyFacts;
use mesh_core::predict::store::Store;
use mesh_core::report::predicted;
use mesh_core::snapshot::reader::{Loader, ReadOptions};
use mesh_core::snapshot::{Kind, Snapshot};
use mesh_core::walk::Class;
use serde_json::{Value, json};

/// What the levels are called.
pub(crate) const LEVELS: [&str; 4] = ["listeners", "filter chains", "virtual hosts", "clusters"];

/// What is predicted for one pod.
pub(crate) struct Predicted {
    /// Every object that was read.
    pub(crate) snapshot: Snapshot,
    /// The pod and its prediction.
    pub(crate) class: Class,
    /// In the format of istiod.json.
    pub(crate) answer: Value,
}

impl Predicted {
    /// The decisions.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.class.prediction.ledger
    }

    /// Whether istiod is said to panic.
    pub(crate) fn panics(&self) -> bool {
        self.ledger().entries().any(|(_, e)| {
            matches!(
                e.fate,
                Fate::Dropped(
                    Reason::HostListPanics { .. } | Reason::ZeroSum | Reason::OutlierPanics { .. }
                )
            )
        })
    }
}

/// Predicts the pod of a scenario, from the text of its `cluster.yaml`.
pub(crate) fn predict(cluster: &str, pod: &str) -> Result<Predicted, String> {
    let mut loader = Loader::new(ReadOptions::default());
    loader.read("cluster.yaml", cluster);
    let loaded = loader.finish();
    if let Some(problem) = loaded.problems.first() {
        return Err(problem.message.clone());
    }
    let snapshot = loaded.snapshot;
    let (namespace, name) = pod.split_once('/').ok_or("a pod is namespace/name")?;
    let facts = snapshot
        .find(Kind::Pod, namespace, name)
        .and_then(ProxyFacts::of_pod)
        .ok_or_else(|| format!("no pod {pod}"))?;
    let class = Class::of(&Store::new(&snapshot), facts);
    let answer = serde_json::from_str(&predicted::one(&class)).map_err(|e| e.to_string())?;
    Ok(Predicted {
        snapshot,
        class,
        answer,
    })
}

/// The first level at which they differ.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Index in [`LEVELS`].
    pub(crate) level: usize,
    /// istiod's view.
    pub(crate) istiod: Value,
    /// The predicted one.
    pub(crate) predicted: Value,
}

/// Compares; `None` is agreement at all levels. A panic of istiod agrees with a prediction that says so.
pub(crate) fn compare(istiod: &Value, predicted: &Predicted) -> Option<Difference> {
    if let Some(panic) = istiod.get("panic") {
        return (!predicted.panics()).then(|| Difference {
            level: 0,
            istiod: json!({"panic": panic}),
            predicted: json!("no panic"),
        });
    }
    if predicted.panics() {
        return Some(Difference {
            level: 0,
            istiod: json!("no panic"),
            predicted: json!("panic"),
        });
    }
    let levels: [fn(&Value) -> Value; 4] = [listeners, chains, hosts, clusters];
    levels.iter().enumerate().find_map(|(level, of)| {
        let (a, b) = (of(istiod), of(&predicted.answer));
        (a != b).then(|| {
            let (a, b) = apart(a, b);
            Difference {
                level,
                istiod: a,
                predicted: b,
            }
        })
    })
}

/// Only the entries of two maps that differ.
fn apart(a: Value, b: Value) -> (Value, Value) {
    match (a, b) {
        (Value::Object(mut a), Value::Object(mut b)) => {
            let same: Vec<String> = a
                .iter()
                .filter(|(k, v)| b.get(*k) == Some(v))
                .map(|(k, _)| k.clone())
                .collect();
            for key in same {
                a.remove(&key);
                b.remove(&key);
            }
            (Value::Object(a), Value::Object(b))
        }
        other => other,
    }
}

fn each<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn sorted(mut values: Vec<Value>) -> Value {
    values.sort_by_cached_key(Value::to_string);
    Value::Array(values)
}

fn listeners(answer: &Value) -> Value {
    let one = |l: &Value| {
        let flag = |key: &str| l.get(key) == Some(&json!(true));
        json!([
            l["name"],
            l["address"],
            l["port"],
            flag("udp"),
            flag("noBindToPort")
        ])
    };
    sorted(each(answer, "listeners").map(one).collect())
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(n) => n.as_u64() != Some(0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(true) => true,
    }
}

fn set_fields(value: &Value, keys: &[&str]) -> Value {
    let mut found = json!({});
    for key in keys {
        if let Some(v) = value.get(*key).filter(|v| is_set(v)) {
            found[*key] = v.clone();
        }
    }
    found
}

fn chain(c: &Value) -> Value {
    let mut found = set_fields(
        c,
        &[
            "destinationPort",
            "transportProtocol",
            "terminatesTls",
            "kind",
            "clusters",
            "route",
        ],
    );
    for key in ["sni", "prefixRanges", "applicationProtocols"] {
        if let Some(Value::Array(items)) = c.get(key).filter(|v| is_set(v)) {
            found[key] = sorted(items.clone());
        }
    }
    found
}

fn chains(answer: &Value) -> Value {
    let mut found = json!({});
    for l in each(answer, "listeners") {
        let default = l.get("defaultFilterChain").filter(|c| is_set(c)).map(chain);
        found[l["name"].as_str().unwrap_or_default()] = json!([
            sorted(each(l, "filterChains").map(chain).collect()),
            default
        ]);
    }
    found
}

fn hosts(answer: &Value) -> Value {
    let mut found = json!({});
    for (name, hosts) in answer["routes"].as_object().into_iter().flatten() {
        let hosts = hosts.as_array().into_iter().flatten().map(|h| {
            let domains = sorted(each(h, "domains").cloned().collect());
            let routes: Vec<Value> = each(h, "routes")
                .map(|r| set_fields(r, &["match", "clusters", "directResponse", "redirect"]))
                .collect();
            json!({"domains": domains, "routes": routes})
        });
        found[name] = sorted(hosts.collect());
    }
    found
}

/// Names of clusters that a listener or a route leads to.
fn named(answer: &Value) -> BTreeSet<&str> {
    let of_chains = each(answer, "listeners").flat_map(|l| {
        each(l, "filterChains").chain(l.get("defaultFilterChain").filter(|c| is_set(c)))
    });
    let of_routes = answer["routes"]
        .as_object()
        .into_iter()
        .flat_map(|r| r.values())
        .flat_map(|hosts| hosts.as_array().into_iter().flatten())
        .flat_map(|h| each(h, "routes"));
    of_chains
        .chain(of_routes)
        .filter_map(|c| c.get("clusters").and_then(Value::as_object))
        .flat_map(|c| c.keys().map(String::as_str))
        .collect()
}

fn clusters(answer: &Value) -> Value {
    let found: BTreeMap<&str, Value> = named(answer)
        .into_iter()
        .map(|name| {
            let known = answer["clusters"].get(name).map(|kind| {
                let endpoints = each(&answer["endpoints"], name).cloned().collect();
                json!([kind, sorted(endpoints)])
            });
            (name, known.unwrap_or(Value::Null))
        })
        .collect();
    json!(found)
}
