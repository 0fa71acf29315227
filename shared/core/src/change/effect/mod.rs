//! What a change of objects does to a mesh: what opens, closes, changes and is captured on its gateways and sidecars,
//! which connections that cuts, and which findings come and go.

mod differ;
mod findings;

use std::collections::{BTreeMap, BTreeSet};

use super::proof::unread;
use super::sidecars::{MOST_GROUPS, inbound_key, replicas, taken};
use crate::ledger::{Effect as Outcome, Fate, Step};
use crate::observed::Envoy;
use crate::predict::store::Store;
use crate::predict::{
    Config, ProxyFacts, ProxySource, ambient, by_outlook, predict, predict_inbound, sidecars,
};
use crate::report::{Answer, Verdict};
use crate::snapshot::views::{AsView, Gateway};
use crate::snapshot::{Kind, ObjectId, ObjectKey};
use crate::walk::{self, Class, Question, counted};

pub use findings::{Fixed, Judged, judge};

/// Clusters by name, with their weights.
pub type Clusters = Vec<(String, u32)>;

/// What becomes of a port, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It takes connections that it did not take.
    Opened,
    /// It takes them no more.
    Closed,
    /// It leads elsewhere.
    Changed,
    /// A listener for every address takes what had none and passed through.
    Captured,
}

impl What {
    /// The word of text and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Changed => "changed",
            Self::Captured => "captured",
        }
    }
}

/// How many open connections an effect closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cuts {
    /// None: the chain stays.
    Nothing,
    /// As many as are open now, which nobody counted.
    Unknown,
    /// So many.
    Counted {
        /// The number.
        open: u64,
        /// Other chains lead to the same clusters, so it may be fewer.
        at_most: bool,
    },
}

/// What becomes of one port of a proxy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortEffect {
    /// What it is.
    pub what: What,
    /// The port: of a gateway the number that its Gateway declares.
    pub port: u32,
    /// The listener's name.
    pub listener: String,
    /// Where it is not for every address.
    pub address: Option<String>,
    /// Server names and networks that it is about alone; empty is all.
    pub of: Vec<String>,
    /// The requests that it is about alone: a host, with a path.
    pub requests: Option<String>,
    /// Where it led.
    pub before: Clusters,
    /// Where it will lead.
    pub after: Clusters,
    /// What else is to be said.
    pub note: Option<String>,
    /// How many connections it closes.
    pub cuts: Cuts,
    /// The clusters that those connections go to.
    pub cut: BTreeSet<String>,
    /// Something that stays leads to one of these clusters too.
    pub shared: bool,
}

/// The proxies that something is told of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proxies {
    /// A gateway.
    Gateway {
        /// Its namespace.
        namespace: String,
        /// Its workload's name.
        name: String,
        /// How many pods it has.
        pods: u32,
    },
    /// Sidecars that are alike here.
    Sidecars {
        /// How many.
        count: u32,
        /// The namespace of the first of them.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// Like proxies, and what a change does to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which.
    pub proxies: Proxies,
    /// What becomes of their ports.
    pub effects: Vec<PortEffect>,
    /// Their pods that were read: the Envoys that know how many connections are open.
    pub pods: BTreeSet<ObjectId>,
}

impl Group {
    /// Whether it is worth asking its Envoys.
    #[must_use]
    pub fn cuts(&self) -> bool {
        self.effects.iter().any(|effect| !effect.cut.is_empty())
    }

    /// Takes the number of open connections from its Envoys: all of them, or it stays unknown.
    pub fn count(&mut self, envoys: &[Envoy]) {
        for effect in self.effects.iter_mut().filter(|e| !e.cut.is_empty()) {
            let hosts = envoys.iter().flat_map(|envoy| &envoy.hosts);
            let own = hosts.filter(|(cluster, _)| effect.cut.contains(*cluster));
            effect.cuts = Cuts::Counted {
                open: own.flat_map(|(_, hosts)| hosts).map(|h| h.active).sum(),
                at_most: effect.shared,
            };
        }
    }
}

/// What a change does to a mesh.
#[derive(Debug, Default)]
pub struct MeshEffect {
    /// Gateways by name, then sidecars; only those that something becomes of.
    pub groups: Vec<Group>,
    /// How many ports stay as they are.
    pub unchanged: usize,
    /// What is wrong after the change and was not before.
    pub introduced: Judged,
    /// What was wrong and is no more.
    pub fixed: Vec<Fixed>,
    /// How many findings stay.
    pub as_before: usize,
    /// Why the API server would refuse some of it, in words.
    pub refused: Vec<String>,
    /// What could make it another effect.
    pub assumptions: Vec<String>,
}

impl MeshEffect {
    /// Every effect.
    pub fn effects(&self) -> impl Iterator<Item = &PortEffect> {
        self.groups.iter().flat_map(|group| &group.effects)
    }

    /// How many connections are cut in all.
    #[must_use]
    pub fn cuts(&self) -> Cuts {
        let mut all = Cuts::Nothing;
        for group in &self.groups {
            // Two chains may lead to the same clusters: those are counted once.
            let mut counted: BTreeSet<&BTreeSet<String>> = BTreeSet::new();
            for effect in &group.effects {
                all = match (all, effect.cuts) {
                    (Cuts::Unknown, _) | (_, Cuts::Unknown) => Cuts::Unknown,
                    (all, Cuts::Nothing) => all,
                    (all, _) if !counted.insert(&effect.cut) => all,
                    (Cuts::Nothing, cuts) => cuts,
                    (
                        Cuts::Counted { open, at_most },
                        Cuts::Counted {
                            open: more,
                            at_most: or,
                        },
                    ) => Cuts::Counted {
                        open: open.saturating_add(more),
                        at_most: at_most || or,
                    },
                };
            }
        }
        all
    }
}

/// One state of a mesh, with what is wrong in it.
#[derive(Debug)]
pub struct State<'s, 'a> {
    /// Its objects.
    pub store: &'s Store<'a>,
    /// Its gateways.
    pub classes: &'s [Class],
    /// What is wrong.
    pub judged: Judged,
}

/// What lies between two states; `touched` are the objects that differ.
#[must_use]
pub fn effect(
    before: &State<'_, '_>,
    after: State<'_, '_>,
    touched: &BTreeSet<ObjectKey>,
) -> MeshEffect {
    let mut found = MeshEffect::default();
    found.assumptions.extend(unread(after.store.snapshot));
    gateways(before, &after, &mut found);
    of_sidecars(before.store, after.store, touched, &mut found);
    let mut introduced = after.judged;
    (found.fixed, found.as_before) = findings::compare(
        (&before.judged.answers, before.store.snapshot),
        (&mut introduced.answers, after.store.snapshot),
    );
    found.introduced = introduced;
    found
}

/// A gateway's ports by the numbers that Gateways declare for them; where two lead to one, by the lower.
fn declared(store: &Store<'_>, class: &Class) -> BTreeMap<u32, u32> {
    let mut found: BTreeMap<u32, u32> = BTreeMap::new();
    for (_, entry) in class.prediction.ledger.entries() {
        let (Step::Server { gateway, index }, Fate::Effective(Outcome::Resolved { port, .. })) =
            (&entry.step, &entry.fate)
        else {
            continue;
        };
        let object = store.snapshot.get(*gateway);
        let view = object.and_then(|o| Gateway::of(&o.view));
        let server = view.and_then(|g| g.spec.servers.get(*index)?.port.as_ref());
        if let Some(server) = server {
            let known = found.entry(*port).or_insert(server.number);
            *known = (*known).min(server.number);
        }
    }
    found
}

fn gateways(before: &State<'_, '_>, after: &State<'_, '_>, found: &mut MeshEffect) {
    type Name = (String, String);
    let by_name = |classes| -> BTreeMap<Name, &Class> {
        let classes: &[Class] = classes;
        let named = |c: &'_ Class| (c.proxy.namespace.clone(), c.proxy.name.clone());
        classes.iter().map(|c| (named(c), c)).collect()
    };
    let (old, new) = (by_name(before.classes), by_name(after.classes));
    let names: BTreeSet<&Name> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (old, new) = (old.get(name), new.get(name));
        let sent = |class: Option<&&Class>| {
            let class = class?;
            Some(taken(class.prediction.config.clone(), &class.proxy))
        };
        let (was, now) = (sent(old).unwrap_or_default(), sent(new).unwrap_or_default());
        let mut ports = BTreeMap::new();
        for (state, class) in [(before, old), (after, new)] {
            if let Some(class) = class {
                ports.extend(declared(state.store, class));
            }
        }
        let mut effects = differ::differ(&was, &now, &ports);
        let number = |port: &u32| ports.get(port).copied().unwrap_or(*port);
        let known: BTreeSet<u32> = now.listeners.iter().map(|l| number(&l.port)).collect();
        let mut same: BTreeSet<u32> = known;
        effects.iter().for_each(|e| {
            same.remove(&e.port);
        });
        if let (Some(old), Some(new)) = (old, new) {
            for port in same.clone() {
                if let Some(effect) = reachable((before, old), (after, new), port) {
                    same.remove(&port);
                    effects.push(effect);
                }
            }
        }
        found.unchanged += same.len();
        let Some(proxy) = new.or(old).map(|class| &class.proxy) else {
            continue;
        };
        if effects.is_empty() {
            continue;
        }
        effects.sort();
        found.groups.push(Group {
            proxies: Proxies::Gateway {
                namespace: proxy.namespace.clone(),
                name: proxy.name.clone(),
                pods: proxy.replicas,
            },
            effects,
            pods: pods(proxy),
        });
    }
}

/// A listener stays, but clients come to it no more, or do now: the Service leads to it or does not.
fn reachable(
    (before, old): (&State<'_, '_>, &Class),
    (after, new): (&State<'_, '_>, &Class),
    port: u32,
) -> Option<PortEffect> {
    let question = Question {
        port,
        ..Question::default()
    };
    let answer = |state: &State<'_, '_>, class: &Class| -> Option<Answer> {
        walk::ask(state.store, std::slice::from_ref(class), &question)
            .into_iter()
            .find(|a| a.proxy.name == class.proxy.name)
    };
    let (was, now) = (answer(before, old)?, answer(after, new)?);
    let what = match (was.verdict, now.verdict) {
        (Verdict::Open, Verdict::Unreachable) => What::Closed,
        (Verdict::Unreachable, Verdict::Open) => What::Opened,
        _ => return None,
    };
    let why = |answer: &Answer| {
        answer
            .summary
            .split_once(": ")
            .map(|(_, why)| why.to_owned())
    };
    Some(PortEffect {
        what,
        port,
        listener: String::new(),
        address: None,
        of: Vec::new(),
        requests: None,
        before: Vec::new(),
        after: Vec::new(),
        note: why(&now),
        cuts: Cuts::Nothing,
        cut: BTreeSet::new(),
        shared: false,
    })
}

fn pods(proxy: &ProxyFacts) -> BTreeSet<ObjectId> {
    match &proxy.source {
        ProxySource::Workload { pods, .. } => pods.iter().copied().collect(),
        ProxySource::Pod(id) => BTreeSet::from([*id]),
        ProxySource::Assumed => BTreeSet::new(),
    }
}

/// Sidecars with the same effects.
type Alike = BTreeMap<Vec<PortEffect>, Vec<ProxyFacts>>;

/// Sidecars: their own connections once for all that look at the mesh alike, those to their pods once for all that the
/// same Services and policies lead to.
fn of_sidecars(
    before: &Store<'_>,
    after: &Store<'_>,
    touched: &BTreeSet<ObjectKey>,
    found: &mut MeshEffect,
) {
    let groups = by_outlook(&[before, after], sidecars(after));
    if groups.len() > MOST_GROUPS {
        let more = counted(groups.len() - MOST_GROUPS, "group");
        let line = format!("{more} of like sidecars stay as they are");
        found.assumptions.push(line);
    }
    let pods_of = touched_namespaces(after, touched);
    let mut listeners: BTreeSet<String> = BTreeSet::new();
    let (mut outbound, mut inbound) = (Alike::new(), Alike::new());
    let mut arriving = BTreeMap::new();
    for (n, group) in groups.into_iter().enumerate() {
        for facts in &group {
            let concerned = pods_of
                .as_ref()
                .is_none_or(|all| all.contains(&facts.namespace));
            if concerned && !ambient::concerns(after.snapshot, facts) {
                let key = (inbound_key(before, facts), inbound_key(after, facts));
                let alike: &mut Vec<ProxyFacts> = arriving.entry(key).or_default();
                alike.push(facts.clone());
            }
        }
        let Some(first) = group.first().filter(|_| n < MOST_GROUPS) else {
            continue;
        };
        let sent = |store: &Store<'_>| {
            let mut config = taken(predict(store, first).config, first);
            let own = predict_inbound(store, first).config;
            let inbound = |name: &str| own.listeners.iter().any(|l| l.name == name);
            config.listeners.retain(|l| !inbound(&l.name));
            config
        };
        let (was, now) = (sent(before), sent(after));
        listeners.extend(now.listeners.iter().map(|l| l.name.clone()));
        let effects = differ::differ(&was, &now, &BTreeMap::new());
        outbound.entry(effects).or_default().extend(group);
    }
    for alike in arriving.into_values().take(MOST_GROUPS) {
        let Some(first) = alike.first() else {
            continue;
        };
        let sent = |store| -> Config { predict_inbound(store, first).config };
        let effects = differ::differ(&sent(before), &sent(after), &BTreeMap::new());
        inbound.entry(effects).or_default().extend(alike);
    }
    let changed = outbound.keys().flatten();
    let changed: BTreeSet<&String> = changed.map(|effect| &effect.listener).collect();
    listeners
        .retain(|name| !changed.contains(name) && name.ends_with(|c: char| c.is_ascii_digit()));
    found.unchanged += listeners.len();
    for (effects, alike) in outbound.into_iter().chain(inbound) {
        let (false, Some(first)) = (effects.is_empty(), alike.first()) else {
            continue;
        };
        found.groups.push(Group {
            proxies: Proxies::Sidecars {
                count: replicas(&alike),
                namespace: first.namespace.clone(),
                name: first.name.clone(),
            },
            pods: alike.iter().flat_map(pods).collect(),
            effects,
        });
    }
}

/// The namespaces whose pods' own ports a change can be about; a policy of the root namespace is about all of them.
fn touched_namespaces(
    store: &Store<'_>,
    touched: &BTreeSet<ObjectKey>,
) -> Option<BTreeSet<String>> {
    let everywhere = |key: &&ObjectKey| match key.kind {
        Kind::PeerAuthentication | Kind::Sidecar => key.namespace == store.mesh.root_namespace,
        Kind::ConfigMap | Kind::Namespace => true,
        kind => !kind.namespaced(),
    };
    if touched.iter().any(|key| everywhere(&key)) {
        return None;
    }
    Some(touched.iter().map(|key| key.namespace.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Host;

    fn effect(cut: &[&str], shared: bool) -> PortEffect {
        PortEffect {
            what: What::Changed,
            port: 9000,
            listener: "0.0.0.0_9000".to_owned(),
            address: None,
            of: Vec::new(),
            requests: None,
            before: Vec::new(),
            after: Vec::new(),
            note: None,
            cuts: if cut.is_empty() {
                Cuts::Nothing
            } else {
                Cuts::Unknown
            },
            cut: cut.iter().map(|name| (*name).to_owned()).collect(),
            shared,
        }
    }

    fn envoy(hosts: &[(&str, u64)]) -> Envoy {
        let host = |active| Host {
            active,
            ..Host::default()
        };
        Envoy {
            hosts: hosts
                .iter()
                .map(|(name, active)| ((*name).to_owned(), vec![host(*active), host(1)]))
                .collect(),
            ..Envoy::default()
        }
    }

    fn group(effects: Vec<PortEffect>) -> Group {
        Group {
            proxies: Proxies::Gateway {
                namespace: "edge".to_owned(),
                name: "main".to_owned(),
                pods: 2,
            },
            effects,
            pods: BTreeSet::new(),
        }
    }

    const fn counted(open: u64, at_most: bool) -> Cuts {
        Cuts::Counted { open, at_most }
    }

    #[test]
    fn the_connections_of_changed_chains_are_counted_in_every_envoy() {
        let effects = vec![
            effect(&["v1", "v2"], false),
            effect(&["v1", "v2"], false),
            effect(&["other"], true),
            effect(&[], false),
        ];
        let mut group = group(effects);
        let envoys = [
            envoy(&[("v1", 4), ("v2", 2), ("unrelated", 90)]),
            envoy(&[("v1", 3), ("other", 6)]),
        ];
        group.count(&envoys);
        let cuts: Vec<Cuts> = group.effects.iter().map(|e| e.cuts).collect();
        let (both, other) = (counted(12, false), counted(7, true));
        assert_eq!(cuts, [both, both, other, Cuts::Nothing]);
        let effect = MeshEffect {
            groups: vec![group],
            ..MeshEffect::default()
        };
        // Two chains to the same clusters are counted once.
        assert_eq!(effect.cuts(), counted(19, true));
    }

    #[test]
    fn what_nobody_counted_makes_the_sum_unknown() {
        let mut known = group(vec![effect(&["v1"], false)]);
        known.count(&[envoy(&[("v1", 4)])]);
        let effect = MeshEffect {
            groups: vec![known, group(vec![effect(&["v2"], false)])],
            ..MeshEffect::default()
        };
        assert_eq!(effect.cuts(), Cuts::Unknown);
    }
}
