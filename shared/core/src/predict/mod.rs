//! What istiod would build for one proxy. Pure: the same objects give the same listeners, on any input, and it
//! always ends. Where this and istiod's answers disagree, istiod is right.

pub mod ambient;
mod cluster;
mod config;
mod endpoints;
pub mod envoy;
pub mod features;
mod gateway;
pub mod hosts;
mod http;
mod injection;
pub mod istiod;
pub mod mesh;
mod named;
mod network;
pub mod protocol;
mod proxy;
pub mod reach;
mod sidecar;
pub mod store;
pub mod version;

pub use cluster::Reached;
pub use config::{
    ChainKind, ChainMatch, Cluster, Config, Endpoint, FilterChain, Listener, Route, RouteAction,
    VirtualHost,
};
pub(crate) use endpoints::{takes_mutual_tls, tls_mode};
pub(crate) use gateway::{TlsMode, selects, target_port};
pub(crate) use injection::{INJECT, INJECTION, is_by_chart};
pub use injection::{Injection, injection};
pub use named::read_by_name;
pub(crate) use network::{Network, UNSPECIFIED, UNSPECIFIED_V6};
pub use proxy::{
    Metadata, ProxyFacts, ProxyKind, ProxySource, WORKLOAD_KINDS, has_sidecars, not_a_router,
    pod_spec, routers, workload_spec,
};

pub(crate) use sidecar::{
    Outlooks, imports, is_namespace_plaintext, is_plaintext, with_short_names,
};
pub use sidecar::{by_outlook, sidecars};

use crate::ledger::{Block, Ledger, Step};
use crate::snapshot::views::Destination;
use store::{Store, VirtualService};

/// What istiod would build for a proxy, and every decision on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// The listeners, routes and clusters.
    pub config: Config,
    /// The decisions.
    pub ledger: Ledger,
}

/// Predicts one proxy, as the istiod that serves it would.
#[must_use]
pub fn predict(store: &Store<'_>, proxy: &ProxyFacts) -> Prediction {
    let store = store.serving(proxy);
    match proxy.kind {
        ProxyKind::Router => gateway::predict(store, proxy),
        ProxyKind::Sidecar if ambient::concerns(store.snapshot, proxy) => {
            ambient::predict(store, proxy)
        }
        ProxyKind::Sidecar => sidecar::predict(store, proxy),
    }
}

/// What a sidecar's own istiod builds for connections to its pod, alone: far less than all.
pub(crate) fn predict_inbound(store: &Store<'_>, proxy: &ProxyFacts) -> Prediction {
    sidecar::predict_inbound(store.serving(proxy), proxy)
}

/// The outbound listeners of one port that a sidecar's own istiod builds, alone: less than all.
pub(crate) fn predict_port(store: &Store<'_>, proxy: &ProxyFacts, port: u32) -> Prediction {
    sidecar::predict_port(store.serving(proxy), proxy, port)
}

/// The addresses that the name of a headless service stands for.
pub(crate) fn addresses_of(store: &Store<'_>, service: &store::Service) -> Vec<String> {
    endpoints::all_addresses(store, service)
}

/// Predicts several sidecars, in their order. Those of one namespace that the same Sidecar decides for know the same
/// services, so this is faster than one by one.
#[must_use]
pub fn predict_sidecars(store: &Store<'_>, proxies: &[ProxyFacts]) -> Vec<Prediction> {
    let views: Vec<usize> = proxies.iter().map(|proxy| store.view_of(proxy)).collect();
    let mut found = vec![Prediction::default(); proxies.len()];
    for (view, store) in store.views().enumerate() {
        let own = (0..).zip(proxies).zip(&views);
        let own = own.filter(|(_, of)| **of == view).map(|(member, _)| member);
        sidecar::predict_all(store, own, &mut found);
    }
    found
}

/// What a destination of a rule comes to for a proxy, whatever its weight, and also when no rule has it yet.
/// `declared` is the Gateway server's number: the port of a destination that names none.
#[must_use]
pub fn reached(
    store: &Store<'_>,
    proxy: &ProxyFacts,
    virtual_service: &VirtualService<'_>,
    block: Block,
    destination: &Destination,
    declared: u32,
) -> Reached {
    let mut context = gateway::Context::new(store, proxy);
    let step = Step::Attachment {
        virtual_service: virtual_service.object.id,
    };
    let clause = context.ledger.open(step, None);
    let place = gateway::Place {
        vs: virtual_service,
        root: virtual_service.namespace(),
        block,
        rule: 0,
        clause,
        declared,
        listed: None,
    };
    cluster::reached(&context, destination, &place)
}
