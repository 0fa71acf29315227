//! Listeners as istiod sent them and as Envoy holds them, in the form of `why-no-listener --show predicted -o json`.

use serde_json::{Map, Value, json};

/// The listeners of a `config_dump`, istiod's or Envoy's, without the static ones and without what Envoy refused.
#[must_use]
pub fn listeners(dump: &Value) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    // Envoy writes the fields' own names, istiod those of JSON.
    let dump = camel(dump);
    let whole = dump["configs"].as_array().into_iter().flatten();
    for config in whole {
        // `?resource=dynamic_listeners` lists them without a config around them.
        let inner = config["dynamicListeners"].as_array();
        match inner {
            Some(inner) => found.extend(inner.iter().filter_map(active)),
            None => found.extend(active(config)),
        }
    }
    found.sort_by_key(|l| l["name"].as_str().unwrap_or_default().to_owned());
    found
}

fn active(listener: &Value) -> Option<Value> {
    let active = &listener["activeState"]["listener"];
    (!active.is_null()).then(|| reduced(active))
}

fn camel(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (camel_name(name), camel(value)))
            .collect(),
        Value::Array(items) => items.iter().map(camel).collect(),
        other => other.clone(),
    }
}

fn camel_name(name: &str) -> String {
    // Names of clusters and filters are keys now and then, and no fields.
    if name.contains(['.', '|', '-']) {
        return name.to_owned();
    }
    let mut words = name.split('_');
    let mut joined = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        joined.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
    }
    joined
}

fn reduced(listener: &Value) -> Value {
    let socket = &listener["address"]["socketAddress"];
    let mut one = Map::new();
    one.insert("name".to_owned(), listener["name"].clone());
    one.insert("address".to_owned(), socket["address"].clone());
    one.insert("port".to_owned(), socket["portValue"].clone());
    if socket["protocol"] == "UDP" {
        one.insert("udp".to_owned(), true.into());
    }
    if listener["bindToPort"] == false {
        one.insert("noBindToPort".to_owned(), true.into());
    }
    let chains = listener["filterChains"].as_array().into_iter().flatten();
    one.insert("filterChains".to_owned(), chains.map(chain).collect());
    if !listener["defaultFilterChain"].is_null() {
        one.insert(
            "defaultFilterChain".to_owned(),
            chain(&listener["defaultFilterChain"]),
        );
    }
    Value::Object(one)
}

fn chain(chain: &Value) -> Value {
    let matched = &chain["filterChainMatch"];
    let mut one = Map::new();
    let ranges = matched["prefixRanges"].as_array().into_iter().flatten();
    let ranges: Value = ranges
        .map(|r| {
            format!(
                "{}/{}",
                r["addressPrefix"].as_str().unwrap_or_default(),
                r["prefixLen"].as_u64().unwrap_or(0)
            )
        })
        .collect();
    let kept = [
        ("sni", matched["serverNames"].clone()),
        ("destinationPort", matched["destinationPort"].clone()),
        ("prefixRanges", ranges),
        ("transportProtocol", matched["transportProtocol"].clone()),
        (
            "applicationProtocols",
            matched["applicationProtocols"].clone(),
        ),
    ];
    for (name, value) in kept {
        if !is_empty(&value) {
            one.insert(name.to_owned(), value);
        }
    }
    if !chain["transportSocket"].is_null() {
        one.insert("terminatesTls".to_owned(), true.into());
    }
    one.insert("kind".to_owned(), "other".into());
    for filter in chain["filters"].as_array().into_iter().flatten() {
        let config = &filter["typedConfig"];
        match filter["name"].as_str() {
            Some("envoy.filters.network.tcp_proxy") => {
                one.insert("kind".to_owned(), "tcp".into());
                one.insert("clusters".to_owned(), clusters(config));
            }
            Some("envoy.filters.network.http_connection_manager") => {
                one.insert("kind".to_owned(), "http".into());
                let inline = &config["routeConfig"]["name"];
                let route = match inline.as_str() {
                    Some(name) => format!("(inline) {name}").into(),
                    None => config["rds"]["routeConfigName"].clone(),
                };
                one.insert("route".to_owned(), route);
            }
            _ => {}
        }
    }
    Value::Object(one)
}

fn clusters(tcp_proxy: &Value) -> Value {
    let mut clusters = Map::new();
    if let Some(name) = tcp_proxy["cluster"].as_str() {
        clusters.insert(name.to_owned(), 100.into());
    }
    for weighted in tcp_proxy["weightedClusters"]["clusters"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let name = weighted["name"].as_str().unwrap_or_default();
        let before = clusters
            .get(name)
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let weight = weighted["weight"].as_u64().unwrap_or_default();
        clusters.insert(name.to_owned(), (before + weight).into());
    }
    Value::Object(clusters)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => *value == json!(0),
    }
}
