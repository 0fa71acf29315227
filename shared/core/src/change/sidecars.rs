//! What a change does to sidecars: those that are alike are predicted once, before and after.

use std::collections::{BTreeMap, BTreeSet};

use super::proof::Effect;
use crate::predict::envoy::refusals;
use crate::predict::store::Store;
use crate::predict::{
    ChainMatch, Config, FilterChain, Listener, Metadata, ProxyFacts, RouteAction, UNSPECIFIED,
    UNSPECIFIED_V6, VirtualHost, by_outlook, predict, predict_inbound, selects, sidecars,
    with_short_names,
};
use crate::snapshot::views::{Labels, View};
use crate::snapshot::{Change, Kind, Object, ObjectId};
use crate::walk::counted;

/// How many groups of like sidecars are predicted for one change; in larger meshes the rest is a condition.
pub(super) const MOST_GROUPS: usize = 256;

/// On to where the connection was going.
pub(super) const PASSTHROUGH: &str = "PassthroughCluster";

/// No endpoint at all.
pub(super) const BLACK_HOLE: &str = "BlackHoleCluster";

/// The status for a host that is not in the mesh.
const BAD_GATEWAY: u32 = 502;

/// Discovery of clusters that lead to the address that was asked for.
const ORIGINAL_DST: &str = "ORIGINAL_DST";

/// What leads to pods alike: the same Services and policies, the same ports.
pub(super) type Inbound = (
    (String, usize),
    (Metadata, bool, bool),
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
    let groups = by_outlook(&[before, after], sidecars(after));
    let all: u32 = groups.iter().map(|g| replicas(g)).sum();
    if groups.len() > MOST_GROUPS {
        let more = counted(groups.len() - MOST_GROUPS, "group");
        effect
            .assumptions
            .push(format!("{more} of like sidecars are not disturbed either"));
    }
    let short_names = with_short_names(after);
    let mut added: BTreeMap<String, u32> = BTreeMap::new();
    for group in groups.iter().take(MOST_GROUPS) {
        let Some(facts) = group.first() else {
            continue;
        };
        let replicas = replicas(group);
        let old = predict(before, facts).config;
        let new = predict(after, facts).config;
        let whose = whose(facts, replicas);
        refused_now(&whose, facts, (&old, &new), effect);
        let old = taken(old, facts);
        disturbed(&whose, &old, &new, effect);
        if !routes_alike(&old, &new) {
            // Of other namespaces the short names are other ones.
            let mut known = BTreeSet::from([facts.namespace.as_str()]);
            for member in group {
                let own = member.namespace.as_str();
                if short_names.contains(own) && known.insert(own) {
                    let old = predict(before, member).config;
                    let new = predict(after, member).config;
                    rerouted(&member.qualified(), &old, &new, effect);
                }
            }
        }
        let known: BTreeSet<&str> = old.listeners.iter().map(|l| l.name.as_str()).collect();
        let mut first = true;
        for listener in new
            .listeners
            .iter()
            .filter(|l| !known.contains(l.name.as_str()))
        {
            *added.entry(listener.name.clone()).or_default() += replicas;
            if first {
                *added.entry(String::new()).or_default() += replicas;
                first = false;
            }
        }
    }
    inbound(before, after, changes, &groups, effect);
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
pub(super) fn taken(mut config: Config, facts: &ProxyFacts) -> Config {
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

fn whose(facts: &ProxyFacts, replicas: u32) -> String {
    match replicas {
        1 => facts.qualified(),
        n => format!("{n} sidecars like {}", facts.qualified()),
    }
}

/// How many pods they stand for.
pub(super) fn replicas(group: &[ProxyFacts]) -> u32 {
    group.iter().map(|facts| facts.replicas).sum()
}

/// Compares what leads to the pods that a change can be about. The first of each group was compared whole.
fn inbound(
    before: &Store<'_>,
    after: &Store<'_>,
    changes: &[Change],
    groups: &[Vec<ProxyFacts>],
    effect: &mut Effect,
) {
    let touched = touched(after, changes);
    let mut found: BTreeMap<Inbound, (&ProxyFacts, u32)> = BTreeMap::new();
    let mut compared: BTreeSet<Inbound> = BTreeSet::new();
    for (n, group) in groups.iter().enumerate() {
        for (nth, facts) in group.iter().enumerate() {
            if touched
                .as_ref()
                .is_some_and(|all| !all.contains(&facts.namespace))
            {
                continue;
            }
            let key = inbound_key(after, facts);
            if nth == 0 && n < MOST_GROUPS {
                compared.insert(key.clone());
            }
            let known = found.entry(key).or_insert((facts, 0));
            known.1 = known.1.saturating_add(facts.replicas);
        }
    }
    found.retain(|key, _| !compared.contains(key));
    for (facts, replicas) in found.into_values() {
        let old = predict_inbound(before, facts).config;
        let new = predict_inbound(after, facts).config;
        let whose = whose(facts, replicas);
        disturbed(&whose, &old, &new, effect);
    }
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

pub(super) fn inbound_key(all: &Store<'_>, facts: &ProxyFacts) -> Inbound {
    let store = all.serving(facts);
    let services = store.kubernetes_services(&facts.namespace);
    let services = services
        .filter(|(_, s)| !s.spec.selector.is_empty() && selects(&s.spec.selector, &facts.labels));
    let mut selecting: BTreeSet<ObjectId> = services.map(|(o, _)| o.id).collect();
    let own = facts.namespace.as_str();
    let policies = store.peer_authentications(own).iter();
    let sidecars = store.sidecars(own).iter();
    let labels = |o: &Object| -> Option<Labels> {
        match &o.view {
            View::PeerAuthentication(view) => view.spec.labels().cloned(),
            View::Sidecar(view) => view
                .spec
                .workload_selector
                .as_ref()
                .map(|s| s.labels.clone()),
            _ => None,
        }
    };
    let chosen = policies.chain(sidecars);
    let chosen = chosen.filter(|o| labels(o).is_some_and(|l| selects(&l, &facts.labels)));
    selecting.extend(chosen.map(|o| o.id));
    let named = facts.containers.iter().flat_map(|c| &c.ports);
    let named = named.filter(|p| !p.name.is_empty());
    let v6 = facts.ips.iter().any(|ip| ip.contains(':'));
    (
        (own.to_owned(), all.view_of(facts)),
        (facts.metadata.clone(), facts.unprivileged, v6),
        selecting,
        named.map(|p| (p.name.clone(), p.container_port)).collect(),
    )
}

/// What existed and is gone, or leads elsewhere.
fn disturbed(whose: &str, old: &Config, new: &Config, effect: &mut Effect) {
    let (before, after) = (by_name(old), by_name(new));
    for listener in &old.listeners {
        let name = &listener.name;
        let Some(now) = after.get(name.as_str()) else {
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
        if !before.contains_key(listener.name.as_str()) && captures(old, listener) {
            effect.disturbed.push(format!(
                "{} of {whose} takes what passed through",
                listener.name
            ));
        }
    }
    rerouted(whose, old, new, effect);
    for (name, cluster) in &old.clusters {
        let now = new.clusters.get(name);
        if cluster.endpoint_count() > 0 && now.is_some_and(|c| c.endpoints != cluster.endpoints) {
            effect
                .disturbed
                .push(format!("{name} of {whose} has other endpoints"));
        }
    }
}

/// Whether a new listener takes what had no listener of its own and went on.
pub(super) fn captures(old: &Config, listener: &Listener) -> bool {
    let everything = matches!(listener.address.as_str(), UNSPECIFIED | UNSPECIFIED_V6);
    if !everything || !listener.redirected_only {
        return false;
    }
    let rest = listener.all_chains().find(|c| asks(c) == Asks::default());
    let captures = rest.is_some_and(|c| c.clusters.iter().all(|(n, _)| n != PASSTHROUGH));
    captures && passes_through(old)
}

fn by_name(config: &Config) -> BTreeMap<&str, &Listener> {
    let listeners = config.listeners.iter();
    listeners.map(|l| (l.name.as_str(), l)).collect()
}

/// Requests that would be routed otherwise.
fn rerouted(whose: &str, old: &Config, new: &Config, effect: &mut Effect) {
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
}

/// Whether all that comes to a listener goes where it would go without it.
pub(super) fn leads_nowhere_of_its_own(config: &Config, listener: &Listener) -> bool {
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

/// Whether requests are routed as before, whatever they are for.
fn routes_alike(old: &Config, new: &Config) -> bool {
    let alike = |(a, b): (&VirtualHost, &VirtualHost)| a.domains == b.domains && ways(a) == ways(b);
    let all = old.routes.iter().zip(&new.routes);
    let mut all = all.map(|((name, a), (other, b))| {
        name == other && a.len() == b.len() && a.iter().zip(b).all(alike)
    });
    old.routes.len() == new.routes.len() && all.all(|same| same)
}

/// Where the requests for a virtual host go.
fn ways(host: &VirtualHost) -> Vec<(Option<&str>, &RouteAction)> {
    let routes = host.routes.iter();
    routes.map(|r| (r.matches.as_deref(), &r.action)).collect()
}

/// What a chain asks of a connection.
pub(super) type Asks = (Vec<String>, Vec<&'static str>, ChainMatch);

pub(super) fn asks(chain: &FilterChain) -> Asks {
    (
        chain.sni.clone(),
        chain.application_protocols.clone(),
        chain.matches.clone(),
    )
}

/// Whether undeclared connections go on.
pub(super) fn passes_through(config: &Config) -> bool {
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
    // The first of several that ask for one domain counts.
    let mut by_domain: BTreeMap<&str, &VirtualHost> = BTreeMap::new();
    for host in after {
        for domain in &host.domains {
            by_domain.entry(domain).or_insert(host);
        }
    }
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
            let now = by_domain.get(domain.as_str());
            now.is_none_or(|now| ways(now) != ways(host))
        })
        .map(|(domain, _)| domain.as_str())
}
