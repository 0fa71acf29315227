//! One request for one rule: from names to percentages, or why not.

use super::changes::versions;
use super::group::{Group, label, proxies, ready, reason_words, short_host};
use super::proof::ages_known;
use super::{
    Ask, Plan, Reach, Ready, Refusal, Request, Stop, Unclear, rule_name, shadowed_by, written,
};
use crate::ledger::Reason;
use crate::plan::route::{self, Left, RuleRef, Uses};
use crate::plan::weights::{self, Move, WeightError};
use crate::predict::ProxyFacts;
use crate::predict::hosts::resolve_short_name;
use crate::predict::store::{Store, VirtualService};
use crate::report::Proof;
use crate::snapshot::Change;
use crate::snapshot::views::Destination;
use crate::walk::Class;

/// One request for one rule.
pub(super) struct Work<'w, 'a> {
    pub(super) store: &'w Store<'a>,
    pub(super) classes: &'w [Class],
    pub(super) request: &'w Request,
    pub(super) vs: &'w VirtualService<'a>,
    pub(super) rule: RuleRef,
    pub(super) uses: Uses,
    pub(super) groups: Vec<Group>,
    pub(super) notes: Vec<String>,
}

impl Work<'_, '_> {
    pub(super) fn plan(&mut self) -> Result<Plan, Stop> {
        let zero = |(_, left): &(usize, Left)| *left == Left::Reason(Reason::ZeroSum);
        // What is refused as it stands may be mended by the new weights: the proof says so.
        let refused = self.store.refused.contains(self.rule.object);
        if !self.uses.any() && !refused && !self.uses.left_out.iter().any(zero) {
            return Err(self.not_used());
        }
        let by = self.by()?;
        let now: Vec<u32> = self.groups.iter().map(|g| g.now).collect();
        let after = match weights::moved(&now, &by) {
            Ok(after) => after,
            Err(error) => return Err(self.no_weights(error, &now, &by)),
        };
        let idle = matches!(by, Move::By { percent: 0, .. });
        self.written_notes();
        let subsets = self.subsets(&after)?;
        let mut changes = subsets;
        if !idle {
            changes.extend(self.patch(&after));
        }
        if changes.is_empty() {
            let proxies = proxies(self.classes, &self.uses, self.vs);
            return Ok(self.draft(self.store, self.vs, &proxies, &after, changes));
        }
        self.prove(&after, changes)
    }

    /// The move, its destinations by number; new ones are added to the groups.
    pub(super) fn by(&mut self) -> Result<Move, Stop> {
        Ok(match &self.request.ask {
            Ask::Swap => Move::Swap,
            Ask::AllTo(name) => Move::AllTo(self.group(name)?),
            Ask::By { percent, to } => Move::By {
                percent: *percent,
                to: self.group(to)?,
            },
            Ask::Set(set) => {
                let mut numbered: Vec<(usize, u32)> = Vec::new();
                for (name, percent) in set {
                    if *percent == 0 && self.lookup(name)?.is_none() {
                        continue;
                    }
                    let n = self.group(name)?;
                    // Named twice, the last one counts, as for flags.
                    numbered.retain(|(m, _)| *m != n);
                    numbered.push((n, *percent));
                }
                Move::Set(numbered)
            }
        })
    }

    pub(super) fn group(&mut self, name: &str) -> Result<usize, Stop> {
        match self.lookup(name)? {
            Some(n) => Ok(n),
            None => self.new_group(name),
        }
    }

    /// The destination with a name: its label, its subset, or its host.
    pub(super) fn lookup(&self, name: &str) -> Result<Option<usize>, Unclear> {
        let domain = &self.store.mesh.domain;
        let host = |g: &Group| {
            let short = short_host(&g.host, self.vs.namespace(), domain);
            let first = short.split('.').next().unwrap_or_default();
            g.host == name || g.destination.host == name || short == name || first == name
        };
        let ways: [&dyn Fn(&Group) -> bool; 3] = [
            &|g| g.label == name,
            &|g| g.destination.subset == name,
            &|g| host(g),
        ];
        for way in ways {
            let found: Vec<usize> = (0..)
                .zip(&self.groups)
                .filter(|(_, g)| way(g))
                .map(|(n, _)| n)
                .collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok(Some(*one)),
                several => {
                    let labels = several.iter().filter_map(|n| self.groups.get(*n));
                    return Err(Unclear::Destination {
                        name: name.to_owned(),
                        labels: labels.map(|g| g.label.clone()).collect(),
                    });
                }
            }
        }
        Ok(None)
    }

    /// A destination that the rule does not have yet: another subset of its host, or another Service beside it.
    pub(super) fn new_group(&mut self, name: &str) -> Result<usize, Stop> {
        let (host, subset) = match name.split_once('/') {
            Some((host, subset)) => (Some(host), subset),
            None => (None, name),
        };
        let mut like: Vec<Group> = Vec::new();
        for group in &self.groups {
            let short = short_host(&group.host, self.vs.namespace(), &self.store.mesh.domain);
            let named = host.is_none_or(|h| h == short || h == group.host);
            if named && !like.iter().any(|g| g.host == group.host) {
                like.push(group.clone());
            }
        }
        let by_subset = self.groups.iter().any(|g| !g.destination.subset.is_empty());
        let mut destination = match like.as_slice() {
            [one] => one.destination.clone(),
            [] => return Err(self.refused(self.unknown_subset(name, "", &[]), &[])),
            several => {
                let labels = several.iter().map(|g| {
                    let ns = self.vs.namespace();
                    format!(
                        "{}/{subset}",
                        short_host(&g.host, ns, &self.store.mesh.domain)
                    )
                });
                return Err(Unclear::Destination {
                    name: name.to_owned(),
                    labels: labels.collect(),
                }
                .into());
            }
        };
        destination.subset = subset.to_owned();
        let proxies = proxies(self.classes, &self.uses, self.vs);
        let undefined = |d: &Destination| {
            let found = ready(self.store, &proxies, self.vs, self.rule, d);
            matches!(found, Ready::None(Reason::SubsetUndefined { .. }))
        };
        if undefined(&destination) && !by_subset && !self.request.create_subsets {
            let mut other = destination.clone();
            other.host = name.to_owned();
            other.subset.clear();
            let found = ready(self.store, &proxies, self.vs, self.rule, &other);
            if !matches!(found, Ready::None(_)) {
                destination = other;
            }
        }
        // Said before the arithmetic: the sum would be wrong only because of the wrong name.
        if undefined(&destination) && !self.request.create_subsets {
            let host = like.first().map_or("", |g| g.host.as_str());
            return Err(self.refused(self.unknown_subset(subset, host, &proxies), &[]));
        }
        let domain = &self.store.mesh.domain;
        let host = resolve_short_name(&destination.host, self.vs.namespace(), domain).into_owned();
        self.groups.push(Group {
            destination,
            host,
            places: Vec::new(),
            shares: Vec::new(),
            now: 0,
            label: String::new(),
        });
        label(&mut self.groups, self.vs.namespace(), domain);
        Ok(self.groups.len() - 1)
    }

    /// What a reader of the file would not see.
    pub(super) fn written_notes(&mut self) {
        let written = written(self.vs, self.rule);
        if written.len() > 1 {
            let sum: i64 = written.iter().map(|w| i64::from(w.unwrap_or(0))).sum();
            let omitted = written.iter().filter(|w| w.is_none()).count();
            if omitted > 0 {
                self.notes
                    .push("a weight that is left out counts as 0".to_owned());
            }
            if sum != 100 {
                self.notes.push(format!(
                    "the written weights add up to {sum}; the percentages are what they come to"
                ));
            }
        }
        for group in self.groups.iter().filter(|g| g.places.len() > 1) {
            self.notes.push(format!(
                "{} stands {} times in the rule: its share is spread over them as before",
                group.label,
                group.places.len()
            ));
        }
    }

    /// The plan without a proof, as it would be over this store.
    pub(super) fn draft(
        &self,
        store: &Store<'_>,
        vs: &VirtualService<'_>,
        proxies: &[(ProxyFacts, u32)],
        after: &[u32],
        changes: Vec<Change>,
    ) -> Plan {
        let rows = self.groups.iter().enumerate().map(|(n, group)| {
            let share = after.get(n).copied().unwrap_or(group.now);
            group.row(
                share,
                ready(store, proxies, vs, self.rule, &group.destination),
            )
        });
        let gateways = self.uses.gateways.iter().filter_map(|(n, _)| {
            let proxy = &self.classes.get(*n)?.proxy;
            Some(Reach {
                namespace: proxy.namespace.clone(),
                name: proxy.name.clone(),
                pods: proxy.replicas,
                assumed: proxy.is_assumed(),
            })
        });
        let ports = self.uses.ports();
        let ports = if ports.is_empty() {
            route::written_ports(self.vs, self.rule)
        } else {
            ports
        };
        Plan {
            rule: self.rule,
            key: self.vs.object.key.clone(),
            ports: ports.into_iter().collect(),
            rows: rows.collect(),
            gateways: gateways.collect(),
            sidecars: self.uses.sidecars,
            decided: !after.is_empty(),
            changes,
            proof: Proof::Unproved(String::new()),
            added: Vec::new(),
            notes: self.notes.clone(),
        }
    }

    /// A refusal with the plan as far as it got: without percentages when it came before them.
    pub(super) fn refused(&self, refusal: Refusal, after: &[u32]) -> Stop {
        let proxies = proxies(self.classes, &self.uses, self.vs);
        let plan = self.draft(self.store, self.vs, &proxies, after, Vec::new());
        Stop::Refused(refusal, Box::new(plan))
    }

    pub(super) fn not_used(&self) -> Stop {
        let first = shadowed_by(&self.uses).and_then(|first| {
            let key = self.store.snapshot.get(first.object)?.key.clone();
            Some((first, key))
        });
        let reason = self.uses.left_out.iter().find_map(|(_, left)| match left {
            Left::Reason(reason) => Some(reason_words(reason)),
            Left::Shadowed(_) => None,
        });
        let why = match (&first, reason) {
            (Some((first, key)), _) => {
                let other = self.store.snapshot.get(first.object);
                let guessed = other.is_some_and(|other| {
                    first.object != self.rule.object && !ages_known(self.vs.object, other)
                });
                let by = if guessed {
                    ", by its name as no file has creation times"
                } else {
                    ""
                };
                format!("{} comes first{by}", rule_name(*first, key, self.rule))
            }
            (None, Some(reason)) => reason,
            (None, None) => "no Gateway that was read is named by it".to_owned(),
        };
        let declared = self.uses.left_out.iter().find_map(|(_, left)| match left {
            Left::Reason(Reason::PortMismatch { declared, .. }) => Some(*declared),
            _ => None,
        });
        let written = route::written_ports(self.vs, self.rule);
        let refusal = Refusal::NotUsed {
            shadowed_by: first,
            why,
            port: declared.or(written.first().copied()),
        };
        self.refused(refusal, &[])
    }

    pub(super) fn no_weights(&self, error: WeightError, now: &[u32], by: &Move) -> Stop {
        let instead = match by {
            Move::Set(set) => {
                let near = weights::nearest(now, set);
                let labels = self.groups.iter().map(|g| g.label.clone());
                labels.zip(near).collect()
            }
            _ => Vec::new(),
        };
        let mut asked = Vec::new();
        if let Move::Set(set) = by {
            asked = now.to_vec();
            for (n, percent) in set {
                if let Some(share) = asked.get_mut(*n) {
                    *share = *percent;
                }
            }
        }
        self.refused(Refusal::Weights { error, instead }, &asked)
    }

    pub(super) fn unknown_subset(
        &self,
        name: &str,
        host: &str,
        proxies: &[(ProxyFacts, u32)],
    ) -> Refusal {
        let facts = proxies.first().map(|(proxy, _)| proxy);
        let service = facts.and_then(|proxy| {
            let service = self.store.service(host, &proxy.namespace)?;
            Some((proxy, service.into_owned()))
        });
        let known = service.as_ref().and_then(|(proxy, service)| {
            let rule = self
                .store
                .destination_rule(service, &proxy.namespace, &proxy.labels)?;
            Some(rule.subsets.iter().map(|s| s.name.clone()).collect())
        });
        Refusal::UnknownSubset {
            name: name.to_owned(),
            known: known.unwrap_or_default(),
            creatable: service
                .as_ref()
                .is_some_and(|(_, service)| versions(self.store.snapshot, service).contains(name)),
            host: short_host(host, self.vs.namespace(), &self.store.mesh.domain),
        }
    }
}
