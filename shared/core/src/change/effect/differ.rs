//! What differs between two configurations of one proxy, port by port.

use std::collections::{BTreeMap, BTreeSet};

use super::{Clusters, Cuts, PortEffect, What};
use crate::change::sidecars::{asks, captures, leads_nowhere_of_its_own};
use crate::predict::{
    ChainKind, Cluster, Config, FilterChain, Listener, RouteAction, UNSPECIFIED, UNSPECIFIED_V6,
    VirtualHost,
};
use crate::walk::counted;

/// Compares what a proxy is sent before and after. `declared` gives the number that people know a listener's port by.
pub(super) fn differ(old: &Config, new: &Config, declared: &BTreeMap<u32, u32>) -> Vec<PortEffect> {
    let mut differ = Differ {
        old,
        new,
        declared,
        found: Vec::new(),
        told: BTreeSet::new(),
    };
    let by_name = |config: &'_ Config, name: &str| {
        let mut listeners = config.listeners.iter();
        listeners.find(|l| l.name == name).cloned()
    };
    for listener in &old.listeners {
        match by_name(new, &listener.name) {
            Some(now) => differ.listener(listener, &now),
            // What goes on as it would without it is nothing that closes.
            None if leads_nowhere_of_its_own(old, listener) => {}
            None => {
                for chain in listener.all_chains() {
                    differ.closed(listener, chain);
                }
            }
        }
    }
    for listener in &new.listeners {
        if by_name(old, &listener.name).is_some() || leads_nowhere_of_its_own(new, listener) {
            continue;
        }
        let captures = captures(old, listener);
        for chain in listener.all_chains() {
            differ.opened(listener, chain, captures);
        }
    }
    let mut found = differ.found;
    found.sort();
    found.dedup();
    found
}

struct Differ<'c> {
    old: &'c Config,
    new: &'c Config,
    declared: &'c BTreeMap<u32, u32>,
    found: Vec<PortEffect>,
    /// Clusters whose own change is told, each at the first port that leads to it.
    told: BTreeSet<String>,
}

impl Differ<'_> {
    /// An effect at a chain, still without what it is.
    fn at(&self, what: What, listener: &Listener, chain: &FilterChain) -> PortEffect {
        let port = chain.matches.destination_port.unwrap_or(listener.port);
        let everywhere = matches!(listener.address.as_str(), UNSPECIFIED | UNSPECIFIED_V6);
        let mut of = chain.sni.clone();
        of.extend(chain.matches.prefix_ranges.iter().cloned());
        PortEffect {
            what,
            port: self.declared.get(&port).copied().unwrap_or(port),
            listener: listener.name.clone(),
            address: (!everywhere).then(|| listener.address.clone()),
            of,
            requests: None,
            before: Vec::new(),
            after: Vec::new(),
            note: None,
            cuts: Cuts::Nothing,
            cut: BTreeSet::new(),
            shared: false,
        }
    }

    fn closed(&mut self, listener: &Listener, chain: &FilterChain) {
        let effect = self.at(What::Closed, listener, chain);
        let effect = PortEffect {
            before: self.leads(self.old, chain),
            ..effect
        };
        let effect = self.cutting(effect, chain);
        self.found.push(effect);
    }

    fn opened(&mut self, listener: &Listener, chain: &FilterChain, captures: bool) {
        let what = if captures {
            What::Captured
        } else {
            What::Opened
        };
        let after = self.leads(self.new, chain);
        let note = nowhere(self.new, &after);
        let effect = self.at(what, listener, chain);
        self.found.push(PortEffect {
            after,
            note,
            ..effect
        });
    }

    /// Envoy takes a changed chain for another one, and closes the connections of the old one when its drain time
    /// ends.
    fn cutting(&self, effect: PortEffect, chain: &FilterChain) -> PortEffect {
        let own = chain.clusters.iter().map(|(n, _)| n.clone());
        let cut: BTreeSet<String> = own.chain(effect.cut.iter().cloned()).collect();
        let named = |c: &FilterChain| c.clusters.iter().any(|(name, _)| cut.contains(name));
        let chains = self.old.listeners.iter().flat_map(Listener::all_chains);
        let by_chains = chains.filter(|c| named(c)).count();
        let routes = self.old.routes.values().flatten().flat_map(|h| &h.routes);
        let by_routes = routes
            .filter_map(|r| match &r.action {
                RouteAction::Clusters(all) => Some(all),
                RouteAction::DirectResponse(_) | RouteAction::Redirect => None,
            })
            .flatten()
            .any(|(name, _)| cut.contains(name));
        PortEffect {
            cuts: Cuts::Unknown,
            shared: by_chains > 1 || by_routes,
            cut,
            ..effect
        }
    }

    fn listener(&mut self, old: &Listener, new: &Listener) {
        let mut places: Vec<&FilterChain> = Vec::new();
        for chain in old.chains.iter().chain(&new.chains) {
            if !places.iter().any(|known| takes_the_same(known, chain)) {
                places.push(chain);
            }
        }
        for place in places {
            let of = |listener: &'_ Listener| -> Vec<FilterChain> {
                let chains = listener.chains.iter();
                chains
                    .filter(|c| takes_the_same(c, place))
                    .cloned()
                    .collect()
            };
            let (was, now) = (of(old), of(new));
            match (was.as_slice(), now.as_slice()) {
                ([], _) => now.iter().for_each(|c| self.opened(new, c, false)),
                (_, []) => was.iter().for_each(|c| self.closed(old, c)),
                ([one], [other]) => self.chain(new, one, other),
                _ => self.chains(new, &was, &now),
            }
        }
        match (&old.default_chain, &new.default_chain) {
            (Some(chain), Some(now)) => self.chain(new, chain, now),
            (Some(chain), None) => self.closed(old, chain),
            (None, Some(now)) => self.opened(new, now, false),
            (None, None) => {}
        }
    }

    /// Several chains for connections to the same, told apart by how these begin.
    fn chains(&mut self, listener: &Listener, old: &[FilterChain], new: &[FilterChain]) {
        let mut left: Vec<&FilterChain> = new.iter().collect();
        let mut gone: Vec<&FilterChain> = Vec::new();
        for chain in old {
            match left
                .iter()
                .position(|c| asks(c) == asks(chain) && !other(chain, c))
            {
                Some(at) => {
                    let now = left.remove(at);
                    self.chain(listener, chain, now);
                }
                None => gone.push(chain),
            }
        }
        let Some(chain) = gone.first().or(left.first()) else {
            return;
        };
        let leads = |config: &Config, chains: &[FilterChain]| -> Clusters {
            let all: BTreeMap<String, u32> =
                chains.iter().flat_map(|c| self.leads(config, c)).collect();
            all.into_iter().collect()
        };
        let (before, after) = (leads(self.old, old), leads(self.new, new));
        let note = if before == after {
            Some(format!("takes {} → {}", ways(old), ways(new)))
        } else {
            nowhere(self.new, &after)
        };
        let effect = self.at(What::Changed, listener, chain);
        let mut effect = PortEffect {
            before,
            after,
            note,
            ..effect
        };
        for chain in gone {
            effect = self.cutting(effect, chain);
        }
        self.found.push(effect);
    }

    fn chain(&mut self, listener: &Listener, old: &FilterChain, new: &FilterChain) {
        let (before, after) = (self.leads(self.old, old), self.leads(self.new, new));
        if other(old, new) || asks(old) != asks(new) {
            let note = nowhere(self.new, &after);
            let note = note.or_else(|| {
                (before == after).then(|| {
                    let (old, new) = (std::slice::from_ref(old), std::slice::from_ref(new));
                    format!("takes {} → {}", ways(old), ways(new))
                })
            });
            let effect = self.at(What::Changed, listener, new);
            let effect = PortEffect {
                before,
                after,
                note,
                ..effect
            };
            let effect = self.cutting(effect, old);
            self.found.push(effect);
            return;
        }
        if let (Some(was), Some(now)) = (&old.route, &new.route) {
            let (config, next) = (self.old, self.new);
            let none = Vec::new();
            let was = config.routes.get(was).unwrap_or(&none);
            let now = next.routes.get(now).unwrap_or(&none);
            self.hosts(listener, new, was, now);
        }
        for (name, _) in &old.clusters {
            let note = self.endpoints(name);
            self.note(listener, new, note);
        }
    }

    fn note(&mut self, listener: &Listener, chain: &FilterChain, note: Option<(String, String)>) {
        let Some((cluster, note)) = note else {
            return;
        };
        if !self.told.insert(cluster.clone()) {
            return;
        }
        let effect = self.at(What::Changed, listener, chain);
        let alone = vec![(cluster, 100)];
        self.found.push(PortEffect {
            before: alone.clone(),
            after: alone,
            note: Some(note),
            ..effect
        });
    }

    /// How the endpoints of a cluster change.
    fn endpoints(&self, name: &str) -> Option<(String, String)> {
        let (old, new) = (self.old.clusters.get(name), self.new.clusters.get(name));
        let number = |cluster: &Cluster| counted(cluster.endpoint_count() as usize, "endpoint");
        let note = match (old, new) {
            (Some(_), None) => "its cluster is gone".to_owned(),
            (None, Some(now)) => format!("its cluster is there now, with {}", number(now)),
            (Some(was), Some(now)) if was.endpoints != now.endpoints => {
                let (was, now) = (number(was), number(now));
                if was == now {
                    format!("{now}, but other ones")
                } else {
                    format!("{was} → {now}")
                }
            }
            _ => return None,
        };
        Some((name.to_owned(), note))
    }

    fn hosts(
        &mut self,
        listener: &Listener,
        chain: &FilterChain,
        old: &[VirtualHost],
        new: &[VirtualHost],
    ) {
        let name = |host: &VirtualHost| host.domains.first().cloned().unwrap_or_default();
        for host in old {
            match new.iter().find(|h| name(h) == name(host)) {
                Some(now) => self.routes(listener, chain, host, now),
                None => {
                    let effect = self.at(What::Closed, listener, chain);
                    self.found.push(PortEffect {
                        requests: Some(name(host)),
                        before: host.routes.first().map(ends).unwrap_or_default(),
                        ..effect
                    });
                }
            }
        }
        for host in new {
            if !old.iter().any(|h| name(h) == name(host)) {
                let after = host.routes.first().map(ends).unwrap_or_default();
                let note = nowhere(self.new, &after);
                let effect = self.at(What::Opened, listener, chain);
                self.found.push(PortEffect {
                    requests: Some(name(host)),
                    after,
                    note,
                    ..effect
                });
            }
        }
    }

    /// The routes of one virtual host.
    fn routes(
        &mut self,
        listener: &Listener,
        chain: &FilterChain,
        old: &VirtualHost,
        new: &VirtualHost,
    ) {
        let name = old.domains.first().cloned().unwrap_or_default();
        let ways = |host: &VirtualHost| -> Vec<_> {
            let routes = host.routes.iter();
            routes
                .map(|r| (r.matches.clone(), r.action.clone()))
                .collect()
        };
        let (was, now) = (ways(old), ways(new));
        if was == now {
            let all = old.routes.iter().flat_map(ends);
            for (cluster, _) in all {
                let note = self.endpoints(&cluster);
                self.note(listener, chain, note);
            }
            let note = if old.domains != new.domains {
                "under other names"
            } else if old.require_tls != new.require_tls && new.require_tls {
                "redirected to HTTPS"
            } else if old.require_tls != new.require_tls {
                "no more redirected to HTTPS"
            } else {
                return;
            };
            let effect = self.at(What::Changed, listener, chain);
            self.found.push(PortEffect {
                requests: Some(name),
                note: Some(note.to_owned()),
                ..effect
            });
            return;
        }
        let mut told = false;
        for route in &new.routes {
            let same = old.routes.iter().find(|r| r.matches == route.matches);
            if same.is_some_and(|r| r.action == route.action) {
                continue;
            }
            told = true;
            self.route(
                listener,
                chain,
                (&name, route.matches.as_deref()),
                same.map(ends),
                Some(ends(route)),
            );
        }
        for route in &old.routes {
            if !new.routes.iter().any(|r| r.matches == route.matches) {
                told = true;
                self.route(
                    listener,
                    chain,
                    (&name, route.matches.as_deref()),
                    Some(ends(route)),
                    None,
                );
            }
        }
        if !told {
            let effect = self.at(What::Changed, listener, chain);
            self.found.push(PortEffect {
                requests: Some(name),
                note: Some("its routes stand in another order".to_owned()),
                ..effect
            });
        }
    }

    fn route(
        &mut self,
        listener: &Listener,
        chain: &FilterChain,
        (host, matches): (&str, Option<&str>),
        before: Option<Clusters>,
        after: Option<Clusters>,
    ) {
        let note = match (&before, &after) {
            (None, _) => Some("a new route".to_owned()),
            (_, None) => Some("the route is gone".to_owned()),
            (Some(_), Some(after)) => nowhere(self.new, after),
        };
        let requests = match matches.filter(|m| *m != "prefix /") {
            None => host.to_owned(),
            Some(matches) => format!("{host} {matches}"),
        };
        let effect = self.at(What::Changed, listener, chain);
        self.found.push(PortEffect {
            requests: Some(requests),
            before: before.unwrap_or_default(),
            after: after.unwrap_or_default(),
            note,
            ..effect
        });
    }

    /// Where a chain leads: of HTTP the first routes of its virtual hosts.
    fn leads(&self, config: &Config, chain: &FilterChain) -> Clusters {
        if chain.kind == ChainKind::Tcp {
            return chain.clusters.clone();
        }
        let hosts = chain.route.as_ref().and_then(|r| config.routes.get(r));
        let mut found: Clusters = Vec::new();
        for (name, _) in hosts
            .into_iter()
            .flatten()
            .flat_map(|h| &h.routes)
            .flat_map(ends)
        {
            if !found.iter().any(|(known, _)| *known == name) {
                found.push((name, 0));
            }
        }
        found
    }
}

/// Whether two chains take connections to the same, if perhaps in other ways.
fn takes_the_same(a: &FilterChain, b: &FilterChain) -> bool {
    let (one, other) = (&a.matches, &b.matches);
    a.sni == b.sni
        && one.destination_port == other.destination_port
        && one.prefix_ranges == other.prefix_ranges
}

/// Whether a chain becomes another one for Envoy.
fn other(old: &FilterChain, new: &FilterChain) -> bool {
    old.kind != new.kind || old.terminates_tls != new.terminates_tls || old.clusters != new.clusters
}

/// How connections begin that chains take.
fn ways(chains: &[FilterChain]) -> String {
    let way = |chain: &FilterChain| match (chain.terminates_tls, chain.matches.transport_protocol) {
        (true, _) => "TLS ended here",
        (false, Some("raw_buffer")) => "plain text",
        (false, Some(_)) => "TLS passed on",
        (false, None) if chain.kind == ChainKind::Http => "HTTP",
        (false, None) => "TCP",
    };
    let mut all: Vec<&str> = chains.iter().map(way).collect();
    all.sort_unstable();
    all.dedup();
    all.join(", ")
}

/// Where a route leads.
fn ends(route: &crate::predict::Route) -> Clusters {
    match &route.action {
        RouteAction::Clusters(clusters) => clusters.clone(),
        RouteAction::DirectResponse(_) | RouteAction::Redirect => Vec::new(),
    }
}

/// Why what a chain leads to takes no connection.
fn nowhere(config: &Config, clusters: &Clusters) -> Option<String> {
    let missing = clusters
        .iter()
        .any(|(name, _)| !config.clusters.contains_key(name));
    let built_in = |(name, _): &(String, u32)| !name.contains('|');
    if clusters.is_empty() || clusters.iter().any(built_in) {
        return None;
    }
    if missing {
        return Some("no such cluster".to_owned());
    }
    let empty = |(name, _): &(String, u32)| {
        let cluster = config.clusters.get(name);
        cluster.is_some_and(|c| c.endpoint_count() == 0 && c.discovery != "ORIGINAL_DST")
    };
    clusters.iter().all(empty).then(|| "no endpoint".to_owned())
}
