//! The page of a cause, what a pasted line can mean, and the causes nearest to a code that nobody knows.

use super::model::Command;
use super::pasted;
use super::style::{Layout, Line, Style, print, print_blocks};
use super::text::commands;
use super::wrap::{command, wrap};
use crate::causes::{Page, Severity};

/// Columns of the labels.
const LABEL: usize = 9;

/// What `--explain` prints: the page of a code, what a pasted line can mean, or the pages of the codes in a text.
///
/// # Errors
/// What to tell on stderr when nothing of it is known.
pub fn answer(asked: &str, pages: &[&Page], layout: &Layout) -> Result<String, String> {
    if let Some(page) = find(asked, pages) {
        return Ok(explain(page, layout));
    }
    if let Some(text) = pasted::explain(asked, layout) {
        return Ok(text);
    }
    let named = named(asked, pages);
    if named.is_empty() {
        return Err(unknown_code(asked, pages, layout));
    }
    let texts: Vec<String> = named.iter().map(|page| explain(page, layout)).collect();
    Ok(texts.join("\n"))
}

/// The pages of the codes that stand in a text, such as `error[GW-VS-NONE]: …`.
fn named<'a>(text: &str, pages: &[&'a Page]) -> Vec<&'a Page> {
    let mut named: Vec<&'a Page> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
        if let Some(page) = find(word, pages).filter(|page| !named.contains(page)) {
            named.push(page);
        }
    }
    named
}

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
pub(super) fn labelled(out: &mut Vec<Line>, label: &str, texts: &[&str], layout: &Layout) {
    for (n, text) in texts.iter().filter(|text| !text.is_empty()).enumerate() {
        let label = if n == 0 { label } else { "" };
        let inner = text.len() - text.trim_start_matches(' ').len();
        let line = Line::new().plain(format!("{label:<LABEL$}{text}"));
        out.extend(wrap(&line, LABEL + inner, layout));
    }
}

/// The example, never wrapped: kinds in a column, `-` and `+` in front of what changes.
fn example(out: &mut Vec<Line>, lines: &[&str]) {
    for (n, (mark, text)) in aligned(lines).into_iter().enumerate() {
        let label = if n == 0 { "example" } else { "" };
        let style = match mark {
            "+ " => Style::Good,
            "- " => Style::Bad,
            _ => Style::Plain,
        };
        out.push(
            Line::new()
                .plain(format!("{label:<LABEL$}"))
                .with(style, format!("{mark}{text}")),
        );
    }
}

/// The lines of an example, kinds in a column: the mark, two columns wide, and the rest.
pub(super) fn aligned<'a>(lines: &[&'a str]) -> Vec<(&'a str, String)> {
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
    rows.into_iter()
        .map(|(mark, kind, field)| {
            let text = if field.is_empty() {
                kind.to_owned()
            } else {
                format!("{kind:<widest$}  {field}")
            };
            (mark, text)
        })
        .collect()
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
            let typos = strsim::osa_distance(&asked, page.code);
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
    let line = code.trim().contains(char::is_whitespace);
    let near = if line {
        let words = code.split_whitespace().filter(|word| word.contains('-'));
        let mut near = words.flat_map(|word| nearest(word, pages));
        near.next().into_iter().collect()
    } else {
        nearest(code, pages)
    };
    let said = if line {
        ": no line that is known reads like this".to_owned()
    } else {
        format!(": no cause has the code {}", code.trim())
    };
    let mut lines = vec![Line::new().with(Style::Bad, "error").plain(said)];
    let Some(first) = near.first() else {
        if line {
            let known =
                "  = fix: paste a line of istiod's log, of Envoy's log or of an access log, whole";
            lines.extend(wrap(&Line::new().plain(known), 4, layout));
        }
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

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::super::style::Layout;
    use super::{explain, find, nearest, unknown_code};
    use crate::causes::{Page, Severity};

    const PAGE: Page = Page {
        code: "GW-TCP-PORT-MATCH",
        title: "match.port is not the Gateway's port",
        severity: Severity::Error,
        what: "The `tcp` rule is skipped. If no other rule fits, the port is closed.",
        when: "tcp[].match[].port is set and differs from servers[].port.number.",
        why: "istiod compares it with the number written in the Gateway. Neither the Service's targetPort nor the port \
              Envoy binds counts.",
        seen: &[
            "in istiod's log, in this order:",
            "  gateway NS/NAME:N listener missed network filter",
            "  gateway omitting listener \"0.0.0.0_P\" due to: must have more than 0 chains in listener \"0.0.0.0_P\"",
        ],
        fix: "Write the Gateway's number in match.port, or leave match.port out.",
        example: &[
            "Gateway  servers[0].port.number: 31400",
            "- VirtualService  tcp[0].match[0].port: 9000",
            "+ VirtualService  tcp[0].match[0].port: 31400",
        ],
        also: &["GW-TCP-NO-BLOCK", "GW-TCP-GW-MATCH", "GW-VS-NONE"],
        source: "",
    };

    #[test]
    fn a_page() {
        assert_eq!(
            explain(&PAGE, &Layout::default()),
            "\
GW-TCP-PORT-MATCH (error): match.port is not the Gateway's port

what     The `tcp` rule is skipped. If no other rule fits, the port is closed.
when     tcp[].match[].port is set and differs from servers[].port.number.
why      istiod compares it with the number written in the Gateway. Neither
         the Service's targetPort nor the port Envoy binds counts.
seen     in istiod's log, in this order:
           gateway NS/NAME:N listener missed network filter
           gateway omitting listener \"0.0.0.0_P\" due to: must have more than
           0 chains in listener \"0.0.0.0_P\"
fix      Write the Gateway's number in match.port, or leave match.port out.
example    Gateway         servers[0].port.number: 31400
         - VirtualService  tcp[0].match[0].port: 9000
         + VirtualService  tcp[0].match[0].port: 31400
also     GW-TCP-NO-BLOCK, GW-TCP-GW-MATCH, GW-VS-NONE

run: kubectl mesh why-no-listener
"
        );
    }

    #[test]
    fn a_page_in_colour() {
        let coloured = Layout {
            color: true,
            ..Layout::default()
        };
        let text = explain(&PAGE, &coloured);
        assert!(text.starts_with(
            "\x1b[1mGW-TCP-PORT-MATCH\x1b[0m (\x1b[31merror\x1b[0m): \x1b[1mmatch.port is"
        ));
        assert!(
            text.contains(
                "\n         \x1b[31m- VirtualService  tcp[0].match[0].port: 9000\x1b[0m\n"
            )
        );
        assert!(text.contains("\n         \x1b[32m+ VirtualService"));
    }

    #[test]
    fn what_a_page_does_not_say_has_no_label() {
        let text = explain(samples::page("X", "t"), &Layout::default());
        assert_eq!(text, "X (error): t\n\nrun: kubectl mesh why-no-listener\n");
    }

    #[test]
    fn near_codes() {
        let pages = [
            "GW-VS-NONE",
            "GW-VS-GWNAME",
            "GW-VS-MESH-ONLY",
            "GW-VS-EXPORTTO",
            "SC-WILD-SE",
        ]
        .map(|code| samples::page(code, "t"));
        let codes = |asked: &str| -> Vec<&str> {
            nearest(asked, &pages)
                .into_iter()
                .map(|page| page.code)
                .collect()
        };
        assert_eq!(find(" gw-vs-none ", &pages).unwrap().code, "GW-VS-NONE");
        assert!(find("GW-VS", &pages).is_none());
        assert_eq!(codes("GW-VS-NOEN"), ["GW-VS-NONE"]);
        assert_eq!(codes("sc-wild"), ["SC-WILD-SE"]);
        assert_eq!(codes("WILD"), ["SC-WILD-SE"]);
        assert_eq!(
            codes("gw-vs-"),
            ["GW-VS-NONE", "GW-VS-GWNAME", "GW-VS-EXPORTTO"]
        );
        assert!(codes("banana").is_empty());
        assert!(codes("").is_empty());
        assert_eq!(
            unknown_code("gw-vs-nne", &pages, &Layout::default()),
            "\
error: no cause has the code gw-vs-nne
  = fix: the nearest is GW-VS-NONE
run: kubectl mesh why-no-listener --explain GW-VS-NONE
"
        );
        assert_eq!(
            unknown_code("\x1b", &[], &Layout::default()),
            "error: no cause has the code \\x1b\n"
        );
    }
}
