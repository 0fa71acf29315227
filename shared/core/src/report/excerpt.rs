//! Shows the source of a field, with carets under it.
//!
//! What to show is found by [`Snapshot::locate`]; how it is drawn needs only a text and spots in it.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::model::Mark;
use super::style::{Layout, Line, Style, print, visible_char};
use super::wrap::wrap;
use crate::snapshot::{FieldPath, Location, ObjectId, Snapshot, SourceId};

/// Finds the place of a field; tests bring their own.
pub(super) type Locate<'a> = &'a dyn Fn(ObjectId, &FieldPath) -> Option<Location>;

/// A place within one text, and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Line, from 1.
    pub line: usize,
    /// Column of the first character, from 1.
    pub column: usize,
    /// How many characters are meant.
    pub width: usize,
    /// `^^^` for the place at fault, `---` for the others.
    pub primary: bool,
    /// Words at the caret; may be empty.
    pub label: String,
}

/// Columns that a label keeps for itself on a narrow terminal, however far right its caret is.
const LABEL_MIN: usize = 24;

/// Draws the lines of a text that have spots; `gutter` is the width of the line numbers.
pub(super) fn excerpt(text: &str, spots: &[Spot], gutter: usize, layout: &Layout) -> Vec<Line> {
    let mut spots: Vec<&Spot> = spots.iter().collect();
    spots.sort_by_key(|spot| (spot.line, spot.column, !spot.primary));
    let source: Vec<&str> = text.lines().collect();
    let line_of = |n: usize| n.checked_sub(1).and_then(|n| source.get(n)).copied();

    let mut out = Vec::new();
    let mut last: Option<usize> = None;
    for group in spots.chunk_by(|a, b| a.line == b.line) {
        let Some((number, content)) = group
            .first()
            .and_then(|spot| line_of(spot.line).map(|content| (spot.line, content)))
        else {
            continue;
        };
        match last {
            None => out.push(bar(gutter)),
            // A single line in between says more than the dots that would stand in its place.
            Some(last) if number == last + 2 => {
                if let Some(between) = line_of(last + 1) {
                    let row = Row::new(between);
                    out.push(row.draw(
                        last + 1,
                        gutter,
                        &row.window_of_start(gutter, layout),
                        layout,
                    ));
                }
            }
            Some(last) if number > last + 2 => {
                out.push(Line::new().with(Style::Faint, "..."));
            }
            Some(_) => {}
        }
        last = Some(number);
        draw_group(&mut out, group, number, content, gutter, layout);
    }
    out
}

fn draw_group(
    out: &mut Vec<Line>,
    group: &[&Spot],
    number: usize,
    content: &str,
    gutter: usize,
    layout: &Layout,
) {
    let row = Row::new(content);
    let mut shown: Option<Window> = None;
    for spot in group {
        let caret = row.caret(spot);
        let window = match shown.take() {
            Some(window) if window.holds(&caret) => window,
            _ => {
                let window = row.window(&caret, gutter, layout);
                out.push(row.draw(number, gutter, &window, layout));
                window
            }
        };
        out.extend(underline(spot, &caret, &window, gutter, layout));
        shown = Some(window);
    }
}

/// Columns under a spot, counted from the start of its line as drawn without a window.
struct Caret {
    start: usize,
    width: usize,
}

/// The part of a line that fits: columns `start..end`, and whether something is left out at either end.
struct Window {
    start: usize,
    end: usize,
    cut_left: bool,
    cut_right: bool,
}

impl Window {
    const fn holds(&self, caret: &Caret) -> bool {
        let end = if self.cut_right { self.end } else { usize::MAX };
        self.start <= caret.start && caret.start < end
    }
}

/// A source line as it is drawn: what each character looks like, and how wide it is.
struct Row {
    cells: Vec<(String, usize)>,
}

impl Row {
    fn new(content: &str) -> Self {
        let cells = content
            .chars()
            .map(|c| match c {
                '\t' => (" ".to_owned(), 1),
                // A byte order mark belongs to the file, not to its first line.
                '\u{feff}' => (String::new(), 0),
                c => {
                    let shown = visible_char(c);
                    let width = c.width().unwrap_or_else(|| shown.width());
                    let width = if shown.chars().count() > 1 {
                        shown.width()
                    } else {
                        width
                    };
                    (shown, width)
                }
            })
            .collect();
        Self { cells }
    }

    fn columns(&self) -> usize {
        self.cells.iter().map(|(_, width)| width).sum()
    }

    fn caret(&self, spot: &Spot) -> Caret {
        let before = spot.column.saturating_sub(1);
        let start = self.cells.iter().take(before).map(|(_, w)| w).sum();
        let width = self
            .cells
            .iter()
            .skip(before)
            .take(spot.width)
            .map(|(_, w)| w)
            .sum::<usize>()
            .max(1);
        Caret { start, width }
    }

    fn room(gutter: usize, layout: &Layout) -> usize {
        layout.width.saturating_sub(gutter + 3).max(LABEL_MIN)
    }

    /// The window of a line without a caret.
    fn window_of_start(&self, gutter: usize, layout: &Layout) -> Window {
        self.window(&Caret { start: 0, width: 1 }, gutter, layout)
    }

    fn window(&self, caret: &Caret, gutter: usize, layout: &Layout) -> Window {
        let room = Self::room(gutter, layout);
        let all = self.columns();
        let dots = layout.ellipsis().width();
        if all <= room {
            return Window {
                start: 0,
                end: all,
                cut_left: false,
                cut_right: false,
            };
        }
        if caret.start + caret.width <= room - dots {
            return Window {
                start: 0,
                end: room - dots,
                cut_left: false,
                cut_right: true,
            };
        }
        // The caret stands in the middle, but no room is wasted behind the end of the line.
        let inner = room - 2 * dots;
        let start = caret.start - caret.start.min(inner.saturating_sub(caret.width) / 2);
        if start + inner + dots >= all {
            return Window {
                start: all - (room - dots),
                end: all,
                cut_left: true,
                cut_right: false,
            };
        }
        Window {
            start,
            end: start + inner,
            cut_left: true,
            cut_right: true,
        }
    }

    fn draw(&self, number: usize, gutter: usize, window: &Window, layout: &Layout) -> Line {
        let mut text = String::new();
        let mut at = 0;
        for (shown, width) in &self.cells {
            let next = at + width;
            if at >= window.start && next <= window.end {
                text.push_str(shown);
            } else if next > window.start && at < window.end {
                // Half of a wide character is in the window: spaces keep the carets in place.
                text.push_str(&" ".repeat(next.min(window.end) - at.max(window.start)));
            }
            at = next;
        }
        let mut line = Line::new().with(Style::Faint, format!("{number:>gutter$} |"));
        let text = text.trim_end();
        if window.cut_left {
            line = line.plain(format!(" {}", layout.ellipsis()));
        } else if !text.is_empty() {
            line = line.plain(" ");
        }
        if !text.is_empty() {
            line = line.verbatim(Style::Plain, text);
        }
        if window.cut_right {
            line = line.plain(layout.ellipsis());
        }
        line
    }
}

fn bar(gutter: usize) -> Line {
    Line::new().with(Style::Faint, format!("{} |", " ".repeat(gutter)))
}

fn underline(
    spot: &Spot,
    caret: &Caret,
    window: &Window,
    gutter: usize,
    layout: &Layout,
) -> Vec<Line> {
    let (glyph, style) = if spot.primary {
        ("^", Style::Bad)
    } else {
        ("-", Style::Faint)
    };
    let left = if window.cut_left {
        layout.ellipsis().width()
    } else {
        0
    };
    let indent = 1 + left + caret.start.saturating_sub(window.start);
    let width = if window.cut_right || window.cut_left {
        caret
            .width
            .min(window.end.saturating_sub(caret.start))
            .max(1)
    } else {
        caret.width
    };
    let carets = glyph.repeat(width);
    if spot.label.is_empty() {
        return vec![bar(gutter).plain(" ".repeat(indent)).with(style, carets)];
    }
    let before = gutter + 2 + indent + width + 1;
    let narrow = Layout {
        width: layout.width.saturating_sub(before).max(LABEL_MIN),
        ..*layout
    };
    let rows = wrap(&Line::new().with(style, spot.label.clone()), 0, &narrow);
    rows.into_iter()
        .enumerate()
        .map(|(n, row)| {
            let mut line = if n == 0 {
                bar(gutter)
                    .plain(" ".repeat(indent))
                    .with(style, format!("{carets} "))
            } else {
                bar(gutter).plain(" ".repeat(indent + width + 1))
            };
            for span in row.spans {
                line.push(span);
            }
            line
        })
        .collect()
}

/// Where a text cannot be read, for errors: `--> file:line:column`, and its line with the caret. The numbers take no
/// more room than they need.
#[must_use]
pub fn render_spot(file: &str, text: &str, spot: &Spot, layout: &Layout) -> String {
    let head = Line::new()
        .plain("  ")
        .with(Style::Faint, "-->")
        .plain(format!(" {file}:{}:{}", spot.line, spot.column));
    let gutter = spot.line.to_string().len();
    let mut lines = vec![head];
    lines.extend(excerpt(text, std::slice::from_ref(spot), gutter, layout));
    print(&lines, layout)
}

/// The places of one finding as they are drawn under its title.
pub(super) struct Places {
    /// The lines.
    pub(super) lines: Vec<Line>,
    /// Where the `=` of the lines below stands: under the gutter's bars.
    pub(super) indent: usize,
}

/// A mark, with its place if a file holds it.
struct Found<'a> {
    mark: &'a Mark,
    primary: bool,
    location: Option<Location>,
}

/// Draws where a finding is: the field at fault, then everything else that matters.
pub(super) fn places(
    primary: &Mark,
    remark: Option<&str>,
    related: &[Mark],
    snapshot: &Snapshot,
    locate: Locate<'_>,
    layout: &Layout,
) -> Places {
    let found: Vec<Found<'_>> = std::iter::once((primary, true))
        .chain(related.iter().map(|mark| (mark, false)))
        .map(|(mark, primary)| Found {
            mark,
            primary,
            location: locate(mark.object, &mark.field)
                .filter(|at| snapshot.source(at.source).is_some()),
        })
        .collect();
    // Never narrower than two digits, so that the lines below stand where they do without an excerpt.
    let gutter = found
        .iter()
        .filter_map(|f| f.location.as_ref())
        .map(|at| at.line.to_string().len())
        .fold(2, usize::max);

    let mut lines = Vec::new();
    let mut rest: Vec<&Found<'_>> = found.iter().collect();
    while let Some(first) = rest.first().copied() {
        let arrow = if first.primary { "-->" } else { ":::" };
        let remark = remark.filter(|_| first.primary);
        let (block, other): (Vec<&Found<'_>>, Vec<&Found<'_>>) = rest
            .iter()
            .partition(|f| std::ptr::eq(**f, first) || same_block(first, f));
        lines.extend(draw_block(
            arrow, first, remark, &block, gutter, snapshot, layout,
        ));
        rest = other;
    }
    Places {
        lines,
        indent: gutter + 1,
    }
}

/// Marks share an excerpt only within one object of one file: a line alone would not say whose it is.
fn same_block(a: &Found<'_>, b: &Found<'_>) -> bool {
    let source = |f: &Found<'_>| f.location.as_ref().map(|at| at.source);
    source(a).is_some() && source(a) == source(b) && a.mark.object == b.mark.object
}

fn draw_block(
    arrow: &str,
    first: &Found<'_>,
    remark: Option<&str>,
    block: &[&Found<'_>],
    gutter: usize,
    snapshot: &Snapshot,
    layout: &Layout,
) -> Vec<Line> {
    let head = Line::new().plain("  ").with(Style::Faint, arrow).plain(" ");
    let mut what = subject(first.mark, snapshot);
    let Some((at, source)) = first
        .location
        .as_ref()
        .and_then(|at| Some((at, snapshot.source(at.source)?)))
    else {
        if let Some(value) = &first.mark.value {
            what.push_str(": ");
            what.push_str(value);
        }
        return vec![head.plain(what + &bracketed(remark))];
    };

    let mut lines = vec![
        head.plain(format!("{}:{}:{}", source.name, at.line, at.column)),
        Line::new().plain(format!("      {what}{}", bracketed(remark))),
    ];
    let spots: Vec<Spot> = block.iter().filter_map(|f| f.spot()).collect();
    lines.extend(excerpt(&source.text, &spots, gutter, layout));
    lines
}

impl Found<'_> {
    fn spot(&self) -> Option<Spot> {
        let at = self.location.as_ref()?;
        Some(Spot {
            line: at.line,
            column: at.column,
            width: at.width,
            primary: self.primary,
            label: self.mark.label.clone(),
        })
    }
}

/// `Kind namespace/name  .field`.
fn subject(mark: &Mark, snapshot: &Snapshot) -> String {
    let object = snapshot
        .get(mark.object)
        .map_or_else(|| "an unknown object".to_owned(), |o| o.key.to_string());
    let field = mark.field.to_string();
    if field.is_empty() {
        object
    } else {
        format!("{object}  {field}")
    }
}

fn bracketed(remark: Option<&str>) -> String {
    remark.map_or_else(String::new, |remark| format!("  ({remark})"))
}

/// File, line and column of a field, for machines.
pub(super) fn point(
    object: ObjectId,
    field: &FieldPath,
    snapshot: &Snapshot,
    locate: Locate<'_>,
) -> Option<(String, usize, usize)> {
    let at = locate(object, field)?;
    let id: SourceId = at.source;
    Some((snapshot.source(id)?.name.clone(), at.line, at.column))
}

#[cfg(test)]
mod tests {
    use super::super::style::{Layout, print};
    use super::{Spot, excerpt, render_spot};

    fn spot(line: usize, column: usize, width: usize, primary: bool, label: &str) -> Spot {
        Spot {
            line,
            column,
            width,
            primary,
            label: label.to_owned(),
        }
    }

    fn draw(text: &str, spots: &[Spot], layout: &Layout) -> String {
        print(&excerpt(text, spots, 2, layout), layout)
    }

    #[test]
    fn neighbours_stand_together_and_one_line_between_is_shown() {
        let text = "a: 1\nb: 2\nc: 3\nd: 4\n";
        assert_eq!(
            draw(
                text,
                &[spot(4, 4, 1, false, "there"), spot(2, 1, 1, true, "here")],
                &Layout::default()
            ),
            "   |\n 2 | b: 2\n   | ^ here\n 3 | c: 3\n 4 | d: 4\n   |    - there\n"
        );
    }

    #[test]
    fn distant_lines_are_parted_by_dots() {
        let text = "a: 1\nb: 2\nc: 3\nd: 4\n";
        assert_eq!(
            draw(
                text,
                &[spot(1, 1, 1, true, ""), spot(4, 1, 1, false, "")],
                &Layout::default()
            ),
            "   |\n 1 | a: 1\n   | ^\n...\n 4 | d: 4\n   | -\n"
        );
    }

    #[test]
    fn two_spots_of_one_line() {
        assert_eq!(
            draw(
                "port: {number: 80, protocol: TCP}",
                &[
                    spot(1, 30, 3, false, "this"),
                    spot(1, 16, 2, true, "and that")
                ],
                &Layout::default()
            ),
            "   |
 1 | port: {number: 80, protocol: TCP}
   |                ^^ and that
   |                              --- this
"
        );
    }

    #[test]
    fn a_tab_is_one_space_and_a_wide_character_two_columns() {
        assert_eq!(
            draw(
                "\tname: 网关 x\r\n",
                &[spot(1, 8, 2, true, "网"), spot(1, 11, 1, false, "")],
                &Layout::default()
            ),
            "   |\n 1 |  name: 网关 x\n   |        ^^^^ 网\n   |             -\n"
        );
    }

    #[test]
    fn control_characters_are_shown_and_counted() {
        assert_eq!(
            draw("a\x1bb", &[spot(1, 3, 1, true, "")], &Layout::default()),
            "   |\n 1 | a\\x1bb\n   |      ^\n"
        );
    }

    #[test]
    fn long_lines_are_windowed_round_the_caret() {
        let layout = Layout {
            width: 35,
            ..Layout::default()
        };
        let text = format!("{}X{}", "a".repeat(50), "b".repeat(50));
        assert_eq!(
            draw(&text, &[spot(1, 51, 1, true, "X")], &layout),
            "   |\n 1 | …aaaaaaaaaaaaaXbbbbbbbbbbbbbb…\n   |               ^ X\n"
        );
        assert_eq!(
            draw(&text, &[spot(1, 1, 1, true, "")], &layout),
            "   |\n 1 | aaaaaaaaaaaaaaaaaaaaaaaaaaaaa…\n   | ^\n"
        );
        assert_eq!(
            draw(&text, &[spot(1, 101, 1, true, "")], &layout),
            "   |\n 1 | …bbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n   |                              ^\n"
        );
        let plain = Layout {
            unicode: false,
            ..layout
        };
        assert_eq!(
            draw(&text, &[spot(1, 51, 1, true, "X")], &plain),
            "   |\n 1 | ...aaaaaaaaaaaXbbbbbbbbbbbb...\n   |               ^ X\n"
        );
        for line in draw(&text, &[spot(1, 51, 50, true, "")], &layout).lines() {
            assert!(line.chars().count() <= 35, "{line}");
        }
    }

    #[test]
    fn labels_wrap_under_themselves() {
        let layout = Layout {
            width: 40,
            ..Layout::default()
        };
        assert_eq!(
            draw(
                "port: 80",
                &[spot(
                    1,
                    7,
                    2,
                    true,
                    "a label that is longer than what is left"
                )],
                &layout
            ),
            "   |\n 1 | port: 80\n   |       ^^ a label that is longer\n   |          than what is left\n"
        );
    }

    #[test]
    fn a_place_outside_the_text_draws_nothing() {
        assert_eq!(
            draw("a", &[spot(7, 1, 1, true, "x")], &Layout::default()),
            ""
        );
        assert_eq!(
            draw("a", &[spot(1, 9, 1, true, "")], &Layout::default()),
            "   |\n 1 | a\n   |  ^\n"
        );
    }

    #[test]
    fn the_place_of_an_error() {
        let quoted = spot(2, 7, 1, true, "put it in quotes: '*.rcmd.testing.mpengine'");
        assert_eq!(
            render_spot(
                "a.yaml",
                "x:\n    - *.rcmd.testing.mpengine\n",
                &quoted,
                &Layout::default()
            ),
            "  --> a.yaml:2:7
  |
2 |     - *.rcmd.testing.mpengine
  |       ^ put it in quotes: '*.rcmd.testing.mpengine'
"
        );
    }
}
