//! The place of a field, found again from the text when somebody asks.

use std::ops::Range;

use super::super::{FieldPath, Location, Origin, Source};
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
    Some(Tree::of(text, Want::Way(&path.0))?.find(&path))
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
