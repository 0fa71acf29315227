//! Would the API server store this object: the schema of its CRD, and Istio's validating webhook.
//!
//! A manifest that one of them refuses never reaches istiod. One that is stored all the same came in while the webhook
//! was off or not there yet: istiod does not validate again what it reads, so it takes effect, and the next edit of it
//! is refused. After istio `pkg/config/validation/validation.go`, `virtualservice.go`, `agent/validation.go` and
//! `manifests/charts/base/files/crd-all.gen.yaml` (1.31); only fields that are read here are judged.

mod destination_rule;
mod gateway;
mod names;
mod service_entry;
#[cfg(test)]
mod tests;
mod virtual_service;

pub(crate) use gateway::is_tls_mode;
pub(crate) use names::is_label;

use crate::snapshot::reader::raw_value;
use crate::snapshot::views::View;
use crate::snapshot::{FieldPath, Object, Snapshot};

/// A group of rules that are told, and repaired, alike: each has a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A Gateway's name is a DNS label.
    GatewayName,
    /// A Gateway has servers.
    NoServer,
    /// A server has hosts.
    NoHosts,
    /// What a server's host may be.
    ServerHost,
    /// What a server's port has.
    ServerPort,
    /// Port names are unique in a Gateway.
    PortNameTwice,
    /// HTTPS and TLS want `tls`.
    TlsRequired,
    /// Other protocols want none.
    TlsOnPlain,
    /// What `tls` has in each mode.
    TlsSettings,
    /// What `bind` may be.
    Bind,
    /// What a VirtualService's hosts may be.
    Hosts,
    /// What a name of a Gateway may be.
    GatewayNames,
    /// A VirtualService has rules; a delegate has `http` rules only, and no gateways.
    Empty,
    /// What an `http` rule has.
    Http,
    /// What a `tls` rule has.
    Tls,
    /// What a `tcp` rule has.
    Tcp,
    /// Weights of several destinations.
    Weight,
    /// What `exportTo` of a VirtualService may be.
    ExportTo,
    /// What a destination may be.
    Destination,
    /// A DestinationRule.
    DestinationRule,
    /// A ServiceEntry.
    ServiceEntry,
}

/// Who refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// The API server itself, by the schema of the CRD.
    Schema,
    /// Istio's validating webhook.
    Webhook,
}

/// What makes a field refused by the schema before the webhook is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BySchema {
    /// Never: the schema takes it.
    Never,
    /// When it is not written at all: the schema requires it.
    Absent,
    /// Always.
    Always,
}

/// One rule that an object breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// The field.
    pub field: FieldPath,
    /// What is wrong with it, for its caret: `is no DNS label`.
    pub says: String,
    /// The field that it collides with.
    pub other: Option<FieldPath>,
    by_schema: BySchema,
}

impl Violation {
    fn new(rule: Rule, field: FieldPath, says: impl Into<String>) -> Self {
        Self {
            rule,
            field,
            says: says.into(),
            other: None,
            by_schema: BySchema::Never,
        }
    }

    /// The schema requires the field: without it the webhook is not even asked.
    fn required(self) -> Self {
        Self {
            by_schema: BySchema::Absent,
            ..self
        }
    }

    /// The schema refuses it whatever is written.
    fn schema(self) -> Self {
        Self {
            by_schema: BySchema::Always,
            ..self
        }
    }

    fn beside(self, other: FieldPath) -> Self {
        Self {
            other: Some(other),
            ..self
        }
    }

    /// Who refuses it: the schema is asked first.
    #[must_use]
    pub fn gate(&self, snapshot: &Snapshot, object: &Object) -> Gate {
        match self.by_schema {
            BySchema::Always => Gate::Schema,
            BySchema::Absent if !is_written(snapshot, object, &self.field) => Gate::Schema,
            BySchema::Absent | BySchema::Never => Gate::Webhook,
        }
    }
}

/// Whether a field is there at all: a view does not tell an empty one from an absent one.
pub(crate) fn is_written(snapshot: &Snapshot, object: &Object, field: &FieldPath) -> bool {
    let pointer = field.pointer();
    if let Some(value) = object.beyond_text() {
        return value.pointer(&pointer).is_some();
    }
    let raw = object
        .origin
        .as_ref()
        .and_then(|origin| raw_value(snapshot.source(origin.source)?, origin));
    raw.is_some_and(|value| value.pointer(&pointer).is_some())
}

/// Whether the API server has stored the object: it gave it a creation time.
#[must_use]
pub const fn is_stored(object: &Object) -> bool {
    object.meta.creation_timestamp.is_some()
}

/// The rules that an object breaks, in the order of its fields; none for kinds that Istio does not validate.
#[must_use]
pub fn check(object: &Object) -> Vec<Violation> {
    let namespace = object.key.namespace.as_str();
    match &object.view {
        View::Gateway(view) => gateway::check(&object.key.name, &view.spec),
        View::VirtualService(view) => virtual_service::check(namespace, &view.spec),
        View::DestinationRule(view) => destination_rule::check(namespace, &view.spec),
        View::ServiceEntry(view) => service_entry::check(namespace, &view.spec),
        _ => Vec::new(),
    }
}

/// Why a manifest would not be stored; nothing for an object that is stored already.
#[must_use]
pub fn violations(object: &Object) -> Vec<Violation> {
    if is_stored(object) {
        Vec::new()
    } else {
        check(object)
    }
}
