//! Which cluster a destination means, whether it exists, and its endpoints.
//! After istio `core/route/route.go:GetDestinationCluster`, `core/cluster.go`, `core/cluster_builder.go` and
//! `pilot/pkg/serviceregistry` (1.31).

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::config::Cluster;
use super::endpoints::{Wanted, endpoints};
use super::gateway::{Context, Place, selects};
use super::hosts::{is_wildcard, resolve_short_name};
use super::protocol::Protocol;
use super::proxy::{ProxyFacts, ProxyKind};
use super::store::{DestinationRule, Registry, Resolution, Service, ServicePort, Store, Subset};
use crate::ledger::{Block, Effect, Reason, Step};
use crate::snapshot::ObjectId;
use crate::snapshot::views::{Destination, Labels};

/// What a cluster's name takes from the service that a destination names.
pub(super) struct Named {
    /// Target of an ExternalName.
    pub(super) external_name: Option<String>,
    /// Its port, where it has just one.
    pub(super) only_port: Option<u32>,
}

/// What a destination comes to.
pub(super) struct Target {
    /// Cluster name, as Envoy has it.
    pub(super) cluster: String,
    /// Host as resolved.
    host: String,
    /// Host in the cluster's name: another one for an ExternalName.
    cluster_host: String,
    subset: String,
    port: u32,
    port_given: bool,
}

/// The cluster that a destination means. istiod does not check here that it exists.
pub(super) fn resolve(
    context: &Context<'_, '_>,
    destination: &Destination,
    place: &Place<'_>,
) -> Target {
    let (store, proxy) = (context.store, context.proxy);
    let host = resolve_short_name(&destination.host, place.vs.namespace(), &store.mesh.domain)
        .into_owned();
    // HTTP rules prefer the service of the VirtualService's own namespace: the root's, also for a delegate's rules.
    let own = || match place.block {
        Block::Http if context.scope.is_none() => store
            .service_of(&host, place.root)
            .filter(|s| s.visibility.includes(&proxy.namespace)),
        _ => None,
    };
    let named = |s: &Service| Named {
        external_name: s.external_name.clone(),
        only_port: s.only_port(),
    };
    let service = match place.listed {
        Some(listed) => listed.get(&host),
        None => {
            let found = own().map(Cow::Borrowed).or_else(|| context.service(&host));
            found.map(|s| named(&s))
        }
    };
    let cluster_host = service
        .as_ref()
        .and_then(|s| s.external_name.clone())
        .unwrap_or_else(|| host.clone());
    let only_port = service.as_ref().and_then(|s| s.only_port);
    let given = destination.port.as_ref().map(|p| p.number);
    let port = given.or(only_port).unwrap_or(place.declared);
    let cluster = if destination.host.is_empty() {
        "UnknownService".to_owned()
    } else {
        format!("outbound|{port}|{}|{cluster_host}", destination.subset)
    };
    Target {
        cluster,
        host,
        cluster_host,
        subset: destination.subset.clone(),
        port,
        port_given: given.is_some(),
    }
}

/// The cluster of a host and port, if istiod sends one to this proxy.
///
/// # Errors
/// Why there is no such cluster.
pub(super) fn named(
    context: &Context<'_, '_>,
    hostname: &str,
    subset: &str,
    port: u32,
) -> Result<Cluster, Reason> {
    let target = Target {
        cluster: format!("outbound|{port}|{subset}|{hostname}"),
        host: hostname.to_owned(),
        cluster_host: hostname.to_owned(),
        subset: subset.to_owned(),
        port,
        port_given: true,
    };
    build(context, &target)
}

/// The cluster, if istiod sends one to this proxy.
///
/// # Errors
/// Why there is no such cluster.
pub(super) fn build(context: &Context<'_, '_>, target: &Target) -> Result<Cluster, Reason> {
    let (store, proxy) = (context.store, context.proxy);
    if target.host.is_empty() {
        return Err(Reason::EmptyHost);
    }
    let host = target.host.clone();
    let service = context
        .service(&target.cluster_host)
        .filter(|s| s.resolution != Resolution::Alias)
        .ok_or_else(|| {
            if store.services_named(&target.cluster_host).next().is_some() {
                Reason::NotVisible { host: host.clone() }
            } else if let Some((_, why)) = store.unseen_service(&target.cluster_host) {
                Reason::Unseen(why.clone())
            } else {
                Reason::UnknownHost { host: host.clone() }
            }
        })?;
    let port = service
        .ports
        .iter()
        .find(|p| p.number == target.port && p.protocol != Protocol::Udp)
        .ok_or_else(|| {
            if target.port_given {
                Reason::PortAbsent {
                    host: host.clone(),
                    port: target.port,
                }
            } else {
                Reason::PortUnclear {
                    host: host.clone(),
                    port: target.port,
                }
            }
        })?;
    let forwards = service.resolution == Resolution::DynamicDns;
    if forwards && !is_forwarded(port.protocol) {
        return Err(Reason::NotForwarded {
            host,
            port: target.port,
        });
    }
    let subset = if target.subset.is_empty() {
        None
    } else {
        let found = subset(store, &service, proxy, &target.subset).filter(|_| !forwards);
        Some(found.ok_or_else(|| Reason::SubsetUndefined {
            host,
            subset: target.subset.clone(),
        })?)
    };
    let rule = store.destination_rule(&service, &proxy.namespace, &proxy.labels);
    of_port(store, &service, port, rule, subset, Client::of(proxy)).ok_or_else(|| {
        Reason::NoEndpoints {
            cluster: target.cluster.clone(),
        }
    })
}

/// The clusters that Envoy resolves by itself. istiod builds them for every proxy that knows the host, and fails on
/// `outlierDetection`: it sets a threshold in a part of the cluster that these do not have.
/// After `core/cluster.go:buildOutboundClusters`, `core/cluster_builder.go:buildDFPCluster`, `:applyDestinationRule` and
/// `core/cluster_traffic_policy.go:applyDefaultTrafficPolicy`, `:applyOutlierDetection`.
pub(super) fn forwarded(context: &mut Context<'_, '_>) {
    let (store, proxy) = (context.store, context.proxy);
    let by_dns = |s: &Service| s.resolution == Resolution::DynamicDns && is_wildcard(&s.hostname);
    let named = store.services.iter().filter(|s| by_dns(s));
    let hosts: BTreeSet<&str> = named.map(|s| s.hostname.as_str()).collect();
    for host in hosts {
        let service = store.service(host, &proxy.namespace);
        let Some(service) = service.filter(|s| by_dns(s)) else {
            continue;
        };
        let rule = store.destination_rule(&service, &proxy.namespace, &proxy.labels);
        for port in service.ports.iter().filter(|p| is_forwarded(p.protocol)) {
            let step = Step::Forwarded {
                service_entry: service.object,
                port: port.number,
            };
            let entry = context.ledger.open(step, None);
            let outcome = match ejecting(store, rule, port.number) {
                Some(by) => Err(Reason::OutlierPanics { by }),
                None => {
                    let cluster = format!("outbound|{}||{host}", port.number);
                    Ok(((), Effect::Cluster(cluster)))
                }
            };
            context.ledger.settle(entry, outcome);
        }
    }
}

/// What makes istiod write a threshold: a DestinationRule, or the mesh configuration where that says nothing. A share
/// below 0 is left alone.
fn ejecting(store: &Store<'_>, rule: Option<&DestinationRule>, port: u32) -> Option<ObjectId> {
    let own = rule.and_then(|r| Some((r.outlier_detection(port)?, r.traffic_policy_of)));
    let (detection, by) = match own {
        Some(own) => own,
        None => {
            let general = store
                .mesh
                .default_traffic_policy
                .outlier_detection
                .as_ref()?;
            (general, store.mesh.object?)
        }
    };
    (detection.min_health_percent >= 0).then_some(by)
}

/// What a destination comes to for a proxy, whether or not any weight leads there.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// Cluster name, as Envoy has it.
    pub name: String,
    /// The service behind it, where one is known: its object.
    pub service: Option<ObjectId>,
    /// The cluster, and how many pods it could have, ready or not; or why there is none.
    pub cluster: Result<(Cluster, u32), Reason>,
}

/// What a destination comes to, also one that no rule has yet.
pub(super) fn reached(
    context: &Context<'_, '_>,
    destination: &Destination,
    place: &Place<'_>,
) -> Reached {
    let target = resolve(context, destination, place);
    let (store, proxy) = (context.store, context.proxy);
    let service = context.service(&target.cluster_host);
    let cluster = build(context, &target).map(|cluster| {
        let labels = service
            .as_ref()
            .filter(|_| !target.subset.is_empty())
            .and_then(|s| subset(store, s, proxy, &target.subset))
            .map(|s| &s.labels);
        let pods = service
            .as_ref()
            .filter(|s| s.registry == Registry::Kubernetes && !s.selector.is_empty())
            .map_or(0, |s| {
                let chosen = |labels_of: &Labels| {
                    selects(&s.selector, labels_of) && labels.is_none_or(|l| selects(l, labels_of))
                };
                let pods = store.pods(&s.namespace).iter();
                pods.filter(|pod| chosen(&pod.meta.labels)).count()
            });
        let pods = u32::try_from(pods).unwrap_or(u32::MAX);
        let all = pods.max(cluster.endpoint_count());
        (cluster, all)
    });
    Reached {
        name: target.cluster,
        service: service.map(|s| s.object),
        cluster,
    }
}

/// The protocols that Envoy's dynamic forward proxy takes. After `core/cluster.go:buildOutboundClusters`.
const fn is_forwarded(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Tls
    )
}

/// The subset of the DestinationRule in force.
fn subset<'s>(
    store: &'s Store<'_>,
    service: &Service,
    proxy: &ProxyFacts,
    name: &str,
) -> Option<&'s Subset> {
    let rule = store.destination_rule(service, &proxy.namespace, &proxy.labels)?;
    rule.subsets.iter().find(|s| s.name == name)
}

/// The cluster of a port, or none: by DNS, istiod builds no cluster without endpoints. Behind AUTO_PASSTHROUGH only
/// endpoints count that Istio's mutual TLS is spoken with.
/// After `core/cluster_builder.go:buildCluster`, `:buildSubsetCluster`, `core/cluster_traffic_policy.go:applyLoadBalancer`
/// and `xds/endpoints/mtls_checker.go:checkMtlsEnabled`; PeerAuthentication is not read.
pub(super) fn of_port(
    store: &Store<'_>,
    service: &Service,
    port: &ServicePort,
    rule: Option<&DestinationRule>,
    subset: Option<&Subset>,
    client: Client,
) -> Option<Cluster> {
    let mutual_tls = client == Client::SniRouter;
    let tls_mode = rule.and_then(|r| r.tls_mode(subset, port.number));
    let wanted = Wanted {
        subset: subset.map(|s| &s.labels),
        mutual_tls: mutual_tls.then_some(tls_mode),
    };
    let (endpoints, all) = endpoints(store, service, port, &wanted);
    let discovery = discovery(service.resolution, client);
    if service.resolution == Resolution::DynamicDns && subset.is_some() {
        return None;
    }
    let by_name = matches!(discovery, "STRICT_DNS" | "LOGICAL_DNS");
    if by_name && all == 0 {
        // A subset may pass connections on before its endpoints are asked for, but it is built beside the cluster of
        // the whole service only.
        subset.filter(|s| rule.is_some_and(|r| r.subset_needs_none(s, port.number)))?;
        let whole = Wanted {
            subset: None,
            ..wanted
        };
        let (_, whole) = self::endpoints(store, service, port, &whole);
        if whole == 0 {
            return None;
        }
    }
    let by_address = rule.is_some_and(|r| r.passes_through(subset, port.number))
        && discovery != DYNAMIC_FORWARD_PROXY;
    if by_address {
        return Some(Cluster {
            discovery: ORIGINAL_DST,
            endpoints: Vec::new(),
        });
    }
    let endpoints = match discovery {
        ORIGINAL_DST | DYNAMIC_FORWARD_PROXY => Vec::new(),
        _ => endpoints,
    };
    Some(Cluster {
        discovery,
        endpoints,
    })
}

/// Whose cluster it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// A gateway's.
    Router,
    /// A gateway's behind AUTO_PASSTHROUGH.
    SniRouter,
    /// A sidecar's.
    Sidecar,
}

impl Client {
    const fn of(proxy: &ProxyFacts) -> Self {
        match proxy.kind {
            ProxyKind::Router => Self::Router,
            ProxyKind::Sidecar => Self::Sidecar,
        }
    }
}

/// Connections go to the address that the client asked for.
pub(super) const ORIGINAL_DST: &str = "ORIGINAL_DST";

/// Connections go to the name that the client asked for.
pub(super) const DYNAMIC_FORWARD_PROXY: &str = "envoy.clusters.dynamic_forward_proxy";

/// Routers cannot pass a connection to the address that was asked for, so those services fall back to EDS.
/// After `core/cluster.go:convertResolution`.
fn discovery(resolution: Resolution, client: Client) -> &'static str {
    match resolution {
        Resolution::Passthrough if client == Client::Sidecar => ORIGINAL_DST,
        Resolution::ClientSide | Resolution::Passthrough | Resolution::Alias => "EDS",
        Resolution::Dns => "STRICT_DNS",
        Resolution::DnsRoundRobin => "LOGICAL_DNS",
        Resolution::DynamicDns if client == Client::SniRouter => "EDS",
        Resolution::DynamicDns => DYNAMIC_FORWARD_PROXY,
    }
}
