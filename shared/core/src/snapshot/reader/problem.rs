//! What could not be read, told to people: one sentence, the place, the line with a caret, and what to do.

use std::fmt::{self, Write as _};

use granit_parser::ErrorKind;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::scalar::BadScalar;
use super::yaml::{DEPTH, FaultKind};

/// How much of a long line an excerpt shows.
const WINDOW: usize = 76;
/// How much of it stands before the caret.
const BEFORE: usize = 30;

/// A point of a text by name, for people: both numbers start at 1, columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The text's name.
    pub source: String,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = printable(&self.source);
        write!(f, "{source}:{}:{}", self.line, self.column)
    }
}

/// The line of a problem, ready to print: no control characters, windowed round the caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, or a part of it between `…`.
    pub text: String,
    /// Terminal columns before the caret.
    pub indent: usize,
    /// Terminal columns under the caret.
    pub width: usize,
    /// Words behind the caret; may be empty.
    pub label: String,
}

impl Excerpt {
    /// The excerpt of a line: `column` counts characters from 1, `width` characters.
    pub(super) fn of(line: &str, column: usize, width: usize, label: String) -> Self {
        let caret = column.saturating_sub(1);
        let long = line.chars().take(WINDOW + 1).count() > WINDOW;
        let from = if long {
            caret.saturating_sub(BEFORE)
        } else {
            0
        };
        let mut text = String::from(if from > 0 { "…" } else { "" });
        let (mut indent, mut under) = (text.width(), 0);
        let mut chars = line.chars().enumerate().skip(from);
        for (n, c) in chars.by_ref().take(WINDOW) {
            let shown = printable_char(c);
            if n < caret {
                indent += shown.width();
            } else if n < caret + width {
                under += shown.width();
            }
            text.push_str(&shown);
        }
        if chars.next().is_some() {
            text.push('…');
        }
        Self {
            text,
            indent,
            width: under.max(1),
            label,
        }
    }
}

/// A document or object that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// The line there.
    pub excerpt: Option<Excerpt>,
    /// The chain of causes, in one line.
    pub why: Option<String>,
    /// What to change.
    pub fix: Option<String>,
    /// What to type.
    pub run: Option<String>,
    /// What to type otherwise: why one would, and the command.
    pub or: Option<(String, String)>,
}

/// A problem as standard error shows it, with a line break at its end.
#[must_use]
pub fn render_problem(problem: &Problem) -> String {
    let mut out = format!("error: {}\n", problem.message);
    // Writing to a String cannot fail.
    let _ = render_rest(&mut out, problem);
    out
}

fn render_rest(out: &mut String, problem: &Problem) -> fmt::Result {
    if let Some(place) = &problem.place {
        writeln!(out, "  --> {place}")?;
        if let Some(excerpt) = &problem.excerpt {
            let number = place.line.to_string();
            let gutter = " ".repeat(number.len());
            writeln!(out, "{gutter} |")?;
            writeln!(out, "{number} | {}", excerpt.text)?;
            let indent = " ".repeat(excerpt.indent);
            let carets = "^".repeat(excerpt.width);
            let line = format!("{gutter} | {indent}{carets} {}", excerpt.label);
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    if let Some(why) = &problem.why {
        writeln!(out, "  = why: {why}")?;
    }
    if let Some(fix) = &problem.fix {
        writeln!(out, "  = fix: {fix}")?;
    }
    if let Some(run) = &problem.run {
        writeln!(out, "run: {run}")?;
    }
    if let Some((remark, command)) = &problem.or {
        writeln!(out, "or, {remark}: {command}")?;
    }
    Ok(())
}

/// A text that cannot drive the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(printable_char).collect()
}

fn printable_char(c: char) -> String {
    match c {
        '\t' => " ".to_owned(),
        // Also what has no width or turns the direction of writing round.
        c if c.is_control() && (c as u32) < 0x100 => format!("\\x{:02x}", c as u32),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            format!("\\u{{{:x}}}", c as u32)
        }
        c if c.width().is_none() => format!("\\u{{{:x}}}", c as u32),
        c => c.to_string(),
    }
}

/// A sentence for what is wrong at a place, and the words behind its caret.
pub(super) struct Words {
    pub(super) message: String,
    pub(super) label: String,
    /// Characters the caret covers.
    pub(super) width: usize,
    /// Which character is to blame.
    pub(super) culprit: Culprit,
}

/// Which character is to blame, when the parser stopped at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Culprit {
    Here,
    Tab,
    Quote,
}

impl Words {
    pub(super) fn new(message: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            label: label.into(),
            width: 1,
            culprit: Culprit::Here,
        }
    }
}

/// What is wrong, in plain words; `rest` is the document's text from that place on.
pub(super) fn words(kind: &FaultKind, rest: &str) -> Words {
    match kind {
        FaultKind::Scan(kind) => scan_words(kind, rest),
        FaultKind::TooDeep => Words::new(
            format!("nested deeper than {DEPTH} levels"),
            "not read from here on",
        ),
        FaultKind::AliasBomb => Words::new(
            "its aliases (`*`) repeat too much",
            "write out what is meant",
        ),
        FaultKind::BadKey => Words::new(
            "a key must be text, this one is a map or a list",
            "a text that begins with `{` or `[` needs quotes",
        ),
        FaultKind::NullKey => Words::new("a key must be text, this one is empty", ""),
        FaultKind::BadMerge => Words::new("`<<` merges maps, this is none", ""),
        FaultKind::Scalar(BadScalar::NotFinite) => Words::new(
            "kubectl takes no endless number",
            "put it in quotes if it is a text",
        ),
        FaultKind::Scalar(BadScalar::Tag(name)) => {
            Words::new(format!("the tag says {name}, the value is none"), "")
        }
        FaultKind::Json(message) => Words::new(format!("not JSON: {message}"), ""),
    }
}

fn scan_words(kind: &ErrorKind, rest: &str) -> Words {
    use ErrorKind as E;
    let first = rest.chars().next().unwrap_or(' ');
    let (message, label) = match kind {
        E::UnknownAnchor | E::MissingAnchorOrAliasName if first == '*' => {
            ("`*` begins an alias here".to_owned(), in_quotes(rest))
        }
        E::MissingAnchorOrAliasName => ("`&` begins an anchor here".to_owned(), in_quotes(rest)),
        _ if first == '\t' => tab(),
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabAtBlockScalarStart
        | E::TabInPlainScalar => tab(),
        E::UnexpectedCharacter { character: '`' } => (
            "no value may begin with a backtick".to_owned(),
            in_quotes(rest),
        ),
        E::UnexpectedCharacter { character } => (
            format!("no value may begin with `{}`", printable_char(*character)),
            in_quotes(rest),
        ),
        E::UnclosedQuotedScalar
        | E::DocumentIndicatorInQuotedScalar
        | E::InvalidQuotedScalarIndent => (
            "a quote is never closed".to_owned(),
            "if it is, indent its further lines".to_owned(),
        ),
        E::BlockSequenceEntryNotAllowed => (
            "no list may begin here".to_owned(),
            "begin it on the next line, or put a text in quotes".to_owned(),
        ),
        E::UnclosedFlowCollection { open } => (format!("`{open}` is never closed"), String::new()),
        E::UnexpectedEofFlowSequence => ("`[` is never closed".to_owned(), String::new()),
        E::UnexpectedEofFlowMapping | E::UnexpectedEofImplicitFlowMapping => {
            ("`{` is never closed".to_owned(), String::new())
        }
        E::MismatchedFlowCollectionEnd { open, close } => {
            (format!("`{open}` is closed by `{close}`"), String::new())
        }
        E::MisplacedFlowCollectionEnd => (
            format!("`{first}` closes what nothing opened"),
            String::new(),
        ),
        E::ExpectedFlowMappingSeparator => ("a comma or `}` is missing".to_owned(), String::new()),
        E::ExpectedFlowSequenceSeparator => ("a comma or `]` is missing".to_owned(), String::new()),
        E::MappingValueNotAllowed | E::MappingKeyNotAllowed => (
            "no key may stand here".to_owned(),
            "check the indentation; a text with `: ` needs quotes".to_owned(),
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey => (
            "a key without `:`".to_owned(),
            "`: ` and a value are missing".to_owned(),
        ),
        E::InvalidIndentation
        | E::ExpectedBlockMappingKey
        | E::ExpectedBlockSequenceEntry
        | E::InvalidBlockScalarIndent
        | E::InvalidFlowScalarIndent
        | E::ExpectedNodeContent => (
            "the indentation does not fit".to_owned(),
            "compare with the lines above".to_owned(),
        ),
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => (
            "text behind a closing quote".to_owned(),
            "put the whole value in quotes".to_owned(),
        ),
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidUnicodeEscape => (
            "no such escape in double quotes".to_owned(),
            "single quotes take `\\` as it is".to_owned(),
        ),
        E::InvalidBlockScalarHeader => (
            "text behind `|` or `>`".to_owned(),
            "the text begins on the next line".to_owned(),
        ),
        E::ExpectedDocumentStart | E::InvalidDocumentEnd => (
            "a second document begins without a `---` line".to_owned(),
            String::new(),
        ),
        E::UnexpectedEof => ("the text ends too early".to_owned(), String::new()),
        other => (other.to_string(), String::new()),
    };
    let culprit = match kind {
        _ if message == tab().0 => Culprit::Tab,
        E::UnclosedQuotedScalar
        | E::DocumentIndicatorInQuotedScalar
        | E::InvalidQuotedScalarIndent => Culprit::Quote,
        _ => Culprit::Here,
    };
    Words {
        culprit,
        ..Words::new(format!("not YAML: {message}"), label)
    }
}

fn tab() -> (String, String) {
    (
        "a tab is used for indentation".to_owned(),
        "use spaces".to_owned(),
    )
}

/// The value that begins here, in quotes: what to write instead.
fn in_quotes(rest: &str) -> String {
    let line = rest.lines().next().unwrap_or("");
    let value = line.split(" #").next().unwrap_or("");
    let value = value.split([',', ']', '}']).next().unwrap_or("").trim_end();
    let value = value.strip_suffix(':').unwrap_or(value);
    let value = printable(value);
    if value.is_empty() || value.len() > 60 || value.contains(": ") {
        return "put it in quotes".to_owned();
    }
    format!("put it in quotes: '{}'", value.replace('\'', "''"))
}

/// The chart that a template's path lies in.
pub(super) fn chart_of(path: &str) -> Option<&str> {
    match path.rfind("/templates/") {
        Some(at) => path.get(..at).filter(|chart| !chart.is_empty()),
        None => path.starts_with("templates/").then_some("."),
    }
}

/// A word as a shell takes it.
pub(super) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,:@%+=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
