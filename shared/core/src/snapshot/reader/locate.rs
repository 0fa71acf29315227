//! The place of a field, found again from the text when somebody asks.

use std::ops::Range;

use super::super::{FieldPath, Location, Origin, Segment, Source};
use super::text::{position, width};
use super::tree::{Found, Tree, Want};

/// Line and column of a field in its source, or of its nearest parent that is written.
///
/// A scalar is the scalar itself with its quotes; for a map or a list it is the key that holds it. Behind an alias it
/// is the alias: there this object has the field. Only the object's own document is read again.
#[must_use]
pub fn locate(source: &Source, origin: &Origin, field: &FieldPath) -> Option<Location> {
    find(source, origin, field).map(|found| location(source, origin, &found.value, found.exact))
}

/// Line and column of the key that holds a field, or of the item when it is one of a list.
#[must_use]
pub fn locate_key(source: &Source, origin: &Origin, field: &FieldPath) -> Option<Location> {
    find(source, origin, field).map(|found| location(source, origin, &found.key, found.exact))
}

fn find(source: &Source, origin: &Origin, field: &FieldPath) -> Option<Found> {
    let text = source.text.get(origin.document.clone())?;
    let path = origin.root.clone().join(field);
    find_in_item(text, &path).or_else(|| Some(Tree::of(text, Want::Way(&path.0))?.find(&path)))
}

/// Reads just the one item of a list in block style: a whole cluster as one list would take a tenth of a second for
/// every place. `None` when only the whole document can tell, as with an alias to another item.
fn find_in_item(text: &str, path: &FieldPath) -> Option<Found> {
    let [Segment::Key(key), Segment::Index(n), rest @ ..] = path.0.as_slice() else {
        return None;
    };
    if key != "items" {
        return None;
    }
    let range = block_item(text, *n)?;
    let mut way = vec![Segment::Index(0)];
    way.extend(rest.iter().cloned());
    let way = FieldPath(way);
    let found = Tree::of(text.get(range.clone())?, Want::Way(&way.0))?.find(&way);
    let moved = |part: Range<usize>| part.start + range.start..part.end + range.start;
    Some(Found {
        value: moved(found.value),
        key: moved(found.key),
        exact: found.exact,
    })
}

/// The lines of an item of the root's `items`. Whatever an item contains is indented deeper than its dash, so the
/// dashes in that column are the items. `None` when only the whole document can tell.
pub(crate) fn block_item(text: &str, n: usize) -> Option<Range<usize>> {
    // Of two lists of items the last counts.
    let keys = ["items", "\"items\"", "'items'"];
    let is_items = |line: &&str| keys.iter().any(|key| line.starts_with(key));
    if text.split('\n').filter(is_items).nth(1).is_some() {
        return None;
    }
    let mut dashes: Option<usize> = None;
    let (mut in_items, mut seen, mut begin, mut at) = (false, 0, None, 0);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        let content = content.trim_end();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if !in_items {
            in_items = line.trim_end() == "items:";
            continue;
        }
        let dash = content == "-" || content.starts_with("- ");
        let column = match dashes {
            Some(column) => column,
            None if dash => *dashes.insert(indent),
            None => return None,
        };
        if indent < column || (indent == column && !dash) {
            break;
        }
        if indent == column {
            if let Some(begin) = begin {
                return Some(begin..start);
            }
            if seen == n {
                begin = Some(start);
            }
            seen += 1;
        }
        if let Some(begin) = begin
            && at == text.len()
        {
            return Some(begin..at);
        }
    }
    // Something follows the list, perhaps another `items`: the whole document tells.
    None
}

fn location(source: &Source, origin: &Origin, range: &Range<usize>, exact: bool) -> Location {
    let base = origin.document.start;
    let range = base + range.start..base + range.end;
    let at = position(&source.text, range.start);
    Location {
        source: origin.source,
        line: at.line,
        column: at.column,
        width: width(&source.text, &range),
        exact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# c\nkind: List\nitems:\n# c\n- a: 1\n  b:\n  - x\n  c: |\n    - y\n   # z\n\n- a: 2\n  b: [1,\n    2]\n  s: \"q\n    - r\"\n- &k {a: 3}\n-\n  a: 4\n  b: *k\n";

    #[test]
    fn one_item_alone_has_the_places_of_the_whole() {
        let bases = [
            LIST.to_owned(),
            LIST.replace('\n', "\r\n"),
            LIST.replace("\n-", "\n -").replace("\n  ", "\n   "),
        ];
        let mut alone = 0;
        for text in bases {
            let text = format!("{text}metadata: {{}}\n");
            for text in [text.as_str(), text.trim_end_matches("metadata: {}\n")] {
                for n in 0..5 {
                    for rest in ["a", "b", "b[0]", "b[1]", "c", "x.y", "b.a", ""] {
                        let path = FieldPath::of("items").index(n).join(&FieldPath::of(rest));
                        let whole = Tree::of(text, Want::Way(&path.0)).unwrap().find(&path);
                        if let Some(found) = find_in_item(text, &path) {
                            alone += 1;
                            assert_eq!(found, whole, "{path} in {text}");
                        }
                    }
                }
            }
        }
        assert!(alone > 100, "{alone}");
    }
}
