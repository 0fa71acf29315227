//! What a change of one rule does to proxies: the rule leads as asked, and nothing else differs.

use std::collections::{BTreeMap, BTreeSet};

use super::route::RuleRef;
use crate::ledger::{EntryId, Step};
use crate::predict::{ChainKind, Listener, RouteAction};
use crate::walk::Class;

/// What differs between two predictions, apart from where one rule leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// What existed and is gone or different, in words.
    pub(super) disturbed: BTreeSet<String>,
    /// What is new, in words.
    pub(super) added: BTreeSet<String>,
}

/// Compares proxies: each is among both.
pub(super) fn difference(before: &[Class], after: &[Class], rule: RuleRef) -> Difference {
    let mut found = Difference::default();
    for old in before {
        let name = old.proxy.qualified();
        let like = |c: &&Class| c.proxy == old.proxy;
        let Some(new) = after.iter().find(like) else {
            found.disturbed.insert(format!("proxy {name} is gone"));
            continue;
        };
        let (old, new) = (Shape::of(old, rule), Shape::of(new, rule));
        found.compare(&name, "", &old.chains, &new.chains);
        found.compare(&name, "requests for ", &old.routes, &new.routes);
        let clusters = |shape: &Shape| -> BTreeMap<String, Vec<String>> {
            let others = shape
                .clusters
                .iter()
                .filter(|(name, _)| !shape.own.contains(*name));
            others.map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        for (cluster, endpoints) in clusters(&old) {
            if new.clusters.get(&cluster) != Some(&endpoints) {
                found
                    .disturbed
                    .insert(format!("cluster {cluster} on {name}"));
            }
        }
    }
    found
}

impl Difference {
    fn compare(
        &mut self,
        gateway: &str,
        what: &str,
        old: &BTreeMap<String, Vec<Piece>>,
        new: &BTreeMap<String, Vec<Piece>>,
    ) {
        for (name, pieces) in old {
            let kept = new.get(name).is_some_and(|now| {
                // What is there stays in its order; something may come between.
                let mut rest = now.iter();
                pieces.iter().all(|piece| rest.any(|other| other == piece))
            });
            if !kept {
                self.disturbed.insert(format!("{what}{name} on {gateway}"));
            }
        }
        for (name, pieces) in new {
            if old.get(name).map_or(0, Vec::len) < pieces.len() {
                self.added.insert(format!("{what}{name} on {gateway}"));
            }
        }
    }
}

/// A filter chain or a route, with the decision behind it instead of its number, and without destinations when it is
/// the rule's own.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Chain {
        kind: ChainKind,
        sni: Vec<String>,
        terminates_tls: bool,
        clusters: Option<Vec<(String, u32)>>,
        route: Option<String>,
        clause: Option<Step>,
    },
    Route {
        matches: Option<String>,
        action: Option<RouteAction>,
        clause: Option<Step>,
        require_tls: bool,
    },
}

struct Shape {
    /// By the listener's name.
    chains: BTreeMap<String, Vec<Piece>>,
    /// By the domain.
    routes: BTreeMap<String, Vec<Piece>>,
    clusters: BTreeMap<String, Vec<String>>,
    /// Clusters that the rule leads to.
    own: BTreeSet<String>,
}

impl Shape {
    fn of(class: &Class, rule: RuleRef) -> Self {
        let (config, ledger) = (&class.prediction.config, &class.prediction.ledger);
        let step = |clause: EntryId| ledger.get(clause).map(|entry| entry.step.clone());
        let mut shape = Self {
            chains: BTreeMap::new(),
            routes: BTreeMap::new(),
            clusters: BTreeMap::new(),
            own: leads(class, rule)
                .into_iter()
                .flat_map(BTreeMap::into_keys)
                .collect(),
        };
        for listener in &config.listeners {
            let pieces = listener.all_chains().map(|chain| {
                let own = chain.clause.is_some_and(|c| rule.owns(ledger, c));
                Piece::Chain {
                    kind: chain.kind,
                    sni: chain.sni.clone(),
                    terminates_tls: chain.terminates_tls,
                    clusters: (!own).then(|| chain.clusters.clone()),
                    route: chain.route.clone(),
                    clause: chain.clause.and_then(step),
                }
            });
            shape.chains.insert(listener.name.clone(), pieces.collect());
        }
        for (name, hosts) in &config.routes {
            for host in hosts {
                let pieces: Vec<Piece> = host
                    .routes
                    .iter()
                    .map(|route| Piece::Route {
                        matches: route.matches.clone(),
                        action: (!rule.owns(ledger, route.clause)).then(|| route.action.clone()),
                        clause: step(route.clause),
                        require_tls: host.require_tls,
                    })
                    .collect();
                for domain in &host.domains {
                    let place = format!("{domain} in {name}");
                    shape.routes.insert(place, pieces.clone());
                }
            }
        }
        for (name, cluster) in &config.clusters {
            let endpoints = cluster.endpoints.iter().map(|e| format!("{e:?}"));
            shape.clusters.insert(name.clone(), endpoints.collect());
        }
        shape
    }
}

/// Where a rule leads on a gateway: for each of its chains or routes the clusters with their weights.
pub(super) fn leads(class: &Class, rule: RuleRef) -> Vec<BTreeMap<String, u32>> {
    let (config, ledger) = (&class.prediction.config, &class.prediction.ledger);
    let chains = config
        .listeners
        .iter()
        .flat_map(Listener::all_chains)
        .filter(|c| c.clause.is_some_and(|clause| rule.owns(ledger, clause)))
        .map(|c| &c.clusters);
    let routes = config
        .routes
        .values()
        .flatten()
        .flat_map(|h| &h.routes)
        .filter(|r| rule.owns(ledger, r.clause))
        .filter_map(|r| match &r.action {
            RouteAction::Clusters(clusters) => Some(clusters),
            _ => None,
        });
    chains
        .chain(routes)
        .map(|clusters| {
            let mut sum: BTreeMap<String, u32> = BTreeMap::new();
            for (name, weight) in clusters {
                *sum.entry(name.clone()).or_default() += weight;
            }
            sum
        })
        .collect()
}
