//! The objects as they would be after a change.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::ChangeError;
use super::patch::patch;
use crate::snapshot::reader::{raw_value, tidy};
use crate::snapshot::views::{Meta, View, read_view};
use crate::snapshot::{Change, Draft, Kind, Object, ObjectId, ObjectKey, Snapshot};

/// An overlay of the snapshot with these changes made, in order. Untouched objects are shared, changed ones keep
/// their number, created ones get the numbers behind the last, in the order of the changes.
///
/// # Errors
/// When a change does not fit its object or gives one that the API server would refuse. Nothing is changed then.
pub fn apply(snapshot: &Snapshot, changes: &[Change]) -> Result<Snapshot, ChangeError> {
    let mut patched: BTreeMap<ObjectId, Value> = BTreeMap::new();
    let mut created: BTreeMap<ObjectKey, (Draft, Value)> = BTreeMap::new();
    let mut order = Vec::new();
    for change in changes {
        match change {
            Change::Patch { object, operations } => {
                let id = *object;
                let object = object_of(snapshot, id)?;
                let mut value = match patched.remove(&id) {
                    Some(value) => value,
                    None => whole(snapshot, object)?.into_owned(),
                };
                for operation in operations {
                    patch(&mut value, operation).map_err(|error| ChangeError::Pointer {
                        object: object.key.to_string(),
                        error,
                    })?;
                }
                patched.insert(id, value);
            }
            Change::Create {
                kind,
                object: value,
                beside,
            } => {
                let draft = draft_of(snapshot, *kind, value, *beside)?;
                let key = draft.key.clone();
                let before = created.insert(key.clone(), (draft, value.clone()));
                if before.is_some() || snapshot.find(key.kind, &key.namespace, &key.name).is_some()
                {
                    return Err(ChangeError::Exists {
                        object: key.to_string(),
                    });
                }
                order.push(key);
            }
        }
    }
    let changed = patched
        .into_iter()
        .map(|(id, value)| changed_object(object_of(snapshot, id)?, value))
        .collect::<Result<Vec<_>, _>>()?;
    let created = order
        .iter()
        .filter_map(|key| created.remove(key))
        .map(|(draft, value)| (draft, Arc::new(value)))
        .collect();
    Ok(snapshot.with_changes(changed, created))
}

pub(super) fn object_of(snapshot: &Snapshot, id: ObjectId) -> Result<&Object, ChangeError> {
    snapshot.get(id).ok_or(ChangeError::NoObject(id.0))
}

/// The whole object as a value: what an overlay made of it, else its text.
fn whole<'s>(snapshot: &'s Snapshot, object: &'s Object) -> Result<Cow<'s, Value>, ChangeError> {
    if let Some(value) = object.beyond_text() {
        return Ok(Cow::Borrowed(value));
    }
    object
        .origin
        .as_ref()
        .and_then(|origin| raw_value(snapshot.source(origin.source)?, origin))
        .map(Cow::Owned)
        .ok_or_else(|| ChangeError::NoText {
            object: object.key.to_string(),
        })
}

/// The parts of an object that are read, from a value as it is written.
pub(super) fn read(kind: Kind, name: &str, value: &Value) -> Result<(Meta, View), ChangeError> {
    let mut value = value.clone();
    tidy(&mut value);
    let refused = |error| ChangeError::View {
        object: name.to_owned(),
        error,
    };
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let meta = match metadata {
        Value::Null => Meta::default(),
        metadata => read_view(metadata).map_err(refused)?,
    };
    let view = View::read(kind, &value).map_err(refused)?;
    Ok((meta, view))
}

fn changed_object(object: &Object, value: Value) -> Result<Object, ChangeError> {
    let name = object.key.to_string();
    let (meta, view) = read(object.key.kind, &name, &value)?;
    let api_version = text(&value, "apiVersion").unwrap_or(&object.api_version);
    // An item of a typed list may leave its kind to the list.
    let kind =
        text(&value, "kind").map_or(Some(object.key.kind), |kind| Kind::of(api_version, kind));
    let namespace = meta.namespace.as_deref().filter(|ns| !ns.is_empty());
    let namespaced = object.key.kind.namespaced();
    if kind != Some(object.key.kind)
        || meta.name != object.key.name
        || namespace.is_some_and(|ns| namespaced && ns != object.key.namespace)
    {
        return Err(ChangeError::Identity { object: name });
    }
    Ok(Object {
        id: object.id,
        key: object.key.clone(),
        api_version: api_version.to_owned(),
        namespace_written: namespace.is_some(),
        meta,
        view,
        origin: object.origin.clone(),
        patched: Some(Arc::new(value)),
        laid: object.laid.clone(),
    })
}

fn draft_of(
    snapshot: &Snapshot,
    kind: Kind,
    value: &Value,
    beside: Option<ObjectId>,
) -> Result<Draft, ChangeError> {
    let missing = |field| ChangeError::Incomplete {
        kind: kind.to_string(),
        field,
    };
    let api_version = text(value, "apiVersion").ok_or_else(|| missing("apiVersion"))?;
    let named = text(value, "kind").ok_or_else(|| missing("kind"))?;
    if Kind::of(api_version, named) != Some(kind) {
        return Err(missing("kind"));
    }
    let (meta, view) = read(kind, &format!("a new {kind}"), value)?;
    if meta.name.is_empty() {
        return Err(missing("metadata.name"));
    }
    let written = meta.namespace.clone().filter(|ns| !ns.is_empty());
    let namespace_written = written.is_some();
    let namespace = if kind.namespaced() {
        let beside = beside.and_then(|id| snapshot.get(id));
        written
            .or_else(|| beside.map(|object| object.key.namespace.clone()))
            .filter(|ns| !ns.is_empty())
            .ok_or_else(|| missing("metadata.namespace"))?
    } else {
        String::new()
    };
    Ok(Draft {
        key: ObjectKey::new(kind, &namespace, &meta.name),
        api_version: api_version.to_owned(),
        namespace_written,
        meta,
        view,
        origin: None,
    })
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}
