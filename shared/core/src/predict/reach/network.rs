//! Would the network let a connection in to the gateway's pods? By the rules of Kubernetes' NetworkPolicy: a pod that
//! some policy for incoming traffic selects takes what one of them lets in, and nothing else.

use super::Barrier;
use crate::predict::ProxyFacts;
use crate::predict::store::Store;
use crate::snapshot::views::{AsView, IntOrString, NetworkPolicy, NetworkPort};
use crate::snapshot::{Kind, ObjectId};

/// Whether NetworkPolicies keep every client from a port of the pods. Who the clients are is not asked.
pub(crate) fn barred_by_network(
    store: &Store<'_>,
    proxy: &ProxyFacts,
    port: u32,
) -> Option<Barrier> {
    // With the node's own network, what a policy does is left to the network's implementation.
    if proxy.host_network {
        return None;
    }
    let selecting: Vec<(ObjectId, &NetworkPolicy)> = store
        .snapshot
        .of_kind(Kind::NetworkPolicy)
        .filter(|o| o.key.namespace == proxy.namespace)
        .filter_map(|o| Some((o.id, NetworkPolicy::of(&o.view)?)))
        .filter(|(_, p)| p.spec.pod_selector.fits(&proxy.labels))
        .filter(|(_, p)| {
            let types = &p.spec.policy_types;
            types.is_empty() || types.iter().any(|t| t == "Ingress")
        })
        .collect();
    let mut rules = selecting.iter().flat_map(|(_, p)| &p.spec.ingress);
    let open = rules.any(|r| r.ports.is_empty() || r.ports.iter().any(|p| lets_in(p, port, proxy)));
    (!selecting.is_empty() && !open).then(|| Barrier::Network {
        policies: selecting.into_iter().map(|(id, _)| id).collect(),
        port,
    })
}

fn lets_in(written: &NetworkPort, port: u32, proxy: &ProxyFacts) -> bool {
    if !(written.protocol.is_empty() || written.protocol == "TCP") {
        return false;
    }
    match (&written.port, written.end_port) {
        (None, _) => true,
        (Some(IntOrString::Int(from)), Some(to)) => (*from..=to).contains(&port),
        (Some(IntOrString::Int(number)), None) => *number == port,
        (Some(IntOrString::Name(name)), _) => {
            let mut ports = proxy.containers.iter().flat_map(|c| &c.ports);
            ports.any(|p| p.name == *name && p.container_port == port)
        }
    }
}
