//! The part of the mesh configuration that decides about gateways: ConfigMap `istio-system/istio`, key `mesh`.

use serde::Deserialize;

use crate::snapshot::views::{ConfigMap, OutlierDetection};
use crate::snapshot::{Kind, Object, Snapshot, reader, views::AsView};

/// Namespace of istiod and of mesh-wide objects unless the mesh configuration says otherwise.
pub const DEFAULT_ROOT_NAMESPACE: &str = "istio-system";

/// `MeshConfig`, after istio/api `mesh/v1alpha1/config.proto`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MeshConfig {
    /// Namespace of mesh-wide objects.
    pub root_namespace: String,
    /// Who sees a VirtualService without `exportTo`; empty is everybody.
    pub default_virtual_service_export_to: Vec<String>,
    /// Who sees a DestinationRule without `exportTo`.
    pub default_destination_rule_export_to: Vec<String>,
    /// Who sees a Service without its annotation.
    pub default_service_export_to: Vec<String>,
    /// What DestinationRules leave open.
    pub default_traffic_policy: DefaultTrafficPolicy,
    /// Suffix of the cluster's names.
    #[serde(skip)]
    pub domain: String,
}

/// `MeshConfig.defaultTrafficPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DefaultTrafficPolicy {
    /// Ejection of endpoints that fail.
    pub outlier_detection: Option<OutlierDetection>,
}

impl Default for MeshConfig {
    fn default() -> Self {
        Self {
            root_namespace: DEFAULT_ROOT_NAMESPACE.to_owned(),
            default_virtual_service_export_to: Vec::new(),
            default_destination_rule_export_to: Vec::new(),
            default_service_export_to: Vec::new(),
            default_traffic_policy: DefaultTrafficPolicy::default(),
            domain: "cluster.local".to_owned(),
        }
    }
}

impl MeshConfig {
    /// The mesh configuration of a snapshot, or the defaults.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        Self::object(snapshot)
            .and_then(|object| ConfigMap::of(&object.view))
            .and_then(|config_map| config_map.data.get("mesh"))
            .and_then(|text| reader::parse(text))
            .and_then(|value| Self::deserialize(value).ok())
            .unwrap_or_default()
    }

    /// The object that it stands in.
    #[must_use]
    pub fn object(snapshot: &Snapshot) -> Option<&Object> {
        snapshot.find(Kind::ConfigMap, DEFAULT_ROOT_NAMESPACE, "istio")
    }
}
