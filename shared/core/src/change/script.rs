//! Changes as commands for a live cluster: one `kubectl patch --type=json` a change, refused when the object moved,
//! and `kubectl create` for new objects. Never a partial manifest: applying one would destroy what it leaves out.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::to_yaml;
use crate::snapshot::{Change, Object, Operation, Snapshot};

/// How wide the column of objects is in a list of steps.
const OBJECT_COLUMN: usize = 35;

/// A script for `sh`.
#[must_use]
pub fn script(snapshot: &Snapshot, changes: &[Change]) -> String {
    let mut text = String::new();
    for (n, change) in changes.iter().enumerate() {
        if n > 0 {
            text.push('\n');
        }
        let place = format!("# {} of {}", n + 1, changes.len());
        match change {
            Change::Patch { object, operations } => {
                let Some(object) = snapshot.get(*object) else {
                    continue;
                };
                let fields: Vec<String> = operations.iter().map(|o| dotted(o.path())).collect();
                let _ = writeln!(text, "{place}: {}, {}", object.key, fields.join(", "));
                text.push_str(&patch(object, operations));
            }
            Change::Create { kind, object, .. } => {
                let _ = writeln!(text, "{place}: new {kind} {}", name_of(object));
                let _ = write!(
                    text,
                    "kubectl create -f - <<'EOF'\n{}EOF\n",
                    to_yaml(object)
                );
            }
        }
    }
    text
}

fn patch(object: &Object, operations: &[Operation]) -> String {
    let key = &object.key;
    let group = key.kind.group();
    let resource = if group.is_empty() {
        key.kind.plural().to_owned()
    } else {
        format!("{}.{group}", key.kind.plural())
    };
    let namespace = if key.namespace.is_empty() {
        String::new()
    } else {
        format!(" -n {}", key.namespace)
    };
    let guard = object.meta.resource_version.iter().map(
        |version| json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version}),
    );
    let lines: Vec<String> = guard
        .chain(operations.iter().map(Operation::json))
        .map(|o| format!("  {}", ordered(&o)))
        .collect();
    let body = lines.join(",\n").replace('\'', "'\\''");
    format!(
        "kubectl patch {resource} {}{namespace} \\\n  --type=json -p '[\n{body}]'\n",
        key.name
    )
}

/// An operation with its keys in the order of RFC 6902's examples.
fn ordered(operation: &Value) -> String {
    let text = |key: &str| operation.get(key).map(|v| format!("\"{key}\":{v}"));
    let parts: Vec<String> = ["op", "path", "value"]
        .into_iter()
        .filter_map(text)
        .collect();
    format!("{{{}}}", parts.join(","))
}

/// The changes in words, one line each.
#[must_use]
pub fn steps(snapshot: &Snapshot, changes: &[Change]) -> Vec<String> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for change in changes {
        match change {
            Change::Patch { object, operations } => {
                let name = snapshot
                    .get(*object)
                    .map(|o| o.key.to_string())
                    .unwrap_or_default();
                lines.extend(operations.iter().map(|o| (name.clone(), in_words(o))));
            }
            Change::Create { kind, object, .. } => {
                lines.push((format!("{kind} {}", name_of(object)), "new".to_owned()));
            }
        }
    }
    let widest = lines
        .iter()
        .map(|(object, _)| object.len())
        .max()
        .unwrap_or(0);
    let column = (widest + 2).min(OBJECT_COLUMN);
    lines
        .into_iter()
        .map(|(object, what)| {
            let pad = column.saturating_sub(object.len()).max(2);
            format!("{object}{}{what}", " ".repeat(pad))
        })
        .collect()
}

fn in_words(operation: &Operation) -> String {
    let port = |value: &Value| {
        let number = value.get("port")?.as_u64()?;
        let target = value
            .get("targetPort")
            .map_or_else(|| number.to_string(), plain);
        Some(format!("+ port {number} → {target}"))
    };
    match operation {
        Operation::Add { path, value } if path.starts_with("/spec/ports/") => {
            port(value).unwrap_or_else(|| format!("{} + {}", dotted(path), plain(value)))
        }
        Operation::Add { path, value } => format!("{} + {}", dotted(path), plain(value)),
        Operation::Replace { path, value } => format!("{} → {}", dotted(path), plain(value)),
        Operation::Remove { path } => format!("{} is removed", dotted(path)),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A JSON pointer as people write fields.
fn dotted(pointer: &str) -> String {
    pointer
        .split('/')
        .skip(1)
        .fold(String::new(), |text, part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            if part.parse::<usize>().is_ok() {
                format!("{text}[{part}]")
            } else if part == "-" {
                text
            } else {
                format!("{text}.{part}")
            }
        })
}

fn name_of(object: &Value) -> String {
    let text = |key: &str| {
        object
            .pointer(&format!("/metadata/{key}"))
            .and_then(Value::as_str)
    };
    match (text("namespace"), text("name")) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (_, name) => name.unwrap_or_default().to_owned(),
    }
}
