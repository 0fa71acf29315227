//! Which cluster a destination means, whether it exists, and its endpoints.
//! After istio `core/route/route.go:GetDestinationCluster`, `core/cluster.go`, `core/cluster_builder.go` and
//! `pilot/pkg/serviceregistry` (1.31).

use super::config::{Cluster, Endpoint};
use super::gateway::{Context, Place, selects};
use super::hosts::resolve_short_name;
use super::protocol::Protocol;
use super::proxy::{ProxyFacts, WORKLOAD_KINDS, workload_spec};
use super::store::{Registry, Resolution, Service, ServicePort, Store, Subset};
use crate::ledger::Reason;
use crate::snapshot::views::{
    self, AsView, Destination, EndpointSlice, Labels, Pod, WorkloadEntrySpec,
};
use crate::snapshot::{Kind, ObjectId};

/// The label that says that a pod takes Istio's mutual TLS.
const TLS_MODE_LABEL: &str = "security.istio.io/tlsMode";

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
    // HTTP rules prefer the service of the VirtualService's own namespace.
    let own = match place.block {
        crate::ledger::Block::Http => store.services_named(&host).find(|s| {
            s.namespace == place.vs.namespace() && s.visibility.includes(&proxy.namespace)
        }),
        _ => None,
    };
    let service = own
        .map(std::borrow::Cow::Borrowed)
        .or_else(|| store.service(&host, &proxy.namespace));
    let cluster_host = service
        .as_ref()
        .and_then(|s| s.external_name.clone())
        .unwrap_or_else(|| host.clone());
    let only_port = service.as_ref().and_then(|s| match s.ports.as_slice() {
        [port] => Some(port.number),
        _ => None,
    });
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
    let service = store
        .service(&target.cluster_host, &proxy.namespace)
        .filter(|s| s.resolution != Resolution::Alias)
        .ok_or_else(|| {
            if store.services_named(&target.cluster_host).next().is_some() {
                Reason::NotVisible { host: host.clone() }
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
    let subset = if target.subset.is_empty() {
        None
    } else {
        let found = subset(store, &service, proxy, &target.subset);
        Some(found.ok_or_else(|| Reason::SubsetUndefined {
            host,
            subset: target.subset.clone(),
        })?)
    };
    Ok(Cluster {
        discovery: discovery(service.resolution),
        endpoints: endpoints(store, &service, port, subset.map(|s| &s.labels), false),
    })
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

/// The cluster behind an AUTO_PASSTHROUGH chain: only endpoints that take Istio's mutual TLS.
pub(super) fn mutual_tls(
    store: &Store<'_>,
    service: &Service,
    port: &ServicePort,
    subset: Option<&Labels>,
) -> Cluster {
    Cluster {
        discovery: discovery(service.resolution),
        endpoints: endpoints(store, service, port, subset, true),
    }
}

/// Routers cannot pass a connection to the address that was asked for, so those services fall back to EDS.
const fn discovery(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::ClientSide | Resolution::Passthrough | Resolution::Alias => "EDS",
        Resolution::Dns => "STRICT_DNS",
        Resolution::DnsRoundRobin => "LOGICAL_DNS",
        Resolution::DynamicDns => "DFP_CLUSTER",
    }
}

fn endpoints(
    store: &Store<'_>,
    service: &Service,
    port: &ServicePort,
    subset: Option<&Labels>,
    mutual_tls_only: bool,
) -> Vec<Endpoint> {
    let accepts = |labels: Option<&Labels>| {
        subset.is_none_or(|wanted| labels.is_some_and(|l| selects(wanted, l)) || wanted.is_empty())
            && (!mutual_tls_only
                || labels
                    .is_some_and(|l| l.get(TLS_MODE_LABEL).is_some_and(|mode| mode == "istio")))
    };
    let mut found = match service.registry {
        Registry::Kubernetes => kubernetes_endpoints(store, service, port, &accepts),
        Registry::ServiceEntry => service_entry_endpoints(store, service, port, &accepts),
    };
    found.sort();
    found.dedup();
    found
}

/// From EndpointSlices; in files without any of them, from pods and templates that the Service selects.
fn kubernetes_endpoints(
    store: &Store<'_>,
    service: &Service,
    port: &ServicePort,
    accepts: &dyn Fn(Option<&Labels>) -> bool,
) -> Vec<Endpoint> {
    let Some(object) = store.snapshot.get(service.object) else {
        return Vec::new();
    };
    let Some(view) = views::Service::of(&object.view) else {
        return Vec::new();
    };
    if store.snapshot.of_kind(Kind::EndpointSlice).next().is_none() {
        return selected_pods(store, object.id, view, port, accepts);
    }
    let mut found = Vec::new();
    for slice in store
        .slices(&service.namespace, &object.key.name)
        .iter()
        .filter_map(|o| EndpointSlice::of(&o.view))
    {
        let numbers = slice
            .ports
            .iter()
            .filter(|p| p.name == port.name)
            .map(|p| p.port);
        for number in numbers {
            for endpoint in &slice.endpoints {
                let ready = endpoint.conditions.ready.unwrap_or(true)
                    || view.spec.publish_not_ready_addresses;
                for address in endpoint.addresses.iter().filter(|_| ready) {
                    let pod = endpoint
                        .target_ref
                        .as_ref()
                        .filter(|r| r.kind == "Pod")
                        .and_then(|r| store.snapshot.find(Kind::Pod, &r.namespace, &r.name))
                        .or_else(|| store.pod_by_ip(address));
                    if accepts(pod.map(|p| &p.meta.labels)) {
                        found.push(Endpoint::Address(join(address, number)));
                    }
                }
            }
        }
    }
    found
}

/// Pods that are ready, and the pods that workloads will make, where no EndpointSlice was read.
fn selected_pods(
    store: &Store<'_>,
    service: ObjectId,
    view: &views::Service,
    port: &ServicePort,
    accepts: &dyn Fn(Option<&Labels>) -> bool,
) -> Vec<Endpoint> {
    let selector = &view.spec.selector;
    let Some(object) = store.snapshot.get(service).filter(|_| !selector.is_empty()) else {
        return Vec::new();
    };
    let Some(written) = view.spec.ports.iter().find(|p| p.port == port.number) else {
        return Vec::new();
    };
    let namespace = object.key.namespace.as_str();
    let mut found = Vec::new();
    for pod in store.pods(namespace) {
        let labels = &pod.meta.labels;
        if !selects(selector, labels) || !accepts(Some(labels)) {
            continue;
        }
        let (Some(facts), Some(view)) = (ProxyFacts::of_pod(pod), Pod::of(&pod.view)) else {
            continue;
        };
        let not_ready = view
            .status
            .conditions
            .iter()
            .any(|c| c.r#type == "Ready" && c.status != "True");
        if not_ready {
            continue;
        }
        if let Ok(number) = super::gateway::target_port(written, &facts.containers) {
            let address = facts
                .ips
                .first()
                .map_or_else(|| facts.name.clone(), Clone::clone);
            found.push(Endpoint::Address(join(&address, number)));
        }
    }
    if !found.is_empty() {
        return found;
    }
    for workload in WORKLOAD_KINDS
        .into_iter()
        .flat_map(|kind| store.snapshot.of_kind(kind))
    {
        let Some(spec) = workload_spec(workload).filter(|_| workload.key.namespace == namespace)
        else {
            continue;
        };
        let labels = &spec.template.metadata.labels;
        if !selects(selector, labels) || !accepts(Some(labels)) {
            continue;
        }
        let count = spec.replicas.unwrap_or(1);
        let containers: Vec<_> = spec.template.spec.containers.clone();
        if let (Ok(port), 1..) = (super::gateway::target_port(written, &containers), count) {
            found.push(Endpoint::Replicas {
                workload: workload.key.to_string(),
                count,
                port,
            });
        }
    }
    found
}

/// From `endpoints`, the workload selector, or the host itself for DNS.
fn service_entry_endpoints(
    store: &Store<'_>,
    service: &Service,
    port: &ServicePort,
    accepts: &dyn Fn(Option<&Labels>) -> bool,
) -> Vec<Endpoint> {
    let Some(entry) = store
        .snapshot
        .get(service.object)
        .and_then(|o| views::ServiceEntry::of(&o.view))
    else {
        return Vec::new();
    };
    let spec = &entry.spec;
    let of_entry = |endpoint: &WorkloadEntrySpec| {
        let number = endpoint
            .ports
            .get(&port.name)
            .copied()
            .unwrap_or(port.target_port);
        let address = if endpoint.address.is_empty() {
            &service.hostname
        } else {
            &endpoint.address
        };
        accepts(Some(&endpoint.labels)).then(|| Endpoint::Address(join(address, number)))
    };
    if let Some(selector) = spec
        .workload_selector
        .as_ref()
        .filter(|s| !s.labels.is_empty())
    {
        let entries = store
            .workload_entries(&service.namespace)
            .filter(|(_, e)| selects(&selector.labels, &e.labels))
            .filter_map(|(_, e)| of_entry(e));
        let pods = store.pods(&service.namespace).iter().filter_map(|o| {
            let labels = &o.meta.labels;
            let chosen = selects(&selector.labels, labels) && accepts(Some(labels));
            let facts = chosen.then(|| ProxyFacts::of_pod(o))??;
            let ip = facts.ips.first()?;
            Some(Endpoint::Address(join(ip, port.target_port)))
        });
        return entries.chain(pods).collect();
    }
    if spec.endpoints.is_empty() {
        let by_name = matches!(
            service.resolution,
            Resolution::Dns | Resolution::DnsRoundRobin
        );
        let host = Endpoint::Address(join(&service.hostname, port.target_port));
        return if by_name && accepts(None) {
            vec![host]
        } else {
            Vec::new()
        };
    }
    spec.endpoints.iter().filter_map(of_entry).collect()
}

fn join(address: &str, port: u32) -> String {
    if address.starts_with("unix://") {
        address.to_owned()
    } else if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}
