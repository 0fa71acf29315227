//! One operation as an edit of a document's text, so that everything it does not mean stays as it was written.
//!
//! Edits are proposed from the places of the nodes, then tried: the edited text must read as the patched value. The
//! smallest edit comes first; if it does not hold (aliases, merges, repeated keys), the nearest enclosing value that
//! does is written anew. So an oversight here costs a larger diff or none at all, but never a wrong one.

use std::ops::Range;

use serde_json::Value;

use super::patch::{index, tokens};
use super::write::{Layout, like, tall};
use crate::snapshot::Operation;
use crate::snapshot::reader::{Entry, Node, Shape, Tree, looks_like_json, parse};

/// A piece of text in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// The edits of a document that do what the operation does to its value; they do not overlap, and stand in the order
/// of the text. `expected` is the patched value of the whole document; the first `floor` tokens of the pointer lead to
/// the object, which is never written anew as a whole. `None` when no edit was found that means the same.
pub(super) fn edits(
    text: &str,
    eol: &'static str,
    operation: &Operation,
    expected: &Value,
    floor: usize,
) -> Option<Vec<Edit>> {
    let tokens = tokens(operation.path())?;
    let tree = Tree::whole(text)?;
    let layout = layout_of(text, &tree, tokens.get(..floor)?, eol);
    let document = Document {
        text,
        layout: &layout,
    };
    let holds =
        |edits: &Vec<Edit>| parse(&edited(text, edits)).is_some_and(|value| same(&value, expected));
    let direct = document.direct(&tree, operation, &tokens).filter(holds);
    direct.or_else(|| {
        (floor + 1..tokens.len()).rev().find_map(|depth| {
            let way = tokens.get(..depth)?;
            let value = at(expected, way)?;
            let spot = document.spot(&tree, way)?;
            document.replace(&spot, value).filter(holds)
        })
    })
}

/// The text with these edits made.
pub(super) fn edited(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let mut done = 0;
    for edit in edits {
        out.push_str(text.get(done..edit.range.start).unwrap_or(""));
        out.push_str(&edit.text);
        done = edit.range.end;
    }
    out.push_str(text.get(done..).unwrap_or(""));
    out
}

/// Whether two values are the same to the API server, for which `1.0` is the integer 1.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn at<'v>(value: &'v Value, way: &[String]) -> Option<&'v Value> {
    way.iter().try_fold(value, |value, token| match value {
        Value::Object(map) => map.get(token),
        Value::Array(items) => items.get(index(token)?),
        _ => None,
    })
}

/// How lines end in a text: as its first.
pub(super) fn eol_of(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text.get(..at).is_some_and(|line| line.ends_with('\r')) => "\r\n",
        _ => "\n",
    }
}

/// How a document is laid out around the object that `way` leads to.
pub(super) fn layout_of(text: &str, tree: &Tree, way: &[String], eol: &'static str) -> Layout {
    let mut layout = Layout {
        eol,
        json: looks_like_json(text),
        ..Layout::default()
    };
    if !layout.json {
        return habits(tree, text, &layout, way);
    }
    layout.dense = !text.contains("\": ");
    let indented = text
        .lines()
        .filter_map(|line| line.get(..line.len() - line.trim_start().len()))
        .find(|blanks| !blanks.is_empty());
    if let Some(unit) = indented {
        unit.clone_into(&mut layout.unit);
    }
    layout
}

/// How far maps and lists are indented under their keys: in the object itself, else in what is around it.
fn habits(tree: &Tree, text: &str, layout: &Layout, way: &[String]) -> Layout {
    let document = Document { text, layout };
    let (mut step, mut list) = (None, None);
    if let Some(spot) = document.spot(tree, way) {
        document.habits(spot.node, &mut step, &mut list);
    }
    document.habits(&tree.root, &mut step, &mut list);
    Layout {
        step: step.unwrap_or(2),
        list: list.unwrap_or(0),
        ..layout.clone()
    }
}

/// A value and what holds it.
struct Spot<'t> {
    node: &'t Node,
    holder: Holder<'t>,
}

#[derive(Clone, Copy)]
enum Holder<'t> {
    Root,
    Entry(&'t Node, &'t Entry),
    Item(&'t Node, usize),
}

struct Document<'d> {
    text: &'d str,
    layout: &'d Layout,
}

impl<'d> Document<'d> {
    fn from(&self, at: usize) -> &'d str {
        self.text.get(at..).unwrap_or("")
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or("");
        before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Where the line of a byte ends, before its line break.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.from(at);
        let line = rest.split('\n').next().unwrap_or(rest);
        let whole = line.len() < rest.len();
        at + if whole {
            line.strip_suffix('\r').unwrap_or(line).len()
        } else {
            line.len()
        }
    }

    /// Where the next line begins, or the text ends.
    fn next_line(&self, at: usize) -> usize {
        let rest = self.from(at);
        at + rest.find('\n').map_or(rest.len(), |newline| newline + 1)
    }

    fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// Whether only blanks stand before a byte on its line.
    fn first_on_line(&self, at: usize) -> bool {
        self.text
            .get(self.line_start(at)..at)
            .is_some_and(|before| before.trim_start().is_empty())
    }

    fn indent(&self, at: usize) -> &'d str {
        let line = self.from(self.line_start(at));
        let content = line.trim_start_matches([' ', '\t']);
        line.get(..line.len() - content.len()).unwrap_or("")
    }

    /// Behind the colon of a key.
    fn after_key(&self, entry: &Entry) -> Option<usize> {
        let end = entry.key_range.end;
        let colon = end + self.from(end).find(|c: char| !c.is_whitespace())?;
        self.from(colon).starts_with(':').then_some(colon + 1)
    }

    /// Where a value's text begins on the line of its key or dash, with its anchor and tag; `None` when nothing but
    /// perhaps a comment is there.
    fn inline(&self, after: usize) -> Option<usize> {
        let line = self.text.get(after..self.line_end(after))?;
        let content = line.trim_start();
        (!content.is_empty() && !content.starts_with('#'))
            .then(|| after + line.len() - content.len())
    }

    /// The dashes of a list in block style. What an item contains is indented deeper, so the dashes in the column of
    /// the first are the items.
    fn dashes(&self, spot: &Spot<'_>) -> Option<Vec<usize>> {
        let first = self.first_dash(spot)?;
        let column = self.column(first);
        let mut dashes = vec![first];
        let mut at = self.next_line(first);
        while at < spot.node.end {
            let line = self.from(at);
            let content = line.trim_start_matches(' ');
            if line.len() - content.len() == column && is_dash(content) {
                dashes.push(at + column);
            }
            at = self.next_line(at);
        }
        let Shape::Seq(items) = &spot.node.shape else {
            return None;
        };
        (dashes.len() == items.len()).then_some(dashes)
    }

    /// The parser lets a list begin at its dash, but one that is not indented under its key at its first item.
    fn first_dash(&self, spot: &Spot<'_>) -> Option<usize> {
        if let Holder::Entry(_, entry) = spot.holder {
            let mut at = self.next_line(self.after_key(entry)?);
            while at <= spot.node.range.start {
                let line = self.from(at);
                let content = line.trim_start_matches(' ');
                if is_dash(content) {
                    return Some(at + line.len() - content.len());
                }
                if !content.trim_end().is_empty() && !content.starts_with('#') {
                    return None;
                }
                at = self.next_line(at);
            }
            return None;
        }
        let at = spot.node.range.start;
        is_dash(self.from(at)).then_some(at)
    }

    /// Where the lines of a block value begin: at its first key or dash.
    fn first(&self, spot: &Spot<'_>) -> Option<usize> {
        match &spot.node.shape {
            Shape::Seq(_) if !spot.node.flow => self.first_dash(spot),
            Shape::Map(entries) if !spot.node.flow => {
                entries.first().map(|entry| entry.key_range.start)
            }
            _ => Some(spot.node.range.start),
        }
    }

    /// Finds a value that this document itself writes: not behind an alias, not merged in.
    fn spot<'t>(&self, tree: &'t Tree, way: &[String]) -> Option<Spot<'t>> {
        let root = Spot {
            node: &tree.root,
            holder: Holder::Root,
        };
        way.iter().try_fold(root, |spot, token| {
            let node = spot.node;
            match &node.shape {
                Shape::Map(entries) => {
                    let entry = entries.iter().rev().find(|e| !e.merge && e.key == *token)?;
                    Some(Spot {
                        node: &entry.value,
                        holder: Holder::Entry(node, entry),
                    })
                }
                Shape::Seq(items) => {
                    let n = index(token)?;
                    Some(Spot {
                        node: items.get(n)?,
                        holder: Holder::Item(node, n),
                    })
                }
                _ => None,
            }
        })
    }

    fn direct(&self, tree: &Tree, operation: &Operation, tokens: &[String]) -> Option<Vec<Edit>> {
        let (last, parents) = tokens.split_last()?;
        let parent = self.spot(tree, parents)?;
        match operation {
            Operation::Replace { value, .. } => match self.spot(tree, tokens) {
                Some(spot) => self.replace(&spot, value),
                // Merged in: what is written here overrides it.
                None => self.add(&parent, last, value),
            },
            Operation::Add { value, .. } => {
                if matches!(parent.node.shape, Shape::Map(_))
                    && let Some(spot) = self.spot(tree, tokens)
                {
                    return self.replace(&spot, value);
                }
                self.add(&parent, last, value)
            }
            Operation::Remove { .. } => {
                let spot = self.spot(tree, tokens)?;
                self.remove(&parent, &spot)
            }
        }
    }

    fn replace(&self, spot: &Spot<'_>, value: &Value) -> Option<Vec<Edit>> {
        let node = spot.node;
        let in_flow = match spot.holder {
            Holder::Root => false,
            Holder::Entry(holder, _) | Holder::Item(holder, _) => holder.flow,
        };
        let filled = match &node.shape {
            Shape::Map(entries) => !entries.is_empty(),
            Shape::Seq(items) => !items.is_empty(),
            _ => false,
        };
        if self.layout.json || in_flow || (node.flow && filled && tall(value)) {
            return Some(self.replace_flow(spot, value));
        }
        let after = match spot.holder {
            Holder::Root => {
                let text = self.layout.block(value, 0);
                return Some(vec![Edit {
                    range: self.first(spot)?..node.end,
                    text,
                }]);
            }
            Holder::Entry(_, entry) => self.after_key(entry)?,
            Holder::Item(holder, n) => {
                // The item alone does not know its dash.
                let start = self.first(spot)?;
                self.dash_before(holder, start, n)? + 1
            }
        };
        let inline = self
            .inline(after)
            .filter(|at| *at < node.end || *at <= node.range.start);
        let key = match spot.holder {
            Holder::Entry(_, entry) => Some(self.column(entry.key_range.start)),
            _ => None,
        };
        if !tall(value) {
            return self.replace_by_scalar(spot, value, after, inline);
        }
        match (inline, key) {
            (Some(begin), None) => Some(vec![Edit {
                range: begin..node.end.max(begin),
                text: self.layout.block(value, self.column(begin)),
            }]),
            // The comment behind the value stays with the key.
            (Some(begin), Some(key)) => {
                let end = node.end.max(begin);
                Some(vec![
                    Edit {
                        range: after..end,
                        text: String::new(),
                    },
                    self.lines_after(end, &self.lines(value, self.layout.under(value, key))),
                ])
            }
            (None, _) if is_empty(node) => {
                let column = match key {
                    Some(key) => self.layout.under(value, key),
                    None => self.column(after) + 1,
                };
                Some(vec![self.lines_after(after, &self.lines(value, column))])
            }
            (None, key) => {
                let first = self.first(spot)?;
                let mut column = self.column(first);
                if let Some(key) = key
                    && (column <= key && !value.is_array())
                {
                    column = self.layout.under(value, key);
                }
                Some(vec![Edit {
                    range: self.line_start(first)..node.end,
                    text: self.lines(value, column),
                }])
            }
        }
    }

    fn replace_by_scalar(
        &self,
        spot: &Spot<'_>,
        value: &Value,
        after: usize,
        inline: Option<usize>,
    ) -> Option<Vec<Edit>> {
        let node = spot.node;
        if let Some(begin) = inline {
            let old = self.text.get(begin..node.end).unwrap_or("");
            let text = match value {
                Value::String(text) => like(old, text),
                other => self.layout.block(other, 0),
            };
            return Some(vec![Edit {
                range: begin..node.end.max(begin),
                text,
            }]);
        }
        let mut edits = vec![Edit {
            range: after..after,
            text: format!(" {}", self.layout.block(value, 0)),
        }];
        if !is_empty(node) {
            let begin = self.line_start(self.first(spot)?);
            edits.push(Edit {
                range: begin..self.next_line(node.end),
                text: String::new(),
            });
        }
        Some(edits)
    }

    fn replace_flow(&self, spot: &Spot<'_>, value: &Value) -> Vec<Edit> {
        let node = spot.node;
        let after = match spot.holder {
            Holder::Entry(_, entry) => self.after_key(entry),
            _ => None,
        };
        let begin = after
            .and_then(|after| self.inline(after))
            .unwrap_or(node.range.start)
            .min(node.end.max(node.range.start));
        let old = self.text.get(begin..node.end).unwrap_or("");
        let mut text = match value {
            Value::String(text) if !self.layout.json && old.starts_with(['"', '\'']) => {
                like(old, text)
            }
            _ => self.layout.flow(
                value,
                self.spread(node).or_else(|| self.spread_holder(spot)),
            ),
        };
        // `{a: , b: 1}` has no blank to keep, `{a:}` none at all.
        let begin = match after {
            Some(after) if is_empty(node) => {
                text.insert(0, ' ');
                after
            }
            _ => begin,
        };
        vec![Edit {
            range: begin..node.end.max(begin),
            text,
        }]
    }

    /// The indentation of the line where a collection begins, when it stretches over several.
    fn spread(&self, node: &Node) -> Option<&'d str> {
        self.text
            .get(node.range.start..node.end)?
            .contains('\n')
            .then(|| self.indent(node.range.start))
    }

    fn spread_holder(&self, spot: &Spot<'_>) -> Option<&'d str> {
        match spot.holder {
            Holder::Root => None,
            Holder::Entry(holder, _) | Holder::Item(holder, _) => self
                .spread(holder)
                .map(|_| self.indent(spot.node.range.start)),
        }
    }

    /// A value as whole lines, without a line break at the end.
    fn lines(&self, value: &Value, column: usize) -> String {
        format!("{}{}", " ".repeat(column), self.layout.block(value, column))
    }

    /// New lines behind the line of a byte. A text that ends without a line break goes on ending so.
    fn lines_after(&self, at: usize, lines: &str) -> Edit {
        let eol = self.layout.eol;
        let end = self.line_end(at);
        let next = self.next_line(at);
        if next > end {
            return Edit {
                range: next..next,
                text: format!("{lines}{eol}"),
            };
        }
        Edit {
            range: end..end,
            text: format!("{eol}{lines}"),
        }
    }

    fn add(&self, parent: &Spot<'_>, token: &str, value: &Value) -> Option<Vec<Edit>> {
        let node = parent.node;
        let edit = match &node.shape {
            Shape::Map(entries) => {
                let Some(last) = entries.last() else {
                    let mut map = serde_json::Map::new();
                    map.insert(token.to_owned(), value.clone());
                    return self.replace(parent, &Value::Object(map));
                };
                if node.flow {
                    let value_end = last.value.end.max(last.key_range.end);
                    let indent = self.own_line(node, last.key_range.start);
                    let text = self.layout.flow_entry(token, value, indent);
                    self.append_flow(value_end, &text, indent)
                } else {
                    let column = self.column(entries.first()?.key_range.start);
                    let entry = self.layout.entry(token, value, column);
                    let lines = format!("{}{entry}", " ".repeat(column));
                    self.lines_after(node.end, &lines)
                }
            }
            Shape::Seq(items) => {
                let n = if token == "-" {
                    items.len()
                } else {
                    index(token)?
                };
                if items.is_empty() {
                    return self.replace(parent, &Value::Array(vec![value.clone()]));
                }
                if node.flow {
                    self.insert_flow(node, items.get(n), value)?
                } else {
                    self.insert_item(parent, n, value)?
                }
            }
            _ => return None,
        };
        Some(vec![edit])
    }

    /// An item before the one with this number, or behind the last.
    fn insert_item(&self, parent: &Spot<'_>, n: usize, value: &Value) -> Option<Edit> {
        let dashes = self.dashes(parent)?;
        let first = *dashes.first()?;
        let column = self.column(first);
        // The blanks behind the dash, as in the list so far.
        let gap = self
            .inline(first + 1)
            .map_or(1, |begin| begin - first - 1)
            .max(1);
        let item = self.layout.block(value, column + 1 + gap);
        let item = format!("-{}{item}", " ".repeat(gap));
        let pad = " ".repeat(column);
        let Some(dash) = dashes.get(n).copied() else {
            return Some(self.lines_after(parent.node.end, &format!("{pad}{item}")));
        };
        let eol = self.layout.eol;
        if !self.first_on_line(dash) {
            return Some(Edit {
                range: dash..dash,
                text: format!("{item}{eol}{pad}"),
            });
        }
        // Comments directly above an item are about it; those above the first may be about the list.
        let mut at = self.line_start(dash);
        while n > 0 && at > 0 {
            let above = self.line_start(at - 1);
            let content = self.from(above).trim_start_matches(' ');
            if !content.starts_with('#') {
                break;
            }
            at = above;
        }
        Some(Edit {
            range: at..at,
            text: format!("{pad}{item}{eol}"),
        })
    }

    /// The indentation of a key or item, when it has a line of its own in a collection of several lines.
    fn own_line(&self, collection: &Node, at: usize) -> Option<&'d str> {
        (self.spread(collection).is_some() && self.first_on_line(at)).then(|| self.indent(at))
    }

    fn append_flow(&self, end: usize, text: &str, indent: Option<&str>) -> Edit {
        let between = match indent {
            Some(indent) => format!("{}{indent}", self.layout.eol),
            None if self.layout.dense => String::new(),
            None => " ".to_owned(),
        };
        Edit {
            range: end..end,
            text: format!(",{between}{text}"),
        }
    }

    fn insert_flow(
        &self,
        list: &Node,
        before: Option<&std::rc::Rc<Node>>,
        value: &Value,
    ) -> Option<Edit> {
        let Shape::Seq(items) = &list.shape else {
            return None;
        };
        let last = items.last()?;
        let Some(before) = before else {
            let indent = self.own_line(list, last.range.start);
            let text = self.layout.flow(value, indent);
            return Some(self.append_flow(last.end, &text, indent));
        };
        let at = before.range.start;
        let indent = self.own_line(list, at);
        let text = self.layout.flow(value, indent);
        let comma = self.append_flow(at, "", indent).text;
        Some(Edit {
            range: at..at,
            text: format!("{text}{comma}"),
        })
    }

    fn remove(&self, parent: &Spot<'_>, spot: &Spot<'_>) -> Option<Vec<Edit>> {
        let range = match (spot.holder, &parent.node.shape) {
            (Holder::Entry(map, entry), Shape::Map(entries)) => {
                if entries.len() == 1 {
                    return self.replace(parent, &Value::Object(serde_json::Map::new()));
                }
                let n = entries.iter().position(|e| std::ptr::eq(e, entry))?;
                let start = entry.key_range.start;
                let end = entry.value.end.max(entry.key_range.end);
                let next = entries.get(n + 1).map(|next| next.key_range.start);
                let before = n.checked_sub(1).and_then(|n| entries.get(n));
                let before = before.map(|e| e.value.end.max(e.key_range.end));
                if map.flow {
                    without_comma(start..end, before, next)?
                } else if self.first_on_line(start) {
                    self.lines_of(start..end)
                } else {
                    start..next?
                }
            }
            (Holder::Item(list, n), Shape::Seq(items)) => {
                if items.len() == 1 {
                    return self.replace(parent, &Value::Array(Vec::new()));
                }
                if list.flow {
                    let next = items.get(n + 1).map(|next| next.range.start);
                    let before = n.checked_sub(1).and_then(|n| items.get(n));
                    let range = spot.node.range.start..spot.node.end;
                    without_comma(range, before.map(|item| item.end), next)?
                } else {
                    let dashes = self.dashes(parent)?;
                    let dash = *dashes.get(n)?;
                    if self.first_on_line(dash) {
                        self.lines_of(dash..spot.node.end.max(dash + 1))
                    } else {
                        dash..*dashes.get(n + 1)?
                    }
                }
            }
            _ => return None,
        };
        Some(vec![Edit {
            range,
            text: String::new(),
        }])
    }

    /// The lines of a node with their line breaks; the last line of a text takes the break before it.
    fn lines_of(&self, range: Range<usize>) -> Range<usize> {
        let begin = self.line_start(range.start);
        let end = self.line_end(range.end);
        let next = self.next_line(end);
        if next > end || begin == 0 {
            return begin..next;
        }
        let before = self.text.get(..begin - 1).unwrap_or("");
        before.strip_suffix('\r').unwrap_or(before).len()..end
    }

    /// The dash of an item: the last one before it that stands where the list has its dashes.
    fn dash_before(&self, list: &Node, start: usize, n: usize) -> Option<usize> {
        let Shape::Seq(items) = &list.shape else {
            return None;
        };
        let from = match n.checked_sub(1).and_then(|n| items.get(n)) {
            Some(before) => self.next_line(before.end),
            None => self.line_start(list.range.start),
        };
        // An empty item begins right behind its dash.
        if self.text.get(..start)?.ends_with('-') {
            return Some(start - 1);
        }
        let mut at = self.line_start(start);
        loop {
            let line = self.text.get(at..self.line_end(at).min(start))?;
            let content = line.trim_start_matches(' ');
            if is_dash(content) {
                // `- - a`: the innermost dash on the line is the item's.
                let prefix: &str = content.trim_start_matches(['-', ' ']);
                let dashes = content.get(..content.len() - prefix.len())?;
                let indent = at + line.len() - content.len();
                return Some(indent + dashes.rfind('-')?);
            }
            if at <= from {
                return None;
            }
            at = self.line_start(at - 1);
        }
    }

    /// How far maps and lists are indented under their keys, from the first of each.
    fn habits(&self, node: &Node, step: &mut Option<usize>, list: &mut Option<usize>) {
        if node.flow || (step.is_some() && list.is_some()) {
            return;
        }
        match &node.shape {
            Shape::Map(entries) => {
                for entry in entries {
                    let key = self.column(entry.key_range.start);
                    let spot = Spot {
                        node: &entry.value,
                        holder: Holder::Entry(node, entry),
                    };
                    let place = match &entry.value.shape {
                        Shape::Map(inner) if !inner.is_empty() => &mut *step,
                        Shape::Seq(inner) if !inner.is_empty() => &mut *list,
                        _ => continue,
                    };
                    if !entry.value.flow
                        && let Some(first) = self.first(&spot)
                        && let Some(deeper) = self.column(first).checked_sub(key)
                    {
                        place.get_or_insert(deeper);
                    }
                    self.habits(&entry.value, step, list);
                }
            }
            Shape::Seq(items) => {
                for item in items {
                    self.habits(item, step, list);
                }
            }
            _ => {}
        }
    }
}

fn is_dash(content: &str) -> bool {
    content
        .strip_prefix('-')
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\n', '\r', '\t']))
}

fn is_empty(node: &Node) -> bool {
    matches!(node.shape, Shape::Scalar { empty: true })
}

/// A member of a flow collection with the comma that goes with it.
fn without_comma(
    range: Range<usize>,
    before: Option<usize>,
    next: Option<usize>,
) -> Option<Range<usize>> {
    match next {
        Some(next) => Some(range.start..next),
        None => Some(before?..range.end),
    }
}
