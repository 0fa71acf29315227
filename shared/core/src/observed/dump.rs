//! What Envoy's admin interface prints, read: `/config_dump`, `/config_dump?resource=…` and `/clusters?format=json`.
//!
//! After Envoy's `admin/v3/config_dump.proto` and `admin/v3/clusters.proto` in their JSON form. Fields that decide
//! nothing about a connection's way are left out, and what is not known is skipped.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::shape::{Chain, Listener, Route, VirtualHost};
use super::{Envoy, Host};

/// Why a text is no dump of an Envoy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// As when Envoy cannot print its own configuration and says so in a line of text.
    #[error("this is no JSON: {0}")]
    NoJson(String),
    /// JSON, but nothing of Envoy's.
    #[error("this is JSON, but no dump of an Envoy: it has no `{0}`")]
    NoDump(&'static str),
}

fn parsed<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, DumpError> {
    serde_json::from_str(text).map_err(|error| {
        let first = text.lines().next().unwrap_or_default().trim();
        DumpError::NoJson(match first.starts_with(['{', '[']) || first.is_empty() {
            true => error.to_string(),
            false => first.chars().take(200).collect(),
        })
    })
}

impl Envoy {
    /// Adds what a `config_dump` holds: a whole one, or that of one resource.
    ///
    /// # Errors
    /// When the text is no such dump.
    pub fn read_dump(&mut self, text: &str) -> Result<(), DumpError> {
        let dump: Map<String, Value> = parsed(text)?;
        // Envoy leaves an empty list out.
        if !dump.is_empty() && !dump.contains_key("configs") {
            return Err(DumpError::NoDump("configs"));
        }
        for config in list(&Value::Object(dump), "configs") {
            self.section(config);
        }
        Ok(())
    }

    fn section(&mut self, config: &Value) {
        match type_of(config) {
            "BootstrapConfigDump" => {
                let node = config.get("bootstrap").and_then(|b| b.get("node"));
                let id = node.map(|n| text(n, "id")).filter(|id| !id.is_empty());
                self.node = id.map(str::to_owned);
            }
            "ListenersConfigDump" => {
                for listener in list(config, "dynamic_listeners") {
                    self.listener(listener);
                }
            }
            "DynamicListener" => self.listener(config),
            "RoutesConfigDump" => {
                for route in list(config, "dynamic_route_configs") {
                    self.route(route);
                }
            }
            "DynamicRouteConfig" => self.route(config),
            "ClustersConfigDump" => {
                for cluster in list(config, "dynamic_active_clusters") {
                    self.cluster(cluster);
                }
            }
            "DynamicCluster" => self.cluster(config),
            _ => {}
        }
    }

    fn listener(&mut self, dynamic: &Value) {
        let state = |key: &str| Some(dynamic.get(key)?.get("listener")).flatten();
        let failure = dynamic.get("error_state");
        let text_of = |key| failure.and_then(|f| f.get(key)).and_then(Value::as_str);
        let refused = failure.map(|_| text_of("details").unwrap_or_default().to_owned());
        let tried = failure.and_then(|f| f.get("failed_configuration"));
        // Envoy tells a refused listener twice: under its name, and once more without one.
        let name = match (text(dynamic, "name"), tried) {
            ("", Some(tried)) => text(tried, "name"),
            (name, _) => name,
        };
        let known = self.listeners.entry(name.to_owned()).or_default();
        known.active = state("active_state")
            .map(listener_of)
            .or(known.active.take());
        known.warming |= dynamic.get("warming_state").is_some();
        known.draining |= dynamic.get("draining_state").is_some();
        known.refused = refused.or(known.refused.take());
    }

    fn route(&mut self, dynamic: &Value) {
        let Some(config) = dynamic.get("route_config") else {
            return;
        };
        let hosts = list(config, "virtual_hosts").map(host_of).collect();
        self.routes.insert(text(config, "name").to_owned(), hosts);
    }

    fn cluster(&mut self, dynamic: &Value) {
        let Some(cluster) = dynamic.get("cluster") else {
            return;
        };
        let custom = cluster.get("cluster_type").map(|c| text(c, "name"));
        // The first of Envoy's types is left out as a default.
        let discovery = match custom.unwrap_or_else(|| text(cluster, "type")) {
            "" => "STATIC",
            known => known,
        };
        self.clusters
            .insert(text(cluster, "name").to_owned(), discovery.to_owned());
    }

    /// Adds what `/clusters?format=json` holds.
    ///
    /// # Errors
    /// When the text is no such answer.
    pub fn read_clusters(&mut self, text_of_clusters: &str) -> Result<(), DumpError> {
        let value: Value = parsed(text_of_clusters)?;
        if !value.is_object() {
            return Err(DumpError::NoDump("cluster_statuses"));
        }
        for cluster in list(&value, "cluster_statuses") {
            let hosts = list(cluster, "host_statuses").map(host_status).collect();
            self.hosts.insert(text(cluster, "name").to_owned(), hosts);
        }
        Ok(())
    }
}

fn host_status(host: &Value) -> Host {
    let stats: BTreeMap<&str, u64> = list(host, "stats")
        .map(|stat| {
            (
                text(stat, "name"),
                number(stat, "value").unwrap_or_default(),
            )
        })
        .collect();
    let stat = |name| stats.get(name).copied().unwrap_or_default();
    let health = host.get("health_status");
    let flag = |key| health.and_then(|h| h.get(key)).and_then(Value::as_bool) == Some(true);
    let eds = health.map_or("", |h| text(h, "eds_health_status"));
    let failed = [
        "failed_active_health_check",
        "failed_outlier_check",
        "pending_dynamic_removal",
    ];
    Host {
        address: host.get("address").map(address_of).unwrap_or_default(),
        healthy: matches!(eds, "" | "HEALTHY" | "UNKNOWN") && !failed.into_iter().any(flag),
        connect_failures: stat("cx_connect_fail"),
        connections: stat("cx_total"),
        active: stat("cx_active"),
        active_requests: stat("rq_active"),
        request_errors: stat("rq_error"),
    }
}

/// The last part of an `@type`: its message.
fn type_of(value: &Value) -> &str {
    let name = text(value, "@type");
    name.rsplit('.').next().unwrap_or(name)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Numbers of 64 bits stand as texts in this JSON.
fn number(value: &Value, key: &str) -> Option<u64> {
    match value.get(key)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

fn small(value: &Value, key: &str) -> Option<u32> {
    number(value, key).and_then(|n| u32::try_from(n).ok())
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    list(value, key)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// `address:port`, brackets around an IPv6 address.
fn address_of(address: &Value) -> String {
    if let Some(pipe) = address.get("pipe") {
        return format!("unix://{}", text(pipe, "path"));
    }
    let Some(socket) = address.get("socket_address") else {
        return String::new();
    };
    let port = small(socket, "port_value").unwrap_or_default();
    match text(socket, "address") {
        six if six.contains(':') => format!("[{six}]:{port}"),
        four => format!("{four}:{port}"),
    }
}

fn listener_of(listener: &Value) -> Listener {
    let socket = listener
        .get("address")
        .and_then(|address| address.get("socket_address"));
    Listener {
        name: text(listener, "name").to_owned(),
        address: socket.map_or("", |s| text(s, "address")).to_owned(),
        port: socket
            .and_then(|s| small(s, "port_value"))
            .unwrap_or_default(),
        udp: socket.is_some_and(|s| text(s, "protocol") == "UDP"),
        no_bind_to_port: listener.get("bind_to_port") == Some(&Value::Bool(false)),
        filter_chains: list(listener, "filter_chains").map(chain_of).collect(),
        default_filter_chain: listener.get("default_filter_chain").map(chain_of),
    }
}

fn chain_of(chain: &Value) -> Chain {
    let empty = Value::Object(Map::new());
    let matches = chain.get("filter_chain_match").unwrap_or(&empty);
    let prefix = |range: &Value| {
        let length = small(range, "prefix_len").unwrap_or_default();
        format!("{}/{length}", text(range, "address_prefix"))
    };
    let mut found = Chain {
        kind: "other".to_owned(),
        sni: texts(matches, "server_names"),
        destination_port: small(matches, "destination_port"),
        prefix_ranges: list(matches, "prefix_ranges").map(prefix).collect(),
        transport_protocol: Some(text(matches, "transport_protocol").to_owned())
            .filter(|protocol| !protocol.is_empty()),
        application_protocols: texts(matches, "application_protocols"),
        terminates_tls: chain.get("transport_socket").is_some(),
        ..Chain::default()
    };
    for config in list(chain, "filters").filter_map(|filter| filter.get("typed_config")) {
        match type_of(config) {
            "TcpProxy" => {
                "tcp".clone_into(&mut found.kind);
                found.clusters = clusters_of(config, |w| small(w, "weight"));
            }
            "HttpConnectionManager" => {
                "http".clone_into(&mut found.kind);
                let inline = config.get("route_config");
                let inline = inline.map(|route| format!("(inline) {}", text(route, "name")));
                let named = config.get("rds").map(|rds| text(rds, "route_config_name"));
                found.route = named.map(str::to_owned).or(inline);
            }
            _ => {}
        }
    }
    found
}

/// One cluster, or several with their weights; one that is named twice has the sum.
fn clusters_of(config: &Value, weight: impl Fn(&Value) -> Option<u32>) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    let one = text(config, "cluster");
    if !one.is_empty() {
        found.insert(one.to_owned(), 100);
    }
    if let Some(weighted) = config.get("weighted_clusters") {
        for cluster in list(weighted, "clusters") {
            let name = text(cluster, "name").to_owned();
            *found.entry(name).or_default() += weight(cluster).unwrap_or_default();
        }
    }
    found
}

fn host_of(host: &Value) -> VirtualHost {
    VirtualHost {
        domains: texts(host, "domains"),
        routes: list(host, "routes").map(route_of).collect(),
    }
}

fn route_of(route: &Value) -> Route {
    let empty = Value::Null;
    let action = route.get("route").unwrap_or(&empty);
    let direct = route.get("direct_response");
    Route {
        matches: route.get("match").map(match_of).filter(|m| !m.is_empty()),
        clusters: clusters_of(action, |w| small(w, "weight")),
        direct_response: direct.and_then(|d| small(d, "status")),
        redirect: route.get("redirect").is_some(),
    }
}

fn match_of(matches: &Value) -> String {
    let path = ["prefix", "path", "path_separated_prefix"]
        .into_iter()
        .find_map(|key| Some((key, matches.get(key)?.as_str()?)));
    let regex = matches.get("safe_regex").map(|regex| text(regex, "regex"));
    let mut found = match (path, regex) {
        (Some(("path_separated_prefix", path)), _) => format!("segment-prefix {path}"),
        (Some((key, path)), _) => format!("{key} {path}"),
        (None, Some(regex)) => format!("regex {regex}"),
        (None, None) => String::new(),
    };
    for header in list(matches, "headers") {
        found.push_str(&format!(" header {}", text(header, "name")));
    }
    found
}
