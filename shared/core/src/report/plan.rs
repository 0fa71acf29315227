//! What a command that writes is about to do, and what it refuses: plans, refusals and unclear questions, for stderr.
//!
//! One way of printing for all commands: facts come in as cells and notes, and no caller counts columns.

use super::model::Command;
use super::style::{Layout, Line, Style, print_blocks};
use super::text;
use super::wrap::wrap;

/// The narrowest column of the words in front of notes.
const WORDS: usize = 7;

/// A plan, before anything is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanLines {
    /// What stands behind `plan: `.
    pub title: String,
    /// Rows of columns: the steps, or a table whose first row is its header.
    pub rows: Vec<Vec<Cell>>,
    /// What holds for the whole plan, each under its word: `proved`, `reach`, `cuts`, ….
    pub notes: Vec<Note>,
}

/// A cell of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its text; never cut.
    pub text: String,
    /// Quantities stand at the right of their column.
    pub right: bool,
}

impl Cell {
    /// A name or a word.
    #[must_use]
    pub fn left(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            right: false,
        }
    }

    /// A quantity.
    #[must_use]
    pub fn right(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            right: true,
        }
    }
}

/// One statement about a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The word in front.
    pub word: &'static str,
    /// What is said; a leading `unknown` or `proved if` is coloured as such.
    pub text: String,
}

impl Note {
    /// A statement under its word.
    #[must_use]
    pub fn new(word: &'static str, text: impl Into<String>) -> Self {
        Self {
            word,
            text: text.into(),
        }
    }
}

/// Why nothing is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// One sentence without a full stop: stands between `refused:` and `; nothing written`.
    pub reason: String,
    /// A finding, rendered as the answers have it.
    pub finding: Option<String>,
    /// The plan as far as it got.
    pub plan: Option<PlanLines>,
    /// What to type instead; the first is `run:`.
    pub commands: Vec<Command>,
}

/// What could not be answered, as `error:` lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// One sentence without a full stop.
    pub sentence: String,
    /// What could be meant, in columns.
    pub rows: Vec<Vec<Cell>>,
    /// The chain of causes, one line.
    pub why: Option<String>,
    /// What to type instead; the first is `run:`.
    pub commands: Vec<Command>,
}

/// A plan as text.
#[must_use]
pub fn render_plan(plan: &PlanLines, layout: &Layout) -> String {
    print_blocks(&[plan_lines(plan, layout)], layout)
}

/// A refusal as text: the sentence, the finding, the plan, the commands.
#[must_use]
pub fn render_refusal(refusal: &Refusal, layout: &Layout) -> String {
    let head = Line::new().with(Style::Bad, "✗ refused").with(
        Style::Strong,
        format!(": {}; nothing written", refusal.reason),
    );
    let plan = refusal.plan.as_ref().map(|plan| plan_lines(plan, layout));
    let tail = [
        plan.unwrap_or_default(),
        text::commands(&refusal.commands, layout),
    ];
    let blocks = [
        print_blocks(&[wrap(&head, 2, layout)], layout),
        // It is text already, perhaps coloured.
        refusal.finding.clone().unwrap_or_default(),
        print_blocks(&tail, layout),
    ];
    let blocks: Vec<String> = blocks.into_iter().filter(|b| !b.is_empty()).collect();
    blocks.join("\n")
}

/// A failure as text: nothing between its lines, as every error.
#[must_use]
pub fn render_failure(failure: &Failure, layout: &Layout) -> String {
    let head = Line::new()
        .with(Style::Bad, "error")
        .with(Style::Strong, format!(": {}", failure.sentence));
    let mut lines = wrap(&head, 2, layout);
    lines.extend(columns(&failure.rows, layout));
    if let Some(why) = &failure.why {
        let line = Line::new().plain(format!("  = why: {why}"));
        lines.extend(wrap(&line, 4, layout));
    }
    lines.extend(text::commands(&failure.commands, layout));
    print_blocks(&[lines], layout)
}

/// What stands already: nothing is to be done.
#[must_use]
pub fn render_unchanged(what: &str, layout: &Layout) -> String {
    let line = Line::new()
        .with(Style::Good, "✓")
        .with(Style::Strong, format!(" unchanged: {what}"));
    print_blocks(&[wrap(&line, 2, layout)], layout)
}

/// A table as it stands on stdout: like the rows of a plan, but not indented.
#[must_use]
pub fn render_table(rows: &[Vec<Cell>], layout: &Layout) -> String {
    let lines: Vec<Line> = aligned(rows, layout)
        .into_iter()
        .map(|row| Line::new().plain(row))
        .collect();
    print_blocks(&[lines], layout)
}

/// A unified diff, coloured but otherwise untouched.
#[must_use]
pub fn render_diff(diff: &str, layout: &Layout) -> String {
    if layout.color {
        print_blocks(&[text::diff_lines(diff)], layout)
    } else {
        diff.to_owned()
    }
}

fn plan_lines(plan: &PlanLines, layout: &Layout) -> Vec<Line> {
    let title = Line::new().plain(format!("plan: {}", plan.title));
    let mut lines = wrap(&title, 6, layout);
    lines.extend(columns(&plan.rows, layout));
    let longest = plan.notes.iter().map(|note| note.word.len()).max();
    let words = WORDS.max(longest.unwrap_or(0) + 2);
    for note in &plan.notes {
        let word = if note.word == "proved" {
            Style::Good
        } else {
            Style::Plain
        };
        let (unsure, rest) = unsure(&note.text);
        let line = Line::new()
            .plain("  ")
            .with(word, note.word)
            .plain(" ".repeat(words.saturating_sub(note.word.len())))
            .with(Style::Unsure, unsure)
            .plain(rest);
        lines.extend(wrap(&line, 2 + words, layout));
    }
    lines
}

/// The words that say how sure a statement is, and the rest.
fn unsure(text: &str) -> (&str, &str) {
    ["unknown", "proved if", "not proved"]
        .iter()
        .find_map(|word| text.strip_prefix(word).map(|rest| (*word, rest)))
        .unwrap_or(("", text))
}

fn columns(rows: &[Vec<Cell>], layout: &Layout) -> Vec<Line> {
    aligned(rows, layout)
        .into_iter()
        .map(|row| Line::new().plain(format!("  {row}")))
        .collect()
}

/// Two spaces between columns; nothing behind the last.
fn aligned(rows: &[Vec<Cell>], layout: &Layout) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|n| {
            rows.iter()
                .filter_map(|row| row.get(n))
                .map(|cell| layout.columns(&cell.text))
                .max()
                .unwrap_or(0)
        })
        .collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| {
                    let gap = " ".repeat(width.saturating_sub(layout.columns(&cell.text)));
                    if cell.right {
                        format!("{gap}{}", cell.text)
                    } else {
                        format!("{}{gap}", cell.text)
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// A word as a POSIX shell takes it.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift() -> PlanLines {
        let row = |cells: [&str; 4]| {
            let [name, rest @ ..] = cells;
            std::iter::once(Cell::left(name))
                .chain(rest.into_iter().map(Cell::right))
                .collect()
        };
        PlanLines {
            title: "VirtualService tcp-echo, tcp[0], port 31400".to_owned(),
            rows: vec![
                row(["SUBSET", "NOW", "AFTER", "READY"]),
                row(["v1", "80%", "60%", "2/2"]),
                row(["v2", "20%", "40%", "2/2"]),
            ],
            notes: vec![
                Note::new("cuts", "23 connections on 3 pods (9, 8, 6)"),
                Note::new(
                    "why",
                    "a changed TCP route is a new filter chain; 45s later Envoy closes every connection of the \
                     old one, also those to v1",
                ),
            ],
        }
    }

    #[test]
    fn a_shift_is_refused_as_in_section_12() {
        // There a line is two columns shorter, for the mark of stderr.
        let refusal = Refusal {
            reason: "23 open connections would be cut".to_owned(),
            plan: Some(shift()),
            commands: vec![
                Command::new(
                    "kubectl mesh shift tcp-echo v1=60 v2=40 --allow-disconnect".split(' '),
                ),
                Command::new("kubectl mesh shift tcp-echo --status -w".split(' '))
                    .remarked("to see a quiet moment"),
            ],
            ..Refusal::default()
        };
        assert_eq!(
            render_refusal(&refusal, &Layout::default()),
            "\
✗ refused: 23 open connections would be cut; nothing written

plan: VirtualService tcp-echo, tcp[0], port 31400
  SUBSET  NOW  AFTER  READY
  v1      80%    60%    2/2
  v2      20%    40%    2/2
  cuts   23 connections on 3 pods (9, 8, 6)
  why    a changed TCP route is a new filter chain; 45s later Envoy closes every
         connection of the old one, also those to v1

run: kubectl mesh shift tcp-echo v1=60 v2=40 --allow-disconnect
or, to see a quiet moment: kubectl mesh shift tcp-echo --status -w
"
        );
    }

    #[test]
    fn an_exposure_is_planned_as_in_section_11() {
        let step = |n: &str, what: &str, object: &str| {
            vec![Cell::left(n), Cell::left(what), Cell::left(object)]
        };
        let plan = PlanLines {
            title: "rcmd/kafka-broker0:9092 at 203.0.113.10:16354".to_owned(),
            rows: vec![
                step("1", "create", "Gateway rcmd/kafka-broker0-16354"),
                step("2", "create", "VirtualService rcmd/kafka-broker0-16354"),
                step(
                    "3",
                    "change",
                    "Service istio-system/istio-ingressgateway, one port more",
                ),
            ],
            notes: vec![
                Note::new(
                    "proved",
                    "16354 opens on 3 of 3 pods and leads to 1 endpoint; nothing that is open closes or changes, \
                     after any of the writes",
                ),
                Note::new("allowed", "3 of 3 writes, by RBAC and a server dry-run"),
                Note::new("reach", "the internet, through load balancer 203.0.113.10"),
            ],
        };
        assert_eq!(
            render_plan(&plan, &Layout::default()),
            "\
plan: rcmd/kafka-broker0:9092 at 203.0.113.10:16354
  1  create  Gateway rcmd/kafka-broker0-16354
  2  create  VirtualService rcmd/kafka-broker0-16354
  3  change  Service istio-system/istio-ingressgateway, one port more
  proved   16354 opens on 3 of 3 pods and leads to 1 endpoint; nothing that is
           open closes or changes, after any of the writes
  allowed  3 of 3 writes, by RBAC and a server dry-run
  reach    the internet, through load balancer 203.0.113.10
"
        );
    }

    #[test]
    fn a_finding_keeps_its_own_lines() {
        let refusal = Refusal {
            reason: "media holds port 31400 of istio-ingressgateway".to_owned(),
            finding: Some(
                "error[X]: an older Gateway holds this port\n  --> Gateway media/stream-gateway\n"
                    .to_owned(),
            ),
            ..Refusal::default()
        };
        assert_eq!(
            render_refusal(&refusal, &Layout::default()),
            "\
✗ refused: media holds port 31400 of istio-ingressgateway; nothing written

error[X]: an older Gateway holds this port
  --> Gateway media/stream-gateway
"
        );
    }

    #[test]
    fn what_could_be_meant_is_listed() {
        let failure = Failure {
            sentence: "tcp-echo is in 2 rules: say which".to_owned(),
            rows: vec![
                vec![Cell::left("tcp[0]"), Cell::right("31400")],
                vec![Cell::left("http[10]"), Cell::right("80")],
            ],
            why: None,
            commands: vec![Command::new([
                "kubectl", "mesh", "shift", "tcp-echo", "--port", "80",
            ])],
        };
        assert_eq!(
            render_failure(&failure, &Layout::default()),
            "\
error: tcp-echo is in 2 rules: say which
  tcp[0]    31400
  http[10]     80
run: kubectl mesh shift tcp-echo --port 80
"
        );
    }

    #[test]
    fn colour_says_what_is_said_and_names_do_not_drive_the_terminal() {
        let layout = Layout {
            color: true,
            ..Layout::default()
        };
        let plan = PlanLines {
            title: "a\x1bb".to_owned(),
            rows: Vec::new(),
            notes: vec![Note::new("cuts", "unknown: files do not show connections")],
        };
        assert_eq!(
            render_plan(&plan, &layout),
            "plan: a\\x1bb\n  cuts   \x1b[33munknown\x1b[0m: files do not show connections\n"
        );
    }

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        assert_eq!(shell_word("v1=80"), "v1=80");
        assert_eq!(shell_word("*.a.b"), "'*.a.b'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
