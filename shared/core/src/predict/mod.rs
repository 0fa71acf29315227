//! What istiod would build for one proxy. Pure: the same objects give the same listeners, on any input, and it
//! always ends. Where this and istiod's answers disagree, istiod is right.

mod cluster;
mod config;
mod endpoints;
mod gateway;
pub mod hosts;
mod http;
pub mod mesh;
pub mod protocol;
mod proxy;
pub mod store;

pub use config::{
    ChainKind, Cluster, Config, Endpoint, FilterChain, Listener, Route, RouteAction, VirtualHost,
};
pub(crate) use gateway::{TlsMode, selects, target_port};
pub use proxy::{
    ProxyFacts, ProxyKind, ProxySource, WORKLOAD_KINDS, has_sidecars, not_a_router, pod_spec,
    routers, workload_spec,
};

use crate::ledger::Ledger;
use store::Store;

/// What istiod would build for a proxy, and every decision on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// The listeners, routes and clusters.
    pub config: Config,
    /// The decisions.
    pub ledger: Ledger,
}

/// Predicts one proxy.
#[must_use]
pub fn predict(store: &Store<'_>, proxy: &ProxyFacts) -> Prediction {
    gateway::predict(store, proxy)
}
