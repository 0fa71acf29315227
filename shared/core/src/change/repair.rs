//! From what might help to what was proved: each finding gets its fixes.
//!
//! A candidate is applied to a copy and predicted again. Where the first change only uncovers the next cause, the
//! search goes on from there; where several findings must go together, the first in path order carries all changes
//! and the others say whose part they are.

use crate::causes::{Candidate, Severity};
use crate::predict::store::Store;
use crate::report::{Answer, Finding, Fix, Proof, Verdict};
use crate::snapshot::Change;
use crate::walk::{Class, Question, counted};

use super::proof::{After, is_healthy, predict_after, still_there};

/// How many causes one behind the other are followed.
const DEPTH: usize = 4;

/// How many ways are offered for one finding.
const WAYS: usize = 3;

/// Gives the findings of answers their fixes, as far as a change of objects helps.
pub fn repair(store: &Store<'_>, classes: &[Class], question: &Question, answers: &mut [Answer]) {
    for answer in answers {
        let search = Search {
            store,
            classes,
            question,
            answer: &answer.clone(),
        };
        let fixes = search.fixes();
        for (finding, fixes) in answer.findings.iter_mut().zip(fixes) {
            // What only a person can do is told with the finding itself.
            if !fixes.is_empty() {
                finding.fixes = fixes;
            }
        }
    }
}

struct Search<'s, 'a> {
    store: &'s Store<'a>,
    classes: &'s [Class],
    question: &'s Question,
    answer: &'s Answer,
}

/// A candidate, tried.
struct Attempt {
    candidate: Candidate,
    /// The candidate's changes, and those for causes that it uncovered.
    changes: Vec<Change>,
    after: Option<After>,
    /// The finding itself is gone.
    helps: bool,
    /// The port is open and nothing is disturbed.
    opens: bool,
    why_not: String,
}

impl Search<'_, '_> {
    fn fixes(&self) -> Vec<Vec<Fix>> {
        let errors: Vec<usize> = (0..self.answer.findings.len())
            .filter(|n| {
                self.finding(*n)
                    .is_some_and(|f| f.severity == Severity::Error)
            })
            .collect();
        let attempts: Vec<Vec<Attempt>> = (0..self.answer.findings.len())
            .map(|n| match self.finding(n) {
                Some(finding) if errors.contains(&n) => self.attempts(finding),
                _ => Vec::new(),
            })
            .collect();
        if let Some(fixes) = self.together(&errors, &attempts) {
            return fixes;
        }
        let alone = attempts
            .into_iter()
            .enumerate()
            .map(|(n, attempts)| self.alone(n, attempts))
            .collect();
        self.covered(&errors, alone)
    }

    /// Where the fix of one finding makes another one go as well, it is the fix of both: the first in path order has
    /// it, the other one says so.
    fn covered(&self, errors: &[usize], mut fixes: Vec<Vec<Fix>>) -> Vec<Vec<Fix>> {
        let sure = |fixes: &[Vec<Fix>], n: usize| {
            let first = fixes.get(n).and_then(|of| of.first()).cloned();
            first.filter(|f| !matches!(f.proof, Proof::Unproved(_)) && f.part_of.is_none())
        };
        for &open in errors {
            if sure(&fixes, open).is_some() {
                continue;
            }
            let Some(finding) = self.finding(open) else {
                continue;
            };
            let removes = |fix: &Fix| {
                predict_after(self.store, self.classes, &fix.changes, self.question).is_ok_and(
                    |after| {
                        after.answer(&self.answer.proxy).is_some_and(|answer| {
                            is_healthy(answer) && !still_there(answer, finding)
                        })
                    },
                )
            };
            let cover = errors
                .iter()
                .filter(|n| **n != open)
                .find_map(|n| Some((*n, sure(&fixes, *n).filter(removes)?)));
            let Some((other, fix)) = cover else { continue };
            let (first, second) = (open.min(other), open.max(other));
            let Some(lead) = self.finding(first).map(|f| f.page.code) else {
                continue;
            };
            let part = Fix {
                title: format!("the fix of {lead} does this as well"),
                also_changes: Vec::new(),
                own: Vec::new(),
                changes: Vec::new(),
                part_of: Some(lead),
                ..fix.clone()
            };
            for (n, fix) in [(first, fix), (second, part)] {
                if let Some(slot) = fixes.get_mut(n) {
                    *slot = vec![fix];
                }
            }
        }
        fixes
    }

    fn finding(&self, n: usize) -> Option<&Finding> {
        self.answer.findings.get(n)
    }

    fn attempts(&self, finding: &Finding) -> Vec<Attempt> {
        finding
            .candidates
            .iter()
            .map(|candidate| self.attempt(finding, candidate))
            .collect()
    }

    /// The question about the port that is open after a candidate.
    fn question_after(&self, candidate: &Candidate) -> Question {
        let mut question = self.question.clone();
        if let Some(port) = candidate.opens {
            question.port = port;
        }
        question
    }

    fn attempt(&self, finding: &Finding, candidate: &Candidate) -> Attempt {
        let question = self.question_after(candidate);
        let mut attempt = Attempt {
            candidate: candidate.clone(),
            changes: candidate.changes.clone(),
            after: None,
            helps: false,
            opens: false,
            why_not: String::new(),
        };
        // What a person has to choose first is offered, but can never be called proved.
        let depth = if candidate.choice.is_some() { 0 } else { DEPTH };
        for _ in 0..depth {
            let after = match predict_after(self.store, self.classes, &attempt.changes, &question) {
                Ok(after) => after,
                Err(error) => {
                    attempt.why_not = error;
                    return attempt;
                }
            };
            let Some(answer) = after.answer(&self.answer.proxy) else {
                attempt.why_not = "the answer is about another gateway then".to_owned();
                return attempt;
            };
            attempt.helps = !still_there(answer, finding);
            let known = |f: &Finding| still_there(self.answer, f);
            attempt.opens = after.effect.disturbed.is_empty()
                && answer.verdict == Verdict::Open
                && answer
                    .findings
                    .iter()
                    .all(|f| f.severity < Severity::Error || known(f));
            let next = answer
                .findings
                .iter()
                .find(|f| f.severity == Severity::Error && !known(f))
                .and_then(|f| f.candidates.first())
                .filter(|c| c.choice.is_none() && c.opens.is_none());
            attempt.why_not = match (after.effect.disturbed.first(), answer.findings.first()) {
                (Some(disturbed), _) => disturbed.clone(),
                (None, Some(left)) if !attempt.opens => format!("{} is left", left.page.code),
                (None, None) if !attempt.opens => answer.summary.clone(),
                _ => String::new(),
            };
            let go_on = attempt.helps && !attempt.opens && after.effect.disturbed.is_empty();
            let more = next.filter(|_| go_on).map(|c| c.changes.clone());
            let patchable = |changes: &Vec<Change>| {
                changes.iter().all(|c| match c {
                    Change::Patch { object, .. } => self.store.snapshot.get(*object).is_some(),
                    Change::Create { .. } => true,
                })
            };
            attempt.after = Some(after);
            match more.filter(patchable) {
                Some(more) => attempt.changes.extend(more),
                None => break,
            }
        }
        attempt
    }

    /// The fixes of a finding that can be repaired by itself.
    fn alone(&self, n: usize, attempts: Vec<Attempt>) -> Vec<Fix> {
        let Some(finding) = self.finding(n) else {
            return Vec::new();
        };
        let mut fixes: Vec<Fix> = attempts.into_iter().map(|a| self.fix(finding, a)).collect();
        fixes.sort_by_key(|fix| match fix.proof {
            Proof::Proved => 0,
            Proof::Conditional(_) => 1,
            Proof::Unproved(_) => 2,
        });
        // What is not proved is offered only where nothing else is.
        if fixes
            .first()
            .is_some_and(|f| !matches!(f.proof, Proof::Unproved(_)))
        {
            fixes.retain(|f| !matches!(f.proof, Proof::Unproved(_)));
        } else {
            fixes.truncate(1);
        }
        fixes.truncate(WAYS);
        fixes
    }

    fn fix(&self, finding: &Finding, attempt: Attempt) -> Fix {
        let proof = self.proof(&[finding], &attempt);
        let title = self.title(&attempt, &proof);
        Fix {
            title,
            proof,
            also_changes: attempt.after.map(|a| a.effect.added).unwrap_or_default(),
            own: attempt.changes.clone(),
            changes: attempt.changes,
            part_of: None,
        }
    }

    fn proof(&self, findings: &[&Finding], attempt: &Attempt) -> Proof {
        if let Some(choice) = &attempt.candidate.choice {
            return Proof::Unproved(choice.question.to_owned());
        }
        if !(attempt.helps && attempt.opens) {
            return Proof::Unproved(attempt.why_not.clone());
        }
        let mut assumptions: Vec<String> =
            findings.iter().flat_map(|f| f.assumes.clone()).collect();
        assumptions.extend(self.answer.assumptions.iter().cloned());
        assumptions.extend(
            attempt
                .after
                .iter()
                .flat_map(|a| a.effect.assumptions.clone()),
        );
        assumptions.dedup();
        if assumptions.is_empty() {
            Proof::Proved
        } else {
            Proof::Conditional(assumptions)
        }
    }

    /// A new object says all that it does; a change says what it is.
    fn title(&self, attempt: &Attempt, proof: &Proof) -> String {
        let candidate = &attempt.candidate;
        let creates = candidate
            .changes
            .iter()
            .any(|c| matches!(c, Change::Create { .. }));
        if let Some(choice) = &candidate.choice {
            return format!("{}: {}", candidate.title, choice.ways.join(", "));
        }
        let of_connection = self.question.host.is_some();
        if !creates || of_connection || matches!(proof, Proof::Unproved(_)) {
            return candidate.title.clone();
        }
        let port = self.question_after(candidate).port;
        let Some(after) = &attempt.after else {
            return candidate.title.clone();
        };
        let endpoints = counted(
            after.endpoints(&self.answer.proxy, port) as usize,
            "endpoint",
        );
        let rest = if after.effect.added.is_empty() {
            "nothing else changes"
        } else {
            "and more opens"
        };
        let because = candidate
            .because
            .as_ref()
            .map(|b| format!(" ({b}.)"))
            .unwrap_or_default();
        format!(
            "{}. {port} opens, leads to {endpoints}, {rest}.{because}",
            candidate.title
        )
    }

    /// Several findings of which each alone leaves the port closed: all changes go together.
    fn together(&self, errors: &[usize], attempts: &[Vec<Attempt>]) -> Option<Vec<Vec<Fix>>> {
        if errors.len() < 2 || self.answer.verdict == Verdict::Open {
            return None;
        }
        let chosen: Vec<&Attempt> = errors
            .iter()
            .map(|n| {
                attempts
                    .get(*n)?
                    .iter()
                    .find(|a| a.helps && a.candidate.choice.is_none())
            })
            .collect::<Option<_>>()?;
        if chosen
            .iter()
            .any(|a| a.opens || a.candidate.opens.is_some())
        {
            return None;
        }
        let mut changes: Vec<Change> = chosen
            .iter()
            .flat_map(|a| a.candidate.changes.clone())
            .collect();
        // What these uncover is repaired with the last of them.
        let mut uncovered: Vec<(String, Candidate)> = Vec::new();
        let mut after = predict_after(self.store, self.classes, &changes, self.question).ok()?;
        for _ in 0..DEPTH {
            let answer = after.answer(&self.answer.proxy)?;
            if is_healthy(answer) {
                break;
            }
            let next = answer
                .findings
                .iter()
                .find(|f| f.severity == Severity::Error && !still_there(self.answer, f))?;
            let candidate = next.candidates.first()?;
            if candidate.choice.is_some() || candidate.opens.is_some() {
                return None;
            }
            uncovered.push((next.page.code.to_owned(), candidate.clone()));
            changes.extend(candidate.changes.clone());
            after = predict_after(self.store, self.classes, &changes, self.question).ok()?;
        }
        let answer = after.answer(&self.answer.proxy)?;
        if !is_healthy(answer) || !after.effect.disturbed.is_empty() {
            return None;
        }
        let findings: Vec<&Finding> = errors.iter().filter_map(|n| self.finding(*n)).collect();
        let first = chosen.first()?;
        let whole = Attempt {
            candidate: first.candidate.clone(),
            changes: changes.clone(),
            after: None,
            helps: true,
            opens: true,
            why_not: String::new(),
        };
        let mut proof = self.proof(&findings, &whole);
        if let (Proof::Proved, false) = (&proof, after.effect.assumptions.is_empty()) {
            proof = Proof::Conditional(after.effect.assumptions.clone());
        }
        let lead = findings.first()?.page.code;
        let mut fixes: Vec<Vec<Fix>> = self.answer.findings.iter().map(|_| Vec::new()).collect();
        for (n, (index, attempt)) in errors.iter().zip(&chosen).enumerate() {
            let last = n + 1 == errors.len();
            let behind = || uncovered.iter().filter(|_| last);
            let titles: Vec<String> = behind()
                .map(|(code, c)| format!("and then {} ({code})", c.title))
                .collect();
            let mut own = attempt.candidate.changes.clone();
            own.extend(behind().flat_map(|(_, c)| c.changes.clone()));
            let fix = Fix {
                title: titles.join(", "),
                proof: proof.clone(),
                also_changes: if n == 0 {
                    after.effect.added.clone()
                } else {
                    Vec::new()
                },
                own,
                changes: if n == 0 { changes.clone() } else { Vec::new() },
                part_of: (n > 0).then_some(lead),
            };
            if let Some(slot) = fixes.get_mut(*index) {
                slot.push(fix);
            }
        }
        Some(fixes)
    }
}

/// The changes of the chosen fix of every finding, in path order; a change that several need is made once.
#[must_use]
pub fn chosen(answers: &[Answer], nth: usize) -> Vec<Change> {
    let usable = |fix: &&Fix| fix.part_of.is_none() && !matches!(fix.proof, Proof::Unproved(_));
    let mut changes: Vec<Change> = Vec::new();
    for finding in answers.iter().flat_map(|a| &a.findings) {
        let ways: Vec<&Fix> = finding.fixes.iter().filter(usable).collect();
        let way = ways.get(nth.saturating_sub(1)).or(ways.first());
        for change in way.iter().flat_map(|fix| &fix.changes) {
            if !changes.contains(change) {
                changes.push(change.clone());
            }
        }
    }
    changes
}

/// Why a finding has no fix that was proved.
#[must_use]
pub fn why_not(finding: &Finding) -> Option<String> {
    let code = finding.page.code;
    if let Some(reason) = finding.no_fix {
        return Some(format!("{code}: {reason}"));
    }
    finding.fixes.iter().find_map(|fix| match &fix.proof {
        Proof::Unproved(why) => Some(format!(
            "{code}: {} {}",
            fix.title,
            if why.is_empty() {
                String::new()
            } else {
                format!("({why})")
            }
        )),
        _ => None,
    })
}
