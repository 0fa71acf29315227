//! What a walk knows so far: the hops it has passed, what it has told, and how it stands.

use super::{Class, Question};
use crate::causes::{self, Symptom, Tale};
use crate::ledger::{EntryId, Fate, Ledger};
use crate::predict::store::Store;
use crate::predict::{Config, ProxyFacts};
use crate::report::{Finding, Hop, HopStatus, Unknown, Verdict};
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
        self.tell_of(&self.class.proxy, self.ledger(), entry, symptom)
    }

    /// The same about another proxy on the way.
    pub(super) fn tell_of(
        &mut self,
        proxy: &ProxyFacts,
        ledger: &Ledger,
        entry: EntryId,
        symptom: Symptom<'_>,
    ) -> Option<&mut Finding> {
        let tale = Tale {
            store: self.store,
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

    pub(super) fn tell_dropped(&mut self, entry: EntryId) -> Option<&mut Finding> {
        match self.ledger().get(entry).map(|e| &e.fate) {
            Some(Fate::Dropped(reason)) => self.tell(entry, Symptom::Reason(reason)),
            _ => None,
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
