//! What a proxy really holds, and how that differs from what was predicted.

mod differ;
mod dump;
mod saved;
mod shape;

use std::collections::BTreeMap;

pub use dump::DumpError;
pub use saved::{Saved, saved};
pub use shape::{Chain, Listener, Route, Shape, VirtualHost};

/// What one Envoy says of itself: only what istiod sent it, none of its static listeners.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envoy {
    /// How it calls itself to istiod, such as `router~10.0.0.1~POD.NAMESPACE~…`; only a whole dump has it.
    pub node: Option<String>,
    /// Its listeners, by name.
    pub listeners: BTreeMap<String, ListenerState>,
    /// The virtual hosts of its route configurations, by name.
    pub routes: BTreeMap<String, Vec<VirtualHost>>,
    /// How its clusters find their endpoints, by name.
    pub clusters: BTreeMap<String, String>,
    /// The hosts of its clusters, by name.
    pub hosts: BTreeMap<String, Vec<Host>>,
}

/// A listener, and what is happening to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerState {
    /// The one that takes connections.
    pub active: Option<Listener>,
    /// A newer one waits for something, such as a certificate or a route.
    pub warming: bool,
    /// An older one still holds its open connections.
    pub draining: bool,
    /// Envoy refused the newest one, in these words.
    pub refused: Option<String>,
}

/// An endpoint as Envoy counts it since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// `address:port`.
    pub address: String,
    /// Whether Envoy would choose it.
    pub healthy: bool,
    /// Connects that failed.
    pub connect_failures: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that are open now.
    pub active: u64,
    /// Requests, and streams, that are open now.
    pub active_requests: u64,
    /// Requests that failed.
    pub request_errors: u64,
}

/// Name of the cluster in Envoy's start-up configuration that leads to istiod (istio
/// `tools/packaging/common/envoy_bootstrap.json`).
const ISTIOD: &str = "xds-grpc";

impl Envoy {
    /// Whether the stream is open over which istiod configures it; `None` when that was not read.
    #[must_use]
    pub fn connected(&self) -> Option<bool> {
        let hosts = self.hosts.get(ISTIOD).filter(|hosts| !hosts.is_empty())?;
        Some(hosts.iter().any(|host| host.active_requests > 0))
    }

    /// Name and namespace of its pod, where the dump has them.
    #[must_use]
    pub fn pod(&self) -> Option<(&str, &str)> {
        // istio pilot/pkg/model/context.go:ParseServiceNodeWithMetadata
        let id = self.node.as_deref()?.split('~').nth(2)?;
        id.rsplit_once('.')
    }

    /// The listeners that take connections, with the routes and clusters that they name.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let active = self.listeners.values().filter_map(|l| l.active.clone());
        let addresses = |hosts: &Vec<Host>| {
            let healthy = hosts.iter().filter(|host| host.healthy);
            let mut found: Vec<String> = healthy.map(|host| host.address.clone()).collect();
            found.sort();
            found
        };
        Shape {
            listeners: active.collect(),
            routes: self.routes.clone(),
            clusters: self.clusters.clone(),
            endpoints: self
                .hosts
                .iter()
                .map(|(name, hosts)| (name.clone(), addresses(hosts)))
                .collect(),
        }
    }
}
