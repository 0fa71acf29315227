//! RFC 6902 on a JSON value, with the three operations that changes consist of.

use std::fmt;

use serde_json::Value;

use crate::snapshot::Operation;

/// A pointer that an operation cannot follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerError {
    /// The pointer.
    pub pointer: String,
    /// The first part of it that is not there or does not fit; empty for the object itself.
    pub at: String,
}

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at == self.pointer {
            write!(f, "{} is not there", self.pointer)
        } else {
            write!(f, "{}: {} is not there", self.pointer, self.at)
        }
    }
}

impl std::error::Error for PointerError {}

impl Operation {
    /// The JSON pointer that it is about.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Replace { path, .. } | Self::Remove { path } => path,
        }
    }

    /// The same operation for a value that holds the object at `prefix`.
    pub(super) fn under(&self, prefix: &str) -> Self {
        self.at(format!("{prefix}{}", self.path()))
    }

    /// The same operation on another path.
    pub(super) fn at(&self, path: String) -> Self {
        match self {
            Self::Add { value, .. } => Self::Add {
                path,
                value: value.clone(),
            },
            Self::Replace { value, .. } => Self::Replace {
                path,
                value: value.clone(),
            },
            Self::Remove { .. } => Self::Remove { path },
        }
    }
}

/// The keys and indices of a JSON pointer (RFC 6901); `None` when it is neither empty nor begins with `/`.
pub(super) fn tokens(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let rest = pointer.strip_prefix('/')?;
    let token = |part: &str| part.replace("~1", "/").replace("~0", "~");
    Some(rest.split('/').map(token).collect())
}

/// The JSON pointer of some keys and indices.
pub(super) fn pointer(tokens: &[String]) -> String {
    tokens
        .iter()
        .map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1")))
        .collect()
}

/// An index as RFC 6901 writes it: digits without a sign or a leading zero.
pub(super) fn index(token: &str) -> Option<usize> {
    let plain =
        token.bytes().all(|b| b.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    token.parse().ok().filter(|_| plain)
}

/// Applies one operation. The value is unchanged when it fails.
///
/// # Errors
/// When the pointer leads nowhere: as in RFC 6902, `Add` needs the parent, `Replace` and `Remove` the value itself.
pub fn patch(value: &mut Value, operation: &Operation) -> Result<(), PointerError> {
    let path = operation.path();
    let error = |at: &[String]| PointerError {
        pointer: path.to_owned(),
        at: pointer(at),
    };
    let tokens = tokens(path).ok_or_else(|| PointerError {
        pointer: path.to_owned(),
        at: path.to_owned(),
    })?;
    let Some((last, parents)) = tokens.split_last() else {
        return match operation {
            Operation::Add { value: new, .. } | Operation::Replace { value: new, .. } => {
                *value = new.clone();
                Ok(())
            }
            Operation::Remove { .. } => Err(error(&[])),
        };
    };
    let mut holder = value;
    for (n, token) in parents.iter().enumerate() {
        holder = match holder {
            Value::Object(map) => map.get_mut(token),
            Value::Array(items) => index(token).and_then(|i| items.get_mut(i)),
            _ => None,
        }
        .ok_or_else(|| error(tokens.get(..=n).unwrap_or(&tokens)))?;
    }
    let done = match (holder, operation) {
        (Value::Object(map), Operation::Add { value, .. }) => {
            map.insert(last.clone(), value.clone());
            Some(())
        }
        (Value::Object(map), Operation::Replace { value, .. }) => {
            map.get_mut(last).map(|place| *place = value.clone())
        }
        (Value::Object(map), Operation::Remove { .. }) => map.remove(last).map(|_| ()),
        (Value::Array(items), Operation::Add { value, .. }) => {
            let at = if last == "-" {
                Some(items.len())
            } else {
                index(last).filter(|at| *at <= items.len())
            };
            at.map(|at| items.insert(at, value.clone()))
        }
        (Value::Array(items), Operation::Replace { value, .. }) => index(last)
            .and_then(|at| items.get_mut(at))
            .map(|place| *place = value.clone()),
        (Value::Array(items), Operation::Remove { .. }) => index(last)
            .filter(|at| *at < items.len())
            .map(|at| drop(items.remove(at))),
        _ => None,
    };
    done.ok_or_else(|| error(&tokens))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn add(path: &str, value: Value) -> Operation {
        let path = path.to_owned();
        Operation::Add { path, value }
    }

    fn replace(path: &str, value: Value) -> Operation {
        let path = path.to_owned();
        Operation::Replace { path, value }
    }

    fn remove(path: &str) -> Operation {
        Operation::Remove {
            path: path.to_owned(),
        }
    }

    #[test]
    fn does_what_the_rfc_says() {
        let mut value = json!({"a": {"b/c": [1, 2]}, "d~": 1});
        for operation in [
            add("/a/b~1c/-", json!(4)),
            add("/a/b~1c/2", json!(3)),
            add("/a/b~1c/0", json!(0)),
            replace("/d~0", json!({"x": null})),
            add("/a/new", json!([])),
            add("/a/new", json!("again")),
            remove("/a/b~1c/1"),
        ] {
            patch(&mut value, &operation).unwrap();
        }
        assert_eq!(
            value,
            json!({"a": {"b/c": [0, 2, 3, 4], "new": "again"}, "d~": {"x": null}})
        );
        patch(&mut value, &replace("", json!(1))).unwrap();
        assert_eq!(value, json!(1));
    }

    #[test]
    fn says_which_part_of_a_pointer_is_missing() {
        let value = json!({"a": {"b": [1]}, "n": null});
        for (operation, at) in [
            (add("/x/y/z", json!(1)), "/x"),
            (add("/a/b/2", json!(1)), "/a/b/2"),
            (add("/a/b/01", json!(1)), "/a/b/01"),
            (add("/a/b/+0", json!(1)), "/a/b/+0"),
            (add("/n/x", json!(1)), "/n/x"),
            (replace("/a/c", json!(1)), "/a/c"),
            (replace("/a/b/-", json!(1)), "/a/b/-"),
            (remove("/a/b/1"), "/a/b/1"),
            (remove("/a/b/-"), "/a/b/-"),
            (remove("/a/b/0/x"), "/a/b/0/x"),
            (remove("a"), "a"),
        ] {
            let mut changed = value.clone();
            let error = patch(&mut changed, &operation).unwrap_err();
            assert_eq!(error.at, at);
            assert_eq!(changed, value);
        }
        let error = patch(&mut json!({}), &remove("/a/b")).unwrap_err();
        assert_eq!(error.to_string(), "/a/b: /a is not there");
    }
}
