//! The listeners, routes and clusters of a sidecar. After istio `pilot/pkg/networking/core` (1.31).

mod address;
mod chains;
mod classes;
mod domains;
mod fallback;
mod hosts;
mod inbound;
mod mtls;
mod outbound;
mod outlook;
mod routes;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Config, Listener, RouteAction};
use super::gateway::Context;
use super::proxy::ProxyFacts;
use super::store::Store;
use super::{ChainKind, ChainMatch, FilterChain, Prediction};
use crate::ledger::{Fate, Step};
use crate::snapshot::views::Labels;
use crate::snapshot::{Object, ObjectId};

use mtls::{Mode, Modes};

pub use classes::sidecars;
pub use outlook::by_outlook;
pub(crate) use outlook::{Outlooks, with_short_names};
pub(super) use routes::Listed;
pub(super) use scope::Scope;

/// Whether pods of a namespace would know a service if this Sidecar decided for them.
pub(crate) fn imports<'a>(
    store: &Store<'a>,
    namespace: &str,
    sidecar: &'a Object,
    service: ObjectId,
) -> bool {
    let scope = Scope::new(store, namespace, Some(sidecar));
    let mut all = scope.ledger.entries();
    all.any(|(_, e)| {
        let about = matches!(&e.step, Step::Import { of, .. } if of.service == service);
        about && matches!(e.fate, Fate::Effective(_))
    })
}

/// Whether the policies turn mutual TLS off for a port of a workload.
pub(crate) fn is_plaintext(store: &Store<'_>, namespace: &str, labels: &Labels, port: u32) -> bool {
    Modes::of(store, namespace, labels).of_port(port) == Mode::Disable
}

/// Whether those of a namespace and of the mesh do, whatever they say about single workloads.
/// After istio `pilot/pkg/model/authentication.go:AuthenticationPolicies.GetNamespaceMutualTLSMode`.
pub(crate) fn is_namespace_plaintext(store: &Store<'_>, namespace: &str) -> bool {
    Modes::of_namespace(store, namespace) == Mode::Disable
}

/// Whether PeerAuthentications let a port of a pod take mutual TLS only.
pub(super) fn is_strict(store: &Store<'_>, proxy: &ProxyFacts, port: u32) -> bool {
    Modes::of(store, &proxy.namespace, &proxy.labels).of_port(port) == Mode::Strict
}

/// Predicts a sidecar.
pub(super) fn predict(store: &Store<'_>, proxy: &ProxyFacts) -> Prediction {
    let sidecar = scope::choose(store, proxy);
    let scope = Scope::new(store, &proxy.namespace, sidecar);
    within(store, &scope, proxy)
}

/// The outbound listeners of one port, alone.
pub(super) fn predict_port(store: &Store<'_>, proxy: &ProxyFacts, port: u32) -> Prediction {
    let sidecar = scope::choose(store, proxy);
    let scope = Scope::of_port(store, &proxy.namespace, sidecar, port);
    let mut context = Context {
        scope: Some(&scope),
        ledger: scope.ledger.clone(),
        ..Context::new(store, proxy)
    };
    let mut config = Config::default();
    if store.mesh.proxy_listen_port > 0 {
        let mut listeners = outbound::listeners(&mut context, &scope, &mut config.clusters);
        listeners.retain(|l| l.port == port);
        config.listeners = listeners;
    }
    Prediction {
        config,
        ledger: context.ledger,
    }
}

/// What leads to the pod of a sidecar, alone: its inbound listeners.
pub(super) fn predict_inbound(store: &Store<'_>, proxy: &ProxyFacts) -> Prediction {
    let scope = Scope::without_services(store, scope::choose(store, proxy));
    let mut context = Context {
        scope: Some(&scope),
        ..Context::new(store, proxy)
    };
    scope::record_choice(store, proxy, &mut context.ledger);
    let mut config = Config::default();
    if store.mesh.proxy_listen_port > 0 {
        config.listeners = inbound::listeners(&mut context, &scope, &mut config.clusters);
    }
    Prediction {
        config,
        ledger: context.ledger,
    }
}

/// Predicts several sidecars of one istiod, each for its place in `found`: what those of a namespace know that the
/// same Sidecar decides for is made out once.
pub(super) fn predict_all<'p>(
    store: &Store<'_>,
    proxies: impl Iterator<Item = (usize, &'p ProxyFacts)>,
    found: &mut [Prediction],
) {
    let mut alike: BTreeMap<_, Vec<(usize, &ProxyFacts)>> = BTreeMap::new();
    for (n, proxy) in proxies {
        let sidecar = scope::choose(store, proxy).map(|object| object.id);
        let key = (proxy.namespace.as_str(), sidecar);
        alike.entry(key).or_default().push((n, proxy));
    }
    for ((namespace, sidecar), members) in alike {
        let sidecar = sidecar.and_then(|id| store.snapshot.get(id));
        let scope = Scope::new(store, namespace, sidecar);
        for (n, proxy) in members {
            if let Some(place) = found.get_mut(n) {
                *place = within(store, &scope, proxy);
            }
        }
    }
}

fn within<'s, 'a>(
    store: &'s Store<'a>,
    scope: &'s Scope<'s, 'a>,
    proxy: &'s ProxyFacts,
) -> Prediction {
    let mut context = Context {
        scope: Some(scope),
        ledger: scope.ledger.clone(),
        ..Context::new(store, proxy)
    };
    scope::record_choice(store, proxy, &mut context.ledger);
    let mut config = Config::default();
    if store.mesh.proxy_listen_port > 0 {
        listeners(&mut context, scope, &mut config);
    }
    Prediction {
        config,
        ledger: context.ledger,
    }
}

fn listeners<'s, 'a>(context: &mut Context<'s, 'a>, scope: &Scope<'s, 'a>, config: &mut Config) {
    let clusters = &mut config.clusters;
    let inbound = inbound::listeners(context, scope, clusters);
    let mut listeners = outbound::listeners(context, scope, clusters);
    listeners.extend(http_proxy(context));
    listeners.extend(fallback::virtual_outbound(context, &scope.policy));
    // Those of one name stay in this order: what is really bound can be inbound and outbound.
    listeners.extend(inbound);
    fallback::add_egress_proxy(context, &scope.policy, clusters);
    config.routes = routes::routes(context, scope, &listeners, clusters);
    listeners.sort_by(|a, b| a.name.cmp(&b.name));
    config.listeners = listeners;
    let named = named(config);
    fallback::add_fixed(&named, &mut config.clusters);
    // What lost its place on a listener had clusters too: nothing leads there.
    config
        .clusters
        .retain(|name, _| name.starts_with("inbound|") || named.contains(name));
}

/// The clusters that chains and routes lead to.
fn named(config: &Config) -> BTreeSet<String> {
    let chains = config.listeners.iter().flat_map(Listener::all_chains);
    let mut found: BTreeSet<String> = chains
        .flat_map(|c| c.clusters.iter().map(|(name, _)| name.clone()))
        .collect();
    let hosts = config.routes.values().flatten();
    for route in hosts.flat_map(|h| &h.routes) {
        if let RouteAction::Clusters(clusters) = &route.action {
            found.extend(clusters.iter().map(|(name, _)| name.clone()));
        }
    }
    found
}

/// The listener of an explicit HTTP proxy. After `core/listener.go:buildHTTPProxy`.
fn http_proxy(context: &mut Context<'_, '_>) -> Option<Listener> {
    let own = context.proxy.metadata.http_proxy_port;
    let port = own.unwrap_or(context.store.mesh.proxy_http_port);
    if port == 0 {
        return None;
    }
    let address = address::Families::of(context.proxy).localhost();
    let chain = FilterChain {
        kind: ChainKind::Http,
        sni: Vec::new(),
        application_protocols: Vec::new(),
        matches: ChainMatch::default(),
        terminates_tls: false,
        clusters: Vec::new(),
        route: Some("http_proxy".to_owned()),
        origin: fallback::entry(context),
        clause: None,
    };
    Some(Listener {
        name: format!("{address}_{port}"),
        address: address.to_owned(),
        port,
        redirected_only: false,
        chains: vec![chain],
        default_chain: None,
    })
}
