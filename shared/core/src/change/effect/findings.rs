//! What is wrong before a change and after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::causes::{Severity, Wish};
use crate::predict::sidecars;
use crate::predict::store::Store;
use crate::report::{Answer, Finding};
use crate::snapshot::{ObjectKey, Snapshot};
use crate::walk::{self, Class, Question};

/// The answers of one state that have a finding, each with what it takes to look for a fix.
#[derive(Debug, Default)]
pub struct Judged {
    /// The answers.
    pub answers: Vec<Answer>,
    asked: Vec<(Question, Option<Arc<Class>>)>,
}

/// Asks all that a scan of the whole mesh asks.
#[must_use]
pub fn judge(store: &Store<'_>, classes: &[Class]) -> Judged {
    let wish = Wish::default();
    let mut judged = Judged::default();
    for answer in walk::scan(store, classes, None, &wish).answers {
        let question = Question {
            port: answer.asked.port,
            ..Question::default()
        };
        judged.answers.push(answer);
        judged.asked.push((question, None));
    }
    let proxies = sidecars(store);
    for one in walk::around(store, &proxies, &proxies, &wish) {
        judged.answers.push(one.answer);
        judged.asked.push((one.question, Some(one.class)));
    }
    judged
}

impl Judged {
    /// Looks for fixes of what is left among the findings.
    pub fn repair(&mut self, store: &Store<'_>, classes: &[Class]) {
        for (answer, (question, class)) in self.answers.iter_mut().zip(&self.asked) {
            if answer.findings.is_empty() {
                continue;
            }
            let classes = class.as_deref().map_or(classes, std::slice::from_ref);
            super::super::repair(store, classes, question, std::slice::from_mut(answer));
        }
    }
}

/// A finding of the state before that is no more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fixed {
    /// Its code.
    pub code: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The object that was at fault.
    pub object: ObjectKey,
    /// The port; 0 is none.
    pub port: u32,
    /// Its severity.
    pub severity: Severity,
}

/// What a finding is recognised by: its field may have moved within its list.
type Known = (&'static str, ObjectKey, u32);

fn known(answer: &Answer, finding: &Finding, snapshot: &Snapshot) -> Option<Known> {
    let object = snapshot.get(finding.primary.object)?;
    Some((finding.page.code, object.key.clone(), answer.asked.port))
}

/// Leaves only what is new among the findings of the state after, and gives what is fixed and how many are as before.
pub(super) fn compare(
    before: (&[Answer], &Snapshot),
    after: (&mut [Answer], &Snapshot),
) -> (Vec<Fixed>, usize) {
    let mut gone: BTreeMap<Known, Vec<&Finding>> = BTreeMap::new();
    for answer in before.0 {
        for finding in &answer.findings {
            if let Some(key) = known(answer, finding, before.1) {
                gone.entry(key).or_default().push(finding);
            }
        }
    }
    let mut same = 0;
    for answer in after.0 {
        let mut findings = std::mem::take(&mut answer.findings);
        // Of several at one object the one at the same field is the same.
        findings.retain(|finding| {
            let key = known(answer, finding, after.1);
            let Some(left) = key.and_then(|key| gone.get_mut(&key)) else {
                return true;
            };
            let field = |f: &&Finding| f.primary.field == finding.primary.field;
            let at = left.iter().position(field).unwrap_or(0);
            if left.is_empty() {
                return true;
            }
            left.remove(at);
            same += 1;
            false
        });
        answer.findings = findings;
    }
    let of = |((code, object, port), left): (Known, Vec<&Finding>)| -> Vec<Fixed> {
        let fixed = |finding: &Finding| Fixed {
            code,
            title: finding.page.title,
            object: object.clone(),
            port,
            severity: finding.severity,
        };
        left.into_iter().map(fixed).collect()
    };
    (gone.into_iter().flat_map(of).collect(), same)
}
