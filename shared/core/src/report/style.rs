//! Colour by meaning, and what may reach a terminal at all.
//!
//! Everything printed for people is first a [`Line`] of spans that say what they mean. Turning a line into text is
//! the one place where colour, glyphs without UTF-8 and control characters are decided, so no renderer can forget
//! them. No other module calls `colored`.

use std::borrow::Cow;

use colored::Colorize as _;
use unicode_width::UnicodeWidthStr as _;

/// What a piece of text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Nothing in particular.
    #[default]
    Plain,
    /// Open, proved, added: green.
    Good,
    /// Closed, refused, removed: red.
    Bad,
    /// Unknown, a warning, not proved: yellow.
    Unsure,
    /// The verdict, a title, a command to type: bold.
    Strong,
    /// The basis, gutters, what was not reached: dim.
    Faint,
}

/// Colours text, or leaves it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Whether escapes are written.
    pub enabled: bool,
}

impl Paint {
    /// The text in its style. Without colour this is the text itself.
    #[must_use]
    pub fn apply(self, style: Style, text: &str) -> String {
        if !self.enabled || style == Style::Plain || text.is_empty() {
            return text.to_owned();
        }
        // `colored` looks at stdout alone, but stderr may be the stream meant: the caller has decided already.
        colored::control::set_override(true);
        match style {
            Style::Plain => text.normal(),
            Style::Good => text.green(),
            Style::Bad => text.red(),
            Style::Unsure => text.yellow(),
            Style::Strong => text.bold(),
            Style::Faint => text.dimmed(),
        }
        .to_string()
    }
}

/// How wide, in which glyphs and in which colours to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Columns for prose.
    pub width: usize,
    /// Columns for tables; `None` is no limit.
    pub table_width: Option<usize>,
    /// Whether the terminal takes UTF-8.
    pub unicode: bool,
    /// Whether escapes are written.
    pub color: bool,
    /// How this command is called, for `run:` lines that every page ends with.
    pub command: &'static str,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            width: 80,
            table_width: None,
            unicode: true,
            color: false,
            command: "kubectl mesh why-no-listener",
        }
    }
}

impl Layout {
    /// The paint of this layout.
    #[must_use]
    pub const fn paint(&self) -> Paint {
        Paint {
            enabled: self.color,
        }
    }

    /// What stands for text that was left out.
    #[must_use]
    pub const fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Text of our own as it will be printed: no control characters, and glyphs the terminal has.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let safe = visible(text);
        if self.unicode {
            safe.into_owned()
        } else {
            ascii(&safe)
        }
    }

    /// Columns that text of our own will take.
    #[must_use]
    pub fn columns(&self, text: &str) -> usize {
        self.clean(text).width()
    }
}

/// Replaces the glyphs of our own output by what every terminal has.
#[must_use]
pub fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '✓' => out.push('+'),
            '✗' => out.push('x'),
            '·' => out.push('-'),
            '→' => out.push_str("->"),
            '…' => out.push_str("..."),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character can move the cursor, change colours or turn the direction of text.
#[must_use]
pub fn drives_terminal(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// Shows control characters instead of obeying them: `\x1b`.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(drives_terminal) {
        return Cow::Borrowed(text);
    }
    text.chars().map(visible_char).collect::<String>().into()
}

/// One character as it is printed.
pub(super) fn visible_char(c: char) -> String {
    match u32::from(c) {
        _ if !drives_terminal(c) => c.to_string(),
        n @ 0..=0xff => format!("\\x{n:02x}"),
        n => format!("\\u{{{n:x}}}"),
    }
}

/// A piece of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) style: Style,
    pub(super) text: String,
    /// Somebody else's text: its glyphs stay, as carets are counted under it and diffs are applied from it.
    pub(super) verbatim: bool,
}

impl Span {
    fn shown(&self, layout: &Layout) -> String {
        if self.verbatim {
            // A tab moves the cursor, but only where a diff needs it to.
            self.text
                .split('\t')
                .map(visible)
                .collect::<Vec<_>>()
                .join("\t")
        } else {
            layout.clean(&self.text)
        }
    }

    pub(super) fn columns(&self, layout: &Layout) -> usize {
        self.shown(layout).width()
    }

    fn joins(&self, other: &Self) -> bool {
        self.style == other.style && self.verbatim == other.verbatim
    }
}

/// One line of output, not yet coloured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) spans: Vec<Span>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn push(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(last) if last.joins(&span) => last.text.push_str(&span.text),
            _ => self.spans.push(span),
        }
    }

    pub(super) fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.push(Span {
                style,
                text,
                verbatim: false,
            });
        }
        self
    }

    pub(super) fn plain(self, text: impl Into<String>) -> Self {
        self.with(Style::Plain, text)
    }

    pub(super) fn verbatim(mut self, style: Style, text: impl Into<String>) -> Self {
        self.push(Span {
            style,
            text: text.into(),
            verbatim: true,
        });
        self
    }

    pub(super) fn print(&self, layout: &Layout) -> String {
        self.spans
            .iter()
            .map(|span| layout.paint().apply(span.style, &span.shown(layout)))
            .collect()
    }
}

/// Lines as text, each ended by a newline.
pub(super) fn print(lines: &[Line], layout: &Layout) -> String {
    lines.iter().map(|line| line.print(layout) + "\n").collect()
}

/// Blocks of lines with one empty line between; empty blocks vanish.
pub(super) fn print_blocks(blocks: &[Vec<Line>], layout: &Layout) -> String {
    blocks
        .iter()
        .filter(|block| !block.is_empty())
        .map(|block| print(block, layout))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Layout, Line, Paint, Style, print};

    #[test]
    fn without_colour_no_escape_is_written() {
        let off = Paint { enabled: false };
        for style in [Style::Good, Style::Bad, Style::Strong] {
            assert_eq!(off.apply(style, "open"), "open");
        }
    }

    #[test]
    fn each_style_is_one_of_the_terminals_own() {
        let on = Paint { enabled: true };
        assert_eq!(on.apply(Style::Good, "x"), "\x1b[32mx\x1b[0m");
        assert_eq!(on.apply(Style::Bad, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(on.apply(Style::Unsure, "x"), "\x1b[33mx\x1b[0m");
        assert_eq!(on.apply(Style::Strong, "x"), "\x1b[1mx\x1b[0m");
        assert_eq!(on.apply(Style::Faint, "x"), "\x1b[2mx\x1b[0m");
        assert_eq!(on.apply(Style::Plain, "x"), "x");
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let layout = Layout::default();
        assert_eq!(
            layout.clean("a\x1b[31mb\r\n\u{9b}"),
            "a\\x1b[31mb\\x0d\\x0a\\x9b"
        );
        assert_eq!(layout.clean("\u{202e}evil"), "\\u{202e}evil");
        let coloured = Layout {
            color: true,
            ..layout
        };
        let line = Line::new().with(Style::Bad, "\x1b[0m");
        assert_eq!(print(&[line], &coloured), "\x1b[31m\\x1b[0m\x1b[0m\n");
    }

    #[test]
    fn glyphs_have_ascii_forms_and_foreign_text_keeps_its_own() {
        let layout = Layout {
            unicode: false,
            ..Layout::default()
        };
        assert_eq!(layout.clean("✓ ✗ · → … ?"), "+ x - -> ... ?");
        assert_eq!(layout.columns("→"), 2);
        let line = Line::new().verbatim(Style::Plain, "# a → b\t…");
        assert_eq!(line.print(&layout), "# a → b\t…");
    }
}
