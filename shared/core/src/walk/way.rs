//! What a walk knows so far: the hops it has passed, what it has told, and how it stands.

use super::{Class, Question};
use crate::admission;
use crate::causes::{self, Severity, Symptom, Tale};
use crate::ledger::{EntryId, Fate, Ledger, Reason, Step};
use crate::predict::reach::Reaching;
use crate::predict::store::Store;
use crate::predict::{Config, ProxyFacts, hosts};
use crate::report::{Certainty, Finding, Hop, HopStatus, Unknown, Verdict};
use crate::snapshot::views::View;
use crate::snapshot::{Object, ObjectId};

/// What is walked through: one class of proxies, and the answer as far as it is known.
pub(super) struct Walk<'w, 'a> {
    pub(super) store: &'w Store<'a>,
    pub(super) class: &'w Class,
    pub(super) port: u32,
    pub(super) question: &'w Question,
    /// Every hop there could be, in order.
    names: &'static [&'static str],
    pub(super) hops: Vec<Hop>,
    pub(super) findings: Vec<Finding>,
    pub(super) unknowns: Vec<Unknown>,
    /// Conditions of the answer that only the way shows.
    pub(super) assumptions: Vec<String>,
    pub(super) verdict: Verdict,
}

impl<'w, 'a> Walk<'w, 'a> {
    /// At the first hop.
    pub(super) const fn new(
        store: &'w Store<'a>,
        class: &'w Class,
        question: &'w Question,
        names: &'static [&'static str],
    ) -> Self {
        Self {
            store,
            class,
            port: question.port,
            question,
            names,
            hops: Vec::new(),
            findings: Vec::new(),
            unknowns: Vec::new(),
            assumptions: Vec::new(),
            verdict: Verdict::Open,
        }
    }

    pub(super) fn ledger(&self) -> &'w Ledger {
        &self.class.prediction.ledger
    }

    pub(super) fn config(&self) -> &'w Config {
        &self.class.prediction.config
    }

    pub(super) fn hop(
        &mut self,
        name: &'static str,
        status: HopStatus,
        object: Option<ObjectId>,
        lines: Vec<String>,
    ) {
        self.hops.push(Hop {
            name,
            status,
            object,
            lines,
        });
    }

    pub(super) fn ok(&mut self, name: &'static str, object: Option<ObjectId>, lines: Vec<String>) {
        self.hop(name, HopStatus::Ok, object, lines);
    }

    /// A break; the worst verdict stays.
    pub(super) fn broken(
        &mut self,
        name: &'static str,
        object: Option<ObjectId>,
        line: String,
        verdict: Verdict,
    ) {
        self.hop(name, HopStatus::Broken, object, vec![line]);
        self.verdict = self.verdict.max(verdict);
    }

    /// Marks every hop that has no line yet as not reached.
    pub(super) fn not_reached(&mut self) {
        for name in self.names.iter().copied() {
            if !self.hops.iter().any(|h| h.name == name) {
                self.hop(name, HopStatus::NotReached, None, Vec::new());
            }
        }
    }

    pub(super) fn tell(&mut self, entry: EntryId, symptom: Symptom<'_>) -> Option<&mut Finding> {
        self.tell_of(self.store, &self.class.proxy, self.ledger(), entry, symptom)
    }

    /// The same about another proxy on the way, as its own istiod sees it.
    pub(super) fn tell_of(
        &mut self,
        store: &Store<'a>,
        proxy: &ProxyFacts,
        ledger: &Ledger,
        entry: EntryId,
        symptom: Symptom<'_>,
    ) -> Option<&mut Finding> {
        let tale = Tale {
            store,
            proxy,
            ledger,
            entry,
            symptom,
            port: self.port,
        };
        let finding = causes::tell(&tale, &self.question.wish)?;
        let same = |f: &Finding| f.page.code == finding.page.code && f.primary == finding.primary;
        if let Some(n) = self.findings.iter().position(same) {
            return self.findings.get_mut(n);
        }
        self.findings.push(finding);
        self.findings.last_mut()
    }

    /// EnvoyFilters that take a listener away are told, the others are conditions of the answer.
    pub(super) fn tell_patched(&mut self, entry: EntryId, reaching: Reaching) {
        for object in reaching.objects {
            if let Some(object) = self.store.snapshot.get(object) {
                self.assume(format!("{} changes nothing here", object.key));
            }
        }
        if let Some(barrier) = reaching.removed
            && let Some(finding) = self.tell(entry, Symptom::Barred(&barrier))
        {
            finding.certainty = Certainty::Unknown;
        }
    }

    pub(super) fn tell_dropped(&mut self, entry: EntryId) -> Option<&mut Finding> {
        let decided = self.ledger().get(entry)?;
        match &decided.fate {
            Fate::Dropped(Reason::NotStored { .. }) => {
                let object = decided.step.object();
                // Every rule has to be kept: all are told, the first is what the entry stands for.
                let (first, rest) = self.store.refused.objects.get(&object)?.split_first()?;
                for violation in rest {
                    self.tell(entry, Symptom::Admission(violation));
                }
                self.tell(entry, Symptom::Admission(first))
            }
            Fate::Dropped(reason) => {
                let behind = self.behind(reason);
                for (id, cause) in behind.iter().skip(1) {
                    self.tell(*id, Symptom::Reason(cause));
                }
                let (entry, reason) = behind.first().copied().unwrap_or((entry, reason));
                self.tell(entry, Symptom::Reason(reason))
            }
            _ => None,
        }
    }

    /// What keeps the object from being stored that is missing: a ServiceEntry with the host, a DestinationRule with
    /// the subset, the delegate.
    fn behind(&self, reason: &Reason) -> Vec<(EntryId, &'w Reason)> {
        let store = self.store;
        let has = |object: &Object| match (reason, &object.view) {
            (Reason::UnknownHost { host }, View::ServiceEntry(view)) => {
                view.spec.hosts.iter().any(|h| hosts::is_subset(host, h))
            }
            (Reason::PortAbsent { host, .. }, View::ServiceEntry(view)) => {
                view.spec.hosts.contains(host)
            }
            (Reason::SubsetUndefined { host, subset }, View::DestinationRule(view)) => {
                let (domain, own) = (&store.mesh.domain, &object.key.namespace);
                let named = hosts::resolve_short_name(&view.spec.host, own, domain);
                hosts::is_subset(host, &named)
                    && view.spec.subsets.iter().any(|s| s.name == *subset)
            }
            (Reason::DelegateMissing { name }, View::VirtualService(_)) => {
                object.qualified() == *name
            }
            _ => false,
        };
        let missing: Vec<ObjectId> = store
            .refused
            .objects
            .keys()
            .filter(|id| store.snapshot.get(**id).is_some_and(has))
            .copied()
            .collect();
        if missing.is_empty() {
            return Vec::new();
        }
        let entries = self.ledger().entries();
        entries
            .filter_map(|(id, e)| match (&e.step, &e.fate) {
                (Step::Admission(object), Fate::Dropped(reason)) if missing.contains(object) => {
                    Some((id, reason))
                }
                _ => None,
            })
            .collect()
    }

    /// An object that takes effect though the webhook refuses it: a warning, or another name for what is told of
    /// that field already.
    pub(super) fn tell_stored(&mut self, entry: EntryId) {
        let object = self.ledger().get(entry).map(|e| e.step.object());
        let Some(object) = object.and_then(|id| self.store.snapshot.get(id)) else {
            return;
        };
        for violation in admission::check(object) {
            let same = |f: &&mut Finding| {
                f.primary.object == object.id && violation.field.meets(&f.primary.field)
            };
            let known = self.findings.iter_mut().find(same);
            if let Some(finding) = known {
                let code = causes::code(violation.rule);
                let also = &mut finding.also_known_as;
                if finding.page.code != code && !also.contains(&code) {
                    also.push(code);
                }
            } else if let Some(finding) = self.tell(entry, Symptom::Admission(&violation)) {
                finding.severity = Severity::Warning;
            }
        }
    }

    /// A condition of the answer, said once.
    pub(super) fn assume(&mut self, condition: String) {
        if !self.assumptions.contains(&condition) {
            self.assumptions.push(condition);
        }
    }

    pub(super) fn name_of(&self, id: ObjectId) -> String {
        self.store
            .snapshot
            .get(id)
            .map(Object::qualified)
            .unwrap_or_default()
    }
}
