//! Breaks prose at spaces and commands before flags. Words are never cut: rather a longer line.

use super::style::{Layout, Line, Span, Style};

/// Text between spaces; its parts differ in style.
#[derive(Default)]
struct Word {
    /// Spaces in front; several of them separate columns within a line and are kept.
    gap: usize,
    parts: Vec<Span>,
    columns: usize,
}

impl Word {
    /// Whether a line should not end with this word: "0 chains", "the Gateway" read badly a line apart.
    fn leans_on(&self, next: &Self) -> bool {
        let text: String = self.parts.iter().map(|part| part.text.as_str()).collect();
        let letter = next
            .parts
            .first()
            .is_some_and(|part| part.text.starts_with(char::is_alphabetic));
        matches!(text.as_str(), "a" | "an" | "the")
            || (letter && text.bytes().all(|b| b.is_ascii_digit()))
    }
}

fn words(line: &Line, layout: &Layout) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = Word::default();
    for span in &line.spans {
        for (n, piece) in span.text.split(' ').enumerate() {
            if n > 0 {
                if !word.parts.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                word.gap += 1;
            }
            if !piece.is_empty() {
                let part = Span {
                    text: piece.to_owned(),
                    ..span.clone()
                };
                word.columns += part.columns(layout);
                word.parts.push(part);
            }
        }
    }
    if !word.parts.is_empty() {
        words.push(word);
    }
    words
}

/// Wraps a line at spaces; the second and later lines are indented by `hang`.
pub(super) fn wrap(line: &Line, hang: usize, layout: &Layout) -> Vec<Line> {
    let mut lines: Vec<Vec<Word>> = vec![Vec::new()];
    let mut used = 0;
    for mut word in words(line, layout) {
        let begun = lines.last().is_some_and(|current| !current.is_empty());
        if begun && used + word.gap + word.columns > layout.width {
            word.gap = 1;
            let leaning = lines
                .last_mut()
                .filter(|current| current.len() > 1)
                .and_then(|current| current.pop_if(|last| last.leans_on(&word)));
            let mut fresh = Vec::new();
            used = 0;
            if let Some(mut leaning) = leaning {
                leaning.gap = hang;
                used += leaning.gap + leaning.columns;
                fresh.push(leaning);
            } else {
                word.gap = hang;
            }
            lines.push(fresh);
        }
        used += word.gap + word.columns;
        if let Some(current) = lines.last_mut() {
            current.push(word);
        }
    }
    lines.into_iter().map(join).collect()
}

fn join(words: Vec<Word>) -> Line {
    let mut line = Line::new();
    for word in words {
        let before = line.spans.last().map_or(Style::Plain, |span| span.style);
        let after = word.parts.first().map_or(Style::Plain, |span| span.style);
        // The space inside a phrase of one style belongs to it: one pair of escapes, not one a word.
        let style = if before == after { after } else { Style::Plain };
        let verbatim = word.parts.first().is_some_and(|span| span.verbatim);
        if word.gap > 0 {
            line.push(Span {
                style: if line.spans.is_empty() {
                    Style::Plain
                } else {
                    style
                },
                text: " ".repeat(word.gap),
                verbatim: verbatim && style == after,
            });
        }
        for part in word.parts {
            line.push(part);
        }
    }
    line
}

/// How far the second and later lines of a command are indented.
const COMMAND_HANG: usize = 7;

/// A command behind its label (`run: `), broken before flags with ` \` so that it still works when pasted.
pub(super) fn command(label: &str, words: &[String], layout: &Layout) -> Vec<Line> {
    let mut units: Vec<String> = Vec::new();
    let mut flags = true;
    for word in words {
        let flag = flags && word.starts_with('-') && word != "-";
        match units.last_mut() {
            Some(unit) if !flag => {
                unit.push(' ');
                unit.push_str(word);
            }
            _ => units.push(word.clone()),
        }
        // Behind `--` stands another command, whose own flags are no place to break.
        flags = flags && word != "--";
    }

    let mut rows: Vec<String> = Vec::new();
    let mut indent = layout.columns(label);
    let count = units.len();
    for (n, unit) in units.into_iter().enumerate() {
        let tail = if n + 1 < count { 2 } else { 0 };
        match rows.last_mut() {
            Some(row)
                if indent + layout.columns(row) + 1 + layout.columns(&unit) + tail
                    <= layout.width =>
            {
                row.push(' ');
                row.push_str(&unit);
            }
            row => {
                if row.is_some() {
                    indent = COMMAND_HANG;
                }
                rows.push(unit);
            }
        }
    }

    let count = rows.len();
    rows.into_iter()
        .enumerate()
        .map(|(n, row)| {
            let head = if n == 0 {
                label.to_owned()
            } else {
                " ".repeat(COMMAND_HANG)
            };
            let line = Line::new().plain(head).verbatim(Style::Strong, row);
            if n + 1 < count {
                line.verbatim(Style::Strong, " \\")
            } else {
                line
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::style::{Layout, Line, Style, print};
    use super::{command, wrap};

    fn prose(text: &str, hang: usize, width: usize) -> String {
        let layout = Layout {
            width,
            ..Layout::default()
        };
        print(&wrap(&Line::new().plain(text), hang, &layout), &layout)
    }

    fn run(label: &str, words: &str, width: usize) -> String {
        let layout = Layout {
            width,
            ..Layout::default()
        };
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        print(&command(label, &words, &layout), &layout)
    }

    #[test]
    fn hangs_under_its_text() {
        assert_eq!(
            prose("  = why: one two three", 4, 16),
            "  = why: one two\n    three\n"
        );
    }

    #[test]
    fn never_breaks_a_name() {
        assert_eq!(
            prose("at istio-system/istio-ingressgateway-external now", 2, 12),
            "at\n  istio-system/istio-ingressgateway-external\n  now\n"
        );
    }

    #[test]
    fn keeps_columns_within_a_line() {
        assert_eq!(prose("  80%  a:9000  v1", 2, 80), "  80%  a:9000  v1\n");
        assert_eq!(prose("80%  a:9000  v1", 0, 12), "80%  a:9000\nv1\n");
    }

    #[test]
    fn keeps_numbers_and_articles_with_their_words() {
        assert_eq!(
            prose("it is in the Gateway", 0, 13),
            "it is in\nthe Gateway\n"
        );
        assert_eq!(prose("the Gateway", 0, 5), "the\nGateway\n");
        assert_eq!(prose("more than 0 chains", 0, 12), "more than\n0 chains\n");
        assert_eq!(prose("more than 0 (zero)", 0, 12), "more than 0\n(zero)\n");
    }

    #[test]
    fn counts_east_asian_width() {
        assert_eq!(prose("网关 网关 x", 0, 9), "网关 网关\nx\n");
        assert_eq!(prose("网关 网关 x", 0, 8), "网关\n网关 x\n");
    }

    #[test]
    fn a_phrase_of_one_style_is_coloured_once_a_line() {
        let layout = Layout {
            width: 14,
            color: true,
            ..Layout::default()
        };
        let line = Line::new()
            .plain("= fix (")
            .with(Style::Unsure, "proved if")
            .plain(" a): b");
        assert_eq!(
            print(&wrap(&line, 2, &layout), &layout),
            "= fix (\u{1b}[33mproved\u{1b}[0m\n  \u{1b}[33mif\u{1b}[0m a): b\n"
        );
        let wide = Layout {
            width: 80,
            ..layout
        };
        assert_eq!(
            print(&wrap(&line, 2, &wide), &wide),
            "= fix (\u{1b}[33mproved if\u{1b}[0m a): b\n"
        );
    }

    #[test]
    fn commands_break_before_a_flag() {
        assert_eq!(
            run(
                "run: ",
                "kubectl debug node/worker-2 -it --image=busybox --profile=sysadmin -- chroot /host ss \
                 -ltnp 'sport = :9000'",
                80
            ),
            "run: kubectl debug node/worker-2 -it --image=busybox --profile=sysadmin \\\n       \
             -- chroot /host ss -ltnp 'sport = :9000'\n"
        );
        assert_eq!(
            run(
                "run: ",
                "kubectl mesh expose-tcp kafka-broker0:9092 --port 16354 -n rcmd --only routes",
                80
            ),
            "run: kubectl mesh expose-tcp kafka-broker0:9092 --port 16354 -n rcmd \\\n       --only routes\n"
        );
        assert_eq!(
            run(
                "run: ",
                "helm template charts/gateway | kubectl mesh why-no-listener -f -",
                80
            ),
            "run: helm template charts/gateway | kubectl mesh why-no-listener -f -\n"
        );
    }
}
