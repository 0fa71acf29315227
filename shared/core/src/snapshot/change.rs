//! A change to objects: what a fix consists of and a plan writes.

use serde_json::{Value, json};

use super::{Kind, ObjectId};

/// One change to one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An RFC 6902 patch of an object that exists.
    Patch {
        /// The object.
        object: ObjectId,
        /// Operations, in order.
        operations: Vec<Operation>,
    },
    /// A whole new object.
    Create {
        /// Its kind.
        kind: Kind,
        /// The object, with `apiVersion`, `kind` and `metadata`.
        object: Value,
        /// The object it belongs to: it goes into the same file, and into the same namespace when it names none.
        beside: Option<ObjectId>,
    },
}

/// One operation of a patch.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Adds a field, or an item before the index (`-` is the end).
    Add {
        /// JSON pointer.
        path: String,
        /// What to put there.
        value: Value,
    },
    /// Replaces a value that exists.
    Replace {
        /// JSON pointer.
        path: String,
        /// What to put there.
        value: Value,
    },
    /// Removes a value that exists.
    Remove {
        /// JSON pointer.
        path: String,
    },
}

impl Operation {
    /// As RFC 6902 writes it.
    #[must_use]
    pub fn json(&self) -> Value {
        match self {
            Self::Add { path, value } => json!({"op": "add", "path": path, "value": value}),
            Self::Replace { path, value } => json!({"op": "replace", "path": path, "value": value}),
            Self::Remove { path } => json!({"op": "remove", "path": path}),
        }
    }
}
