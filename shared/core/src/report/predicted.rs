//! The listeners themselves, in the format that istiod's answers are kept in.

use std::collections::BTreeMap;

use serde::Serialize;

use super::json::to_json;
use crate::predict::{ChainKind, Config, Endpoint, FilterChain, RouteAction};
use crate::walk::Class;

#[derive(Serialize)]
struct Document<'a> {
    listeners: Vec<Listener<'a>>,
    routes: BTreeMap<&'a str, Vec<VirtualHost<'a>>>,
    clusters: BTreeMap<&'a str, &'a str>,
    endpoints: BTreeMap<&'a str, Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listener<'a> {
    name: &'a str,
    address: &'a str,
    port: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_bind_to_port: bool,
    filter_chains: Vec<Chain<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_filter_chain: Option<Chain<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Chain<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    sni: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_port: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    prefix_ranges: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    transport_protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    application_protocols: &'a [&'static str],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    terminates_tls: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    clusters: BTreeMap<&'a str, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
}

#[derive(Serialize)]
struct VirtualHost<'a> {
    domains: &'a [String],
    routes: Vec<Route<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Route<'a> {
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    matches: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    clusters: BTreeMap<&'a str, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direct_response: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redirect: bool,
}

/// Weights by cluster; a cluster named twice has the sum.
fn weights(clusters: &[(String, u32)]) -> BTreeMap<&str, u32> {
    let mut sums = BTreeMap::new();
    for (name, weight) in clusters {
        *sums.entry(name.as_str()).or_insert(0) += weight;
    }
    sums
}

fn chain(chain: &FilterChain) -> Chain<'_> {
    Chain {
        kind: match chain.kind {
            ChainKind::Tcp => "tcp",
            ChainKind::Http => "http",
        },
        sni: &chain.sni,
        destination_port: chain.matches.destination_port,
        prefix_ranges: &chain.matches.prefix_ranges,
        transport_protocol: chain.matches.transport_protocol,
        application_protocols: &chain.application_protocols,
        terminates_tls: chain.terminates_tls,
        clusters: weights(&chain.clusters),
        route: chain.route.as_deref(),
    }
}

fn route(route: &crate::predict::Route) -> Route<'_> {
    let mut out = Route {
        matches: route.matches.as_deref(),
        clusters: BTreeMap::new(),
        direct_response: None,
        redirect: false,
    };
    match &route.action {
        RouteAction::Clusters(clusters) => out.clusters = weights(clusters),
        RouteAction::DirectResponse(status) => out.direct_response = Some(*status),
        RouteAction::Redirect => out.redirect = true,
    }
    out
}

fn endpoint(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Address(address) => address.clone(),
        Endpoint::Replicas {
            workload,
            count,
            port,
        } => format!("{count} of {workload}:{port}"),
    }
}

/// What one class of proxies would be sent, as JSON.
#[must_use]
pub fn one(class: &Class) -> String {
    to_json(&document(&class.prediction.config))
}

#[derive(Serialize)]
struct OfProxy<'a> {
    proxy: Proxy<'a>,
    #[serde(flatten)]
    document: Document<'a>,
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
            document: document(&class.prediction.config),
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

fn document(config: &Config) -> Document<'_> {
    let listeners = config.listeners.iter().map(|l| Listener {
        name: &l.name,
        address: &l.address,
        port: l.port,
        no_bind_to_port: l.redirected_only,
        filter_chains: l.chains.iter().map(chain).collect(),
        default_filter_chain: l.default_chain.as_ref().map(chain),
    });
    let asked = asked(config);
    let routes = config.routes.iter().filter_map(|(name, hosts)| {
        let times = *asked.get(name.as_str())?;
        let again = times > 1 && name.contains(':') && !name.starts_with("unix://");
        let hosts = if again { &[][..] } else { hosts };
        let hosts = hosts
            .iter()
            .map(|h| VirtualHost {
                domains: &h.domains,
                routes: h.routes.iter().map(route).collect(),
            })
            .collect();
        Some((name.as_str(), hosts))
    });
    Document {
        listeners: listeners.collect(),
        routes: routes.collect(),
        clusters: config
            .clusters
            .iter()
            .map(|(name, c)| (name.as_str(), c.discovery))
            .collect(),
        endpoints: config
            .clusters
            .iter()
            .map(|(name, c)| (name.as_str(), c.endpoints.iter().map(endpoint).collect()))
            .collect(),
    }
}
