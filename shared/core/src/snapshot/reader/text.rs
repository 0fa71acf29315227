//! Texts: their documents, and the line and column of a byte.

use std::ops::Range;

/// One YAML document of a text, or a separator that kubectl refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Bytes of the document, without its separator line.
    pub(super) range: Range<usize>,
    /// Where the separator line before it goes on with something that is no comment.
    pub(super) bad_separator: Option<usize>,
}

/// Where the text begins behind a byte-order mark.
pub(super) fn start_of(text: &str) -> usize {
    if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    }
}

/// Splits at lines that begin with `---`, as kubectl does before it parses anything: so a broken document does not
/// hide the others.
pub(super) fn split(text: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut begin = start_of(text);
    let mut bad_separator = None;
    let mut at = begin;
    for line in text.get(begin..).unwrap_or("").split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            chunks.push(Chunk {
                range: begin..at,
                bad_separator: bad_separator.take(),
            });
            begin = at + line.len();
            let rest = rest.trim_start();
            if !rest.is_empty() && !rest.starts_with('#') {
                bad_separator = Some(begin - rest.len());
            }
        }
        at += line.len();
    }
    chunks.push(Chunk {
        range: begin..text.len(),
        bad_separator,
    });
    chunks
}

/// A byte of a text as people count: lines and characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
    /// Where the line begins.
    pub(super) line_start: usize,
}

/// Where each line begins: built once a text, so that many lookups stay cheap.
#[derive(Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let mut starts = vec![start_of(text)];
        starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| at + 1),
        );
        Self(starts)
    }

    pub(super) fn position(&self, text: &str, at: usize) -> Position {
        let line = self.0.partition_point(|start| *start <= at).max(1);
        let line_start = self.0.get(line - 1).copied().unwrap_or(0);
        Position {
            line,
            column: chars(text, line_start, at) + 1,
            line_start,
        }
    }
}

/// The position of one byte, without an index.
pub(super) fn position(text: &str, at: usize) -> Position {
    let at = at.min(text.len());
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or_else(|| start_of(text), |newline| newline + 1);
    Position {
        line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
        column: chars(text, line_start, at) + 1,
        line_start,
    }
}

/// How many characters lie between two bytes; a byte inside a character counts as its start.
fn chars(text: &str, from: usize, to: usize) -> usize {
    text.get(from..)
        .unwrap_or("")
        .char_indices()
        .take_while(|(at, _)| from + at < to)
        .count()
}

/// How many characters of a range stand on its first line, without trailing blanks; at least one.
pub(super) fn width(text: &str, range: &Range<usize>) -> usize {
    text.get(range.clone())
        .unwrap_or("")
        .lines()
        .next()
        .unwrap_or("")
        .trim_end()
        .chars()
        .count()
        .max(1)
}

/// The line that begins at a byte, without its line break.
pub(super) fn line_at(text: &str, line_start: usize) -> &str {
    text.get(line_start..)
        .and_then(|rest| rest.split('\n').next())
        .unwrap_or("")
        .trim_end_matches('\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        split(text)
            .into_iter()
            .map(|c| &text[c.range.clone()])
            .collect()
    }

    #[test]
    fn splits_where_kubectl_splits() {
        assert_eq!(parts("a: 1\n---\nb: 2\n"), ["a: 1\n", "b: 2\n"]);
        assert_eq!(parts("---\na: 1\n--- # c\nb: 2"), ["", "a: 1\n", "b: 2"]);
        assert_eq!(parts("a: 1\r\n---\r\nb: 2\r\n"), ["a: 1\r\n", "b: 2\r\n"]);
        assert_eq!(parts("a: |\n  ---\n  x\n"), ["a: |\n  ---\n  x\n"]);
        assert_eq!(parts("\u{feff}a: 1\n"), ["a: 1\n"]);
        assert_eq!(parts(""), [""]);
    }

    #[test]
    fn a_separator_with_text_behind_it_is_told() {
        let bad: Vec<_> = split("a: 1\n---foo\nb: 2\n----\nc: 3\n")
            .into_iter()
            .map(|c| c.bad_separator)
            .collect();
        assert_eq!(bad, [None, Some(8), Some(20)]);
    }

    #[test]
    fn counts_lines_and_characters_from_one() {
        let text = "\u{feff}a: 1\r\nß: ü x\n";
        let x = text.find('x').unwrap();
        for found in [position(text, x), Lines::of(text).position(text, x)] {
            assert_eq!((found.line, found.column), (2, 6));
            assert_eq!(line_at(text, found.line_start), "ß: ü x");
        }
        for found in [position(text, 3), Lines::of(text).position(text, 3)] {
            assert_eq!((found.line, found.column), (1, 1));
        }
    }
}
