//! One proxy's configuration in the form that predictions, istiod's answers and Envoy's own are compared in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::predict::{self, ChainKind, Config, Endpoint, RouteAction};

/// Listeners, routes, clusters and endpoints of one proxy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Listeners.
    pub listeners: Vec<Listener>,
    /// Virtual hosts of each route configuration.
    pub routes: BTreeMap<String, Vec<VirtualHost>>,
    /// How each cluster finds its endpoints: `EDS`, `STRICT_DNS`, ….
    pub clusters: BTreeMap<String, String>,
    /// `address:port` of each cluster's endpoints.
    pub endpoints: BTreeMap<String, Vec<String>>,
}

/// A listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Listener {
    /// Name: address, `_`, port.
    pub name: String,
    /// Address it binds.
    pub address: String,
    /// Port it binds.
    pub port: u32,
    /// It takes datagrams.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub udp: bool,
    /// Only connections that were redirected to the proxy reach it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_bind_to_port: bool,
    /// Its chains.
    pub filter_chains: Vec<Chain>,
    /// Takes what none of them takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_filter_chain: Option<Chain>,
}

/// A filter chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Chain {
    /// `tcp`, `http` or `other`.
    pub kind: String,
    /// Server names it takes; empty takes all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sni: Vec<String>,
    /// The port that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<u32>,
    /// The address that was asked for lies in one of these; empty takes all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefix_ranges: Vec<String>,
    /// `tls` or `raw_buffer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport_protocol: Option<String>,
    /// ALPN it takes; empty takes all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub application_protocols: Vec<String>,
    /// Whether it ends TLS.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terminates_tls: bool,
    /// Weights by cluster, of a TCP chain.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<String, u32>,
    /// Name of the route configuration, of an HTTP chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// A virtual host.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct VirtualHost {
    /// Domains.
    pub domains: Vec<String>,
    /// Routes, in order.
    pub routes: Vec<Route>,
}

/// A route of a virtual host.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Route {
    /// The match in words, such as `prefix /`.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// Weights by cluster.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<String, u32>,
    /// A status, answered by Envoy itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_response: Option<u32>,
    /// A redirect.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub redirect: bool,
}

impl Shape {
    /// What a prediction says, as a proxy holds it: each route once.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let routes = config.routes.iter();
        let clusters = config.clusters.iter();
        Self {
            listeners: config.listeners.iter().map(listener).collect(),
            routes: routes
                .map(|(name, hosts)| (name.clone(), hosts.iter().map(virtual_host).collect()))
                .collect(),
            endpoints: clusters
                .clone()
                .map(|(name, c)| (name.clone(), c.endpoints.iter().map(endpoint).collect()))
                .collect(),
            clusters: clusters
                .map(|(name, c)| (name.clone(), c.discovery.to_owned()))
                .collect(),
        }
    }
}

fn listener(listener: &predict::Listener) -> Listener {
    Listener {
        name: listener.name.clone(),
        address: listener.address.clone(),
        port: listener.port,
        udp: false,
        no_bind_to_port: listener.redirected_only,
        filter_chains: listener.chains.iter().map(chain).collect(),
        default_filter_chain: listener.default_chain.as_ref().map(chain),
    }
}

fn chain(chain: &predict::FilterChain) -> Chain {
    let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    Chain {
        kind: match chain.kind {
            ChainKind::Tcp => "tcp",
            ChainKind::Http => "http",
        }
        .to_owned(),
        sni: chain.sni.clone(),
        destination_port: chain.matches.destination_port,
        prefix_ranges: chain.matches.prefix_ranges.clone(),
        transport_protocol: chain.matches.transport_protocol.map(str::to_owned),
        application_protocols: owned(&chain.application_protocols),
        terminates_tls: chain.terminates_tls,
        clusters: weights(&chain.clusters),
        route: chain.route.clone(),
    }
}

fn virtual_host(host: &predict::VirtualHost) -> VirtualHost {
    VirtualHost {
        domains: host.domains.clone(),
        routes: host.routes.iter().map(route).collect(),
    }
}

fn route(route: &predict::Route) -> Route {
    let mut shape = Route {
        matches: route.matches.clone(),
        ..Route::default()
    };
    match &route.action {
        RouteAction::Clusters(clusters) => shape.clusters = weights(clusters),
        RouteAction::DirectResponse(status) => shape.direct_response = Some(*status),
        RouteAction::Redirect => shape.redirect = true,
    }
    shape
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

/// Weights by cluster; a cluster named twice has the sum.
fn weights(clusters: &[(String, u32)]) -> BTreeMap<String, u32> {
    let mut sums = BTreeMap::new();
    for (name, weight) in clusters {
        *sums.entry(name.clone()).or_insert(0) += weight;
    }
    sums
}
