//! The objects a question is answered from, where each came from, and what was not read.
//!
//! An object is its raw text (lossless, what a write would patch) and a typed view of just the fields that are
//! read. Nothing is ever re-serialised from a view.

mod change;
mod field_path;
mod key;
pub mod reader;
pub mod views;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

pub use change::{Change, Operation};
pub use field_path::{FieldPath, Segment};
pub use key::{Kind, ObjectKey};
use serde_json::Value;
use views::{Meta, View};

use crate::predict::version::Version;

/// An object's number within its snapshot; overlays keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u32);

/// A source text's number within its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A text that objects were read from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name as a person would type it: a path, or `<stdin>`; empty for an object of a cluster.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// Whether this is what an API server answered, and no text of a person's.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.name.is_empty()
    }
}

/// Where an object's own text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The text it stands in.
    pub source: SourceId,
    /// Bytes of its YAML document (or of the whole JSON text) in the source.
    pub document: Range<usize>,
    /// Its way from the document's root: empty, or `.items[N]` inside a `kind: List`.
    pub root: FieldPath,
}

/// What a file's object is to the cluster that it is laid over.
#[derive(Clone, Debug)]
pub enum Laid {
    /// The cluster has none of that name.
    New,
    /// It takes the place of a live one.
    Over {
        /// The whole object: its text, and what the server has set besides.
        whole: Arc<Value>,
        /// Kubernetes would look for the endpoints of this Service anew.
        remade: bool,
    },
}

/// One Kubernetes object.
#[derive(Debug)]
pub struct Object {
    /// Its number within the snapshot.
    pub id: ObjectId,
    /// Group, kind, namespace and name: its identity.
    pub key: ObjectKey,
    /// `apiVersion` as written.
    pub api_version: String,
    /// The metadata that is read.
    pub meta: Meta,
    /// Whether `metadata.namespace` was written, or assumed.
    pub namespace_written: bool,
    /// The fields that are read, by kind.
    pub view: View,
    /// Its text; `None` for an object that no file holds, and for one of a cluster that is never changed.
    pub origin: Option<Origin>,
    /// What an overlay made of it, or the whole of an object that no text holds: the next change starts from this
    /// and not from the text.
    pub patched: Option<Arc<Value>>,
    /// Whether it is a file's object that is laid over a cluster.
    pub laid: Option<Laid>,
}

impl Object {
    /// `namespace/name`.
    #[must_use]
    pub fn qualified(&self) -> String {
        self.key.qualified()
    }

    /// Whether a change is about to make it: no file or only one of the change holds it, and no server has given it a
    /// creation time.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        (self.origin.is_none() || matches!(self.laid, Some(Laid::New)))
            && self.meta.creation_timestamp.is_none()
    }

    /// Whether it is known which of two objects is older: the server has told both creation times, or one of them is
    /// about to be made.
    #[must_use]
    pub const fn ages_known(&self, other: &Self) -> bool {
        match (
            self.meta.creation_timestamp.is_some(),
            other.meta.creation_timestamp.is_some(),
        ) {
            (true, true) => true,
            (true, false) => other.is_new(),
            (false, true) => self.is_new(),
            (false, false) => false,
        }
    }

    /// Whether Kubernetes is about to look for the endpoints of a Service: the slices that were read are not of it.
    #[must_use]
    pub const fn awaits_slices(&self) -> bool {
        self.is_new() || matches!(self.laid, Some(Laid::Over { remade: true, .. }))
    }

    /// The whole object where its text alone is not: what an overlay made of it, or its text with what the server has
    /// set besides.
    #[must_use]
    pub const fn beyond_text(&self) -> Option<&Arc<Value>> {
        match (&self.patched, &self.laid) {
            (Some(value), _) | (None, Some(Laid::Over { whole: value, .. })) => Some(value),
            _ => None,
        }
    }
}

/// What was read and what was not: a kind that was not read is never "absent".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// True when all that is known comes from files: kinds that no file holds were not read.
    pub files_only: bool,
    /// Documents that could not be read; any verdict might change with them.
    pub unread_documents: usize,
    /// Kinds that objects were found of but that are not read, as `group/Kind`.
    pub kinds_not_read: BTreeSet<String>,
    /// Kinds that the user may not read: whether there are any is not known.
    pub forbidden: Vec<Forbidden>,
    /// Objects that were asked for by name and are not there.
    pub absent: BTreeSet<ObjectKey>,
}

impl Coverage {
    /// Why objects of a kind in a namespace are not known, if they are not.
    #[must_use]
    pub fn forbidden(&self, kind: Kind, namespace: &str) -> Option<&Forbidden> {
        self.forbidden
            .iter()
            .find(|f| f.kind == kind && !f.read_in.contains(namespace))
    }

    /// Why not all objects of a kind are known, if they are not.
    #[must_use]
    pub fn forbidden_anywhere(&self, kind: Kind) -> Option<&Forbidden> {
        self.forbidden.iter().find(|f| f.kind == kind)
    }
}

/// A kind that the user may not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The kind.
    pub kind: Kind,
    /// Namespaces in which it could be read all the same.
    pub read_in: BTreeSet<String>,
    /// Who may not.
    pub who: String,
}

impl Forbidden {
    /// `services`, or `services outside of rcmd`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let kind = self.kind.plural();
        let read_in: Vec<&str> = self.read_in.iter().map(String::as_str).collect();
        match read_in.as_slice() {
            [] => kind.to_owned(),
            some => format!("{kind} outside of {}", some.join(" and ")),
        }
    }
}

/// A point of a source text, for people: both numbers start at 1, columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The text.
    pub source: SourceId,
    /// Line.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// How many characters are meant, at least one.
    pub width: usize,
    /// The field itself was found; otherwise this is its nearest parent that exists.
    pub exact: bool,
}

/// All objects of one question, sorted by key.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    objects: Vec<Arc<Object>>,
    // Every number, in the order of the keys. An overlay that creates nothing shares it with the snapshot under it.
    by_key: Arc<Vec<ObjectId>>,
    sources: Arc<Vec<Source>>,
    /// What was read and what was not.
    pub coverage: Coverage,
    /// The version of Istio to be predicted where the objects do not show one; `None` where nobody said it.
    pub istio_version: Option<Version>,
}

impl Snapshot {
    /// A snapshot of these objects. Ids are given by the order of keys, so the order of the input changes nothing.
    /// Of two objects with one key the later stays.
    #[must_use]
    pub fn new(
        drafts: impl IntoIterator<Item = Draft>,
        sources: Vec<Source>,
        coverage: Coverage,
    ) -> Self {
        let mut objects: Vec<Arc<Object>> = drafts
            .into_iter()
            .map(|draft| Arc::new(draft.into_object(ObjectId::default())))
            .collect();
        // The later one first, so that it is the one that stays.
        objects.reverse();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        objects.dedup_by(|later, first| later.key == first.key);
        let ids = || (0..).map(ObjectId);
        for (object, id) in objects.iter_mut().zip(ids()) {
            if let Some(object) = Arc::get_mut(object) {
                object.id = id;
            }
        }
        Self {
            by_key: Arc::new(ids().take(objects.len()).collect()),
            objects,
            sources: Arc::new(sources),
            coverage,
            istio_version: None,
        }
    }

    /// The same with more objects, numbered anew.
    #[must_use]
    pub fn extended(self, more: reader::LiveLoader) -> Self {
        let Self {
            objects,
            sources,
            coverage,
            istio_version,
            ..
        } = self;
        let sources = Arc::try_unwrap(sources).unwrap_or_default();
        let drafts = objects.into_iter().filter_map(Arc::into_inner);
        let mut all = reader::LiveLoader::resumed(drafts.map(Draft::from).collect(), sources);
        all.join(more);
        Self {
            istio_version,
            ..all.finish(coverage)
        }
    }

    fn key(&self, id: ObjectId) -> Option<&ObjectKey> {
        self.get(id).map(|o| &o.key)
    }

    /// A created object has the highest number, but its key has its place among the others.
    fn add(&mut self, object: Object) {
        let at = self
            .by_key
            .partition_point(|id| self.key(*id) < Some(&object.key));
        Arc::make_mut(&mut self.by_key).insert(at, object.id);
        self.objects.push(Arc::new(object));
    }

    /// An overlay: this snapshot with some objects in another state and some more. Those keep their number and
    /// key, these get the numbers behind the last; everything else is shared.
    #[must_use]
    pub(crate) fn with_changes(
        &self,
        changed: Vec<Object>,
        created: Vec<(Draft, Arc<Value>)>,
    ) -> Self {
        let mut overlay = self.clone();
        for object in changed {
            if let Some(place) = overlay.objects.get_mut(object.id.0 as usize) {
                *place = Arc::new(object);
            }
        }
        for (draft, value) in created {
            let id = ObjectId(u32::try_from(overlay.objects.len()).unwrap_or(u32::MAX));
            let object = Object {
                patched: Some(value),
                ..draft.into_object(id)
            };
            overlay.add(object);
        }
        overlay
    }

    /// An overlay with objects of other texts: those whose number an object has take its place, the others get the
    /// numbers behind the last.
    #[must_use]
    pub(crate) fn with_texts(
        &self,
        texts: &[Source],
        changed: Vec<Object>,
        created: Vec<Object>,
    ) -> Self {
        let mut overlay = self.with_changes(changed, Vec::new());
        overlay.sources = Arc::new(self.sources.iter().chain(texts).cloned().collect());
        for object in created {
            let id = ObjectId(u32::try_from(overlay.objects.len()).unwrap_or(u32::MAX));
            overlay.add(Object { id, ..object });
        }
        overlay
    }

    /// Every object, by key.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.by_key.iter().filter_map(|id| self.get(*id))
    }

    /// The objects of a kind, by namespace and name.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        let kind_of = |id: &ObjectId| self.key(*id).map(|k| k.kind);
        let begin = self.by_key.partition_point(|id| kind_of(id) < Some(kind));
        let ids = self.by_key.get(begin..).unwrap_or_default();
        ids.iter()
            .map_while(move |id| self.get(*id).filter(|o| o.key.kind == kind))
    }

    /// An object by number.
    #[must_use]
    pub fn get(&self, id: ObjectId) -> Option<&Object> {
        self.objects.get(id.0 as usize).map(AsRef::as_ref)
    }

    /// An object by kind, namespace and name.
    #[must_use]
    pub fn find(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Object> {
        let wanted = (kind, namespace, name);
        let key = |o: &'_ ObjectKey| (o.kind, o.namespace.as_str(), o.name.as_str()).cmp(&wanted);
        let at = self
            .by_key
            .binary_search_by(|id| self.key(*id).map_or(Ordering::Less, key));
        at.ok().and_then(|at| self.get(*self.by_key.get(at)?))
    }

    /// The texts that objects were read from.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// A text by number.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize)
    }

    /// Number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is no object at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Names of all namespaces that an object or a Namespace object names.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&str> {
        let mut last = "";
        self.objects()
            .map(|o| {
                if o.key.kind == Kind::Namespace {
                    o.key.name.as_str()
                } else {
                    o.key.namespace.as_str()
                }
            })
            // By key: the same name comes many times in a row.
            .filter(|n| !n.is_empty() && *n != std::mem::replace(&mut last, n))
            .collect()
    }

    /// Line and column of an object's field, or of its nearest parent that is written; `None` for an object that no
    /// file holds. A Secret has no place: nothing of its text is ever shown.
    #[must_use]
    pub fn locate(&self, id: ObjectId, field: &FieldPath) -> Option<Location> {
        let object = self.get(id).filter(|o| o.key.kind != Kind::Secret)?;
        let origin = object.origin.as_ref()?;
        let source = self.source(origin.source).filter(|s| !s.is_live())?;
        reader::locate(source, origin, field)
    }
}

/// An object before it has its number.
#[derive(Debug)]
pub struct Draft {
    /// Its identity.
    pub key: ObjectKey,
    /// `apiVersion` as written.
    pub api_version: String,
    /// The metadata that is read.
    pub meta: Meta,
    /// Whether `metadata.namespace` was written.
    pub namespace_written: bool,
    /// The fields that are read.
    pub view: View,
    /// Its text.
    pub origin: Option<Origin>,
}

impl From<Object> for Draft {
    fn from(object: Object) -> Self {
        Self {
            key: object.key,
            api_version: object.api_version,
            meta: object.meta,
            namespace_written: object.namespace_written,
            view: object.view,
            origin: object.origin,
        }
    }
}

impl Draft {
    fn into_object(self, id: ObjectId) -> Object {
        Object {
            id,
            key: self.key,
            api_version: self.api_version,
            meta: self.meta,
            namespace_written: self.namespace_written,
            view: self.view,
            origin: self.origin,
            patched: None,
            laid: None,
        }
    }
}
