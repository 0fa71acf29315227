//! Views of what changes a proxy's configuration behind istiod's own: EnvoyFilter and WasmPlugin, of which little more
//! is read than whom they reach.

use serde::Deserialize;

use super::{PolicySelector, PolicyTarget, WorkloadSelector};

/// An EnvoyFilter.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EnvoyFilter {
    /// The spec.
    pub spec: EnvoyFilterSpec,
}

/// `EnvoyFilter.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EnvoyFilterSpec {
    /// Which workloads; absent is the whole namespace, or the mesh in the root namespace.
    pub workload_selector: Option<WorkloadSelector>,
    /// Gateways of the Kubernetes Gateway API that it is for instead.
    pub target_refs: Vec<PolicyTarget>,
    /// What is changed, in the order written.
    pub config_patches: Vec<ConfigPatch>,
}

/// `EnvoyFilter.spec.configPatches[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConfigPatch {
    /// What it changes, such as `LISTENER`.
    pub apply_to: String,
    /// Where.
    pub r#match: PatchMatch,
    /// How.
    pub patch: Patch,
}

/// `EnvoyFilter.spec.configPatches[].match`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PatchMatch {
    /// `ANY` (default), `GATEWAY`, `SIDECAR_INBOUND`, `SIDECAR_OUTBOUND`.
    pub context: String,
    /// Which proxies.
    pub proxy: Option<serde::de::IgnoredAny>,
    /// Which listeners.
    pub listener: Option<ListenerMatch>,
}

/// `EnvoyFilter.spec.configPatches[].match.listener`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ListenerMatch {
    /// The port that it listens on; 0 is any.
    pub port_number: u32,
    /// Its name; empty is any.
    pub name: String,
    /// One of its filter chains.
    pub filter_chain: Option<serde::de::IgnoredAny>,
}

/// `EnvoyFilter.spec.configPatches[].patch`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Patch {
    /// `MERGE`, `ADD`, `REMOVE`, and more.
    pub operation: String,
}

/// A WasmPlugin.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WasmPlugin {
    /// The spec.
    pub spec: WasmPluginSpec,
}

/// `WasmPlugin.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WasmPluginSpec {
    /// Which workloads; absent is the whole namespace, or the mesh in the root namespace.
    pub selector: Option<PolicySelector>,
    /// Gateways of the Kubernetes Gateway API that it is for instead.
    pub target_refs: Vec<PolicyTarget>,
    /// The same with one item, as it was written before the list.
    pub target_ref: Option<PolicyTarget>,
}
