//! The part of the mesh configuration that decides about listeners: ConfigMap `istio-system/istio`, key `mesh`.

use serde::Deserialize;

use crate::snapshot::views::{ConfigMap, OutboundTrafficPolicy};
use crate::snapshot::{Kind, Snapshot, reader, views::AsView};

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
    /// What happens to destinations that nobody declared.
    pub outbound_traffic_policy: OutboundTrafficPolicy,
    /// Where inbound connections go: to the pod's address, or to `LOCALHOST`.
    pub inbound_traffic_policy: InboundTrafficPolicy,
    /// Port that outbound connections are redirected to; 0 or less is no listener at all.
    pub proxy_listen_port: i64,
    /// Port that inbound connections are redirected to.
    pub proxy_inbound_listen_port: u32,
    /// Port of an explicit HTTP proxy; 0 is none.
    pub proxy_http_port: u32,
    /// Suffix of the cluster's names.
    #[serde(skip)]
    pub domain: String,
}

/// `MeshConfig.inboundTrafficPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InboundTrafficPolicy {
    /// `PASSTHROUGH` (default) or `LOCALHOST`.
    pub mode: String,
}

impl Default for MeshConfig {
    fn default() -> Self {
        Self {
            root_namespace: DEFAULT_ROOT_NAMESPACE.to_owned(),
            default_virtual_service_export_to: Vec::new(),
            default_destination_rule_export_to: Vec::new(),
            default_service_export_to: Vec::new(),
            outbound_traffic_policy: OutboundTrafficPolicy {
                mode: "ALLOW_ANY".to_owned(),
                egress_proxy: None,
            },
            inbound_traffic_policy: InboundTrafficPolicy::default(),
            proxy_listen_port: 15001,
            proxy_inbound_listen_port: 15006,
            proxy_http_port: 0,
            domain: "cluster.local".to_owned(),
        }
    }
}

impl MeshConfig {
    /// The mesh configuration of a snapshot, or the defaults.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        snapshot
            .find(Kind::ConfigMap, DEFAULT_ROOT_NAMESPACE, "istio")
            .and_then(|object| ConfigMap::of(&object.view))
            .and_then(|config_map| config_map.data.get("mesh"))
            .and_then(|text| reader::parse(text))
            .and_then(|value| Self::deserialize(value).ok())
            .unwrap_or_default()
    }
}
