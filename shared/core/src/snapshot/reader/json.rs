//! JSON texts: their objects one after another, and the places inside them.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::scratch::Scratch;
use super::tree::{Entry, Node, Want};
use super::yaml::DEPTH;

/// Whether a text is meant as JSON: kubectl looks at its first character too.
pub(crate) fn looks_like_json(text: &str) -> bool {
    let mut rest = text.trim_start().bytes();
    rest.next() == Some(b'{') && {
        let inner = text.trim_start().get(1..).unwrap_or("").trim_start();
        inner.starts_with(['"', '}'])
    }
}

/// An error of a JSON text, at a byte of it.
#[derive(Debug)]
pub(super) struct JsonError {
    pub(super) at: usize,
    pub(super) message: String,
}

/// A text that is one list of objects, its items not read yet.
pub(super) struct List<'t> {
    /// Bytes of the text.
    pub(super) range: Range<usize>,
    /// What its items are when they do not say it themselves: `apiVersion` and kind of the list.
    api_version: Cow<'t, str>,
    kind: Cow<'t, str>,
    /// Where each begins (at its first key; bytes of the list), and its text.
    pub(super) items: Vec<(usize, &'t str)>,
}

impl List<'_> {
    /// `apiVersion` and kind of its items, unless it is a list of anything.
    pub(super) fn like(&self) -> Option<(&str, &str)> {
        let kind = self.kind.strip_suffix("List")?;
        (!kind.is_empty()).then_some((&self.api_version, kind))
    }
}

/// A list that has just what lists have. Anything else, and any error, is for [`values`].
pub(super) fn list(text: &str) -> Option<List<'_>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Written<'t> {
        #[serde(borrow)]
        api_version: Cow<'t, str>,
        #[serde(borrow)]
        kind: Cow<'t, str>,
        #[serde(borrow, default, rename = "metadata")]
        _metadata: Scratch<'t>,
        #[serde(borrow)]
        items: Vec<&'t RawValue>,
    }

    let blank = [' ', '\t', '\n', '\r'];
    let begin = text.len() - text.trim_start_matches(blank).len();
    let text = text.trim_matches(blank);
    let written: Written<'_> = serde_json::from_str(text).ok()?;
    if written.api_version.is_empty() || !written.kind.ends_with("List") {
        return None;
    }
    // Where an item begins, at its first key as in a tree of places.
    let place = |item: &str| {
        let at = (item.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        let inner = item.strip_prefix('{').map(str::trim_start);
        let key = inner.filter(|inner| inner.starts_with('"'));
        Some(at + key.map_or(0, |key| item.len() - key.len()))
    };
    let items = written.items.iter().map(|item| item.get());
    Some(List {
        range: begin..begin + text.len(),
        items: items
            .map(|item| Some((place(item)?, item)))
            .collect::<Option<_>>()?,
        api_version: written.api_version,
        kind: written.kind,
    })
}

/// Every value of a text with its bytes; the error, if any, is where reading ended.
pub(super) fn values(text: &str) -> (Vec<(Range<usize>, Scratch<'_>)>, Option<JsonError>) {
    let mut found = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Scratch<'_>>();
    let mut begin = 0;
    while let Some(next) = stream.next() {
        match next {
            Ok(value) => {
                let end = stream.byte_offset();
                let blanks = text
                    .get(begin..end)
                    .map_or(0, |part| part.len() - part.trim_start().len());
                found.push((begin + blanks..end, value));
                begin = end;
            }
            Err(error) => {
                let full = error.to_string();
                let message = full.split(" at line ").next().unwrap_or("").to_owned();
                let at = byte(text, error.line(), error.column());
                return (found, Some(JsonError { at, message }));
            }
        }
    }
    (found, None)
}

/// The byte that `serde_json` means: lines from 1, columns in bytes, 0 at a line's end.
fn byte(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The places of the first value of a text; `None` when it is no JSON.
pub(super) fn tree(text: &str, want: Want<'_>) -> Option<Node> {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        text,
        at: 0,
    };
    scan.node(want, DEPTH)
}

struct Scan<'t> {
    bytes: &'t [u8],
    text: &'t str,
    at: usize,
}

impl Scan<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn string(&mut self) -> Option<Range<usize>> {
        self.take(b'"')?;
        let begin = self.at - 1;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(begin..self.at)
    }

    fn node(&mut self, want: Want<'_>, depth: usize) -> Option<Node> {
        let depth = depth.checked_sub(1)?;
        let first = self.peek()?;
        let begin = self.at;
        match first {
            b'"' => self.string().map(|range| Node::scalar(range, false)),
            b'{' => {
                self.at += 1;
                let mut entries = Vec::new();
                if self.peek()? != b'}' {
                    loop {
                        self.peek()?;
                        let key_range = self.string()?;
                        let key = if want.keeps() {
                            serde_json::from_str(self.text.get(key_range.clone())?).ok()?
                        } else {
                            String::new()
                        };
                        self.take(b':')?;
                        let value = self.node(want.key(&key), depth)?;
                        if want.keeps() {
                            entries.push(Entry {
                                key,
                                key_range,
                                value: Rc::new(value),
                                merge: false,
                            });
                        }
                        if self.peek()? != b',' {
                            break;
                        }
                        self.at += 1;
                    }
                }
                self.take(b'}')?;
                Some(Node::map(begin..self.at, entries))
            }
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                let mut n = 0;
                if self.peek()? != b']' {
                    loop {
                        let item = self.node(want.index(n), depth)?;
                        n += 1;
                        if want.keeps() {
                            items.push(Rc::new(item));
                        }
                        if self.peek()? != b',' {
                            break;
                        }
                        self.at += 1;
                    }
                }
                self.take(b']')?;
                Some(Node::seq(begin..self.at, items))
            }
            _ => {
                while self
                    .bytes
                    .get(self.at)
                    .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
                {
                    self.at += 1;
                }
                (self.at > begin).then(|| Node::scalar(begin..self.at, false))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_objects_in_one_text() {
        let text = " {\"a\": 1}\n{\"b\": 2} {\"c\"";
        let (found, error) = values(text);
        let parts: Vec<_> = found.iter().map(|(r, _)| &text[r.clone()]).collect();
        assert_eq!(parts, ["{\"a\": 1}", "{\"b\": 2}"]);
        let error = error.unwrap();
        assert_eq!(error.message, "EOF while parsing an object");
        assert!(error.at >= 20);
    }

    #[test]
    fn flow_style_yaml_is_not_taken_for_json() {
        assert!(looks_like_json("\n { \"a\": 1}"));
        assert!(looks_like_json("{}"));
        assert!(!looks_like_json("{a: 1}"));
        assert!(!looks_like_json("{{ .Values.x }}"));
        assert!(!looks_like_json("a: 1"));
    }

    #[test]
    fn a_bad_byte_has_its_place() {
        let text = "{\"a\": 1,\n \"b\": 2,\n}";
        let (_, error) = values(text);
        assert_eq!(&text[error.unwrap().at..], "}");
    }

    #[test]
    fn deep_json_is_an_error_and_no_overflow() {
        let deep = "{\"a\":".repeat(100_000);
        assert!(values(&deep).1.is_some());
        assert!(tree(&deep, Want::all()).is_none());
    }
}
