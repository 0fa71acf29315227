//! One proxy's configuration, in Envoy's words: as far as a connection's way depends on it.

use std::collections::BTreeMap;

use crate::ledger::EntryId;

/// Everything a proxy would be sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Listeners, by name.
    pub listeners: Vec<Listener>,
    /// Route configurations, by name.
    pub routes: BTreeMap<String, Vec<VirtualHost>>,
    /// Clusters that a chain or route names and that exist, by name.
    pub clusters: BTreeMap<String, Cluster>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// Name: address, `_`, port.
    pub name: String,
    /// Address it binds.
    pub address: String,
    /// Port it binds.
    pub port: u32,
    /// Only connections that were redirected to the proxy reach it: the port itself is not bound.
    pub redirected_only: bool,
    /// Its chains, in order.
    pub chains: Vec<FilterChain>,
    /// Takes what none of them takes.
    pub default_chain: Option<FilterChain>,
}

impl Listener {
    /// Its chains, and the one that takes the rest.
    pub fn all_chains(&self) -> impl Iterator<Item = &FilterChain> {
        self.chains.iter().chain(&self.default_chain)
    }
}

/// What a filter chain ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// TCP proxy.
    Tcp,
    /// HTTP connection manager.
    Http,
}

/// What a connection must be like for a chain to take it, beyond its server name and ALPN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainMatch {
    /// The port that was asked for.
    pub destination_port: Option<u32>,
    /// The address that was asked for lies in one of these; empty takes all.
    pub prefix_ranges: Vec<String>,
    /// `tls` or `raw_buffer`, as detected.
    pub transport_protocol: Option<&'static str>,
}

/// A filter chain.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterChain {
    /// What it ends in.
    pub kind: ChainKind,
    /// Server names it takes; empty takes all.
    pub sni: Vec<String>,
    /// ALPN it takes; empty takes all.
    pub application_protocols: Vec<&'static str>,
    /// What else the connection must be like.
    pub matches: ChainMatch,
    /// Whether it ends TLS.
    pub terminates_tls: bool,
    /// Clusters with their weights, of a TCP chain.
    pub clusters: Vec<(String, u32)>,
    /// Name of the route configuration, of an HTTP chain.
    pub route: Option<String>,
    /// The decision that made it: the `Chains` entry of its server.
    pub origin: EntryId,
    /// The clause whose destinations it has.
    pub clause: Option<EntryId>,
}

/// A virtual host.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualHost {
    /// Domains.
    pub domains: Vec<String>,
    /// Routes, in order.
    pub routes: Vec<Route>,
    /// Plain HTTP is redirected to HTTPS.
    pub require_tls: bool,
}

/// A route of a virtual host.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The match in words, such as `prefix /`.
    pub matches: Option<String>,
    /// Where it leads.
    pub action: RouteAction,
    /// The clause that made it.
    pub clause: EntryId,
    /// Takes every request: sorted behind the others.
    pub catch_all: bool,
}

/// Where an HTTP route leads.
#[derive(Clone, Debug, PartialEq)]
pub enum RouteAction {
    /// To clusters, with weights.
    Clusters(Vec<(String, u32)>),
    /// A status, answered by Envoy itself.
    DirectResponse(u32),
    /// A redirect.
    Redirect,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// How its endpoints are found: `EDS`, `STRICT_DNS`, `ORIGINAL_DST`, ….
    pub discovery: &'static str,
    /// Its endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// Address and port.
    Address(String),
    /// So many pods that a workload will make, on this port.
    Replicas {
        /// The workload, such as `StatefulSet rcmd/kafka`.
        workload: String,
        /// Number of pods.
        count: u32,
        /// Port of the pods.
        port: u32,
    },
}

impl Endpoint {
    /// How many hosts it stands for.
    #[must_use]
    pub const fn count(&self) -> u32 {
        match self {
            Self::Address(_) => 1,
            Self::Replicas { count, .. } => *count,
        }
    }
}

impl Cluster {
    /// How many hosts it has.
    #[must_use]
    pub fn endpoint_count(&self) -> u32 {
        self.endpoints.iter().map(Endpoint::count).sum()
    }
}
