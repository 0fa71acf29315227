//! The page of a cause as Markdown: what `docs/causes` holds.

use super::explain::aligned;
use crate::causes::{self, Page};

/// The page of a cause. Other pages are linked as files beside it.
#[must_use]
pub fn page(page: &Page) -> String {
    let mut blocks = vec![
        format!("# {}: {}", page.code, prose(page.title)),
        format!("Severity: {}", page.severity.word()),
    ];
    for (heading, text) in [
        ("What happens", page.what),
        ("When", page.when),
        ("Why", page.why),
    ] {
        section(&mut blocks, heading, text);
    }
    seen(&mut blocks, page.seen);
    section(&mut blocks, "Fix", page.fix);
    if !page.example.is_empty() {
        blocks.push("## Example".to_owned());
        let lines = aligned(page.example).into_iter();
        blocks.push(fenced(
            "diff",
            lines.map(|(mark, text)| mark.to_owned() + &text),
        ));
    }
    if !page.also.is_empty() {
        blocks.push("## See also".to_owned());
        blocks.push(
            page.also
                .iter()
                .map(|code| link(code))
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    if !page.source.is_empty() {
        blocks.push(format!("Decided in istio's `{}`.", page.source));
    }
    blocks.join("\n\n") + "\n"
}

/// The table of all pages.
#[must_use]
pub fn index(pages: &[&Page]) -> String {
    let mut out = "\
# Causes

Why a port is closed, unreachable, diverted or leads nowhere. Each page is what `kubectl mesh why-no-listener --explain
CODE` prints; these files are written from the same text.

| code | title | severity |
|---|---|---|
"
    .to_owned();
    for page in pages {
        let (code, title, severity) = (page.code, cell(page.title), page.severity.word());
        out.push_str(&format!("| [{code}]({code}.md) | {title} | {severity} |\n"));
    }
    out
}

fn section(blocks: &mut Vec<String>, heading: &str, text: &str) {
    if !text.is_empty() {
        blocks.push(format!("## {heading}"));
        blocks.push(prose(text));
    }
}

/// Lines that begin with spaces are verbatim; the others say where they stand.
fn seen(blocks: &mut Vec<String>, lines: &[&str]) {
    if lines.is_empty() {
        return;
    }
    blocks.push("## How to see it".to_owned());
    let mut rest = lines;
    while let Some(first) = rest.first() {
        let verbatim = |line: &&str| line.starts_with(' ');
        let quoted = rest.iter().take_while(|line| verbatim(line)).count();
        if quoted > 0 {
            let lines = rest.iter().take(quoted);
            let lines = lines.map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned());
            blocks.push(fenced("text", lines));
        } else {
            blocks.push(prose(first));
        }
        rest = rest.get(quoted.max(1)..).unwrap_or_default();
    }
}

fn fenced(language: &str, lines: impl Iterator<Item = String>) -> String {
    let body: String = lines.map(|line| line + "\n").collect();
    format!("```{language}\n{body}```")
}

fn link(code: &str) -> String {
    let title = causes::page(code).map_or("", |page| page.title);
    format!("- [{code}]({code}.md): {}", prose(title))
}

/// Text in which no letter is taken for a mark. Code between backquotes stays as it is.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut code = false;
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        code ^= c == '`';
        // An underscore within a word marks nothing.
        let within = before.is_alphanumeric() && rest.peek().is_some_and(|c| c.is_alphanumeric());
        if !code && (matches!(c, '*' | '<' | '\\') || (c == '_' && !within)) {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

fn cell(text: &str) -> String {
    prose(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::{index, page, prose};
    use crate::causes::{self, Page, Severity};

    const PAGE: Page = Page {
        code: "GW-X",
        title: "a title with *",
        severity: Severity::Warning,
        what: "The `a*b` rule, not a*b, is skipped.",
        when: "servers[].hosts is \"*\".",
        why: "AUTO_PASSTHROUGH is one word; _so is this.",
        seen: &[
            "in istiod's log:",
            "  first <line>",
            "    second",
            "in Envoy: nothing",
        ],
        fix: "Write another.",
        example: &[
            "  Gateway  a: 1",
            "- VirtualService  b: 1",
            "+ VirtualService  b: 2",
        ],
        also: &["GW-VS-NONE"],
        source: "pilot/a.go:f",
    };

    #[test]
    fn a_page() {
        assert_eq!(
            page(&PAGE),
            "\
# GW-X: a title with \\*

Severity: warning

## What happens

The `a*b` rule, not a\\*b, is skipped.

## When

servers[].hosts is \"\\*\".

## Why

AUTO_PASSTHROUGH is one word; \\_so is this.

## How to see it

in istiod's log:

```text
first <line>
  second
```

in Envoy: nothing

## Fix

Write another.

## Example

```diff
  Gateway         a: 1
- VirtualService  b: 1
+ VirtualService  b: 2
```

## See also

- [GW-VS-NONE](GW-VS-NONE.md): no VirtualService is bound to this Gateway

Decided in istio's `pilot/a.go:f`.
"
        );
    }

    #[test]
    fn the_index_has_a_row_for_each_page() {
        let text = index(causes::PAGES);
        let rows = text.lines().filter(|line| line.starts_with("| [")).count();
        assert_eq!(rows, causes::PAGES.len());
        assert!(index(&[&PAGE]).ends_with("| [GW-X](GW-X.md) | a title with \\* | warning |\n"));
    }

    #[test]
    fn code_stays_as_it_is() {
        assert_eq!(prose("`*` and *"), "`*` and \\*");
        assert_eq!(prose("a_b _c_"), "a_b \\_c\\_");
    }
}
