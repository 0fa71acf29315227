//! Views of the Gateway API: Gateways that are waypoints.

use serde::Deserialize;

use super::LabelSelector;

/// A Gateway of the Gateway API that is a waypoint; which traffic it is for is said by a label.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Waypoint {
    /// The spec.
    pub spec: WaypointSpec,
    /// The status.
    pub status: WaypointStatus,
}

/// `Gateway.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WaypointSpec {
    /// Listeners.
    pub listeners: Vec<WaypointListener>,
}

/// `Gateway.spec.listeners[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WaypointListener {
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
pub struct WaypointStatus {
    /// Where it is reached; empty until its first pod is ready.
    pub addresses: Vec<WaypointAddress>,
}

/// `Gateway.status.addresses[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WaypointAddress {
    /// A host name or an IP address.
    pub value: String,
}
