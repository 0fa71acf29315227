//! What stands between a client and a gateway's listener, apart from the listener itself: the pods behind its Service,
//! the network, authorization, certificates, and what patches the listener behind istiod's own configuration.
//!
//! None of it is in what istiod decides about listeners, so it is recorded here, from objects alone. What was not read
//! is never taken for absent.

mod authorization;
mod credentials;
mod network;
mod patches;
mod pods;
mod protocol;
#[cfg(test)]
mod tests;

pub use authorization::Access;
pub(crate) use credentials::named_secrets;
pub use credentials::{CA_SUFFIX, CredentialFault, Written};
pub use patches::Patching;
pub use pods::Unready;
pub use protocol::{GatewayTopology, PROXY_CONFIG, PrefaceFault, ProxyConfig};

pub(crate) use authorization::access;
pub(crate) use credentials::credentials;
pub(crate) use network::barred_by_network;
pub(crate) use patches::{Reaching, Side, envoy_filters, patches};
pub(crate) use pods::{misses_pods, unready};
pub(crate) use protocol::preface;

use super::ProxyFacts;
use super::gateway::selects;
use super::store::Store;
use crate::snapshot::views::{Labels, PolicyTarget};
use crate::snapshot::{Object, ObjectId};

/// The label of pods that a Gateway of the Kubernetes Gateway API has made.
pub(super) const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

/// Something that keeps clients from a listener that is there, or from what is behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// The gateway's Service has no ready endpoint.
    NoReadyPod {
        /// The Service.
        service: ObjectId,
        /// What shows it.
        unready: Unready,
    },
    /// A Service has the port and selects no pod; it lacks one label of the gateway's.
    SelectsNone {
        /// The Service.
        service: ObjectId,
        /// The label that differs.
        label: String,
    },
    /// NetworkPolicies select the gateway's pods, and none lets the port in.
    Network {
        /// The policies, by name.
        policies: Vec<ObjectId>,
        /// The pods' port.
        port: u32,
    },
    /// No rule of the ALLOW policies can match a connection of this kind to the port.
    NotAllowed {
        /// The policies, by name.
        policies: Vec<ObjectId>,
        /// The pods' port.
        port: u32,
        /// Whether it is about HTTP requests.
        http: bool,
    },
    /// A rule of a DENY policy matches every connection to the port.
    Denied {
        /// The policy.
        policy: ObjectId,
        /// Index of the rule.
        rule: usize,
        /// The pods' port.
        port: u32,
        /// Whether it is about HTTP requests.
        http: bool,
    },
    /// The certificate of a server is not to be had.
    Credential(CredentialFault),
    /// The load balancer and the proxy disagree on the PROXY protocol.
    Preface(PrefaceFault),
    /// An EnvoyFilter takes the listener or its filter chains away.
    Removed(Patching),
}

/// Whether a policy is attached to a proxy: by targets where the Gateway API made it, else by labels.
/// After `pilot/pkg/model/policyattachment.go:WorkloadPolicyMatcher.ShouldAttachPolicy`; a policy counts in the proxy's
/// own namespace and in the root namespace.
fn attaches(
    store: &Store<'_>,
    proxy: &ProxyFacts,
    policy: &Object,
    selector: Option<&Labels>,
    targets: &[&PolicyTarget],
) -> bool {
    let own = policy.key.namespace == proxy.namespace;
    let near = own || policy.key.namespace == store.mesh.root_namespace;
    if !near || !store.sees(policy) {
        return false;
    }
    let selected = selector.is_none_or(|s| selects(s, &proxy.labels));
    match proxy.labels.get(GATEWAY_NAME_LABEL) {
        _ if targets.is_empty() => selected,
        None => false,
        Some(gateway) => targets.iter().any(|t| {
            own && t.group == "gateway.networking.k8s.io"
                && t.kind == "Gateway"
                && t.name == *gateway
                && (t.namespace.is_empty() || t.namespace == proxy.namespace)
        }),
    }
}

/// The targets of a policy; the single one of old counts where there is no list.
/// After `pilot/pkg/model/policyattachment.go:GetTargetRefs`.
fn targets<'p>(many: &'p [PolicyTarget], one: Option<&'p PolicyTarget>) -> Vec<&'p PolicyTarget> {
    if many.is_empty() {
        one.into_iter().collect()
    } else {
        many.iter().collect()
    }
}
