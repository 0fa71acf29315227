//! What a change does to sidecars: those that are alike are predicted once, before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::proof::Effect;
use crate::predict::envoy::refusals;
use crate::predict::store::{Registry, Resolution, Store};
use crate::predict::{
    ChainMatch, Config, FilterChain, Listener, Metadata, ProxyFacts, RouteAction, UNSPECIFIED,
    UNSPECIFIED_V6, VirtualHost, predict, selects, sidecars,
};
use crate::snapshot::views::{AsView, DestinationRule, Labels, PeerAuthentication, Sidecar};
use crate::snapshot::{Change, Kind, ObjectId};
use crate::walk::counted;

/// How many groups of like sidecars are predicted for one change; in larger meshes the rest is a condition.
const MOST_GROUPS: usize = 256;

/// On to where the connection was going.
const PASSTHROUGH: &str = "PassthroughCluster";

/// No endpoint at all.
const BLACK_HOLE: &str = "BlackHoleCluster";

/// The status for a host that is not in the mesh.
const BAD_GATEWAY: u32 = 502;

/// Discovery of clusters that lead to the address that was asked for.
const ORIGINAL_DST: &str = "ORIGINAL_DST";

/// What makes sidecars alike: the same configuration, but for their own address.
type Key = (
    (String, usize),
    Metadata,
    (bool, bool, bool),
    Vec<(String, String)>,
    BTreeSet<ObjectId>,
    Vec<(String, u32)>,
);

/// Compares what every sidecar is sent before and after. `asked`: the listener that the change is for.
pub(super) fn compare(
    before: &Store<'_>,
    after: &Store<'_>,
    changes: &[Change],
    asked: Option<&str>,
    effect: &mut Effect,
) {
    let groups = groups(after, changes);
    let all: u32 = groups.iter().map(|g| g.replicas).sum();
    if groups.len() > MOST_GROUPS {
        let more = counted(groups.len() - MOST_GROUPS, "group");
        effect
            .assumptions
            .push(format!("{more} of like sidecars are not disturbed either"));
    }
    let mut added: BTreeMap<String, u32> = BTreeMap::new();
    for facts in groups.iter().take(MOST_GROUPS) {
        let old = predict(before, facts).config;
        let new = predict(after, facts).config;
        let whose = match facts.replicas {
            1 => facts.qualified(),
            n => format!("{n} sidecars like {}", facts.qualified()),
        };
        refused_now(&whose, facts, (&old, &new), effect);
        let old = taken(old, facts);
        disturbed(&whose, after.serving(facts), (&old, &new), effect);
        let known: BTreeSet<&str> = old.listeners.iter().map(|l| l.name.as_str()).collect();
        let mut first = true;
        for listener in new
            .listeners
            .iter()
            .filter(|l| !known.contains(l.name.as_str()))
        {
            *added.entry(listener.name.clone()).or_default() += facts.replicas;
            if first {
                *added.entry(String::new()).or_default() += facts.replicas;
                first = false;
            }
        }
    }
    let reached = added.remove("").unwrap_or_default();
    if reached > 0 {
        let whose = if reached == all && all > 1 {
            format!("all {}", counted(all as usize, "sidecar"))
        } else if groups.len() > MOST_GROUPS {
            format!("{reached} sidecars or more")
        } else {
            counted(reached as usize, "sidecar")
        };
        effect.added.push(in_words(&added, asked, &whose));
    }
}

/// What Envoy has of a configuration: a listener that it refuses can be changed.
fn taken(mut config: Config, facts: &ProxyFacts) -> Config {
    let refusals = refusals(&config, facts);
    config.listeners.retain(|l| !refusals.contains_key(&l.name));
    config
}

/// Listeners that Envoy would begin to refuse.
fn refused_now(
    whose: &str,
    facts: &ProxyFacts,
    (old, new): (&Config, &Config),
    effect: &mut Effect,
) {
    let before = refusals(old, facts);
    for name in refusals(new, facts).keys() {
        if !before.contains_key(name) {
            let line = format!("Envoy would refuse listener {name} of {whose}");
            effect.disturbed.push(line);
        }
    }
}

/// New listeners, in words: those of the fix itself need no list.
fn in_words(added: &BTreeMap<String, u32>, asked: Option<&str>, whose: &str) -> String {
    let port = |name: &str| name.rsplit_once('_').map(|(_, port)| port.to_owned());
    let own = asked.and_then(port);
    let of_asked = asked.is_some_and(|name| added.contains_key(name))
        && added.keys().all(|name| port(name) == own);
    let names: Vec<String> = added.keys().map(|n| n.replacen('_', ":", 1)).collect();
    match names.as_slice() {
        [_] if of_asked => format!("this listener in {whose}"),
        _ if of_asked => format!("these listeners in {whose}"),
        [one] => format!("listener {one} in {whose}"),
        [first, second] => format!("listeners {first} and {second} in {whose}"),
        [first, rest @ ..] => format!(
            "listener {first} and {} more in {whose}",
            counted(rest.len(), "listener")
        ),
        [] => String::new(),
    }
}

/// The sidecars of a mesh, like ones together, each with their number.
fn groups(store: &Store<'_>, changes: &[Change]) -> Vec<ProxyFacts> {
    let touched = touched(store, changes);
    let keys = label_keys(store);
    let mut found: BTreeMap<Key, ProxyFacts> = BTreeMap::new();
    for facts in sidecars(store) {
        let key = key(store, &facts, &touched, &keys);
        let count = facts.replicas;
        found
            .entry(key)
            .and_modify(|known| known.replicas = known.replicas.saturating_add(count))
            .or_insert(facts);
    }
    found.into_values().collect()
}

/// The namespaces whose pods' own ports a change can be about; a policy of the root namespace is about all of them.
fn touched(store: &Store<'_>, changes: &[Change]) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for change in changes {
        let (kind, namespace) = match change {
            Change::Patch { object, .. } => {
                let Some(object) = store.snapshot.get(*object) else {
                    continue;
                };
                (object.key.kind, object.key.namespace.clone())
            }
            Change::Create { kind, object, .. } => {
                let namespace = object.pointer("/metadata/namespace");
                let namespace = namespace.and_then(|n| n.as_str()).unwrap_or_default();
                (*kind, namespace.to_owned())
            }
        };
        let policy = matches!(kind, Kind::PeerAuthentication | Kind::Sidecar);
        if policy && namespace == store.mesh.root_namespace {
            return None;
        }
        found.insert(namespace);
    }
    Some(found)
}

/// The keys of labels that configuration depends on.
fn label_keys(store: &Store<'_>) -> BTreeSet<String> {
    let keys = |labels: &Labels| -> Vec<String> { labels.keys().cloned().collect() };
    let mut found: BTreeSet<String> = BTreeSet::new();
    for object in store.snapshot.of_kind(Kind::Sidecar) {
        let selector = Sidecar::of(&object.view).and_then(|s| s.spec.workload_selector.as_ref());
        found.extend(selector.into_iter().flat_map(|s| keys(&s.labels)));
    }
    for object in store.snapshot.of_kind(Kind::DestinationRule) {
        let rule = DestinationRule::of(&object.view);
        let selector = rule.and_then(|r| r.spec.workload_selector.as_ref());
        found.extend(selector.into_iter().flat_map(|s| keys(&s.match_labels)));
    }
    for vs in store.views().flat_map(|view| &view.virtual_services) {
        let tcp = vs.spec.tcp.iter().flat_map(|r| &r.r#match);
        let tls = vs.spec.tls.iter().flat_map(|r| &r.r#match);
        found.extend(tcp.chain(tls).flat_map(|m| keys(&m.source_labels)));
        let http = vs.spec.http.iter().flat_map(|r| &r.r#match);
        found.extend(http.flat_map(|m| keys(&m.source_labels)));
    }
    found
}

fn key(
    all: &Store<'_>,
    facts: &ProxyFacts,
    touched: &Option<BTreeSet<String>>,
    keys: &BTreeSet<String>,
) -> Key {
    let view = all.view_of(facts);
    let store = all.serving(facts);
    let labels = facts.labels.iter().filter(|(k, _)| keys.contains(*k));
    let v6 = facts.ips.iter().any(|ip| ip.contains(':'));
    let v4 = facts.ips.iter().any(|ip| !ip.contains(':'));
    let inbound = touched
        .as_ref()
        .is_none_or(|all| all.contains(&facts.namespace));
    let mut selecting = BTreeSet::new();
    let mut ports = Vec::new();
    if inbound {
        let services = store.kubernetes_services(&facts.namespace);
        selecting.extend(
            services
                .filter(|(_, s)| {
                    !s.spec.selector.is_empty() && selects(&s.spec.selector, &facts.labels)
                })
                .map(|(o, _)| o.id),
        );
        let policies = store.peer_authentications(&facts.namespace).iter();
        selecting.extend(
            policies
                .filter(|o| {
                    let view = PeerAuthentication::of(&o.view);
                    let labels = view.and_then(|p| p.spec.labels());
                    labels.is_some_and(|l| selects(l, &facts.labels))
                })
                .map(|o| o.id),
        );
        let named = facts.containers.iter().flat_map(|c| &c.ports);
        let named = named.filter(|p| !p.name.is_empty());
        ports.extend(named.map(|p| (p.name.clone(), p.container_port)));
    }
    (
        (facts.namespace.clone(), view),
        facts.metadata.clone(),
        (facts.unprivileged, v4, v6),
        labels.map(|(k, v)| (k.clone(), v.clone())).collect(),
        selecting,
        ports,
    )
}

/// What existed and is gone, or leads elsewhere.
fn disturbed(whose: &str, store: &Store<'_>, (old, new): (&Config, &Config), effect: &mut Effect) {
    for listener in &old.listeners {
        let name = &listener.name;
        let Some(now) = new.listeners.iter().find(|l| l.name == *name) else {
            if !leads_nowhere_of_its_own(old, listener) {
                effect
                    .disturbed
                    .push(format!("listener {name} of {whose} is gone"));
            }
            continue;
        };
        // The last one may ask for no more than one of the others.
        let chains = listener.chains.iter().map(|chain| {
            let same = now.chains.iter().find(|c| asks(c) == asks(chain));
            (chain, same)
        });
        let last = listener.default_chain.iter();
        let last = last.map(|chain| (chain, now.default_chain.as_ref()));
        for (chain, same) in chains.chain(last) {
            let taken = works(old, &chain.clusters);
            match same {
                None => effect
                    .disturbed
                    .push(format!("a filter chain of {name} of {whose} is gone")),
                Some(after)
                    if after.route != chain.route
                        || (taken && after.clusters != chain.clusters) =>
                {
                    effect
                        .disturbed
                        .push(format!("{name} of {whose} leads elsewhere"));
                }
                Some(_) => {}
            }
        }
    }
    for listener in &new.listeners {
        let known = old.listeners.iter().any(|l| l.name == listener.name);
        let everything = matches!(listener.address.as_str(), UNSPECIFIED | UNSPECIFIED_V6);
        if known || !everything || !listener.redirected_only {
            continue;
        }
        let rest = listener.all_chains().find(|c| asks(c) == Asks::default());
        let captures = rest.is_some_and(|c| c.clusters.iter().all(|(n, _)| n != PASSTHROUGH));
        if let Some(service) = rest.and_then(|chain| without_address(store, chain)) {
            let assumption = format!("Service {service} has a ClusterIP");
            if !effect.assumptions.contains(&assumption) {
                effect.assumptions.push(assumption);
            }
        } else if captures && passes_through(old) {
            effect.disturbed.push(format!(
                "{} of {whose} takes what passed through",
                listener.name
            ));
        }
    }
    for (name, hosts) in &old.routes {
        if let Some(domain) = new
            .routes
            .get(name)
            .and_then(|now| redirected(old, hosts, now))
        {
            effect
                .disturbed
                .push(format!("requests for {domain} of {whose} go elsewhere"));
        }
    }
    for (name, cluster) in &old.clusters {
        let now = new.clusters.get(name);
        if cluster.endpoint_count() > 0 && now.is_some_and(|c| c.endpoints != cluster.endpoints) {
            effect
                .disturbed
                .push(format!("{name} of {whose} has other endpoints"));
        }
    }
}

/// Whether all that comes to a listener goes where it would go without it.
fn leads_nowhere_of_its_own(config: &Config, listener: &Listener) -> bool {
    let rest = |name: &str| matches!(name, PASSTHROUGH | BLACK_HOLE);
    listener.all_chains().all(|chain| match &chain.route {
        Some(route) => config.routes.get(route).is_some_and(|hosts| {
            let mut routes = hosts.iter().flat_map(|h| &h.routes);
            routes.all(|route| match &route.action {
                RouteAction::Clusters(clusters) => clusters.iter().all(|(name, _)| rest(name)),
                RouteAction::DirectResponse(status) => *status == BAD_GATEWAY,
                RouteAction::Redirect => false,
            })
        }),
        None => chain.clusters.iter().all(|(name, _)| rest(name)),
    })
}

/// The Service that a chain leads to, where its manifest has no ClusterIP: the API server gives it one, and then it
/// listens there.
fn without_address(store: &Store<'_>, chain: &FilterChain) -> Option<String> {
    let (cluster, _) = chain.clusters.first()?;
    let host = cluster.rsplit('|').next()?;
    let mut services = store.services_named(host);
    let service = services.find(|s| {
        s.registry == Registry::Kubernetes
            && s.resolution == Resolution::ClientSide
            && s.addresses.iter().all(|a| a.parse::<IpAddr>().is_err())
    })?;
    Some(format!("{}/{}", service.namespace, service.sort_name))
}

/// What a chain asks of a connection.
type Asks = (Vec<String>, Vec<&'static str>, ChainMatch);

fn asks(chain: &FilterChain) -> Asks {
    (
        chain.sni.clone(),
        chain.application_protocols.clone(),
        chain.matches.clone(),
    )
}

/// Whether undeclared connections go on.
fn passes_through(config: &Config) -> bool {
    let mut listeners = config.listeners.iter();
    let rest = listeners.find(|l| l.name == "virtualOutbound");
    let mut chains = rest.into_iter().flat_map(|l| &l.chains);
    chains.any(|c| c.clusters.iter().any(|(name, _)| name == PASSTHROUGH))
}

/// Whether connections get through: what leads nowhere may be led somewhere.
fn works(config: &Config, clusters: &[(String, u32)]) -> bool {
    clusters.iter().all(|(name, _)| {
        config
            .clusters
            .get(name)
            .is_some_and(|c| c.endpoint_count() > 0 || c.discovery == ORIGINAL_DST)
    })
}

/// A domain whose requests would be routed otherwise.
fn redirected<'h>(
    old: &Config,
    before: &'h [VirtualHost],
    after: &[VirtualHost],
) -> Option<&'h str> {
    let ways = |host: &VirtualHost| -> Vec<(Option<String>, RouteAction)> {
        let routes = host.routes.iter();
        routes
            .map(|r| (r.matches.clone(), r.action.clone()))
            .collect()
    };
    let domains = before
        .iter()
        .flat_map(|host| host.domains.iter().map(move |domain| (domain, host)));
    domains
        .filter(|(_, host)| {
            host.routes.iter().all(|r| match &r.action {
                RouteAction::Clusters(clusters) => works(old, clusters),
                RouteAction::DirectResponse(_) | RouteAction::Redirect => true,
            })
        })
        .find(|(domain, host)| {
            let now = after.iter().find(|h| h.domains.contains(domain));
            now.is_none_or(|now| ways(now) != ways(host))
        })
        .map(|(domain, _)| domain.as_str())
}
