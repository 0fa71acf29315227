//! Reads YAML and JSON texts into objects, and finds the place of a field again.

use super::{FieldPath, Location, Origin, Source};

/// Line and column of a field in its source, or of its nearest parent that is written.
#[must_use]
pub fn locate(_source: &Source, _origin: &Origin, _field: &FieldPath) -> Option<Location> {
    None
}

/// One YAML document as a JSON value.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_document(_text: &str) -> Result<serde_json::Value, String> {
    Err(String::new())
}
