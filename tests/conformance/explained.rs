//! Nothing unexplained, nothing invented, over random scenarios: what can be deleted without changing what the
//! gateways are sent has a finding, and where everything takes effect nothing is told to be left out.
//!
//! `COUNT=1000 SEED=1 cargo test -p mesh-tests --test explained` runs more of them.

#[allow(dead_code)]
mod generate;
mod random;
#[allow(dead_code)]
mod scenario;

use std::error::Error;

use mesh_core::causes::Severity;
use mesh_core::predict::store::Store;
use mesh_core::report::{Finding, predicted};
use mesh_core::snapshot::Snapshot;
use mesh_core::snapshot::reader::{Loader, ReadOptions};
use mesh_core::walk::{Class, Question, ask, gateway_classes, scan};
use serde_json::{Value, json};

/// Of a thousand things without effect: an HTTP server that shares its listener with another one, and has no host of
/// its own, is not told of.
const UNEXPLAINED: usize = 5;

/// Errors about what the proxy was sent: a port that answers 404, or that Envoy refuses.
const SENT: [&str; 8] = [
    "ENVOY-",
    "GW-DST-",
    "GW-HTTP-DELEGATE-",
    "GW-HTTP-NO-VS",
    "GW-PORT-",
    "GW-SRV-BIND-",
    "GW-SRV-NSHOST-DUP",
    "GW-SRV-PROTO-TEXT",
];

#[allow(clippy::disallowed_methods)] // how many of them, and from where
fn number(variable: &str, otherwise: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.and_then(|s| s.parse().ok()).unwrap_or(otherwise)
}

fn read(objects: &[Value]) -> Result<Snapshot, String> {
    let mut loader = Loader::new(ReadOptions::default());
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    loader.read("cluster.json", list.to_string());
    let loaded = loader.finish();
    match loaded.problems.first() {
        Some(problem) => Err(problem.message.clone()),
        None => Ok(loaded.snapshot),
    }
}

/// What every gateway would be sent.
fn sent(classes: &[Class]) -> Vec<String> {
    classes.iter().map(predicted::one).collect()
}

/// A part of an object that somebody could delete.
#[derive(Debug)]
struct Unit {
    /// The object's place in the list.
    object: usize,
    /// JSON pointer; empty for the whole object.
    pointer: String,
}

impl Unit {
    /// Gateways, their servers, and the VirtualServices that are bound to Gateways alone, their names and rules.
    fn all(objects: &[Value]) -> Vec<Self> {
        let mut found = Vec::new();
        for (n, object) in objects.iter().enumerate() {
            let lists: &[&str] = match object["kind"].as_str() {
                Some("Gateway") => &["servers"],
                Some("VirtualService") if for_gateways_alone(object) => {
                    &["gateways", "tcp", "tls", "http"]
                }
                _ => continue,
            };
            found.push(Self {
                object: n,
                pointer: String::new(),
            });
            for list in lists {
                let items = items(object, list).count();
                found.extend((0..items).map(|i| Self {
                    object: n,
                    pointer: format!("/spec/{list}/{i}"),
                }));
            }
        }
        found
    }

    fn deleted_from(&self, objects: &[Value]) -> Vec<Value> {
        let mut left = objects.to_vec();
        let Some((list, index)) = self.pointer.rsplit_once('/') else {
            left.remove(self.object);
            return left;
        };
        if let Some(list) = left[self.object]
            .pointer_mut(list)
            .and_then(Value::as_array_mut)
            && let Ok(index) = index.parse::<usize>()
        {
            list.remove(index);
        }
        left
    }
}

fn items<'o>(object: &'o Value, list: &str) -> impl Iterator<Item = &'o Value> {
    let items = object["spec"][list].as_array();
    items.into_iter().flatten()
}

fn for_gateways_alone(object: &Value) -> bool {
    let mut names = items(object, "gateways").peekable();
    names.peek().is_some()
        && names.all(|name| name != "mesh")
        && items(object, "hosts").next().is_some()
}

/// One scenario, and what is told of it.
struct Told<'s> {
    objects: &'s [Value],
    snapshot: &'s Snapshot,
    store: &'s Store<'s>,
    classes: &'s [Class],
    findings: Vec<Finding>,
}

impl Told<'_> {
    fn is_of(&self, finding: &Finding, object: &Value) -> bool {
        let of = self.snapshot.get(finding.primary.object);
        of.is_some_and(|o| {
            o.key.kind.name() == object["kind"]
                && o.key.namespace == object["metadata"]["namespace"]
                && o.key.name == object["metadata"]["name"]
        })
    }

    /// Whether somebody who reads the findings learns why this has no effect: it has one, or its object, or the port
    /// of its server, or the Gateway or delegate that it leads to.
    fn explains(&self, unit: &Unit, whole: bool) -> bool {
        let object = &self.objects[unit.object];
        let own = self.findings.iter().filter(|f| self.is_of(f, object));
        let at = |f: &Finding| {
            let field = f.primary.field.pointer();
            whole || field.starts_with(&unit.pointer) || unit.pointer.starts_with(&field)
        };
        let named = |name: &str| {
            self.objects
                .iter()
                .filter(|o| {
                    o["metadata"]["name"]
                        .as_str()
                        .is_some_and(|n| name.contains(n))
                })
                .any(|o| self.findings.iter().any(|f| self.is_of(f, o)))
        };
        let ports = items(object, "servers")
            .enumerate()
            .filter(|(i, _)| unit.pointer.is_empty() || unit.pointer.ends_with(&format!("/{i}")))
            .filter_map(|(_, s)| u32::try_from(s["port"]["number"].as_u64()?).ok());
        own.into_iter().any(at)
            || items(object, "gateways")
                .filter_map(Value::as_str)
                .any(named)
            || items(object, "http")
                .filter_map(|rule| rule["delegate"]["name"].as_str())
                .any(named)
            || ports.into_iter().any(|port| self.asked(port))
    }

    /// Whether the answer for a port has a finding: the scan tells one that closes several ports only once.
    fn asked(&self, port: u32) -> bool {
        let question = Question {
            port,
            ..Question::default()
        };
        let answers = ask(self.store, self.classes, &question);
        answers.iter().any(|a| !a.findings.is_empty())
    }
}

#[test]
fn what_has_no_effect_is_told_and_what_has_one_is_not() -> Result<(), Box<dyn Error>> {
    let first = number("SEED", 1);
    let (mut without_effect, mut unexplained, mut invented) = (0, Vec::new(), Vec::new());
    for seed in first..first + number("COUNT", 40) {
        let scenario = generate::scenario(seed);
        let objects = &scenario.objects;
        let snapshot = read(objects)?;
        let store = Store::new(&snapshot);
        let classes = gateway_classes(&store);
        let before = sent(&classes);
        let answers = scan(&store, &classes, None, &Default::default()).answers;
        let told = Told {
            objects,
            snapshot: &snapshot,
            store: &store,
            classes: &classes,
            findings: answers.into_iter().flat_map(|a| a.findings).collect(),
        };
        let mut idle = Vec::new();
        for unit in Unit::all(objects) {
            let left = read(&unit.deleted_from(objects))?;
            if sent(&gateway_classes(&Store::new(&left))) == before {
                idle.push(unit);
            }
        }
        without_effect += idle.len();
        let whole = |object: usize| {
            let mut of = idle.iter().filter(|u| u.object == object);
            of.any(|u| u.pointer.is_empty())
        };
        for unit in &idle {
            if !told.explains(unit, whole(unit.object)) {
                let name = &objects[unit.object]["metadata"]["name"];
                unexplained.push(format!("seed {seed}: {name} {}", unit.pointer));
            }
        }
        let errors = told.findings.iter().filter(|f| {
            f.severity == Severity::Error
                && !SENT.iter().any(|code| f.page.code.starts_with(code))
                && Unit::all(objects)
                    .iter()
                    .any(|u| told.is_of(f, &objects[u.object]))
        });
        let left_out = errors.map(|f| format!("seed {seed}: {}", f.page.code));
        if idle.is_empty() {
            invented.extend(left_out);
        }
    }
    assert!(
        without_effect > 200,
        "only {without_effect} things are without effect"
    );
    assert!(
        unexplained.len() * 1000 <= without_effect * UNEXPLAINED,
        "of {without_effect}: {unexplained:#?}"
    );
    assert!(invented.is_empty(), "{invented:#?}");
    Ok(())
}
