//! An answer for people: the verdict, the way of a connection, what is wrong, what to do.

use super::excerpt::{self, Locate};
use super::model::{Answer, Basis, Command, Finding, Fix, Hop, HopStatus, Proof, Unknown, Verdict};
use super::style::{Layout, Line, Style, print_blocks};
use super::wrap::{command, wrap};
use crate::causes::Severity;
use crate::snapshot::{FieldPath, ObjectId, Snapshot};

/// How the changes of a fix are shown under it; made by whoever knows the sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixBody {
    /// For objects from files: the unified diff, printed behind the finding.
    pub diff: Option<String>,
    /// For live objects: the changes in words, one line each, indented under the fix.
    pub steps: Vec<String>,
}

/// Gives the body of a fix; `&|_, _| FixBody::default()` shows titles alone.
pub type Bodies<'a> = &'a dyn Fn(&Finding, &Fix) -> FixBody;

/// One answer as text, ended by a newline.
#[must_use]
pub fn render_answer(
    answer: &Answer,
    basis: &Basis,
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
) -> String {
    let locate = |id: ObjectId, field: &FieldPath| snapshot.locate(id, field);
    render_with(answer, basis, snapshot, layout, bodies, &locate)
}

/// Several answers as text, with an empty line between.
#[must_use]
pub fn render_answers(
    answers: &[Answer],
    basis: &Basis,
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
) -> String {
    answers
        .iter()
        .map(|answer| render_answer(answer, basis, snapshot, layout, bodies))
        .collect::<Vec<_>>()
        .join("\n")
}

/// One finding as text, without a verdict: for a change's effect and for refusals.
#[must_use]
pub fn render_finding(
    finding: &Finding,
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
) -> String {
    let locate = |id: ObjectId, field: &FieldPath| snapshot.locate(id, field);
    let alone = std::slice::from_ref(finding);
    print_blocks(
        &finding_blocks(finding, 0, alone, snapshot, layout, bodies, &locate),
        layout,
    )
}

pub(super) fn render_with(
    answer: &Answer,
    basis: &Basis,
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
    locate: Locate<'_>,
) -> String {
    let mut blocks = vec![head(answer, basis, layout), path(&answer.path, layout)];
    for (n, finding) in answer.findings.iter().enumerate() {
        blocks.extend(finding_blocks(
            finding,
            n,
            &answer.findings,
            snapshot,
            layout,
            bodies,
            locate,
        ));
    }
    blocks.extend(answer.unknowns.iter().map(|u| unknown(u, layout)));
    blocks.push(commands(&answer.commands, layout));
    print_blocks(&blocks, layout)
}

const fn verdict_look(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Open => ("✓", Style::Good),
        Verdict::Unknown => ("?", Style::Unsure),
        Verdict::Diverted | Verdict::LeadsNowhere | Verdict::Unreachable | Verdict::Missing => {
            ("✗", Style::Bad)
        }
    }
}

fn head(answer: &Answer, basis: &Basis, layout: &Layout) -> Vec<Line> {
    let (glyph, style) = verdict_look(answer.verdict);
    let mut first = Line::new().with(style, glyph).with(Style::Strong, " ");
    // The state is the word a reader looks for, so it has its colour where the sentence says it.
    first = match find_word(&answer.summary, answer.verdict.word()) {
        Some((before, word, after)) => first
            .with(Style::Strong, before)
            .with(style, word)
            .with(Style::Strong, after),
        None => first.with(Style::Strong, answer.summary.clone()),
    };
    let mut lines = vec![first];
    if !basis.line.is_empty() {
        let second = Line::new()
            .plain("  ")
            .with(Style::Faint, basis.line.clone());
        lines.extend(wrap(&second, 2, layout));
    }
    lines
}

/// A whole word of a text, with what stands before and behind it.
fn find_word<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '/' | '.' | '_');
    text.match_indices(word).find_map(|(at, found)| {
        let (before, rest) = text.split_at_checked(at)?;
        let after = rest.get(found.len()..)?;
        (!before.ends_with(inside) && !after.starts_with(inside)).then_some((before, found, after))
    })
}

/// Columns of hop names, and where what stands behind them begins.
const HOP_NAME: usize = 10;
const HOP_TEXT: usize = 4 + HOP_NAME + 1;

fn path(hops: &[Hop], layout: &Layout) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut skipped: Vec<&str> = Vec::new();
    for hop in hops {
        if hop.status == HopStatus::NotReached {
            skipped.push(hop.name);
        } else {
            lines.extend(hop_lines(hop, layout));
        }
    }
    if !skipped.is_empty() {
        let text = format!("· {}: not reached", skipped.join(", "));
        let line = Line::new().plain("  ").with(Style::Faint, text);
        lines.extend(wrap(&line, 4, layout));
    }
    lines
}

fn hop_lines(hop: &Hop, layout: &Layout) -> Vec<Line> {
    let (glyph, style, rest) = match hop.status {
        HopStatus::Ok => ("✓", Style::Good, Style::Plain),
        HopStatus::Broken => ("✗", Style::Bad, Style::Plain),
        HopStatus::Unknown => ("?", Style::Unsure, Style::Plain),
        HopStatus::Instead => ("→", Style::Faint, Style::Faint),
        HopStatus::NotReached => ("·", Style::Faint, Style::Faint),
    };
    let name = format!(" {:<HOP_NAME$}", hop.name);
    let mut first = Line::new().plain("  ").with(style, glyph);
    let mut texts = hop.lines.iter();
    let Some(text) = texts.next() else {
        return vec![first.with(rest, name.trim_end())];
    };
    first = hop_text(first.with(rest, name).with(rest, " "), text, rest);
    let mut lines = wrap_hop(&first, layout);
    for text in texts {
        let line = Line::new().plain(" ".repeat(HOP_TEXT));
        lines.extend(wrap_hop(&hop_text(line, text, rest), layout));
    }
    lines
}

fn wrap_hop(line: &Line, layout: &Layout) -> Vec<Line> {
    wrap(line, HOP_TEXT, layout)
}

/// A pod's own state stands first in its line, and is coloured there.
fn hop_text(line: Line, text: &str, style: Style) -> Line {
    let (word, _) = text.split_once(' ').unwrap_or((text, ""));
    let meaning = match word {
        _ if style != Style::Plain => style,
        "open" => Style::Good,
        "refused" | "closed" | "failed" => Style::Bad,
        "unknown" => Style::Unsure,
        _ => style,
    };
    let rest = text.strip_prefix(word).unwrap_or_default();
    line.with(meaning, word).with(style, rest)
}

fn severity_look(severity: Severity) -> Style {
    match severity {
        Severity::Error => Style::Bad,
        Severity::Warning => Style::Unsure,
        Severity::Info => Style::Strong,
    }
}

fn finding_blocks(
    finding: &Finding,
    number: usize,
    all: &[Finding],
    snapshot: &Snapshot,
    layout: &Layout,
    bodies: Bodies<'_>,
    locate: Locate<'_>,
) -> Vec<Vec<Line>> {
    let title = Line::new()
        .with(severity_look(finding.severity), finding.severity.word())
        .with(
            Style::Strong,
            format!("[{}]: {}", finding.page.code, finding.page.title),
        );
    let places = excerpt::places(
        &finding.primary,
        finding.remark.as_deref(),
        &finding.related,
        snapshot,
        locate,
        layout,
    );
    let indent = places.indent;
    let mut block = vec![title];
    block.extend(places.lines);
    let why = Some(&finding.why).filter(|why| !why.is_empty());
    let notes = why
        .map(|text| ("why", text))
        .into_iter()
        .chain(finding.so.iter().map(|text| ("so", text)))
        .chain(finding.seen.iter().map(|text| ("seen", text)));
    for (word, text) in notes {
        let line = note(indent, word).plain(format!(": {text}"));
        block.extend(wrap(&line, indent + 2, layout));
    }

    let mut blocks = Vec::new();
    for (n, fix) in finding.fixes.iter().enumerate() {
        let body = bodies(finding, fix);
        let line = fix_head(note(indent, "fix"), number, n, all);
        block.extend(wrap(&line, indent + 2, layout));
        for step in &body.steps {
            let style = match step.trim_start() {
                step if step.starts_with("+ ") => Style::Good,
                step if step.starts_with("- ") => Style::Bad,
                _ => Style::Plain,
            };
            block.push(
                Line::new()
                    .plain(" ".repeat(indent + 4))
                    .with(style, step.as_str()),
            );
        }
        for also in &fix.also_changes {
            let line = Line::new().plain(format!("{}also: {also}", " ".repeat(indent + 2)));
            block.extend(wrap(&line, indent + 4, layout));
        }
        if let Some(diff) = &body.diff {
            blocks.push(std::mem::take(&mut block));
            blocks.push(diff_lines(diff));
        }
    }
    blocks.push(block);
    blocks
}

fn note(indent: usize, word: &str) -> Line {
    Line::new().plain(format!("{}= {word}", " ".repeat(indent)))
}

/// Behind `= fix`: which one it is, how sure it is, and what it does.
fn fix_head(line: Line, finding: usize, fix: usize, all: &[Finding]) -> Line {
    let Some((owner, this)) = all
        .get(finding)
        .and_then(|owner| Some((owner, owner.fixes.get(fix)?)))
    else {
        return line;
    };
    let together = group(finding, fix, all);
    let (number, with) = match together.iter().position(|member| *member == finding) {
        Some(at) if together.len() > 1 => {
            let others: Vec<String> = (1..=together.len())
                .filter(|n| *n != at + 1)
                .map(|n| n.to_string())
                .collect();
            (
                format!(" {} of {}", at + 1, together.len()),
                format!(" together with {}", list(&others)),
            )
        }
        _ if owner.fixes.len() > 1 => (format!(" {}", fix + 1), String::new()),
        _ => (String::new(), String::new()),
    };
    let line = line.plain(format!("{number} ("));
    let line = match &this.proof {
        Proof::Proved => line.with(Style::Good, "proved").plain(with),
        Proof::Conditional(assumptions) => {
            let line = if with.is_empty() {
                line.with(Style::Unsure, "proved if")
            } else {
                line.with(Style::Unsure, "proved")
                    .plain(with)
                    .with(Style::Unsure, " if")
            };
            line.plain(format!(" {}", assumptions.join(" and ")))
        }
        Proof::Unproved(reason) => {
            let line = line.with(Style::Unsure, "not proved");
            if reason.is_empty() {
                line
            } else {
                line.plain(format!(": {reason}"))
            }
        }
    };
    line.plain(format!("): {}", this.title))
}

/// The findings whose fixes must go together with this one, in the order of the path.
fn group(finding: usize, fix: usize, all: &[Finding]) -> Vec<usize> {
    let leads = |f: &Finding| f.fixes.iter().position(|fix| fix.part_of.is_none());
    let lead_of = |code: &str| {
        all.iter()
            .position(|f| f.page.code == code && leads(f).is_some())
    };
    let Some((owner, this)) = all
        .get(finding)
        .and_then(|owner| Some((owner, owner.fixes.get(fix)?)))
    else {
        return Vec::new();
    };
    let lead = match this.part_of {
        Some(code) => lead_of(code),
        // Only the first way of a finding can be the common one; the others stand for themselves.
        None => (leads(owner) == Some(fix)).then_some(finding),
    };
    let Some(lead) = lead else {
        return Vec::new();
    };
    all.iter()
        .enumerate()
        .filter(|(n, f)| {
            *n == lead
                || f.fixes
                    .iter()
                    .any(|fix| fix.part_of.is_some_and(|code| lead_of(code) == Some(lead)))
        })
        .map(|(n, _)| n)
        .collect()
}

fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A unified diff, coloured but otherwise untouched: it must still apply when it is copied.
pub(super) fn diff_lines(diff: &str) -> Vec<Line> {
    let mut head = false;
    let lines: Vec<&str> = diff.trim_end_matches('\n').split('\n').collect();
    lines
        .iter()
        .enumerate()
        .map(|(n, line)| {
            let next = lines.get(n + 1).copied().unwrap_or_default();
            let opens = line.starts_with("--- ") && next.starts_with("+++ ");
            let style = match line.chars().next() {
                _ if opens || head => Style::Plain,
                Some('+') => Style::Good,
                Some('-') => Style::Bad,
                Some('@') => Style::Faint,
                _ => Style::Plain,
            };
            head = opens;
            Line::new().verbatim(style, *line)
        })
        .collect()
}

fn unknown(unknown: &Unknown, layout: &Layout) -> Vec<Line> {
    let title = Line::new()
        .with(Style::Unsure, "unknown")
        .with(Style::Strong, format!(": {}", unknown.what));
    let mut lines = wrap(&title, 2, layout);
    if !unknown.fix.is_empty() {
        let line = note(3, "fix").plain(format!(": {}", unknown.fix));
        lines.extend(wrap(&line, 5, layout));
    }
    for shown in &unknown.commands {
        lines.extend(command("     ", &shown.words, layout));
    }
    lines
}

/// The last lines: `run:`, then `or, REMARK:`.
pub(super) fn commands(commands: &[Command], layout: &Layout) -> Vec<Line> {
    commands
        .iter()
        .enumerate()
        .flat_map(|(n, shown)| {
            let label = match &shown.remark {
                _ if n == 0 => "run: ".to_owned(),
                Some(remark) => format!("or, {remark}: "),
                None => "or: ".to_owned(),
            };
            command(&label, &shown.words, layout)
        })
        .collect()
}

/// The last line on stderr: `1 error; 6 objects read from 3 files`.
#[must_use]
pub fn summary(answers: &[Answer], basis: &Basis) -> String {
    let count = |severity| {
        answers
            .iter()
            .flat_map(|answer| &answer.findings)
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let unknowns: usize = answers.iter().map(|answer| answer.unknowns.len()).sum();
    let mut parts = vec![counted(count(Severity::Error), "error")];
    for (n, word) in [
        (count(Severity::Warning), "warning"),
        (count(Severity::Info), "info"),
    ] {
        if n > 0 {
            parts.push(counted(n, word));
        }
    }
    if unknowns > 0 {
        parts.push(format!("{unknowns} unknown"));
    }
    let mut text = parts.join(", ");
    if !basis.read.is_empty() {
        text.push_str("; ");
        text.push_str(&basis.read);
    }
    text
}

fn counted(n: usize, word: &str) -> String {
    let plural = if n == 1 || word == "info" { "" } else { "s" };
    format!("{n} {word}{plural}")
}
