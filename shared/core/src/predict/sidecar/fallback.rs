//! Where connections go that nothing else takes: `virtualOutbound`, the last chain of a listener, the last virtual
//! host. After istio `core/listener_builder.go` and `core/httproute.go:buildCatchAllVirtualHost` (1.31).

use std::collections::{BTreeMap, BTreeSet};

use super::chains::PLAINTEXT_HTTP;
use super::scope::Policy;
use crate::ledger::{Effect, EntryId, Fate, Step};
use crate::predict::cluster::{self, DYNAMIC_FORWARD_PROXY, ORIGINAL_DST};
use crate::predict::config::{
    ChainKind, ChainMatch, Cluster, FilterChain, Listener, Route, RouteAction, VirtualHost,
};
use crate::predict::gateway::{Context, wildcard_address};
use crate::snapshot::views::Destination;

/// On to where the connection was going.
pub(super) const PASSTHROUGH: &str = "PassthroughCluster";

/// No endpoint at all.
pub(super) const BLACK_HOLE: &str = "BlackHoleCluster";

/// On to the pod's own port.
pub(super) const INBOUND_PASSTHROUGH: &str = "InboundPassthroughCluster";

/// To the name in the Host header.
const DYNAMIC_DNS: &str = "AllowAnyDynamicDNSCluster";

/// The status for a host that is not in the mesh.
const BAD_GATEWAY: u32 = 502;

/// The entry that what every sidecar has stands under.
pub(super) fn entry(context: &mut Context<'_, '_>) -> EntryId {
    let object = context.proxy.object().unwrap_or_default();
    let known = context
        .ledger
        .entries()
        .find(|(_, e)| matches!(e.step, Step::Fallback(_)))
        .map(|(id, _)| id);
    known.unwrap_or_else(|| {
        let entry = context.ledger.open(Step::Fallback(object), None);
        context.ledger.settle(entry, Ok(((), Effect::Applies)));
        entry
    })
}

/// A cluster that every sidecar has.
pub(super) const fn without_endpoints(discovery: &'static str) -> Cluster {
    Cluster {
        discovery,
        endpoints: Vec::new(),
    }
}

fn egress_proxy(policy: &Policy) -> Option<&Destination> {
    match policy {
        Policy::AllowAny(proxy) | Policy::DynamicDns(proxy) => proxy.as_ref(),
        Policy::RegistryOnly => None,
    }
}

fn proxy_cluster(proxy: &Destination) -> String {
    let port = proxy.port.as_ref().map_or(0, |p| p.number);
    format!("outbound|{port}|{}|{}", proxy.subset, proxy.host)
}

/// The cluster of what nothing else takes.
pub(super) fn rest_cluster(policy: &Policy) -> String {
    match (policy, egress_proxy(policy)) {
        (Policy::RegistryOnly, _) => BLACK_HOLE.to_owned(),
        (_, Some(proxy)) => proxy_cluster(proxy),
        (_, None) => PASSTHROUGH.to_owned(),
    }
}

/// Adds the cluster of the egress proxy, if there is one. istiod builds it as for every service that the proxy knows:
/// the Sidecar has to import it.
pub(super) fn add_egress_proxy(
    context: &mut Context<'_, '_>,
    policy: &Policy,
    clusters: &mut BTreeMap<String, Cluster>,
) {
    let Some(proxy) = egress_proxy(policy) else {
        return;
    };
    let deciding = context.ledger.entries().find_map(|(_, e)| match e.step {
        Step::Sidecar(id) if matches!(e.fate, Fate::Effective(_)) => Some(id),
        _ => None,
    });
    let port = proxy.port.as_ref().map_or(0, |p| p.number);
    let name = proxy_cluster(proxy);
    let outcome = cluster::named(context, &proxy.host, &proxy.subset, port)
        .map(|cluster| (cluster, Effect::Cluster(name.clone())));
    let under = entry(context);
    let step = Step::EgressProxy(deciding.unwrap_or_default());
    let entry = context.ledger.open(step, Some(under));
    if let Some(cluster) = context.ledger.settle(entry, outcome) {
        clusters.insert(name, cluster);
    }
}

/// Adds the clusters that every sidecar has, where something leads to them.
pub(super) fn add_fixed(named: &BTreeSet<String>, clusters: &mut BTreeMap<String, Cluster>) {
    for name in named {
        let discovery = match name.as_str() {
            PASSTHROUGH | INBOUND_PASSTHROUGH => ORIGINAL_DST,
            BLACK_HOLE => "STATIC",
            DYNAMIC_DNS => DYNAMIC_FORWARD_PROXY,
            _ => continue,
        };
        clusters.insert(name.clone(), without_endpoints(discovery));
    }
}

fn to(cluster: String, destination_port: Option<u32>, origin: EntryId) -> FilterChain {
    FilterChain {
        kind: ChainKind::Tcp,
        sni: Vec::new(),
        application_protocols: Vec::new(),
        matches: ChainMatch {
            destination_port,
            ..ChainMatch::default()
        },
        terminates_tls: false,
        clusters: vec![(cluster, 100)],
        route: None,
        origin,
        clause: None,
    }
}

/// What would lead back to the listener itself ends.
pub(super) fn black_hole(port: u32, origin: EntryId) -> FilterChain {
    to(BLACK_HOLE.to_owned(), Some(port), origin)
}

/// The listener that all outbound connections are redirected to.
/// After `core/listener_builder.go:buildVirtualOutboundListener`.
pub(super) fn virtual_outbound(context: &mut Context<'_, '_>, policy: &Policy) -> Option<Listener> {
    if context.proxy.metadata.not_intercepted {
        return None;
    }
    let port = u32::try_from(context.store.mesh.proxy_listen_port).ok()?;
    let origin = entry(context);
    let mut chains = vec![black_hole(port, origin)];
    if let Policy::DynamicDns(_) = policy {
        chains.push(FilterChain {
            kind: ChainKind::Http,
            application_protocols: PLAINTEXT_HTTP.to_vec(),
            route: Some("(inline) allow_any_dynamic_dns".to_owned()),
            clusters: Vec::new(),
            ..to(String::new(), None, origin)
        });
    }
    chains.push(to(rest_cluster(policy), None, origin));
    Some(Listener {
        name: "virtualOutbound".to_owned(),
        address: wildcard_address(&context.proxy.ips).to_owned(),
        port,
        redirected_only: false,
        chains,
        default_chain: None,
    })
}

/// The virtual host for every name that no other has.
pub(super) fn virtual_host(policy: &Policy, clause: EntryId) -> VirtualHost {
    let action = match policy {
        Policy::DynamicDns(_) => RouteAction::Clusters(vec![(DYNAMIC_DNS.to_owned(), 100)]),
        Policy::AllowAny(_) => RouteAction::Clusters(vec![(rest_cluster(policy), 100)]),
        Policy::RegistryOnly => RouteAction::DirectResponse(BAD_GATEWAY),
    };
    VirtualHost {
        domains: vec!["*".to_owned()],
        routes: vec![Route {
            matches: Some("prefix /".to_owned()),
            action,
            clause,
            catch_all: true,
        }],
        require_tls: false,
    }
}
