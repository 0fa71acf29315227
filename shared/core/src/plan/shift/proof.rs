//! Every prefix of the changes on a copy, predicted again.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use super::group::{proxies, reason_words};
use super::work::Work;
use super::{Plan, Ready, Refusal, Stop, Unclear, rule_name};
use crate::change::{Effect, apply, compare_sidecars, not_admitted, unread};
use crate::ledger::Reason;
use crate::plan::prove::{difference, leads};
use crate::plan::route::{self, Left};
use crate::predict::store::{Store, VirtualService};
use crate::predict::{ProxyFacts, by_outlook, reached, sidecars};
use crate::report::Proof;
use crate::snapshot::{Change, Object, Snapshot};
use crate::walk::{Class, cluster_parts, counted, first_of, gateway_classes, sidecars_by_outlook};

/// How many groups of like sidecars are predicted for one plan; in larger meshes the rest is a condition.
const MOST_GROUPS: usize = 256;

impl Work<'_, '_> {
    /// Applies every prefix of the changes to a copy and predicts again.
    pub(super) fn prove(&mut self, after: &[u32], changes: Vec<Change>) -> Result<Plan, Stop> {
        let unfit = |error: crate::change::ChangeError| Unclear::Unfit(error.to_string());
        for n in 1..changes.len() {
            let part = changes.get(..n).unwrap_or_default();
            let overlay = apply(self.store.snapshot, part).map_err(unfit)?;
            let store = Store::new(&overlay);
            let found = difference(self.classes, &gateway_classes(&store), self.rule);
            if let Some(what) = found.disturbed.first() {
                let what = format!("{what} would change after {n} of {}", changes.len());
                return Err(self.refused(Refusal::Unproved(what), after));
            }
        }
        let overlay: Snapshot = apply(self.store.snapshot, &changes).map_err(unfit)?;
        // The webhook judges the whole object, also what was wrong with it before.
        if let Some(what) = overlay.get(self.rule.object).and_then(not_admitted) {
            return Err(self.refused(Refusal::Unproved(what), after));
        }
        let store = Store::new(&overlay);
        let classes = gateway_classes(&store);
        let sidecars = if self.uses.sidecars > 0 {
            sidecars_by_outlook(&store)
        } else {
            Vec::new()
        };
        self.uses = route::uses(&store, &classes, &sidecars, self.rule);
        if !self.uses.any() {
            return Err(self.not_used());
        }
        let Some(vs) = store.virtual_service(self.rule.object) else {
            return Err(Unclear::Unfit("the VirtualService is gone".to_owned()).into());
        };
        let proxies = proxies(&classes, &self.uses, vs);
        let mut plan = self.draft(&store, vs, &proxies, after, changes);
        for row in plan.rows.iter().filter(|row| row.after > row.now) {
            if let Ready::None(reason) = &row.ready
                && !matches!(reason, Reason::NoEndpoints { .. })
            {
                let refusal = Refusal::LeadsNowhere {
                    name: row.label.clone(),
                    why: reason_words(reason),
                };
                return Err(Stop::Refused(refusal, Box::new(plan)));
            }
        }
        let empty = |more: bool| -> Vec<String> {
            plan.rows
                .iter()
                .filter(|row| row.after > 0 && !row.ready.any() && (row.after > row.now) == more)
                .map(|row| row.label.clone())
                .collect()
        };
        let (gains, keeps) = (empty(true), empty(false));
        if !gains.is_empty() && !self.request.allow_empty {
            return Err(Stop::Refused(Refusal::Empty(gains), Box::new(plan)));
        }
        let with_more = gains
            .into_iter()
            .map(|name| format!("{name} has no ready endpoint"));
        plan.notes.extend(with_more);
        let kept = keeps.into_iter();
        plan.notes
            .extend(kept.map(|name| format!("{name} keeps a share and has no ready endpoint")));
        plan.notes.extend(self.elsewhere());

        let found = difference(self.classes, &classes, self.rule);
        if let Some(what) = found.disturbed.first() {
            let refusal = Refusal::Unproved(format!("{what} would change too"));
            return Err(Stop::Refused(refusal, Box::new(plan)));
        }
        for (n, ports) in &self.uses.gateways {
            let Some(class) = classes.get(*n) else {
                continue;
            };
            let declared = ports.first().copied().unwrap_or(0);
            let asked = self.asked(&store, vs, &class.proxy, declared, after);
            if !leads(class, self.rule)
                .iter()
                .all(|held| as_asked(held, &asked))
            {
                let name = class.proxy.qualified();
                let refusal = Refusal::Unproved(format!("{name} would hold other weights"));
                return Err(Stop::Refused(refusal, Box::new(plan)));
            }
        }
        plan.added = found.added.into_iter().collect();
        let undecided = match self.sidecars(&plan.changes)? {
            Effect { disturbed, .. } if !disturbed.is_empty() => {
                let what = disturbed.into_iter().next().unwrap_or_default();
                return Err(Stop::Refused(Refusal::Unproved(what), Box::new(plan)));
            }
            effect => effect.assumptions,
        };
        let led = match self.led(&store, vs, after, &mut plan) {
            Ok(undecided) => undecided,
            Err(what) => {
                return Err(Stop::Refused(Refusal::Unproved(what), Box::new(plan)));
            }
        };
        plan.proof = self.proof(&plan, undecided.into_iter().chain(led).collect());
        Ok(plan)
    }

    /// Every sidecar before and after: the rule leads as asked where it is used, and nothing else differs.
    fn led(
        &self,
        store: &Store<'_>,
        vs: &VirtualService<'_>,
        after: &[u32],
        plan: &mut Plan,
    ) -> Result<Option<String>, String> {
        if self.uses.sidecars == 0 {
            return Ok(None);
        }
        let groups = by_outlook(&[self.store, store], sidecars(store));
        let more = groups.len().saturating_sub(MOST_GROUPS);
        for proxy in groups.into_iter().take(MOST_GROUPS).filter_map(first_of) {
            let name = proxy.qualified();
            let asked = self.asked(store, vs, &proxy, 0, after);
            let (old, new) = (
                Class::of(self.store, proxy.clone()),
                Class::of(store, proxy),
            );
            let (old, new) = (slice::from_ref(&old), slice::from_ref(&new));
            let found = difference(old, new, self.rule);
            if let Some(what) = found.disturbed.first() {
                return Err(format!("{what} would change too"));
            }
            plan.added.extend(found.added);
            let mut held = new.iter().flat_map(|class| leads(class, self.rule));
            if !held.all(|held| as_asked(&held, &asked) || self.shares(&held, after)) {
                return Err(format!("{name} would hold other weights"));
            }
        }
        Ok((more > 0).then(|| {
            let more = counted(more, "more group");
            format!("{more} of like sidecars do the same")
        }))
    }

    /// Whether clusters have the weights that were asked for, each by the destination that it is of.
    fn shares(&self, held: &BTreeMap<String, u32>, after: &[u32]) -> bool {
        let group_of = |cluster: &str| {
            let (port, subset, host) = cluster_parts(cluster)?;
            self.groups.iter().position(|group| {
                let wanted = &group.destination;
                let number = wanted.port.as_ref().map(|p| p.number.to_string());
                group.host == host
                    && wanted.subset == subset
                    && number.is_none_or(|number| number == port)
            })
        };
        let mut sums: BTreeMap<usize, u64> = BTreeMap::new();
        for (cluster, weight) in held {
            let Some(group) = group_of(cluster) else {
                return false;
            };
            *sums.entry(group).or_default() += u64::from(*weight);
        }
        let sum: u64 = sums.values().sum();
        (0..).zip(after).all(|(group, share)| {
            let has = sums.get(&group).copied().unwrap_or_default();
            has * 100 == u64::from(*share) * sum
        })
    }

    /// What the changes do to sidecars besides the new weights, which are for those that the rule is for: subsets
    /// that are added, each one more.
    fn sidecars(&self, changes: &[Change]) -> Result<Effect, Stop> {
        let own = |change: &Change| matches!(change, Change::Patch { object, .. } if *object == self.rule.object);
        let others: Vec<Change> = changes.iter().filter(|c| !own(c)).cloned().collect();
        let mut effect = Effect::default();
        for count in 1..=others.len() {
            let part = others.get(..count).unwrap_or_default();
            let overlay = apply(self.store.snapshot, part);
            let overlay = overlay.map_err(|e| Unclear::Unfit(e.to_string()))?;
            effect = Effect::default();
            compare_sidecars(self.store, &Store::new(&overlay), part, None, &mut effect);
            if !effect.disturbed.is_empty() {
                break;
            }
        }
        Ok(effect)
    }

    /// What each cluster should get on a gateway.
    pub(super) fn asked(
        &self,
        store: &Store<'_>,
        vs: &VirtualService<'_>,
        proxy: &ProxyFacts,
        declared: u32,
        after: &[u32],
    ) -> BTreeMap<String, u32> {
        let mut asked: BTreeMap<String, u32> = BTreeMap::new();
        for (group, share) in self
            .groups
            .iter()
            .zip(after)
            .filter(|(_, share)| **share > 0)
        {
            let block = self.rule.block;
            let reached = reached(store, proxy, vs, block, &group.destination, declared);
            *asked.entry(reached.name).or_default() += share;
        }
        asked
    }

    /// Gateways where another rule comes first.
    pub(super) fn elsewhere(&self) -> Vec<String> {
        let left = self.uses.left_out.iter();
        left.filter_map(|(n, left)| {
            let Left::Shadowed(first) = left else {
                return None;
            };
            let gateway = self.classes.get(*n)?.proxy.qualified();
            let key = &self.store.snapshot.get(first.object)?.key;
            let first = rule_name(*first, key, self.rule);
            Some(format!(
                "on {gateway} {first} comes first: nothing changes there"
            ))
        })
        .collect()
    }

    /// Files have no creation times, and the oldest VirtualService comes first.
    fn older(&self) -> Vec<String> {
        let snapshot = self.store.snapshot;
        let used = self.uses.gateways.iter();
        let rivals: BTreeSet<_> = used
            .filter_map(|(n, _)| self.classes.get(*n))
            .flat_map(|class| route::rivals(&class.prediction.ledger, self.rule))
            .collect();
        let own = self.vs.object;
        let rivals = rivals.into_iter().filter_map(|id| snapshot.get(id));
        rivals
            .filter(|other| !ages_known(own, other))
            .map(|other| format!("{} is older than {}", own.qualified(), other.qualified()))
            .collect()
    }

    /// `undecided`: what the comparison of sidecars leaves open.
    pub(super) fn proof(&self, plan: &Plan, undecided: Vec<String>) -> Proof {
        let mut assumptions = undecided;
        assumptions.extend(self.older());
        if !plan.gateways.is_empty() && plan.gateways.iter().all(|g| g.assumed) {
            assumptions.push("such a gateway exists".to_owned());
        }
        assumptions.extend(unread(self.store.snapshot));
        if assumptions.is_empty() {
            Proof::Proved
        } else {
            Proof::Conditional(assumptions)
        }
    }
}

/// Whether it is known which of two objects is older.
pub(super) fn ages_known(a: &Object, b: &Object) -> bool {
    a.ages_known(b)
}

/// Weights in the proportion that was asked for, to the last cluster.
fn as_asked(held: &BTreeMap<String, u32>, asked: &BTreeMap<String, u32>) -> bool {
    let sum: u64 = held.values().map(|w| u64::from(*w)).sum();
    held.len() == asked.len()
        && held.iter().all(|(name, weight)| {
            asked
                .get(name)
                .is_some_and(|share| u64::from(*weight) * 100 == u64::from(*share) * sum)
        })
}
