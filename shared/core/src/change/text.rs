//! Changes as text that a person can apply.

use serde_json::Value;

use super::write::Layout;
use super::{ChangeError, file_diffs, script};
use crate::snapshot::{Change, Snapshot};

/// The changes as one unified diff; `None` when a file cannot take them all.
#[must_use]
pub fn diff_text(snapshot: &Snapshot, changes: &[Change], context: usize) -> Option<String> {
    let diffs = file_diffs(snapshot, changes).ok()?;
    let whole = diffs.without_file.is_empty() && !diffs.diffs.is_empty();
    whole.then(|| diffs.diffs.iter().map(|d| d.render(context)).collect())
}

/// A diff for what stands in files, commands for the rest.
///
/// # Errors
/// When a file cannot be edited without doubt.
pub fn as_text(
    snapshot: &Snapshot,
    changes: &[Change],
    context: usize,
) -> Result<String, ChangeError> {
    let diffs = file_diffs(snapshot, changes)?;
    let mut text: String = diffs.diffs.iter().map(|d| d.render(context)).collect();
    let rest: Vec<Change> = diffs
        .without_file
        .iter()
        .filter_map(|n| changes.get(*n))
        .cloned()
        .collect();
    if !rest.is_empty() {
        text.push_str(&script(snapshot, &rest));
    }
    Ok(text)
}

/// The words behind the pipe that take what [`as_text`] prints.
#[must_use]
pub fn taken_by(snapshot: &Snapshot, changes: &[Change]) -> &'static str {
    let diffs = file_diffs(snapshot, changes).ok();
    diffs
        .filter(|d| !d.diffs.is_empty())
        .and_then(|d| d.command())
        .unwrap_or("sh")
}

/// How [`as_text`] is asked for: `--fix | git apply`; alone where one command cannot take all of it, as some of the
/// changes are to files and some to a cluster.
#[must_use]
pub fn piped(snapshot: &Snapshot, changes: &[Change]) -> String {
    let taken_by = taken_by(snapshot, changes);
    if taken_by != "sh" && diff_text(snapshot, changes, 0).is_none() {
        return "--fix".to_owned();
    }
    format!("--fix | {taken_by}")
}

/// A whole object as YAML, its keys in the order people write them.
#[must_use]
pub fn to_yaml(object: &Value) -> String {
    let mut text = Layout::default().block(object, 0);
    text.push('\n');
    text
}
