//! What a fix or a plan does: to our own copy of the objects, and to the text of a person's files.
//!
//! ```text
//!                ┌► apply ─► an overlay of the snapshot, predicted again: the proof
//! changes ───────┤
//!                └► file_diffs ─► edits of each file's text ─► a unified diff: the fix
//! ```
//!
//! Both start from the raw text and never from a view. A diff is checked before it is shown: the edited text, read
//! again, is exactly what [`apply`] makes of the object, or there is no diff.

mod apply;
mod diff;
mod edit;
pub mod effect;

mod lay;
mod patch;
mod pieces;
mod proof;
mod repair;
mod script;
mod sidecars;
mod text;
mod write;

#[cfg(test)]
mod tests;

pub use apply::apply;
pub(crate) use diff::without_items;
pub use diff::{FileDiff, FileDiffs, Reach, file_diffs};
pub use lay::{Overlay, lay};
pub use patch::{PointerError, patch};
pub use proof::{After, Effect, predict_after};
pub(crate) use proof::{compare, compare_sidecars, not_admitted, unread};
pub use repair::{chosen, repair, why_not};
pub use script::{script, steps};
pub use text::{as_text, diff_text, piped, taken_by, to_yaml};

use crate::snapshot::views::ViewError;

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No object has this number.
    #[error("there is no object {0}")]
    NoObject(u32),
    /// The object's whole content is not known: neither its text nor an overlay holds it.
    #[error("{object}: its text is not at hand")]
    NoText {
        /// The object.
        object: String,
    },
    /// An operation does not fit the object.
    #[error("{object}: {error}")]
    Pointer {
        /// The object.
        object: String,
        /// Which pointer, and why.
        error: PointerError,
    },
    /// The change would make another object of it.
    #[error("{object}: a change cannot give it another kind, namespace or name")]
    Identity {
        /// The object.
        object: String,
    },
    /// The API server would refuse the result.
    #[error("{object}: {error}")]
    View {
        /// The object.
        object: String,
        /// The field that does not fit.
        error: ViewError,
    },
    /// The object to create is there already.
    #[error("{object} exists already")]
    Exists {
        /// The object.
        object: String,
    },
    /// The object to create lacks its kind, its namespace or its name.
    #[error("a new {kind} without `{field}`")]
    Incomplete {
        /// Its kind.
        kind: String,
        /// What is missing.
        field: &'static str,
    },
    /// The object was changed by an overlay, so its file does not show what the change begins with.
    #[error("{object} is not as its file says")]
    Overlaid {
        /// The object.
        object: String,
    },
    /// No edit of the text was found that means the same.
    #[error("{file}: {object} is written in a way that cannot be edited safely")]
    Unwritable {
        /// The file.
        file: String,
        /// The object.
        object: String,
    },
}
