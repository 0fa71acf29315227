//! The scan: one row a finding, with kubectl's look.

use tabled::Table;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style as Borders};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::model::{Answer, Finding, Fix, Proof, Verdict};
use super::style::{Layout, Style};
use crate::snapshot::{ObjectKey, Snapshot};

/// How far the best fix of a finding was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FixState {
    /// Proved.
    Proved,
    /// Proved under assumptions.
    Conditional,
    /// Only suggested.
    Unproved,
    /// There is none.
    None,
}

impl FixState {
    /// The state of the best of these fixes.
    #[must_use]
    pub fn of(fixes: &[Fix]) -> Self {
        fixes
            .iter()
            .map(|fix| match fix.proof {
                Proof::Proved => Self::Proved,
                Proof::Conditional(_) => Self::Conditional,
                Proof::Unproved(_) => Self::Unproved,
            })
            .min()
            .unwrap_or(Self::None)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Conditional => "conditional",
            Self::Unproved => "unproved",
            Self::None => "<none>",
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Proved => Style::Good,
            Self::Conditional | Self::Unproved => Style::Unsure,
            Self::None => Style::Plain,
        }
    }
}

/// One row: a finding, and the port it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Port; 0 is none.
    pub port: u32,
    /// How the port stands.
    pub status: Verdict,
    /// The object at fault, as [`short`] writes it.
    pub object: String,
    /// The finding's code, shown when wide.
    pub code: String,
    /// The finding's title, shown when not.
    pub title: String,
    /// How far a fix was proved.
    pub fix: FixState,
    /// Which proxies it concerns, such as `edge/kafka` or `41 sidecars`.
    pub proxy: String,
}

impl Row {
    /// The row of a finding.
    #[must_use]
    pub fn of(answer: &Answer, finding: &Finding, snapshot: &Snapshot) -> Self {
        Self {
            port: answer.asked.port,
            status: answer.verdict,
            object: snapshot
                .get(finding.primary.object)
                .map_or_else(String::new, |object| short(&object.key)),
            code: finding.page.code.to_owned(),
            title: finding.page.title.to_owned(),
            fix: FixState::of(&finding.fixes),
            proxy: format!("{}/{}", answer.proxy.namespace, answer.proxy.name),
        }
    }
}

impl Row {
    /// The row of a finding that so many sidecars have.
    #[must_use]
    pub fn around(answer: &Answer, finding: &Finding, snapshot: &Snapshot, sidecars: u32) -> Self {
        let row = Self::of(answer, finding, snapshot);
        match sidecars {
            0 | 1 => row,
            n => Self {
                proxy: format!("{n} sidecars"),
                ..row
            },
        }
    }
}

/// An object in a table: `gw/namespace/name`.
#[must_use]
pub fn short(key: &ObjectKey) -> String {
    format!("{}/{}", key.kind.short(), key.qualified())
}

/// The table of a scan, sorted by port; empty when there is no row. `wide` has code, fix and proxy instead of the
/// title.
#[must_use]
pub fn render_rows(rows: &[Row], wide: bool, layout: &Layout) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by_key(|row| (row.port, &row.object, &row.code, &row.proxy));
    let header: &[&str] = if wide {
        &["PORT", "STATUS", "OBJECT", "CODE", "FIX", "PROXY"]
    } else {
        &["PORT", "STATUS", "OBJECT", "WHY"]
    };
    let plain = |text: &str| (Style::Plain, text.to_owned());
    let cells: Vec<Vec<(Style, String)>> =
        std::iter::once(header.iter().copied().map(plain).collect())
            .chain(rows.into_iter().map(|row| {
                let port = match row.port {
                    0 => "-".to_owned(),
                    number => number.to_string(),
                };
                let mut cells = vec![
                    plain(&port),
                    (status_style(row.status), row.status.word().to_owned()),
                    plain(&row.object),
                ];
                if wide {
                    cells.push(plain(&row.code));
                    cells.push((row.fix.style(), row.fix.word().to_owned()));
                    cells.push(plain(&row.proxy));
                } else {
                    cells.push(plain(&row.title));
                }
                cells
            }))
            .collect();
    columns(&cells, layout)
}

const fn status_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Open => Style::Good,
        Verdict::Unknown => Style::Unsure,
        Verdict::Diverted | Verdict::LeadsNowhere | Verdict::Unreachable | Verdict::Missing => {
            Style::Bad
        }
    }
}

/// Columns side by side with two spaces between, cut at the end of the last one only.
pub(super) fn columns(cells: &[Vec<(Style, String)>], layout: &Layout) -> String {
    let count = cells.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        cells
            .iter()
            .filter_map(|row| row.get(column))
            .map(|(_, text)| layout.columns(text))
            .max()
            .unwrap_or(0)
    };
    let before: usize = (0..count.saturating_sub(1)).map(|n| widest(n) + 2).sum();
    let room = layout.table_width.map(|width| {
        width
            .saturating_sub(before)
            .max(layout.ellipsis().width() + 1)
    });

    let mut builder = Builder::default();
    for row in cells {
        builder.push_record(row.iter().enumerate().map(|(n, (style, text))| {
            let text = layout.clean(text);
            let text = match room {
                Some(room) if n + 1 == count => cut(&text, room, layout.ellipsis()),
                _ => text,
            };
            layout.paint().apply(*style, &text)
        }));
    }
    let mut table: Table = builder.build();
    table.with(Borders::empty()).with(Padding::new(0, 2, 0, 0));
    table
        .to_string()
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

fn cut(text: &str, room: usize, ellipsis: &str) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let room = room.saturating_sub(ellipsis.width());
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect();
    kept + ellipsis
}

#[cfg(test)]
mod tests {
    use super::super::model::Verdict;
    use super::super::style::Layout;
    use super::{FixState, Row, render_rows};

    fn row(
        port: u32,
        status: Verdict,
        object: &str,
        code: &str,
        title: &str,
        fix: FixState,
        proxy: &str,
    ) -> Row {
        Row {
            port,
            status,
            object: object.to_owned(),
            code: code.to_owned(),
            title: title.to_owned(),
            fix,
            proxy: proxy.to_owned(),
        }
    }

    fn rows() -> Vec<Row> {
        vec![
            row(
                31400,
                Verdict::Missing,
                "vs/mq/amqp",
                "GW-TCP-PORT-MATCH",
                "match.port is not the Gateway's port",
                FixState::Proved,
                "edge/main",
            ),
            row(
                5701,
                Verdict::Diverted,
                "se/app/app-ext",
                "SC-WILD-SE",
                "this ServiceEntry takes every IP on a port",
                FixState::Proved,
                "41 sidecars",
            ),
            row(
                16354,
                Verdict::Missing,
                "gw/rcmd/kafka",
                "GW-VS-NONE",
                "no VirtualService is bound to this Gateway",
                FixState::Proved,
                "edge/kafka",
            ),
            row(
                6379,
                Verdict::LeadsNowhere,
                "vs/shop/redis",
                "GW-DST-SUBSET",
                "this subset is not defined",
                FixState::Unproved,
                "edge/main",
            ),
        ]
    }

    #[test]
    fn looks_like_kubectl() {
        assert_eq!(
            render_rows(&rows(), false, &Layout::default()),
            "\
PORT   STATUS         OBJECT          WHY
5701   diverted       se/app/app-ext  this ServiceEntry takes every IP on a port
6379   leads-nowhere  vs/shop/redis   this subset is not defined
16354  closed         gw/rcmd/kafka   no VirtualService is bound to this Gateway
31400  closed         vs/mq/amqp      match.port is not the Gateway's port
"
        );
    }

    #[test]
    fn wide_has_the_code_in_place_of_the_title() {
        assert_eq!(
            render_rows(&rows(), true, &Layout::default()),
            "\
PORT   STATUS         OBJECT          CODE               FIX       PROXY
5701   diverted       se/app/app-ext  SC-WILD-SE         proved    41 sidecars
6379   leads-nowhere  vs/shop/redis   GW-DST-SUBSET      unproved  edge/main
16354  closed         gw/rcmd/kafka   GW-VS-NONE         proved    edge/kafka
31400  closed         vs/mq/amqp      GW-TCP-PORT-MATCH  proved    edge/main
"
        );
    }

    #[test]
    fn colour_does_not_shift_columns() {
        let coloured = Layout {
            color: true,
            ..Layout::default()
        };
        let text = render_rows(&rows(), true, &coloured);
        assert!(text.contains("\x1b[31mdiverted\x1b[0m       se/app/app-ext"));
        assert!(text.contains("\x1b[33munproved\x1b[0m  edge/main"));
        let mut stripped = text;
        for escape in ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"] {
            stripped = stripped.replace(escape, "");
        }
        assert_eq!(stripped, render_rows(&rows(), true, &Layout::default()));
    }

    #[test]
    fn a_narrow_terminal_takes_the_end_of_the_last_column() {
        let narrow = Layout {
            table_width: Some(50),
            ..Layout::default()
        };
        let text = render_rows(&rows(), false, &narrow);
        assert!(
            text.contains("5701   diverted       se/app/app-ext  this Servic…\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 50));
    }

    #[test]
    fn names_are_shown_and_not_obeyed_and_counted_by_columns() {
        let mut rows = rows();
        rows[0].object = "vs/\x1b[2J".to_owned();
        rows[1].object = "se/网关".to_owned();
        let text = render_rows(&rows, false, &Layout::default());
        assert!(text.contains("vs/\\x1b[2J     match"), "{text}");
        assert!(text.contains("se/网关        this"), "{text}");
    }

    #[test]
    fn nothing_wrong_is_no_table() {
        assert_eq!(render_rows(&[], false, &Layout::default()), "");
    }
}
