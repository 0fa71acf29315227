//! The part of the mesh configuration that decides about gateways: ConfigMap `istio-system/istio`, key `mesh`.

use serde::Deserialize;

use super::reach::ProxyConfig;
use crate::snapshot::views::ConfigMap;
use crate::snapshot::{Kind, ObjectId, Snapshot, reader, views::AsView};

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
    /// What every proxy is configured with unless its pod says otherwise.
    pub default_config: ProxyConfig,
    /// Which Ingresses are handled: `STRICT`, `DEFAULT`, `OFF`.
    pub ingress_controller_mode: String,
    /// The class of Ingresses by annotation.
    pub ingress_class: String,
    /// The value of the label `istio` of pods that serve Ingresses.
    pub ingress_selector: String,
    /// The Service of those pods: gives the value where the selector does not.
    pub ingress_service: String,
    /// Suffix of the cluster's names.
    #[serde(skip)]
    pub domain: String,
    /// The ConfigMap it was read from.
    #[serde(skip)]
    pub object: Option<ObjectId>,
}

impl Default for MeshConfig {
    fn default() -> Self {
        Self {
            root_namespace: DEFAULT_ROOT_NAMESPACE.to_owned(),
            default_virtual_service_export_to: Vec::new(),
            default_destination_rule_export_to: Vec::new(),
            default_service_export_to: Vec::new(),
            default_config: ProxyConfig::default(),
            ingress_controller_mode: "STRICT".to_owned(),
            ingress_class: "istio".to_owned(),
            ingress_selector: String::new(),
            ingress_service: "istio-ingressgateway".to_owned(),
            domain: "cluster.local".to_owned(),
            object: None,
        }
    }
}

impl MeshConfig {
    /// The mesh configuration of a snapshot, or the defaults.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let object = snapshot.find(Kind::ConfigMap, DEFAULT_ROOT_NAMESPACE, "istio");
        let read = object
            .and_then(|object| ConfigMap::of(&object.view))
            .and_then(|config_map| config_map.data.get("mesh"))
            .and_then(|text| reader::parse(text))
            .and_then(|value| Self::deserialize(value).ok());
        Self {
            object: object.map(|o| o.id),
            ..read.unwrap_or_default()
        }
    }
}
