//! Views of the Gateway API.

use serde::Deserialize;

use super::LabelSelector;

/// A Gateway of the Gateway API: a waypoint, or one that decides nothing here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KubernetesGateway {
    /// The spec.
    pub spec: KubernetesGatewaySpec,
    /// The status.
    pub status: KubernetesGatewayStatus,
}

/// `Gateway.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KubernetesGatewaySpec {
    /// Its class, which says what it is.
    pub gateway_class_name: String,
    /// Listeners.
    pub listeners: Vec<KubernetesGatewayListener>,
}

/// `Gateway.spec.listeners[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KubernetesGatewayListener {
    /// Port.
    pub port: u32,
    /// `HBONE` for the tunnels of ambient.
    pub protocol: String,
    /// Whose objects may use it.
    pub allowed_routes: Option<AllowedRoutes>,
}

/// `Gateway.spec.listeners[].allowedRoutes`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AllowedRoutes {
    /// Of which namespaces.
    pub namespaces: Option<RouteNamespaces>,
}

/// `Gateway.spec.listeners[].allowedRoutes.namespaces`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteNamespaces {
    /// `Same` (default), `All`, `Selector`.
    pub from: String,
    /// Labels of the namespaces; absent selects none.
    pub selector: Option<LabelSelector>,
}

/// `Gateway.status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KubernetesGatewayStatus {
    /// Where it is reached; empty until its first pod is ready.
    pub addresses: Vec<KubernetesGatewayAddress>,
}

/// `Gateway.status.addresses[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KubernetesGatewayAddress {
    /// A host name or an IP address.
    pub value: String,
}
