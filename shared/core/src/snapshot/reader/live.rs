//! Objects as an API server answers them: one JSON text each, and nobody's file.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::views::{Meta, View};
use super::super::{
    Coverage, Draft, FieldPath, Kind, ObjectKey, Origin, Snapshot, Source, SourceId,
};
use super::scratch::Scratch;

/// Collects the objects of a cluster.
#[derive(Debug, Default)]
pub struct LiveLoader {
    drafts: Vec<Draft>,
    sources: Vec<Source>,
    /// The first objects that could not be read, each with the reason.
    pub problems: Vec<String>,
    /// Objects that were asked for by name and are not there.
    pub absent: BTreeSet<ObjectKey>,
}

/// How many unreadable objects are told.
const TOLD: usize = 10;

impl LiveLoader {
    /// A loader that goes on where another ended.
    pub(in crate::snapshot) fn resumed(drafts: Vec<Draft>, sources: Vec<Source>) -> Self {
        Self {
            drafts,
            sources,
            ..Self::default()
        }
    }

    /// Reads one object. What an API server stored fits its schema, so one that cannot be read is a rare thing: it is
    /// told, and left out.
    pub fn read(&mut self, kind: Kind, api_version: &str, json: &[u8]) {
        if let Err(why) = self.object(kind, api_version, json)
            && self.problems.len() < TOLD
        {
            self.problems
                .push(format!("one of the {}: {why}", kind.plural()));
        }
    }

    fn object(&mut self, kind: Kind, api_version: &str, json: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(json).map_err(|error| error.to_string())?;
        let mut value: Scratch<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        value.tidy();
        let meta = match value.get("metadata") {
            Some(metadata) => Meta::deserialize(metadata).map_err(|e| e.to_string())?,
            None => Meta::default(),
        };
        if meta.name.is_empty() {
            return Err("it has no name".to_owned());
        }
        let namespace = meta.namespace.clone().unwrap_or_default();
        let mut view = View::of_kind(kind, &value)
            .map_err(|error| format!("{namespace}/{}: {error}", meta.name))?;
        if let View::Secret(secret) = &mut view {
            secret.metadata_only = true;
        }
        let origin = may_be_changed(kind).then(|| self.keep(api_version, kind, text));
        self.drafts.push(Draft {
            key: ObjectKey::new(kind, &namespace, &meta.name),
            api_version: api_version.to_owned(),
            namespace_written: true,
            meta,
            view,
            origin,
        });
        Ok(())
    }

    /// Keeps the text of an object that a fix may change. An item of a list leaves its kind to the list.
    fn keep(&mut self, api_version: &str, kind: Kind, text: &str) -> Origin {
        let name = kind.name();
        let inner = text.trim_start().strip_prefix('{').unwrap_or_default();
        let inner = without_managed_fields(inner);
        // Of two keys the later counts: what the object says of itself.
        let text = format!(r#"{{"apiVersion":"{api_version}","kind":"{name}",{inner}"#);
        let source = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        let document = 0..text.len();
        self.sources.push(Source {
            name: String::new(),
            text: Arc::from(text),
        });
        Origin {
            source,
            document,
            root: FieldPath::root(),
        }
    }

    /// Takes over all that another loader has read.
    pub fn join(&mut self, other: Self) {
        let before = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        self.drafts
            .extend(other.drafts.into_iter().map(|mut draft| {
                if let Some(origin) = &mut draft.origin {
                    origin.source.0 = origin.source.0.saturating_add(before);
                }
                draft
            }));
        self.sources.extend(other.sources);
        self.problems.extend(other.problems);
        self.absent.extend(other.absent);
    }

    /// How many objects were read.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.drafts.len()
    }

    /// Whether nothing was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// Every object read.
    #[must_use]
    pub fn finish(self, mut coverage: Coverage) -> Snapshot {
        coverage.absent.extend(self.absent);
        Snapshot::new(self.drafts, self.sources, coverage)
    }
}

/// Whether a change of an object of this kind is ever planned: of the others only the view stays.
const fn may_be_changed(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Pod
            | Kind::Endpoints
            | Kind::EndpointSlice
            | Kind::Secret
            | Kind::IngressClass
            | Kind::MutatingWebhookConfiguration
    )
}

/// The text without the record of who wrote what, which is often half of it and no part of a plan.
fn without_managed_fields(inner: &str) -> String {
    #[derive(Deserialize)]
    struct Written<'t> {
        #[serde(borrow)]
        metadata: Metadata<'t>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata<'t> {
        #[serde(borrow)]
        managed_fields: &'t RawValue,
    }

    let whole = format!("{{{inner}");
    let range = serde_json::from_str::<Written<'_>>(&whole)
        .ok()
        .and_then(|written| {
            let fields = written.metadata.managed_fields.get();
            let at = (fields.as_ptr() as usize).checked_sub(whole.as_ptr() as usize + 1)?;
            Some(at..at + fields.len())
        });
    let mut inner = inner.to_owned();
    if let Some(range) = range
        && inner.is_char_boundary(range.start)
        && inner.is_char_boundary(range.end)
    {
        inner.replace_range(range, "[]");
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::{Coverage, Kind, LiveLoader};
    use crate::snapshot::reader::raw_value;
    use crate::snapshot::{FieldPath, ObjectId};
    use serde_json::json;

    const SERVICE: &str = r#"{"metadata":{"name":"s","namespace":"n","resourceVersion":"7",
        "managedFields":[{"manager":"kubectl","fieldsV1":{"f:spec":{}}}],"uid":"u"},"spec":{"ports":[{"port":80}]}}"#;

    #[test]
    fn an_object_keeps_what_a_write_needs_and_has_no_place() {
        let mut loader = LiveLoader::default();
        loader.read(Kind::Service, "v1", SERVICE.as_bytes());
        assert_eq!(loader.problems, Vec::<String>::new());
        let snapshot = loader.finish(Coverage::default());
        let object = snapshot.find(Kind::Service, "n", "s").unwrap();
        assert_eq!(object.meta.resource_version.as_deref(), Some("7"));
        assert_eq!(snapshot.locate(ObjectId(0), &FieldPath::of("spec")), None);
        let origin = object.origin.as_ref().unwrap();
        let raw = raw_value(snapshot.source(origin.source).unwrap(), origin).unwrap();
        assert_eq!(
            raw,
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "n",
                "resourceVersion": "7", "managedFields": [], "uid": "u"}, "spec": {"ports": [{"port": 80}]}})
        );
    }

    #[test]
    fn of_a_pod_only_the_view_stays() {
        let mut loader = LiveLoader::default();
        let pod = br#"{"metadata":{"name":"p","namespace":"n"},"spec":{"containers":[]}}"#;
        loader.read(Kind::Pod, "v1", pod);
        let snapshot = loader.finish(Coverage::default());
        assert!(snapshot.find(Kind::Pod, "n", "p").unwrap().origin.is_none());
        assert!(snapshot.sources().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_told_and_hides_nothing() {
        let mut loader = LiveLoader::default();
        for item in ["{", "{}", r#"{"metadata":{"name":"x"},"spec":{"ports":1}}"#] {
            loader.read(Kind::Service, "v1", item.as_bytes());
        }
        loader.read(Kind::Service, "v1", SERVICE.as_bytes());
        assert_eq!(loader.problems.len(), 3, "{:?}", loader.problems);
        assert_eq!(loader.finish(Coverage::default()).len(), 1);
    }
}
