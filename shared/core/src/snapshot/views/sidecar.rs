//! Views of what is written for sidecars only, after istio/api `networking/v1alpha3/sidecar.proto`.

use serde::Deserialize;

use super::{Destination, WorkloadSelector};

/// A Sidecar.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Sidecar {
    /// The spec.
    pub spec: SidecarSpec,
}

/// `Sidecar.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SidecarSpec {
    /// Which pods of its namespace; absent is all.
    pub workload_selector: Option<WorkloadSelector>,
    /// Replaces what Services say about inbound ports.
    pub ingress: Vec<IngressListener>,
    /// What the proxies may reach; empty is everything.
    pub egress: Vec<EgressListener>,
    /// What happens to a destination that nobody declared.
    pub outbound_traffic_policy: Option<OutboundTrafficPolicy>,
}

/// `Sidecar.spec.egress[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EgressListener {
    /// Only this port; absent is every port that no other entry has.
    pub port: Option<SidecarPort>,
    /// Another address than the services' own.
    pub bind: String,
    /// `NONE` really binds the port.
    pub capture_mode: String,
    /// Hosts as `namespace/host`.
    pub hosts: Vec<String>,
}

/// `Sidecar.spec.ingress[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IngressListener {
    /// The pod's port.
    pub port: SidecarPort,
    /// Another address than the pod's own.
    pub bind: String,
    /// `NONE` really binds the port.
    pub capture_mode: String,
    /// Where the connection goes; absent is the port itself.
    pub default_endpoint: String,
}

/// `port` of an entry of a Sidecar.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SidecarPort {
    /// Number; 0 for a socket.
    pub number: u32,
    /// Protocol as written.
    pub protocol: String,
    /// Name.
    pub name: String,
}

/// `outboundTrafficPolicy` of a Sidecar or of the mesh.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OutboundTrafficPolicy {
    /// `REGISTRY_ONLY` (default), `ALLOW_ANY`; for the mesh also `ALLOW_ANY_DYNAMIC_DNS`.
    pub mode: String,
    /// Where connections go that nobody declared.
    pub egress_proxy: Option<Destination>,
}
