//! What is declared and takes effect nowhere, although every port that was asked about stands as it should.
//!
//! The reasons are the ledger's: of all the places where a rule was offered and left out, the one where it came
//! closest is told.

use std::collections::{BTreeMap, BTreeSet};

use super::Class;
use crate::causes::Symptom;
use crate::ledger::{Block, Effect, EntryId, Fate, Ledger, Reason, Step};
use crate::predict::ProxyKind;
use crate::predict::hosts;
use crate::predict::store::{Store, VirtualService};
use crate::snapshot::ObjectId;

/// Something without effect, in its place.
pub(super) struct Idle<'l> {
    /// Which of the classes has the entry.
    pub(super) class: usize,
    /// The entry that says why.
    pub(super) entry: EntryId,
    /// What to tell about it.
    pub(super) symptom: Symptom<'l>,
    /// The declared number of the server where it came closest; 0 is none.
    pub(super) port: u32,
    /// Nothing of its object takes effect.
    pub(super) whole: bool,
}

/// A rule of a VirtualService.
type Rule = (ObjectId, Block, usize);

/// A rule, or with `None` all rules of a VirtualService.
type Place = (ObjectId, Option<(Block, usize)>);

/// How far from an effect something was: less is nearer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    /// The rule was judged and left out.
    Rule,
    /// Its VirtualService was.
    VirtualService,
}

/// What was offered to the servers of all gateways.
#[derive(Default)]
struct Offers<'l> {
    /// The rules that take effect somewhere.
    used: BTreeSet<Rule>,
    /// The Gateways at which a VirtualService takes effect.
    used_at: BTreeSet<(ObjectId, ObjectId)>,
    /// Gateways with a server that listens, and its number.
    listening: BTreeMap<ObjectId, u32>,
    /// Servers without a port.
    portless: Vec<Idle<'l>>,
    /// Where a VirtualService came closest at a Gateway.
    nearest_at: BTreeMap<(ObjectId, ObjectId), Idle<'l>>,
    /// VirtualServices that some server looked at, with the server's number.
    seen: BTreeMap<ObjectId, (usize, EntryId, u32)>,
    /// Where it came closest.
    nearest: BTreeMap<Place, (Distance, Idle<'l>)>,
}

impl<'l> Offers<'l> {
    fn offer(&mut self, to: Place, distance: Distance, idle: Idle<'l>) {
        let nearer = self.nearest.get(&to).is_none_or(|(d, _)| distance < *d);
        if nearer {
            self.nearest.insert(to, (distance, idle));
        }
    }

    /// Whether some rule of a VirtualService takes effect.
    fn uses(&self, virtual_service: ObjectId) -> bool {
        let mut from = self.used_at.range((virtual_service, ObjectId(0))..);
        from.next().is_some_and(|(vs, _)| *vs == virtual_service)
    }

    fn read(&mut self, store: &Store<'_>, number: usize, ledger: &'l Ledger) {
        for (chains, entry) in ledger.entries() {
            if let Fate::Dropped(reason @ Reason::NoPort) = &entry.fate {
                self.portless.push(Idle {
                    class: number,
                    entry: chains,
                    symptom: Symptom::Reason(reason),
                    port: 0,
                    whole: false,
                });
            }
            let Step::Chains { gateway, index, .. } = entry.step else {
                continue;
            };
            let port = declared(store, gateway, index);
            if matches!(entry.fate, Fate::Effective(_)) {
                self.listening.insert(gateway, port);
            }
            for (attachment, entry) in ledger.under(chains) {
                let Step::Attachment { virtual_service } = entry.step else {
                    continue;
                };
                let idle = |entry, symptom| Idle {
                    class: number,
                    entry,
                    symptom,
                    port,
                    whole: false,
                };
                self.seen
                    .entry(virtual_service)
                    .or_insert((number, attachment, port));
                if let Fate::Dropped(reason) = &entry.fate {
                    self.nearest_at
                        .entry((virtual_service, gateway))
                        .or_insert_with(|| idle(attachment, Symptom::Reason(reason)));
                    let told = idle(attachment, Symptom::Reason(reason));
                    self.offer((virtual_service, None), Distance::VirtualService, told);
                }
                for (clause, entry) in ledger.under(attachment) {
                    // A delegate's rules stand under the attachment of its root.
                    let Step::Clause {
                        virtual_service: written_in,
                        block,
                        rule,
                        ..
                    } = entry.step
                    else {
                        continue;
                    };
                    let symptom = match &entry.fate {
                        Fate::Effective(_) => {
                            self.used.insert((written_in, block, rule));
                            self.used_at.insert((virtual_service, gateway));
                            continue;
                        }
                        Fate::Dropped(
                            reason @ (Reason::PortMismatch { .. }
                            | Reason::GatewayMismatch { .. }
                            | Reason::SourceMismatch { .. }),
                        ) if block == Block::Http => Symptom::RuleIdle {
                            block,
                            rule,
                            reason: Some(reason),
                        },
                        Fate::Dropped(reason) => Symptom::Reason(reason),
                        Fate::Displaced { by } => Symptom::Displaced { by: *by },
                        Fate::Open | Fate::Unknown(_) => continue,
                    };
                    let to = (written_in, Some((block, rule)));
                    self.offer(to, Distance::Rule, idle(clause, symptom));
                }
            }
        }
    }
}

/// Every rule and every Gateway name of the VirtualServices that take effect at no gateway. What sidecars may use is
/// left out, and so is what only waits for a Gateway that has a finding of its own.
pub(super) fn idle<'l>(store: &Store<'_>, classes: &'l [Class]) -> Vec<Idle<'l>> {
    let mut offers = Offers::default();
    for (number, class) in classes.iter().enumerate() {
        if class.proxy.kind == ProxyKind::Router {
            offers.read(store, number, &class.prediction.ledger);
        }
    }
    let mut found = Vec::new();
    for vs in &store.virtual_services {
        if vs.gateways.iter().any(|g| g == hosts::MESH) || vs.hosts.is_empty() {
            continue;
        }
        let id = vs.object.id;
        let rules = rules(vs);
        let waiting: Vec<_> = rules
            .iter()
            .filter(|(block, rule)| !offers.used.contains(&(id, *block, *rule)))
            .collect();
        let whole = waiting.len() == rules.len();
        for (block, rule) in &waiting {
            if let Some((_, idle)) = offers.nearest.remove(&(id, Some((*block, *rule)))) {
                found.push(Idle { whole, ..idle });
            } else if !whole && let Some((class, entry, port)) = offers.seen.get(&id).copied() {
                found.push(Idle {
                    class,
                    entry,
                    symptom: Symptom::RuleIdle {
                        block: *block,
                        rule: *rule,
                        reason: None,
                    },
                    port,
                    whole: false,
                });
            }
        }
        if whole && let Some((_, idle)) = offers.nearest.remove(&(id, None)) {
            found.push(Idle { whole, ..idle });
        }
    }
    found.extend(names(store, classes, &mut offers));
    found.append(&mut offers.portless);
    found.extend(not_stored(classes));
    found
}

/// Manifests that would not be stored, whether a port asked for them or not. Every class records the same.
fn not_stored(classes: &[Class]) -> Vec<Idle<'_>> {
    let router = |(_, c): &(usize, &Class)| c.proxy.kind == ProxyKind::Router;
    let Some((class, of)) = classes.iter().enumerate().find(router) else {
        return Vec::new();
    };
    let entries = of.prediction.ledger.entries();
    let admissions = entries.filter(|(_, e)| matches!(e.step, Step::Admission(_)));
    let told = admissions.filter_map(|(entry, e)| match &e.fate {
        Fate::Dropped(reason) => Some(Idle {
            class,
            entry,
            symptom: Symptom::Reason(reason),
            port: 0,
            whole: true,
        }),
        _ => None,
    });
    told.collect()
}

/// Names in `spec.gateways` without effect: they lead to no Gateway, to one that is named before, or to one where
/// no rule is used. Every class records the same names.
fn names<'l>(store: &Store<'_>, classes: &'l [Class], offers: &mut Offers<'l>) -> Vec<Idle<'l>> {
    let router = |(_, c): &(usize, &Class)| c.proxy.kind == ProxyKind::Router;
    let Some((class, of)) = classes.iter().enumerate().find(router) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut named: BTreeMap<(ObjectId, ObjectId), EntryId> = BTreeMap::new();
    for (entry, e) in of.prediction.ledger.entries() {
        let Step::Binding {
            virtual_service, ..
        } = e.step
        else {
            continue;
        };
        let port = offers.seen.get(&virtual_service).map(|(_, _, port)| *port);
        let idle = |symptom| Idle {
            class,
            entry,
            symptom,
            port: port.unwrap_or(0),
            whole: !offers.uses(virtual_service),
        };
        match &e.fate {
            Fate::Dropped(reason @ Reason::UnknownGateway { .. }) => {
                found.push(idle(Symptom::Reason(reason)));
            }
            Fate::Effective(Effect::Names(gateway)) => {
                let to = (virtual_service, *gateway);
                if let Some(first) = named.get(&to) {
                    found.push(idle(Symptom::BoundTwice { first: *first }));
                    continue;
                }
                named.insert(to, entry);
                if port.is_none()
                    && let Some(port) = offers.listening.get(gateway)
                    && let Some((block, rule)) = store
                        .virtual_service(virtual_service)
                        .and_then(|vs| rules(vs).first().copied())
                {
                    let symptom = Symptom::RuleIdle {
                        block,
                        rule,
                        reason: None,
                    };
                    found.push(Idle {
                        port: *port,
                        ..idle(symptom)
                    });
                }
                if !offers.used_at.contains(&to)
                    && offers.uses(virtual_service)
                    && let Some(nearest) = offers.nearest_at.remove(&to)
                {
                    found.push(nearest);
                }
            }
            _ => {}
        }
    }
    found
}

fn declared(store: &Store<'_>, gateway: ObjectId, index: usize) -> u32 {
    store
        .gateways
        .iter()
        .find(|g| g.object.id == gateway)
        .and_then(|g| g.spec.servers.get(index)?.port.as_ref())
        .map_or(0, |p| p.number)
}

fn rules(vs: &VirtualService<'_>) -> Vec<(Block, usize)> {
    let count = |block, n: usize| (0..n).map(move |rule| (block, rule));
    count(Block::Tcp, vs.spec.tcp.len())
        .chain(count(Block::Tls, vs.spec.tls.len()))
        .chain(count(Block::Http, vs.spec.http.len()))
        .collect()
}
