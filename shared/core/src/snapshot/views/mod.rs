//! Typed views: just the fields that are read, one file a family of kinds.
//!
//! Unknown fields are ignored here and survive in the raw text. `null` means absent, as for the API server.

mod gateway_api;
mod istio;
mod kubernetes;
mod labels;
mod network;
mod patches;
mod security;
mod sidecar;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

pub use gateway_api::*;
pub use istio::*;
pub use kubernetes::*;
pub use labels::Labels;
pub use network::*;
pub use patches::*;
pub use security::*;
pub use sidecar::*;

use super::Kind;

/// The part of `metadata` that is read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// Name.
    pub name: String,
    /// Namespace as written.
    pub namespace: Option<String>,
    /// Labels.
    pub labels: Labels,
    /// Annotations.
    pub annotations: Labels,
    /// When the API server stored it: absent in manifests. Decides age.
    #[serde(deserialize_with = "timestamp")]
    pub creation_timestamp: Option<Timestamp>,
    /// The version a conditional write is planned on.
    pub resource_version: Option<String>,
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

macro_rules! views {
    ($($kind:ident($view:ty),)*) => {
        /// The typed view of an object.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum View { $($kind(Box<$view>),)* }

        impl View {
            /// Reads the view of a kind from a whole object.
            ///
            /// # Errors
            /// When a field has a type that the API server would refuse too; the path names it.
            pub fn read(kind: Kind, object: &serde_json::Value) -> Result<Self, ViewError> {
                match kind { $(Kind::$kind => read_view::<$view>(object).map(|v| Self::$kind(Box::new(v))),)* }
            }

            /// Reads the view of a kind from whatever holds a whole object.
            pub(in crate::snapshot) fn of_kind<'de, D: Deserializer<'de>>(kind: Kind, object: D) -> Result<Self, D::Error> {
                match kind { $(Kind::$kind => <$view>::deserialize(object).map(|v| Self::$kind(Box::new(v))),)* }
            }
        }

        $(impl AsView for $view {
            fn of(view: &View) -> Option<&Self> {
                if let View::$kind(v) = view { Some(v) } else { None }
            }
        })*
    };
}

views! {
    Namespace(Namespace), ConfigMap(ConfigMap), Service(Service), Pod(Pod), Endpoints(Endpoints),
    EndpointSlice(EndpointSlice), Deployment(Deployment), StatefulSet(StatefulSet), DaemonSet(DaemonSet),
    Gateway(Gateway), VirtualService(VirtualService), DestinationRule(DestinationRule),
    ServiceEntry(ServiceEntry), WorkloadEntry(WorkloadEntry), PeerAuthentication(PeerAuthentication),
    AuthorizationPolicy(AuthorizationPolicy), Secret(Secret), NetworkPolicy(NetworkPolicy), Ingress(Ingress),
    KubernetesGateway(KubernetesGateway),
    IngressClass(IngressClass), EnvoyFilter(EnvoyFilter), WasmPlugin(WasmPlugin),
    MutatingWebhookConfiguration(MutatingWebhookConfiguration), Sidecar(Sidecar),
}

/// A view that can be taken out of [`View`].
pub trait AsView: Sized {
    /// The view, if the object is of that kind.
    fn of(view: &View) -> Option<&Self>;
}

/// A field whose type does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ViewError {
    /// The field, as `spec.servers[0].port.number`.
    pub path: String,
    /// What does not fit.
    pub message: String,
}

/// Reads one struct from a JSON value; on failure once more, to learn the path.
///
/// # Errors
/// When a field has a type that the API server would refuse too; the path names it.
pub fn read_view<T: for<'de> Deserialize<'de>>(value: &serde_json::Value) -> Result<T, ViewError> {
    T::deserialize(value).or_else(|_| {
        serde_path_to_error::deserialize(value).map_err(|e| ViewError {
            path: e.path().to_string(),
            message: e.inner().to_string(),
        })
    })
}
