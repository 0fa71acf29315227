//! The page of a cause, and the causes nearest to a code that nobody knows.

use super::model::Command;
use super::style::{Layout, Line, Style, print, print_blocks};
use super::text::commands;
use super::wrap::{command, wrap};
use crate::causes::{Page, Severity};

/// Columns of the labels.
const LABEL: usize = 9;

/// The page of a cause as `--explain CODE` prints it.
#[must_use]
pub fn explain(page: &Page, layout: &Layout) -> String {
    let severity = match page.severity {
        Severity::Error => Style::Bad,
        Severity::Warning => Style::Unsure,
        Severity::Info => Style::Plain,
    };
    let title = Line::new()
        .with(Style::Strong, page.code)
        .plain(" (")
        .with(severity, page.severity.word())
        .plain("): ")
        .with(Style::Strong, page.title);

    let mut body = Vec::new();
    for (label, text) in [("what", page.what), ("when", page.when), ("why", page.why)] {
        labelled(&mut body, label, &[text], layout);
    }
    labelled(&mut body, "seen", page.seen, layout);
    labelled(&mut body, "fix", &[page.fix], layout);
    example(&mut body, page.example);
    labelled(&mut body, "also", &[&page.also.join(", ")], layout);
    let run = Command::new(layout.command.split(' '));
    print_blocks(&[vec![title], body, commands(&[run], layout)], layout)
}

/// A label and its texts, each hanging under its own beginning; nothing for no text.
fn labelled(out: &mut Vec<Line>, label: &str, texts: &[&str], layout: &Layout) {
    for (n, text) in texts.iter().filter(|text| !text.is_empty()).enumerate() {
        let label = if n == 0 { label } else { "" };
        let inner = text.len() - text.trim_start_matches(' ').len();
        let line = Line::new().plain(format!("{label:<LABEL$}{text}"));
        out.extend(wrap(&line, LABEL + inner, layout));
    }
}

/// The example, never wrapped: kinds in a column, `-` and `+` in front of what changes.
fn example(out: &mut Vec<Line>, lines: &[&str]) {
    let rows: Vec<(&str, &str, &str)> = lines
        .iter()
        .map(|line| {
            let (mark, rest) = ["- ", "+ "]
                .into_iter()
                .find_map(|mark| line.strip_prefix(mark).map(|rest| (mark, rest)))
                .unwrap_or(("  ", line.trim_start()));
            let (kind, field) = rest.split_once("  ").unwrap_or((rest, ""));
            (mark, kind, field.trim_start())
        })
        .collect();
    let widest = rows
        .iter()
        .filter(|(_, _, field)| !field.is_empty())
        .map(|(_, kind, _)| kind.chars().count())
        .max()
        .unwrap_or(0);
    for (n, (mark, kind, field)) in rows.into_iter().enumerate() {
        let label = if n == 0 { "example" } else { "" };
        let style = match mark {
            "+ " => Style::Good,
            "- " => Style::Bad,
            _ => Style::Plain,
        };
        let text = if field.is_empty() {
            format!("{mark}{kind}")
        } else {
            format!("{mark}{kind:<widest$}  {field}")
        };
        out.push(
            Line::new()
                .plain(format!("{label:<LABEL$}"))
                .with(style, text),
        );
    }
}

/// The page of a code, whatever its case.
#[must_use]
pub fn find<'a>(code: &str, pages: &[&'a Page]) -> Option<&'a Page> {
    pages
        .iter()
        .copied()
        .find(|page| page.code.eq_ignore_ascii_case(code.trim()))
}

/// How many codes are offered for an unknown one.
const OFFERED: usize = 3;

/// The codes nearest to one that nobody knows: those that continue it first, then those with the fewest typos. Empty
/// when nothing is near.
#[must_use]
pub fn nearest<'a>(code: &str, pages: &[&'a Page]) -> Vec<&'a Page> {
    let asked = code.trim().to_ascii_uppercase();
    // More typos than a third of the code is another code.
    let limit = (asked.chars().count() / 3).max(2);
    let mut near: Vec<(bool, usize, &'a Page)> = pages
        .iter()
        .copied()
        .filter_map(|page| {
            let continues = !asked.is_empty()
                && (page.code.starts_with(&asked)
                    || page
                        .code
                        .split_once('-')
                        .is_some_and(|(_, rest)| rest.starts_with(&asked)));
            let typos = distance(&asked, page.code);
            (continues || typos <= limit).then_some((!continues, typos, page))
        })
        .collect();
    near.sort_by_key(|(other, typos, page)| (*other, *typos, page.code));
    near.into_iter()
        .take(OFFERED)
        .map(|(_, _, page)| page)
        .collect()
}

/// What `--explain` says of a code that nobody knows; for stderr.
#[must_use]
pub fn unknown_code(code: &str, pages: &[&Page], layout: &Layout) -> String {
    let near = nearest(code, pages);
    let mut lines = vec![
        Line::new()
            .with(Style::Bad, "error")
            .plain(format!(": no cause has the code {}", code.trim())),
    ];
    let Some(first) = near.first() else {
        return print(&lines, layout);
    };
    let codes: Vec<&str> = near.iter().map(|page| page.code).collect();
    let line = Line::new().plain(format!("  = fix: the nearest are {}", codes.join(", ")));
    let line = if codes.len() == 1 {
        Line::new().plain(format!("  = fix: the nearest is {}", first.code))
    } else {
        line
    };
    lines.extend(wrap(&line, 4, layout));
    let words: Vec<String> = layout
        .command
        .split(' ')
        .chain(["--explain", first.code])
        .map(str::to_owned)
        .collect();
    lines.extend(command("run: ", &words, layout));
    print(&lines, layout)
}

/// Edits that make one text of the other, a swap of neighbours counting once.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&row, j) + usize::from(x != *y))
                .min(at(&row, j + 1) + 1)
                .min(at(&next, j) + 1);
            let before = j.checked_sub(1);
            if let Some(before) = before
                && last == Some(*y)
                && b.get(before) == Some(&x)
            {
                best = best.min(at(&above, before) + 1);
            }
            next.push(best);
        }
        above = std::mem::replace(&mut row, next);
        last = Some(x);
    }
    row.last().copied().unwrap_or(0)
}
