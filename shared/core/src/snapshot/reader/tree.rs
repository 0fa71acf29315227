//! The places inside one document: which bytes are which key and which value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle};

use super::super::{FieldPath, Segment};
use super::yaml::{is_merge, key_text, offset, parser};
use super::{json, scalar};

/// How many merges may lead from one to the next.
const MERGES: usize = 16;

/// Which part of a tree is wanted: a lookup builds just the way to its field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want<'p> {
    All,
    Way(&'p [Segment]),
    Nothing,
}

impl<'p> Want<'p> {
    #[cfg(test)]
    pub(super) fn all() -> Self {
        Self::All
    }

    /// Whether the children of this node are kept.
    pub(super) fn keeps(self) -> bool {
        !matches!(self, Self::Nothing)
    }

    fn step(self, fits: impl Fn(&Segment) -> bool) -> Self {
        match self {
            Self::All => Self::All,
            Self::Way([first, rest @ ..]) if fits(first) => Self::Way(rest),
            _ => Self::Nothing,
        }
    }

    pub(super) fn key(self, key: &str) -> Self {
        self.step(|s| matches!(s, Segment::Key(k) if k == key))
    }

    pub(super) fn index(self, n: usize) -> Self {
        self.step(|s| *s == Segment::Index(n))
    }
}

/// A value and where it stands; a map or list that is not wanted has no children here.
#[derive(Debug)]
pub(crate) struct Node {
    /// What to point at: a scalar's text, a collection's first token.
    pub(crate) range: Range<usize>,
    /// Where its last character ends; comments and line breaks behind it are not part of it.
    pub(crate) end: usize,
    /// In braces or brackets, or a part of such a value.
    pub(crate) flow: bool,
    pub(crate) shape: Shape,
}

#[derive(Debug)]
pub(crate) enum Shape {
    Scalar { empty: bool },
    Map(Vec<Entry>),
    Seq(Vec<Rc<Node>>),
    Alias(usize),
}

/// A key with its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_range: Range<usize>,
    pub(crate) value: Rc<Node>,
    pub(crate) merge: bool,
}

impl Node {
    pub(super) fn scalar(range: Range<usize>, empty: bool) -> Self {
        Self {
            end: range.end,
            range,
            flow: false,
            shape: Shape::Scalar { empty },
        }
    }

    /// A map in braces.
    pub(super) fn map(range: Range<usize>, entries: Vec<Entry>) -> Self {
        Self {
            end: range.end,
            range,
            flow: true,
            shape: Shape::Map(entries),
        }
    }

    /// A list in brackets.
    pub(super) fn seq(range: Range<usize>, items: Vec<Rc<Self>>) -> Self {
        Self {
            end: range.end,
            range,
            flow: true,
            shape: Shape::Seq(items),
        }
    }

    /// What to point at when no key holds this value: its first key, or itself.
    fn own_place(&self) -> Range<usize> {
        match &self.shape {
            Shape::Map(entries) => entries.first().map(|entry| entry.key_range.clone()),
            _ => None,
        }
        .unwrap_or_else(|| self.range.clone())
    }
}

/// The places of one document.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Rc<Node>,
    anchors: BTreeMap<usize, Rc<Node>>,
}

/// Where a field was found; bytes of the document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The scalar; for a map or list the key that holds it.
    pub(super) value: Range<usize>,
    /// The key, or the item.
    pub(super) key: Range<usize>,
    /// False when this is the nearest parent that exists.
    pub(super) exact: bool,
}

impl Tree {
    /// The tree of a document with every node: what edits of the text are made from.
    pub(crate) fn whole(text: &str) -> Option<Self> {
        Self::of(text, Want::All)
    }

    /// The tree of a document, or only the way to one field.
    pub(super) fn of(text: &str, want: Want<'_>) -> Option<Self> {
        if json::looks_like_json(text)
            && let Some(root) = json::tree(text, want)
        {
            return Some(Self {
                root: Rc::new(root),
                anchors: BTreeMap::new(),
            });
        }
        let mut builder = Builder {
            text,
            parser: parser(text),
            anchors: BTreeMap::new(),
            level: 0,
            done: false,
        };
        let root = builder.root(want)?;
        Some(Self {
            root,
            anchors: builder.anchors,
        })
    }

    pub(super) fn find(&self, path: &FieldPath) -> Found {
        let mut node = &self.root;
        let mut key: Option<Range<usize>> = None;
        // Behind an alias everything is at the alias: that is where this object has it.
        let mut site: Option<Range<usize>> = None;
        let mut exact = true;
        for segment in &path.0 {
            let holder = self.behind(node, &mut site);
            let step = match (segment, &holder.shape) {
                (Segment::Key(name), Shape::Map(_)) => self
                    .entry(holder, name, MERGES)
                    .map(|step| (step.value, Some(step.key), step.site)),
                (Segment::Index(n), Shape::Seq(items)) => {
                    items.get(*n).map(|item| (item, None, None))
                }
                _ => None,
            };
            let Some((next, next_key, merged_at)) = step else {
                exact = false;
                break;
            };
            site = site.or(merged_at);
            node = next;
            key = next_key;
        }
        if let Some(site) = site {
            return Found {
                value: site.clone(),
                key: site,
                exact,
            };
        }
        let key = key.unwrap_or_else(|| node.own_place());
        let value = match node.shape {
            Shape::Scalar { empty: false } | Shape::Alias(_) if exact => node.range.clone(),
            _ => key.clone(),
        };
        Found { value, key, exact }
    }

    fn behind<'t>(&'t self, node: &'t Rc<Node>, site: &mut Option<Range<usize>>) -> &'t Rc<Node> {
        if let Shape::Alias(id) = node.shape
            && let Some(target) = self.anchors.get(&id)
        {
            site.get_or_insert_with(|| node.range.clone());
            return target;
        }
        node
    }

    /// The entry that counts: the last, whether written here or merged in.
    fn entry<'t>(&'t self, map: &'t Node, name: &str, merges: usize) -> Option<Step<'t>> {
        let Shape::Map(entries) = &map.shape else {
            return None;
        };
        entries.iter().rev().find_map(|entry| {
            if !entry.merge {
                return (entry.key == name).then(|| Step {
                    value: &entry.value,
                    key: entry.key_range.clone(),
                    site: None,
                });
            }
            let several = match &entry.value.shape {
                Shape::Seq(items) => items.as_slice(),
                _ => std::slice::from_ref(&entry.value),
            };
            several.iter().find_map(|one| {
                let mut site = None;
                let base = self.behind(one, &mut site);
                let step = self.entry(base, name, merges.checked_sub(1)?)?;
                Some(Step {
                    site: site.or(step.site),
                    ..step
                })
            })
        })
    }
}

struct Step<'t> {
    value: &'t Rc<Node>,
    key: Range<usize>,
    site: Option<Range<usize>>,
}

/// Where the bracket of a flow collection ends; one in block style ends with its last value.
fn closing(flow: bool, span: &Span) -> Option<usize> {
    span.end.byte_offset().filter(|_| flow)
}

struct Builder<'t> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    anchors: BTreeMap<usize, Rc<Node>>,
    level: usize,
    /// The wanted item of a list was passed: the rest of the document cannot matter.
    done: bool,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Option<(Event<'t>, Span)> {
        self.parser.next_event()?.ok()
    }

    fn root(&mut self, want: Want<'_>) -> Option<Rc<Node>> {
        while !matches!(self.next()?.0, Event::DocumentStart(..)) {}
        let (event, span) = self.next()?;
        self.node(&event, &span, want)
    }

    fn node(&mut self, event: &Event<'t>, span: &Span, want: Want<'_>) -> Option<Rc<Node>> {
        let range = offset(span)..span.end.byte_offset().unwrap_or(0);
        match *event {
            Event::Scalar(_, style, anchor, _) => {
                let empty = range.is_empty();
                let mut node = Node::scalar(range, empty);
                // The parser's end of a block scalar is where the next token begins.
                if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                    let content = self.text.get(node.range.clone()).unwrap_or("");
                    node.end = node.range.start + content.trim_end().len();
                }
                Some(self.keep(anchor, node))
            }
            Event::Alias(id) => Some(Rc::new(Node {
                end: range.end,
                range,
                flow: false,
                shape: Shape::Alias(id),
            })),
            Event::SequenceStart(style, anchor, _) => {
                let want = if anchor == 0 { want } else { Want::All };
                let flow = style == StructureStyle::Flow;
                let mut items = Vec::new();
                let mut end = range.end;
                let mut n = 0;
                self.level += 1;
                while !self.done {
                    let (event, span) = self.next()?;
                    if event == Event::SequenceEnd {
                        end = closing(flow, &span).unwrap_or(end);
                        break;
                    }
                    let item_want = want.index(n);
                    n += 1;
                    let item = self.node(&event, &span, item_want)?;
                    end = item.end.max(end);
                    if want.keeps() {
                        items.push(item);
                    }
                    self.done |= self.level == 2 && matches!(item_want, Want::Way(_));
                }
                self.level -= 1;
                let node = Node {
                    end,
                    flow,
                    ..Node::seq(range, items)
                };
                Some(self.keep(anchor, node))
            }
            Event::MappingStart(style, anchor, _) => {
                let want = if anchor == 0 { want } else { Want::All };
                let flow = style == StructureStyle::Flow;
                let mut entries = Vec::new();
                let mut end = range.end;
                self.level += 1;
                while !self.done {
                    let (event, span) = self.next()?;
                    if event == Event::MappingEnd {
                        end = closing(flow, &span).unwrap_or(end);
                        break;
                    }
                    let merge = is_merge(&event);
                    let key_range = offset(&span)..span.end.byte_offset().unwrap_or(0);
                    let key = self.key(&event, &span, want.keeps())?;
                    let value_want = if merge && want.keeps() {
                        Want::All
                    } else {
                        want.key(&key)
                    };
                    let (event, span) = self.next()?;
                    let value = self.node(&event, &span, value_want)?;
                    end = value.end.max(end);
                    if want.keeps() {
                        entries.push(Entry {
                            key,
                            key_range,
                            value,
                            merge,
                        });
                    }
                }
                self.level -= 1;
                let node = Node {
                    end,
                    flow,
                    ..Node::map(range, entries)
                };
                Some(self.keep(anchor, node))
            }
            _ => None,
        }
    }

    fn key(&mut self, event: &Event<'t>, span: &Span, wanted: bool) -> Option<String> {
        if let Event::Scalar(text, style, anchor, tag) = event {
            if *anchor == 0 && !wanted {
                return Some(String::new());
            }
            let key = scalar::value(Cow::Borrowed(text), *style, tag.as_deref())
                .ok()
                .and_then(key_text)
                .unwrap_or_default();
            return Some(key.into_owned());
        }
        // The reader refuses such keys; here they only must not confuse.
        self.node(event, span, Want::Nothing)?;
        Some(String::new())
    }

    fn keep(&mut self, anchor: usize, node: Node) -> Rc<Node> {
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        node
    }
}
