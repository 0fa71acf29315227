//! Views of who may connect: `security.istio.io`, after istio/api `security/v1beta1/*.proto`, and Secrets, of which
//! no data is ever read.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::Labels;

/// Which workloads of its namespace a policy is for; absent is all of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicySelector {
    /// Labels, all of which a pod has to have.
    pub match_labels: Labels,
}

/// An object that a policy is attached to, instead of a selector.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicyTarget {
    /// Its API group.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace; empty is the policy's own.
    pub namespace: String,
}

/// A PeerAuthentication.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PeerAuthentication {
    /// The spec.
    pub spec: PeerAuthenticationSpec,
}

/// `PeerAuthentication.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PeerAuthenticationSpec {
    /// Which workloads; absent is the whole namespace, or the mesh in the root namespace.
    pub selector: Option<PolicySelector>,
    /// What holds for every port; absent is inherited.
    pub mtls: Option<MutualTls>,
    /// What holds for a port of the workload instead.
    pub port_level_mtls: BTreeMap<String, MutualTls>,
}

impl PeerAuthenticationSpec {
    /// Labels of the pods that it is for; `None` is every pod.
    #[must_use]
    pub fn labels(&self) -> Option<&Labels> {
        let labels = &self.selector.as_ref()?.match_labels;
        (!labels.is_empty()).then_some(labels)
    }
}

/// `mtls` of a PeerAuthentication.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MutualTls {
    /// `UNSET` (default: inherited), `DISABLE`, `PERMISSIVE`, `STRICT`.
    pub mode: String,
}

/// An AuthorizationPolicy.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AuthorizationPolicy {
    /// The spec.
    pub spec: AuthorizationPolicySpec,
}

/// `AuthorizationPolicy.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AuthorizationPolicySpec {
    /// Which workloads; absent is the whole namespace, or the mesh in the root namespace.
    pub selector: Option<PolicySelector>,
    /// Gateways of the Kubernetes Gateway API that it is for instead.
    pub target_refs: Vec<PolicyTarget>,
    /// The same with one item, as it was written before the list.
    pub target_ref: Option<PolicyTarget>,
    /// `ALLOW` (default), `DENY`, `AUDIT`, `CUSTOM`.
    pub action: String,
    /// Any of these; without any it matches nothing.
    pub rules: Vec<AuthorizationRule>,
}

/// `AuthorizationPolicy.spec.rules[]`: all three parts have to match, each with any of its items.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AuthorizationRule {
    /// Who.
    pub from: Vec<AuthorizationFrom>,
    /// What.
    pub to: Vec<AuthorizationTo>,
    /// Further conditions, all of them.
    pub when: Vec<AuthorizationCondition>,
}

/// `rules[].from[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AuthorizationFrom {
    /// The client: conditions by name, such as `principals` or `notIpBlocks`.
    pub source: BTreeMap<String, Vec<String>>,
}

/// `rules[].to[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AuthorizationTo {
    /// The connection or request: conditions by name, such as `ports` or `notPaths`.
    pub operation: BTreeMap<String, Vec<String>>,
}

/// `rules[].when[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AuthorizationCondition {
    /// An attribute, such as `destination.port`.
    pub key: String,
    /// One of these.
    pub values: Vec<String>,
    /// None of these.
    pub not_values: Vec<String>,
}

/// A Secret: its type and which keys it has. What stands behind them is not kept.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Secret {
    /// Type, such as `kubernetes.io/tls`.
    pub r#type: String,
    /// Names of the data.
    #[serde(deserialize_with = "keys")]
    data: BTreeSet<String>,
    /// Names of the data that is written as text.
    #[serde(deserialize_with = "keys")]
    string_data: BTreeSet<String>,
    /// Only its metadata was read: which data it has is not known.
    #[serde(skip)]
    pub metadata_only: bool,
}

impl Secret {
    /// Whether there is data of this name, in either way of writing it. Where that is not known there may be.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.metadata_only || self.data.contains(key) || self.string_data.contains(key)
    }

    /// The names of all data.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<&str> {
        let all = self.data.iter().chain(&self.string_data);
        all.map(String::as_str).collect()
    }
}

/// The keys of a map whose values are passed over.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    let map: Option<BTreeMap<String, IgnoredAny>> = Option::deserialize(deserializer)?;
    Ok(map.unwrap_or_default().into_keys().collect())
}
