//! Do the load balancer and the proxy agree on the PROXY protocol? A listener of a proxy with
//! `gatewayTopology.proxyProtocol` closes every connection that does not begin with its header, and one without takes
//! the header for the client's first bytes. After istio `pilot/pkg/networking/core/gateway.go:buildGatewayListeners`.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Barrier, attaches, selects};
use crate::predict::ProxyFacts;
use crate::predict::store::Store;
use crate::snapshot::views::{AsView, EnvoyFilter};
use crate::snapshot::{Kind, Object, ObjectId, reader};

/// The annotation with a pod's own part of the proxy configuration.
pub const PROXY_CONFIG: &str = "proxy.istio.io/config";

/// Annotations by which a load balancer is told to send the header, and a value's part that says so.
const SENDERS: [(&str, &[&str]); 7] = [
    ("load-balancer.hetzner.cloud/uses-proxyprotocol", &["true"]),
    (
        "loadbalancer.openstack.org/proxy-protocol",
        &["true", "v1", "v2"],
    ),
    (
        "service.beta.kubernetes.io/aws-load-balancer-proxy-protocol",
        &["*"],
    ),
    (
        "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes",
        &["proxy_protocol_v2.enabled=true"],
    ),
    (
        "service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol",
        &["true"],
    ),
    (
        "service.beta.kubernetes.io/linode-loadbalancer-default-proxy-protocol",
        &["v1", "v2"],
    ),
    (
        "service.beta.kubernetes.io/scw-loadbalancer-proxy-protocol-v2",
        &["true", "*"],
    ),
];

/// Which side speaks alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefaceFault {
    /// The load balancer sends the header, and the listener does not expect it.
    NotExpected {
        /// The Service.
        service: ObjectId,
        /// Its annotation.
        annotation: &'static str,
    },
    /// The listener expects it, and no Service's annotation says that it is sent.
    NotSent {
        /// The object that makes the proxy expect it.
        by: ObjectId,
        /// Whether that is the workload's annotation; else it is the mesh configuration.
        annotated: bool,
    },
}

/// The part of a proxy configuration that is read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProxyConfig {
    /// What stands in front of a gateway.
    pub gateway_topology: GatewayTopology,
}

/// `gatewayTopology` of a proxy configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GatewayTopology {
    /// Listeners expect the PROXY protocol: written as an empty message.
    pub proxy_protocol: Option<IgnoredAny>,
}

/// Whether one side speaks the PROXY protocol alone.
pub(crate) fn preface(store: &Store<'_>, proxy: &ProxyFacts) -> Option<Barrier> {
    let services = store
        .kubernetes_services(&proxy.namespace)
        .filter(|(_, s)| !s.spec.selector.is_empty() && selects(&s.spec.selector, &proxy.labels));
    let sent = services
        .filter_map(|(object, _)| Some((object.id, sends(object)?)))
        .next();
    let annotated = proxy
        .annotations
        .get(PROXY_CONFIG)
        .and_then(|text| reader::parse(text))
        .and_then(|value| ProxyConfig::deserialize(value).ok())
        .is_some_and(|c| c.gateway_topology.proxy_protocol.is_some());
    let everywhere = store
        .mesh
        .default_config
        .gateway_topology
        .proxy_protocol
        .is_some();
    let fault = match sent {
        Some((service, annotation)) if !annotated && !everywhere => {
            if patched(store, proxy) {
                return None;
            }
            PrefaceFault::NotExpected {
                service,
                annotation,
            }
        }
        None if annotated => PrefaceFault::NotSent {
            by: proxy.object()?,
            annotated,
        },
        None if everywhere => PrefaceFault::NotSent {
            by: store.mesh.object?,
            annotated,
        },
        _ => return None,
    };
    Some(Barrier::Preface(fault))
}

fn sends(service: &Object) -> Option<&'static str> {
    let annotations = &service.meta.annotations;
    SENDERS
        .iter()
        .find(|(key, says)| {
            annotations
                .get(key)
                .is_some_and(|v| says.iter().any(|said| v.contains(said)))
        })
        .map(|(key, _)| *key)
}

/// Before there was a setting, an EnvoyFilter added the listener filter that takes the header.
fn patched(store: &Store<'_>, proxy: &ProxyFacts) -> bool {
    store.snapshot.of_kind(Kind::EnvoyFilter).any(|object| {
        EnvoyFilter::of(&object.view).is_some_and(|filter| {
            let spec = &filter.spec;
            let selector = spec.workload_selector.as_ref().map(|s| &s.labels);
            let refs: Vec<_> = spec.target_refs.iter().collect();
            let mut patches = spec.config_patches.iter();
            attaches(store, proxy, object, selector, &refs)
                && patches.any(|p| matches!(p.apply_to.as_str(), "LISTENER" | "LISTENER_FILTER"))
        })
    })
}
