//! One YAML document to a value, as kubectl would read it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, Span, StrInput, Tag};

use super::scalar::{self, BadScalar};
use super::scratch::{Entries, Map, Scratch};

/// How deep a document may nest, as in `serde_json`. Schemas inside CRDs need some forty levels; more than this is an
/// attack on the stack.
pub(super) const DEPTH: usize = 128;

/// What one value costs of the alias budget, besides the bytes of its texts.
const NODE: usize = 32;

/// How much aliases may add to all texts of one run: some two million values. A document without aliases is only as
/// big as its text, so it needs no limit.
pub(super) const ALIAS_BUDGET: usize = 64 << 20;

/// Why a document cannot be read, and where.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    /// Byte of the document.
    pub(super) at: usize,
    pub(super) kind: FaultKind,
    /// Up to here everything was read.
    pub(super) after: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum FaultKind {
    Scan(ErrorKind),
    TooDeep,
    AliasBomb,
    BadKey,
    NullKey,
    BadMerge,
    Scalar(BadScalar),
    Json(String),
}

/// A key that a map has twice: the last one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repeated {
    pub(super) key: String,
    /// Byte of the document.
    pub(super) at: usize,
}

/// A document that was read.
#[derive(Debug, Default)]
pub(super) struct Document<'t> {
    /// `None` when nothing but comments is there.
    pub(super) value: Option<Scratch<'t>>,
    pub(super) repeated: Vec<Repeated>,
    /// Where its root begins, and each item of the root's `items`.
    pub(super) start: usize,
    pub(super) items: Vec<usize>,
    /// Something stands behind the document's end (`...`), which kubectl does not read.
    pub(super) trailing: Option<usize>,
}

/// The parser, with our limits.
pub(super) fn parser(text: &str) -> Parser<'_, StrInput<'_>> {
    Parser::new_from_str_with_options(text, options())
}

fn options() -> Options {
    granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEPTH,
        block_nesting_limit: DEPTH,
    }
}

pub(super) fn offset(span: &Span) -> usize {
    span.start.byte_offset().unwrap_or(0)
}

/// Reads one document; aliases are paid from `budget`.
pub(super) fn read<'t>(text: &'t str, budget: &mut usize) -> Result<Document<'t>, Fault> {
    let mut reader = Reader {
        parser: parser(text),
        anchors: BTreeMap::new(),
        budget,
        document: Document::default(),
        last: 0,
        level: 0,
        in_items: false,
    };
    reader.document()?;
    Ok(reader.document)
}

struct Anchored<'t> {
    value: Scratch<'t>,
    cost: usize,
    height: usize,
}

struct Reader<'t, 'b> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: BTreeMap<usize, Anchored<'t>>,
    budget: &'b mut usize,
    document: Document<'t>,
    last: usize,
    level: usize,
    in_items: bool,
}

impl<'t> Reader<'t, '_> {
    fn document(&mut self) -> Result<(), Fault> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::DocumentStart(..) => break,
                Event::StreamEnd => return Ok(()),
                _ => self.last = offset(&span),
            }
        }
        let (event, span) = self.next()?;
        self.document.start = offset(&span);
        let empty = matches!(&event, Event::Scalar(..)) && span.start == span.end;
        let value = self.node(event, &span)?;
        self.document.value = (!empty).then_some(value);
        self.next()?;
        if let Some(Ok((Event::DocumentStart(..), span))) = self.parser.next_event() {
            self.document.trailing = Some(offset(&span));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(next)) => {
                self.last = next.1.end.byte_offset().unwrap_or(self.last);
                Ok(next)
            }
            Some(Err(error)) => Err(Fault {
                at: error.marker().byte_offset().unwrap_or(self.last),
                kind: match error.kind() {
                    ErrorKind::RecursionLimitExceeded => FaultKind::TooDeep,
                    kind => FaultKind::Scan(kind.clone()),
                },
                after: self.last,
            }),
            None => Err(Fault {
                at: self.last,
                kind: FaultKind::Scan(ErrorKind::UnexpectedEof),
                after: self.last,
            }),
        }
    }

    fn node(&mut self, event: Event<'t>, span: &Span) -> Result<Scratch<'t>, Fault> {
        let at = offset(span);
        // The parser's own limit counts flow and block nesting apart.
        if self.level >= DEPTH {
            return fault(at, FaultKind::TooDeep);
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar_value(text, style, tag.as_deref(), at)?;
                self.remember(anchor, &value, at)?;
                Ok(value)
            }
            Event::SequenceStart(_, anchor, _) => {
                let items = self.level == 1 && self.in_items;
                let mut values = Vec::new();
                self.level += 1;
                loop {
                    let (event, span) = self.next()?;
                    if event == Event::SequenceEnd {
                        break;
                    }
                    if items {
                        self.document.items.push(offset(&span));
                    }
                    values.push(self.node(event, &span)?);
                }
                self.level -= 1;
                let value = Scratch::List(values);
                self.remember(anchor, &value, at)?;
                Ok(value)
            }
            Event::MappingStart(_, anchor, _) => {
                let value = Scratch::Map(self.map()?);
                self.remember(anchor, &value, at)?;
                Ok(value)
            }
            Event::Alias(id) => self.alias(id, at),
            _ => fault(at, FaultKind::Scan(ErrorKind::UnexpectedEof)),
        }
    }

    fn map(&mut self) -> Result<Map<'t>, Fault> {
        let mut map = Entries::default();
        // Only keys that were written can be repeated, not those that were merged in.
        let mut merged = BTreeSet::new();
        self.level += 1;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let at = offset(&span);
            let merge = is_merge(&event);
            let key = self.key(event, at)?;
            if self.level == 1 {
                self.in_items = key == "items";
                if self.in_items {
                    self.document.items.clear();
                }
            }
            let (event, span) = self.next()?;
            let value = self.node(event, &span)?;
            if merge {
                merge_into(&mut map, &mut merged, value, offset(&span))?;
                continue;
            }
            let written_before = merged.is_empty() || !merged.remove(&key);
            if map.insert(key.clone(), value) && written_before {
                let key = key.into_owned();
                self.document.repeated.push(Repeated { key, at });
            }
        }
        self.level -= 1;
        Ok(map.finish())
    }

    /// JSON has only text as keys: kubectl writes `8080` and `yes` as `"8080"` and `"true"`.
    fn key(&mut self, event: Event<'t>, at: usize) -> Result<Cow<'t, str>, Fault> {
        if let Event::MappingStart(..) | Event::SequenceStart(..) = event {
            return fault(at, FaultKind::BadKey);
        }
        let value = if let Event::Alias(id) = event {
            self.alias(id, at)?
        } else if let Event::Scalar(text, style, anchor, tag) = event {
            let value = scalar_value(text, style, tag.as_deref(), at)?;
            self.remember(anchor, &value, at)?;
            value
        } else {
            return fault(at, FaultKind::BadKey);
        };
        key_text(value).ok_or(Fault {
            at,
            kind: FaultKind::NullKey,
            after: at,
        })
    }

    fn remember(&mut self, anchor: usize, value: &Scratch<'t>, at: usize) -> Result<(), Fault> {
        if anchor == 0 {
            return Ok(());
        }
        let (cost, height) = measure(value);
        self.pay(cost, at)?;
        let value = value.clone();
        self.anchors.insert(
            anchor,
            Anchored {
                value,
                cost,
                height,
            },
        );
        Ok(())
    }

    fn alias(&mut self, id: usize, at: usize) -> Result<Scratch<'t>, Fault> {
        // An alias inside its own anchor: the value would be endless.
        let Some(anchored) = self.anchors.get(&id) else {
            return fault(at, FaultKind::AliasBomb);
        };
        if self.level + anchored.height > DEPTH {
            return fault(at, FaultKind::TooDeep);
        }
        let cost = anchored.cost;
        self.pay(cost, at)?;
        Ok(self
            .anchors
            .get(&id)
            .map(|anchored| anchored.value.clone())
            .unwrap_or_default())
    }

    fn pay(&mut self, cost: usize, at: usize) -> Result<(), Fault> {
        match self.budget.checked_sub(cost) {
            Some(rest) => {
                *self.budget = rest;
                Ok(())
            }
            None => fault(at, FaultKind::AliasBomb),
        }
    }
}

fn fault<T>(at: usize, kind: FaultKind) -> Result<T, Fault> {
    Err(Fault {
        at,
        kind,
        after: at,
    })
}

fn scalar_value<'t>(
    text: Cow<'t, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: usize,
) -> Result<Scratch<'t>, Fault> {
    scalar::value(text, style, tag).map_err(|bad| Fault {
        at,
        kind: FaultKind::Scalar(bad),
        after: at,
    })
}

/// The text of a key; `None` for null.
pub(super) fn key_text(value: Scratch<'_>) -> Option<Cow<'_, str>> {
    match value {
        Scratch::Text(text) => Some(text),
        Scratch::Bool(bool) => Some(bool.to_string().into()),
        Scratch::Number(number) => Some(number.to_string().into()),
        Scratch::Null | Scratch::List(_) | Scratch::Map(_) => None,
    }
}

pub(super) fn is_merge(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<")
}

/// Merges in the order written, as kubectl does: a merge behind a key overrides it.
fn merge_into<'t>(
    map: &mut Entries<'t>,
    merged: &mut BTreeSet<Cow<'t, str>>,
    value: Scratch<'t>,
    at: usize,
) -> Result<(), Fault> {
    let maps = match value {
        Scratch::Map(one) => vec![Scratch::Map(one)],
        // The first of several wins.
        Scratch::List(several) => several.into_iter().rev().collect(),
        _ => return fault(at, FaultKind::BadMerge),
    };
    for one in maps {
        let Scratch::Map(one) = one else {
            return fault(at, FaultKind::BadMerge);
        };
        for (key, value) in one {
            merged.insert(key.clone());
            map.insert(key, value);
        }
    }
    Ok(())
}

/// What a value costs, and how many levels it has.
fn measure(value: &Scratch<'_>) -> (usize, usize) {
    let children: &mut dyn Iterator<Item = (usize, &Scratch<'_>)> = match value {
        Scratch::List(items) => &mut items.iter().map(|item| (0, item)),
        Scratch::Map(map) => &mut map.iter().map(|(key, value)| (key.len(), value)),
        Scratch::Text(text) => return (NODE + text.len(), 1),
        _ => return (NODE, 1),
    };
    let (cost, height) = children.fold((NODE, 0), |(cost, height), (key, child)| {
        let (more, levels) = measure(child);
        (cost + key + more, height.max(levels))
    });
    (cost, height + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read_ok(text: &str) -> Document<'_> {
        read(text, &mut { ALIAS_BUDGET }).unwrap()
    }

    fn value(text: &str) -> Value {
        read_ok(text).value.unwrap().into_value()
    }

    fn kind(text: &str) -> FaultKind {
        read(text, &mut { ALIAS_BUDGET }).unwrap_err().kind
    }

    #[test]
    fn scalars_by_style_and_tag() {
        let text = "a: yes\nb: 'yes'\nc: \"0777\"\nd: |\n  1\ne: !!str 5\nf: !!int \"5\"\ng: !foo 5\nh:\ni: >-\n  c\n  d\nj: !!float 5\n";
        assert_eq!(
            value(text),
            json!({"a": true, "b": "yes", "c": "0777", "d": "1\n", "e": "5", "f": 5, "g": "5", "h": null, "i": "c d", "j": 5})
        );
        for bad in ["a: !!null x", "a: !!int abc", "a: !!bool 3", "a: .inf"] {
            assert!(matches!(kind(bad), FaultKind::Scalar(_)), "{bad}");
        }
    }

    #[test]
    fn keys_become_text() {
        assert_eq!(
            value("yes: a\n8080: b\n1.5: c\n0777: d\n'y': e\n"),
            json!({"true": "a", "8080": "b", "1.5": "c", "511": "d", "y": "e"})
        );
        assert_eq!(kind("~: a"), FaultKind::NullKey);
        assert_eq!(kind("? {a: b}\n: c\n"), FaultKind::BadKey);
    }

    #[test]
    fn aliases_and_merges_in_the_order_written() {
        let base = "a: &x {p: 1, q: 2}\nc: &y {p: 3, r: 4}\n";
        let b = |tail: &str| value(&format!("{base}b:\n{tail}"))["b"].clone();
        assert_eq!(b("  <<: *x\n  p: 9\n"), json!({"p": 9, "q": 2}));
        assert_eq!(b("  p: 9\n  <<: *x\n"), json!({"p": 1, "q": 2}));
        assert_eq!(b("  <<: [*x, *y]\n"), json!({"p": 1, "q": 2, "r": 4}));
        assert_eq!(b("  k: *x\n"), json!({"k": {"p": 1, "q": 2}}));
        assert_eq!(b("  \"<<\": {a: 1}\n"), json!({"<<": {"a": 1}}));
        assert_eq!(kind("<<: 5"), FaultKind::BadMerge);
    }

    #[test]
    fn repeated_keys_are_told_and_merged_ones_are_not() {
        let document = read_ok("a: 1\nb: 2\na: 3\n");
        assert_eq!(value("a: 1\nb: 2\na: 3\n"), json!({"a": 3, "b": 2}));
        assert_eq!(
            document.repeated,
            [Repeated {
                key: "a".into(),
                at: 10
            }]
        );
        assert!(
            read_ok("a: &x {p: 1}\nb: {<<: *x, p: 2}\n")
                .repeated
                .is_empty()
        );
    }

    #[test]
    fn nothing_but_comments_is_no_value() {
        for text in ["", "# only\n", "\n\n", "...\n"] {
            assert_eq!(read_ok(text).value, None, "{text:?}");
        }
    }

    #[test]
    fn what_follows_the_end_of_a_document_is_told() {
        let document = read_ok("a: 1\n...\nb: 2\n");
        assert_eq!(value("a: 1\n...\nb: 2\n"), json!({"a": 1}));
        assert!(document.trailing.is_some());
        assert_eq!(read_ok("a: 1\n...\n").trailing, None);
    }

    #[test]
    fn an_alias_bomb_is_an_error_at_once() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
            bomb.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
        }
        assert_eq!(kind(&bomb), FaultKind::AliasBomb);
        assert_eq!(kind("a: &a [*a]"), FaultKind::AliasBomb);
        // One long text, many times.
        let long = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(1 << 20),
            "*a, ".repeat(100)
        );
        assert_eq!(kind(&long), FaultKind::AliasBomb);
        // A chain of anchors nests as deep as brackets would.
        let mut chain = String::from("- &a0 x\n");
        for n in 1..300 {
            chain.push_str(&format!("- &a{n} [*a{}]\n", n - 1));
        }
        assert_eq!(kind(&chain), FaultKind::TooDeep);
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        assert_eq!(kind(&"[".repeat(100_000)), FaultKind::TooDeep);
        assert_eq!(kind(&"{a: ".repeat(100_000)), FaultKind::TooDeep);
        assert_eq!(kind(&"- ".repeat(100_000)), FaultKind::TooDeep);
        let mixed = "- ".repeat(100) + &"[".repeat(100) + &"]".repeat(100);
        assert_eq!(kind(&mixed), FaultKind::TooDeep);
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(value(&deep).is_array());
    }

    #[test]
    fn remembers_where_a_list_has_its_items() {
        let text = "kind: List\nitems:\n- a: 1\n- b: [2, 3]\n";
        let document = read_ok(text);
        let starts: Vec<_> = document
            .items
            .iter()
            .map(|at| &text[*at..*at + 1])
            .collect();
        assert_eq!(starts, ["a", "b"]);
    }
}
