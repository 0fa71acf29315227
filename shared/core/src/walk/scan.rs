//! Every port that is declared somewhere, and what is wrong with it.

use std::collections::BTreeSet;

use super::idle::idle;
use super::{Class, Question, ask, gateway, proxy_ref};
use crate::causes::{self, Severity, Tale, Wish};
use crate::predict::ProxyKind;
use crate::predict::store::Store;
use crate::report::{Answer, Mark, ProxyRef};
use crate::snapshot::{FieldPath, Object, ObjectId};

/// The answers of a scan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// One for each gateway and port with a finding.
    pub answers: Vec<Answer>,
    /// How many ports were asked about.
    pub ports: usize,
    /// How many of them cannot be judged.
    pub unknown: usize,
    /// How many gateways were predicted.
    pub gateways: usize,
}

/// Asks about every port that a Gateway declares. A port that only a Service has is no
/// news: every default installation has some.
#[must_use]
pub fn scan(store: &Store<'_>, classes: &[Class], namespace: Option<&str>, wish: &Wish) -> Scan {
    let ports: BTreeSet<u32> = store
        .declared_gateways()
        .filter(|g| namespace.is_none_or(|ns| ns == g.object.key.namespace))
        .flat_map(|g| &g.spec.servers)
        .filter_map(|s| s.port.as_ref())
        .map(|p| p.number)
        // A Unix socket has none.
        .filter(|number| *number > 0)
        .collect();
    let mut scan = Scan {
        gateways: classes
            .iter()
            .filter(|c| c.proxy.kind == ProxyKind::Router)
            .count(),
        ..Scan::default()
    };
    let mut answers: Vec<Answer> = Vec::new();
    for port in ports {
        let question = Question {
            port,
            namespace: namespace.map(str::to_owned),
            wish: wish.clone(),
            ..Question::default()
        };
        for answer in ask(store, classes, &question) {
            scan.ports += 1;
            if !answer.unknowns.is_empty() {
                scan.unknown += 1;
            }
            answers.push(answer);
        }
    }
    without_effect(store, classes, namespace, &mut answers);
    // One fault can close several ports; it is told at the first.
    let mut told: BTreeSet<(ProxyRef, &str, ObjectId, String)> = BTreeSet::new();
    for answer in &mut answers {
        answer.findings.retain(|f| {
            let field = f.primary.field.pointer();
            told.insert((answer.proxy.clone(), f.page.code, f.primary.object, field))
        });
    }
    answers.retain(|a| !a.findings.is_empty());
    scan.answers = answers;
    scan
}

/// Whether one field is the other, or holds it.
fn related(a: &FieldPath, b: &FieldPath) -> bool {
    let (a, b) = (a.pointer(), b.pointer());
    let holds = |outer: &str, inner: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    holds(&a, &b) || holds(&b, &a)
}

/// Adds what takes effect nowhere to the port where it came closest, unless its object or its rule has a finding of
/// its own.
fn without_effect(
    store: &Store<'_>,
    classes: &[Class],
    namespace: Option<&str>,
    answers: &mut Vec<Answer>,
) {
    let told: Vec<Mark> = answers
        .iter()
        .flat_map(|a| &a.findings)
        .map(|f| f.primary.clone())
        .collect();
    for idle in idle(store, classes) {
        let Some(class) = classes.get(idle.class) else {
            continue;
        };
        let tale = Tale {
            store: store.serving(&class.proxy),
            proxy: &class.proxy,
            ledger: &class.prediction.ledger,
            entry: idle.entry,
            symptom: idle.symptom,
            port: idle.port,
        };
        let Some(mut finding) = causes::tell(&tale, &Wish::default()) else {
            continue;
        };
        let object = finding.primary.object;
        let asked = |o: &Object| namespace.is_none_or(|ns| ns == o.key.namespace);
        let field = &finding.primary.field;
        let mut explained = told.iter().filter(|m| m.object == object);
        if explained.any(|m| idle.whole || related(&m.field, field))
            || !store.snapshot.get(object).is_some_and(asked)
        {
            continue;
        }
        if !idle.whole {
            finding.severity = finding.severity.min(Severity::Warning);
        }
        finding.candidates.clear();
        let proxy = proxy_ref(&class.proxy);
        let place = answers
            .iter_mut()
            .find(|a| a.proxy == proxy && a.asked.port == idle.port);
        match place {
            Some(answer) => answer.findings.push(finding),
            None => answers.push(gateway::of_no_port(&class.proxy, idle.port, finding)),
        }
    }
}
