//! Differences that a person can read, and the files that `BLESS=1` writes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The lines that differ, `-` expected and `+` found, among those that do not; `None` for equal texts.
#[must_use]
pub fn difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let a: Vec<&str> = expected.lines().collect();
    let b: Vec<&str> = found.lines().collect();
    if a == b {
        return Some("  (only the line breaks at the end differ)\n".to_owned());
    }
    // Length of the longest common tail of lines, from each pair of lines on.
    let mut common = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = String::new();
    while i < a.len() || j < b.len() {
        let (sign, line) = if i < a.len() && j < b.len() && a[i] == b[j] {
            i += 1;
            j += 1;
            (' ', a[i - 1])
        } else if i < a.len() && (j == b.len() || common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', a[i - 1])
        } else {
            j += 1;
            ('+', b[j - 1])
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  {sign} {line}");
    }
    Some(out)
}

/// Whether this run writes expected texts anew instead of comparing.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "a switch for the person who runs the tests; no command reads it"
)]
pub fn blessing() -> bool {
    std::env::var("BLESS").is_ok_and(|value| value == "1")
}

/// Compares a text with a file, or writes the file under `BLESS=1`.
///
/// # Panics
/// When the file cannot be read or written.
#[must_use]
pub fn with_file(file: &Path, found: &str) -> Option<String> {
    if blessing() {
        fs::write(file, found).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        return None;
    }
    let expected = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    difference(&expected, found)
}

/// Fails with everything that went wrong, one thing a paragraph.
///
/// # Panics
/// When something went wrong.
pub fn none(failures: &[String]) {
    assert!(
        failures.is_empty(),
        "{} failed\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

/// A text without the escape codes of colours.
#[must_use]
pub fn stripped(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        out.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{difference, stripped};

    #[test]
    fn a_difference_shows_what_was_expected_first() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(
            difference("a\nb\nc\n", "a\nx\nc\n").unwrap(),
            "    a\n  - b\n  + x\n    c\n"
        );
        assert!(difference("a\n", "a").unwrap().contains("line breaks"));
    }

    #[test]
    fn colours_are_taken_off() {
        assert_eq!(stripped("\u{1b}[1;31merror\u{1b}[0m: x"), "error: x");
    }
}
