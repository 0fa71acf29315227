//! The listeners themselves, in the format that istiod's answers are kept in.

use std::collections::BTreeMap;

use serde::Serialize;

use super::json::to_json;
use crate::observed::Shape;
use crate::predict::Config;
use crate::walk::Class;

/// What one class of proxies would be sent, as JSON.
#[must_use]
pub fn one(class: &Class) -> String {
    to_json(&as_answered(&class.prediction.config))
}

#[derive(Serialize)]
struct OfProxy<'a> {
    proxy: Proxy<'a>,
    #[serde(flatten)]
    shape: Shape,
}

#[derive(Serialize)]
struct Proxy<'a> {
    namespace: &'a str,
    name: &'a str,
    r#type: &'static str,
}

/// What every class of proxies would be sent, as a JSON array.
#[must_use]
pub fn all(classes: &[Class]) -> String {
    let each: Vec<OfProxy<'_>> = classes
        .iter()
        .map(|class| OfProxy {
            proxy: Proxy {
                namespace: &class.proxy.namespace,
                name: &class.proxy.name,
                r#type: class.proxy.kind.word(),
            },
            shape: as_answered(&class.prediction.config),
        })
        .collect();
    to_json(&each)
}

/// How often each route is asked for when every chain but the default ones asks for its own, as istio's own test
/// server does (`pilot/pkg/networking/core/fake.go:RoutesFromListeners`). Asked for a second time within one request, a
/// route that is named after one service is empty. No proxy asks so: it names each route once.
fn asked(config: &Config) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for chain in config.listeners.iter().flat_map(|l| &l.chains) {
        if let Some(name) = &chain.route {
            *found.entry(name.as_str()).or_insert(0) += 1;
        }
    }
    found
}

/// A prediction as istio's test server would answer it.
fn as_answered(config: &Config) -> Shape {
    let asked = asked(config);
    let mut shape = Shape::of(config);
    shape.routes.retain(|name, hosts| {
        let times = asked.get(name.as_str()).copied().unwrap_or_default();
        if times > 1 && name.contains(':') && !name.starts_with("unix://") {
            hosts.clear();
        }
        times > 0
    });
    shape
}
