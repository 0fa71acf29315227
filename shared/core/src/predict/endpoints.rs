//! The endpoints of a service: all that any object gives to its host name in its namespace.
//! After istio `pilot/pkg/xds/endpoints`, `pilot/pkg/serviceregistry/serviceentry/conversion.go` and
//! `pilot/pkg/serviceregistry/kube/controller/endpointslice.go` (1.31).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use super::config::Endpoint;
use super::features::Feature;
use super::gateway::{selects, target_port};
use super::proxy::{ProxyFacts, WORKLOAD_KINDS, workload_spec};
use super::sidecar::is_plaintext;
use super::store::{Registry, Resolution, Service, ServicePort, Store};
use crate::admission;
use crate::snapshot::views::{
    self, AsView, Container, EndpointSlice, IntOrString, Labels, Pod, ServiceEntrySpec,
    WorkloadEntrySpec,
};
use crate::snapshot::{Kind, Object};

/// The label that says that a workload takes Istio's mutual TLS.
const TLS_MODE_LABEL: &str = "security.istio.io/tlsMode";

/// What is known of endpoints already: they are asked for by every proxy, and the objects do not change.
#[derive(Debug, Default)]
pub(super) struct Known(RefCell<HashMap<Name, Rc<[Instance]>>>);

/// Host name and namespace.
type Name = (String, String);

/// An endpoint with what decides whether a cluster takes it.
#[derive(Debug)]
pub(super) struct Instance {
    endpoint: Endpoint,
    /// The port's name at the service; EDS clusters go by it.
    port_name: String,
    /// The port's number at the ServiceEntry; DNS clusters go by it.
    number: Option<u32>,
    labels: Labels,
    /// The workload says that it takes Istio's mutual TLS.
    mutual_tls: bool,
    /// Envoy may choose it: those that are not ready are sent as unhealthy.
    ready: bool,
    /// Its address alone.
    address: String,
    /// An IP address or a socket: EDS takes nothing else.
    is_address: bool,
}

impl Instance {
    fn port(&self) -> u32 {
        match &self.endpoint {
            Endpoint::Address(place) => {
                let port = place.rsplit_once(':').map(|(_, port)| port);
                port.and_then(|p| p.parse().ok()).unwrap_or_default()
            }
            Endpoint::Replicas { port, .. } => *port,
        }
    }
}

/// Which endpoints a cluster takes.
pub(super) struct Wanted<'w> {
    /// Labels of the subset.
    pub(super) subset: Option<&'w Labels>,
    /// Only those that Istio's mutual TLS is spoken with; what a DestinationRule says about it comes first, then what
    /// policies say. After `pilot/pkg/xds/endpoints/mtls_checker.go:mtlsChecker.checkMtlsEnabled`.
    pub(super) mutual_tls: Option<Option<&'w str>>,
}

/// The endpoints of a port, and how many there were before mutual TLS was asked for.
pub(super) fn endpoints(
    store: &Store<'_>,
    service: &Service,
    port: &ServicePort,
    wanted: &Wanted<'_>,
) -> (Vec<Endpoint>, usize) {
    let by_name = matches!(
        service.resolution,
        Resolution::Dns | Resolution::DnsRoundRobin
    );
    let instances = instances(store, service);
    let of_port: Vec<&Instance> = instances
        .iter()
        .filter(|i| i.ready)
        .filter(|i| {
            if by_name {
                i.number
                    .map_or_else(|| i.port_name == port.name, |n| n == port.number)
            } else {
                i.port_name == port.name && i.is_address
            }
        })
        .filter(|i| wanted.subset.is_none_or(|s| selects(s, &i.labels)))
        .collect();
    let all = of_port.len();
    let mut found: Vec<Endpoint> = of_port
        .into_iter()
        .filter(|i| match wanted.mutual_tls {
            None => true,
            Some(Some(mode)) => i.mutual_tls && mode == "ISTIO_MUTUAL",
            Some(None) => {
                let plain = is_plaintext(store, &service.namespace, &i.labels, i.port());
                i.mutual_tls && !plain
            }
        })
        .map(|i| i.endpoint.clone())
        .collect();
    found.sort();
    (found, all)
}

/// An endpoint that may have a listener of its own.
pub(super) struct Address {
    /// As written.
    pub(super) address: String,
    /// An IP address, or a name for those of pods that do not exist yet.
    pub(super) is_ip: bool,
}

/// The addresses of a port, each once, ready or not. istiod keeps them by host name, namespace and number: of several
/// services with one name the last that has any gives those of all.
/// After `pilot/pkg/model/push_context.go:initServiceRegistry`, `:ServiceEndpointsByPort`.
pub(super) fn addresses(store: &Store<'_>, service: &Service, port: u32) -> Vec<Address> {
    let all = instances(store, service);
    let mut found: Vec<&Instance> = Vec::new();
    for same in store
        .services_named(&service.hostname)
        .filter(|s| s.namespace == service.namespace)
    {
        let ports = || same.ports.iter().filter(|p| p.number == port);
        let own = all.iter().filter(|i| {
            i.number.map_or_else(
                || ports().any(|p| p.name == i.port_name),
                |n| n == port && ports().next().is_some(),
            )
        });
        let own: Vec<&Instance> = own.collect();
        if !own.is_empty() {
            found = own;
        }
    }
    let mut known = BTreeSet::new();
    found
        .into_iter()
        .filter(|i| known.insert(i.address.as_str()))
        .map(|i| Address {
            is_ip: is_ip(&i.address) || matches!(i.endpoint, Endpoint::Replicas { .. }),
            address: i.address.clone(),
        })
        .collect()
}

/// The addresses of every endpoint of a service, each once, ready or not: what a headless Service's name stands for.
pub(super) fn all_addresses(store: &Store<'_>, service: &Service) -> Vec<String> {
    let mut known = BTreeSet::new();
    instances(store, service)
        .iter()
        .map(|i| i.address.clone())
        .filter(|address| known.insert(address.clone()))
        .collect()
}

/// What every object of the service's host and namespace gives; istiod keeps endpoints by these two only.
fn instances(store: &Store<'_>, service: &Service) -> Rc<[Instance]> {
    let key = (service.hostname.clone(), service.namespace.clone());
    let known = store.endpoints.0.borrow().get(&key).cloned();
    known.unwrap_or_else(|| {
        let made: Rc<[Instance]> = make_instances(store, service).into();
        store.endpoints.0.borrow_mut().insert(key, made.clone());
        made
    })
}

fn make_instances(store: &Store<'_>, service: &Service) -> Vec<Instance> {
    let mut found = Vec::new();
    let mut ports = BTreeSet::new();
    for same in store
        .services_named(&service.hostname)
        .filter(|s| s.namespace == service.namespace)
    {
        match same.registry {
            Registry::Kubernetes => found.extend(of_kubernetes(store, same)),
            Registry::ServiceEntry => {
                for instance in of_every_address(store, same) {
                    // One address is all that a DNS_ROUND_ROBIN service takes.
                    let number = instance.number.unwrap_or_default();
                    if same.resolution == Resolution::DnsRoundRobin && ports.contains(&number) {
                        continue;
                    }
                    ports.insert(number);
                    found.push(instance);
                }
            }
        }
    }
    found
}

/// From EndpointSlices, and from WorkloadEntries that the Service selects; in files without any slice, and for a Service
/// that is yet to be made, from pods and templates that it selects.
fn of_kubernetes(store: &Store<'_>, service: &Service) -> Vec<Instance> {
    let Some(object) = store.snapshot.get(service.object) else {
        return Vec::new();
    };
    let Some(view) = views::Service::of(&object.view) else {
        return Vec::new();
    };
    if service.resolution == Resolution::Dns {
        return of_external_name(view, service);
    }
    let own = store.slices(&object.key.namespace, &object.key.name);
    let mut found = if view.spec.selector.is_empty() {
        if own.is_empty() {
            by_hand(store, object)
        } else {
            of_slices(store, object)
        }
    // Kubernetes makes the slices of a new Service when it is there, and of a changed one again. Files without slices
    // are manifests; beside slices, a Service that no server has stored yet is one.
    } else if object.awaits_slices()
        || (store.snapshot.coverage.files_only
            && (!has_slices(store) || (own.is_empty() && !admission::is_stored(object))))
    {
        selected_pods(store, object, view)
    } else {
        of_slices(store, object)
    };
    let features = &store.istiod.features;
    if features.has(Feature::ServiceSelectsWorkloadEntries) {
        found.extend(selected_workload_entries(store, service, view));
    }
    found
}

/// An ExternalName of an istiod to which it is a service of its own: one endpoint a port, found by DNS.
/// After `serviceregistry/kube/conversion.go:ExternalNameServiceInstances`, which 1.31 has no more.
fn of_external_name(view: &views::Service, service: &Service) -> Vec<Instance> {
    let instance = |port: &ServicePort| Instance {
        endpoint: Endpoint::Address(join(&view.spec.external_name, port.number)),
        port_name: port.name.clone(),
        number: None,
        mutual_tls: takes_mutual_tls(&service.labels),
        labels: service.labels.clone(),
        ready: true,
        address: view.spec.external_name.clone(),
        is_address: false,
    };
    service.ports.iter().map(instance).collect()
}

/// Whether the slices that Kubernetes makes were read: those of Services without selector a person writes.
fn has_slices(store: &Store<'_>) -> bool {
    store.snapshot.of_kind(Kind::EndpointSlice).any(|slice| {
        let name = slice.meta.labels.get("kubernetes.io/service-name");
        let service = name.and_then(|name| {
            let kind = Kind::Service;
            store.snapshot.find(kind, &slice.key.namespace, name)
        });
        let view = service.and_then(|o| views::Service::of(&o.view));
        view.is_none_or(|s| !s.spec.selector.is_empty())
    })
}

/// From the Endpoints that a person wrote for a Service without selector: Kubernetes makes slices of them (its
/// `endpointslicemirroring` controller), and istiod reads those.
fn by_hand(store: &Store<'_>, service: &Object) -> Vec<Instance> {
    let (namespace, name) = (&service.key.namespace, &service.key.name);
    let written = store.snapshot.find(Kind::Endpoints, namespace, name);
    let skip = "endpointslice.kubernetes.io/skip-mirror";
    let mirrored = written.filter(|o| o.meta.labels.get(skip).is_none_or(|v| v != "true"));
    let Some(view) = mirrored.and_then(|o| views::Endpoints::of(&o.view)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for subset in &view.subsets {
        let ready = subset.addresses.iter().map(|a| (a, true));
        let all = ready.chain(subset.not_ready_addresses.iter().map(|a| (a, false)));
        for (address, ready) in all {
            let pod = store.pod_by_ip(&address.ip);
            let labels = pod.map(|p| p.meta.labels.clone()).unwrap_or_default();
            found.extend(subset.ports.iter().map(|port| Instance {
                endpoint: Endpoint::Address(join(&address.ip, port.port)),
                port_name: port.name.clone(),
                number: None,
                mutual_tls: takes_mutual_tls(&labels),
                labels: labels.clone(),
                ready,
                address: address.ip.clone(),
                is_address: true,
            }));
        }
    }
    found
}

fn of_slices(store: &Store<'_>, service: &Object) -> Vec<Instance> {
    let mut found: Vec<Instance> = Vec::new();
    // Slices may repeat an address while they are rewritten: one is kept. What several objects give is not compared.
    let mut known = BTreeSet::new();
    for slice in store
        .slices(&service.key.namespace, &service.key.name)
        .iter()
        .filter_map(|o| EndpointSlice::of(&o.view))
        .filter(|s| s.address_type != "FQDN")
    {
        for port in &slice.ports {
            for endpoint in &slice.endpoints {
                let ready = endpoint.conditions.ready.unwrap_or(true);
                for address in &endpoint.addresses {
                    if !known.insert((ready, address, &port.name)) {
                        continue;
                    }
                    let pod = endpoint
                        .target_ref
                        .as_ref()
                        .filter(|r| r.kind == "Pod")
                        .and_then(|r| store.snapshot.find(Kind::Pod, &r.namespace, &r.name))
                        .or_else(|| store.pod_by_ip(address));
                    let labels = pod.map(|p| p.meta.labels.clone()).unwrap_or_default();
                    found.push(Instance {
                        endpoint: Endpoint::Address(join(address, port.port)),
                        port_name: port.name.clone(),
                        number: None,
                        mutual_tls: takes_mutual_tls(&labels),
                        labels,
                        ready,
                        address: address.clone(),
                        is_address: true,
                    });
                }
            }
        }
    }
    found
}

pub(crate) fn takes_mutual_tls(labels: &Labels) -> bool {
    tls_mode(labels) == Some(true)
}

/// What a workload's label says about Istio's mutual TLS; the injector sets it where nobody did.
pub(crate) fn tls_mode(labels: &Labels) -> Option<bool> {
    labels.get(TLS_MODE_LABEL).map(|mode| mode == "istio")
}

/// Pods that are ready, and the pods that workloads will make, where no EndpointSlice was read.
fn selected_pods(store: &Store<'_>, object: &Object, view: &views::Service) -> Vec<Instance> {
    let selector = &view.spec.selector;
    if selector.is_empty() {
        return Vec::new();
    }
    let namespace = object.key.namespace.as_str();
    let mut found = Vec::new();
    let instance = |endpoint, address: &str, port: &views::ServicePort, labels: &Labels| Instance {
        endpoint,
        address: address.to_owned(),
        ready: true,
        port_name: port.name.clone(),
        number: None,
        labels: labels.clone(),
        mutual_tls: takes_mutual_tls(labels),
        is_address: true,
    };
    for pod in store.pods(namespace) {
        if !selects(selector, &pod.meta.labels) {
            continue;
        }
        let (Some(facts), Some(view_of_pod)) = (ProxyFacts::of_pod(pod), Pod::of(&pod.view)) else {
            continue;
        };
        let not_ready = view_of_pod
            .status
            .conditions
            .iter()
            .any(|c| c.r#type == "Ready" && c.status != "True");
        let address = facts.ips.first().unwrap_or(&facts.name);
        for port in &view.spec.ports {
            if let Ok(number) = target_port(port, &facts.containers) {
                let endpoint = Endpoint::Address(join(address, number));
                found.push(Instance {
                    ready: !not_ready,
                    ..instance(endpoint, address, port, &facts.labels)
                });
            }
        }
    }
    if found.iter().any(|i| i.ready) {
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
        if !selects(selector, labels) {
            continue;
        }
        let count = spec.replicas.unwrap_or(1);
        let containers: Vec<_> = spec.template.spec.containers.clone();
        for port in &view.spec.ports {
            if let (Ok(number), 1..) = (target_port(port, &containers), count) {
                let endpoint = Endpoint::Replicas {
                    workload: workload.key.to_string(),
                    count,
                    port: number,
                };
                let address = format!("<pods of {}>", workload.key);
                found.push(instance(endpoint, &address, port, labels));
            }
        }
    }
    found
}

/// A Service with a cluster IP takes WorkloadEntries of its namespace too.
/// After `serviceregistry/kube/controller/controller.go:serviceInstancesFromWorkloadInstances`.
fn selected_workload_entries(
    store: &Store<'_>,
    service: &Service,
    view: &views::Service,
) -> Vec<Instance> {
    let selector = &view.spec.selector;
    if service.resolution != Resolution::ClientSide || selector.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let entries = store
        .workload_entries(&service.namespace)
        .filter(|(_, e)| is_ip(&e.address) && selects(selector, &e.labels));
    for (_, entry) in entries {
        for port in &view.spec.ports {
            let Some(number) = port_of_entry(entry, port) else {
                continue;
            };
            found.push(Instance {
                endpoint: Endpoint::Address(join(&entry.address, number)),
                port_name: port.name.clone(),
                number: None,
                labels: entry.labels.clone(),
                mutual_tls: entry_takes_mutual_tls(entry),
                ready: true,
                address: entry.address.clone(),
                is_address: true,
            });
        }
    }
    found
}

/// The port of a WorkloadEntry that a Service's port leads to; a name has to be in its map.
/// After `serviceregistry/kube/controller/util.go:findServiceTargetPort` and `serviceInstanceFromWorkloadInstance`.
pub(super) fn port_of_entry(entry: &WorkloadEntrySpec, port: &views::ServicePort) -> Option<u32> {
    let written = match &port.target_port {
        Some(IntOrString::Name(name)) => return entry.ports.get(name).copied(),
        Some(IntOrString::Int(number)) if *number > 0 => *number,
        _ => port.port,
    };
    Some(entry.ports.get(&port.name).copied().unwrap_or(written))
}

/// After `getTLSModeFromWorkloadEntry`: the label, else a service account.
fn entry_takes_mutual_tls(entry: &WorkloadEntrySpec) -> bool {
    entry
        .labels
        .get(TLS_MODE_LABEL)
        .map_or(!entry.service_account.is_empty(), |mode| mode == "istio")
}

/// Every address of a ServiceEntry makes a service of its own, and each gives the same endpoints once more.
/// After `serviceregistry/serviceentry/conversion.go:convertServices`.
fn of_every_address(store: &Store<'_>, service: &Service) -> Vec<Instance> {
    (0..service.addresses.len())
        .flat_map(|_| of_service_entry(store, service))
        .collect()
}

/// From `endpoints`, the workload selector, or the host itself for DNS.
fn of_service_entry(store: &Store<'_>, service: &Service) -> Vec<Instance> {
    let Some(entry) = store
        .snapshot
        .get(service.object)
        .and_then(|o| views::ServiceEntry::of(&o.view))
    else {
        return Vec::new();
    };
    service_entry_instances(store, service, &entry.spec)
}

/// The endpoints of one host of a ServiceEntry.
pub(super) fn service_entry_instances(
    store: &Store<'_>,
    service: &Service,
    spec: &ServiceEntrySpec,
) -> Vec<Instance> {
    let by_name = matches!(
        service.resolution,
        Resolution::Dns | Resolution::DnsRoundRobin
    );
    let Some(selector) = &spec.workload_selector else {
        if spec.endpoints.is_empty() && by_name {
            let host = Workload {
                address: &service.hostname,
                ports: &BTreeMap::new(),
                labels: &Labels::new(),
                mutual_tls: false,
            };
            return host.instances(spec);
        }
        let workloads = spec.endpoints.iter().map(Workload::of_entry);
        return workloads.flat_map(|w| w.instances(spec)).collect();
    };
    let mut found = Vec::new();
    for (_, entry) in store.workload_entries(&service.namespace) {
        let usable = entry.address.is_empty() || is_ip(&entry.address) || by_name;
        if usable && selects(&selector.labels, &entry.labels) {
            found.extend(Workload::of_entry(entry).instances(spec));
        }
    }
    let selects_pods = store.istiod.features.has(Feature::ServiceEntrySelectsPods);
    for object in store.pods(&service.namespace) {
        if !selects_pods || !selects(&selector.labels, &object.meta.labels) {
            continue;
        }
        let (Some(facts), Some(pod)) = (ProxyFacts::of_pod(object), Pod::of(&object.view)) else {
            continue;
        };
        if !runs(pod) {
            continue;
        }
        if let Some(ip) = facts.ips.first() {
            let pod = Workload {
                address: ip,
                ports: &named_ports(&facts.containers),
                labels: &facts.labels,
                mutual_tls: takes_mutual_tls(&facts.labels),
            };
            found.extend(pod.instances(spec));
        }
    }
    found
}

/// A pod that counts: ready and not at its end. After `serviceregistry/kube/controller/pod.go:shouldPodBeInEndpoints`.
fn runs(pod: &Pod) -> bool {
    !matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
        && pod
            .status
            .conditions
            .iter()
            .any(|c| c.r#type == "Ready" && c.status == "True")
}

/// Named TCP ports, the first of a name. After `serviceregistry/kube/controller/pod.go:getPortMap`.
fn named_ports(containers: &[Container]) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for port in containers.iter().flat_map(|c| &c.ports) {
        if !port.name.is_empty() && port.protocol == "TCP" {
            found
                .entry(port.name.clone())
                .or_insert(port.container_port);
        }
    }
    found
}

/// What a ServiceEntry takes its endpoints from.
struct Workload<'w> {
    address: &'w str,
    ports: &'w BTreeMap<String, u32>,
    labels: &'w Labels,
    mutual_tls: bool,
}

impl<'w> Workload<'w> {
    fn of_entry(entry: &'w WorkloadEntrySpec) -> Self {
        Self {
            address: &entry.address,
            ports: &entry.ports,
            labels: &entry.labels,
            mutual_tls: entry_takes_mutual_tls(entry),
        }
    }

    /// One instance a port: the workload's own number for it, else the ServiceEntry's.
    fn instances(&self, spec: &ServiceEntrySpec) -> Vec<Instance> {
        spec.ports
            .iter()
            .map(|port| {
                let own = self.ports.get(&port.name).copied().filter(|n| *n > 0);
                let number = own.unwrap_or(match port.target_port {
                    0 => port.number,
                    target => target,
                });
                Instance {
                    endpoint: Endpoint::Address(join(self.address, number)),
                    port_name: port.name.clone(),
                    number: Some(port.number),
                    labels: self.labels.clone(),
                    mutual_tls: self.mutual_tls,
                    ready: true,
                    address: self.address.to_owned(),
                    is_address: self.address.is_empty()
                        || self.address.starts_with("unix://")
                        || is_ip(self.address),
                }
            })
            .collect()
    }
}

/// The ports through which a ServiceEntry leads to the proxy: index in `spec.ports`, and the port of the proxy.
pub(super) fn targets_of_service_entry(
    store: &Store<'_>,
    service: &Service,
    spec: &ServiceEntrySpec,
    ips: &[String],
) -> Vec<(usize, u32)> {
    let instances = service_entry_instances(store, service, spec);
    let mut found = Vec::new();
    for ip in ips {
        for instance in &instances {
            let Endpoint::Address(address) = &instance.endpoint else {
                continue;
            };
            let Some((host, port)) = address.rsplit_once(':') else {
                continue;
            };
            if host.trim_matches(['[', ']']) != ip {
                continue;
            }
            let index = spec.ports.iter().position(|p| p.name == instance.port_name);
            if let (Some(index), Ok(port)) = (index, port.parse()) {
                found.push((index, port));
            }
        }
    }
    found
}

fn is_ip(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok()
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
