//! Sidecars that are alike: everything that is asked about them is equal, so one stands for all.

use std::collections::{BTreeMap, BTreeSet};

use super::{outlook, scope};
use crate::predict::endpoints;
use crate::predict::injection::gets_sidecar;
use crate::predict::proxy::{Metadata, ProxyFacts, ProxySource, owns, workloads};
use crate::predict::store::{Registry, Resolution, Store};
use crate::snapshot::views::{self, AsView, Labels};
use crate::snapshot::{Kind, ObjectId};

/// What tells sidecars apart.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    namespace: String,
    /// Which istiod serves them, by its place among the views.
    view: usize,
    sidecar: Option<ObjectId>,
    /// Only labels that a selector somewhere asks for.
    labels: Vec<(String, String)>,
    /// Named ports of the containers, with their transport.
    ports: Vec<(String, String, u32)>,
    metadata: Metadata,
    /// What is redirected to the proxy.
    captured: Vec<(String, String)>,
    unprivileged: bool,
    /// Only addresses that an object names, or that the proxy binds; of the others their families.
    addresses: Vec<String>,
}

/// Every sidecar of a snapshot, like ones together: pods that were read, and workloads of which none was.
#[must_use]
pub fn sidecars(store: &Store<'_>) -> Vec<ProxyFacts> {
    let snapshot = store.snapshot;
    let pods: Vec<ProxyFacts> = snapshot
        .of_kind(Kind::Pod)
        .filter(|o| gets_sidecar(snapshot, o))
        .filter_map(ProxyFacts::of_pod)
        .collect();
    let mut by_namespace: BTreeMap<&str, Vec<&ProxyFacts>> = BTreeMap::new();
    for pod in &pods {
        by_namespace.entry(&pod.namespace).or_default().push(pod);
    }
    let read = |workload: &ProxyFacts| {
        let own = by_namespace.get(workload.namespace.as_str());
        own.is_some_and(|pods| pods.iter().any(|pod| owns(workload, pod)))
    };
    let unread: Vec<ProxyFacts> = workloads(snapshot)
        .filter(|o| gets_sidecar(snapshot, o))
        .filter_map(ProxyFacts::of_workload)
        .filter(|workload| !read(workload))
        .collect();
    let asked = asked_labels(store);
    let named = named_addresses(store);
    let mut found: BTreeMap<Alike, ProxyFacts> = BTreeMap::new();
    for proxy in unread.into_iter().chain(pods) {
        let key = alike(store, &proxy, &asked, &named);
        match found.get_mut(&key) {
            Some(first) => first.replicas = first.replicas.saturating_add(proxy.replicas),
            None => {
                found.insert(key, proxy);
            }
        }
    }
    found.into_values().collect()
}

fn alike(
    store: &Store<'_>,
    proxy: &ProxyFacts,
    asked: &BTreeSet<&str>,
    named: &BTreeSet<String>,
) -> Alike {
    let sidecar = scope::choose(store.serving(proxy), proxy);
    let binds = sidecar
        .and_then(|o| views::Sidecar::of(&o.view))
        .is_some_and(|s| !s.spec.ingress.is_empty());
    let address = |ip: &String| {
        if binds || named.contains(ip) {
            ip.clone()
        } else if ip.contains(':') {
            "v6".to_owned()
        } else {
            "v4".to_owned()
        }
    };
    let containers = proxy.containers.iter().flat_map(|c| &c.ports);
    // A pod that does not exist yet has no address: it is alike to those that have one of IPv4.
    let addresses = match (&proxy.source, proxy.ips.as_slice()) {
        (ProxySource::Workload { .. }, []) => vec!["v4".to_owned()],
        (_, ips) => ips.iter().map(address).collect(),
    };
    Alike {
        namespace: proxy.namespace.clone(),
        view: store.view_of(proxy),
        sidecar: sidecar.map(|o| o.id),
        labels: proxy
            .labels
            .iter()
            .filter(|(key, _)| asked.contains(key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        ports: containers
            .filter(|p| !p.name.is_empty())
            .map(|p| (p.name.clone(), p.protocol.clone(), p.container_port))
            .collect(),
        metadata: proxy.metadata.clone(),
        captured: proxy.captured(),
        unprivileged: proxy.unprivileged,
        addresses,
    }
}

/// The labels that any selector asks a client or a server for.
fn asked_labels<'s>(store: &'s Store<'_>) -> BTreeSet<&'s str> {
    let mut found = outlook::asked_labels(store);
    let mut ask = |labels: &'s Labels| found.extend(labels.keys().map(String::as_str));
    for object in store.snapshot.objects() {
        match &object.view {
            views::View::Service(v) => ask(&v.spec.selector),
            views::View::PeerAuthentication(v) => v.spec.labels().into_iter().for_each(&mut ask),
            views::View::ServiceEntry(v) => {
                v.spec.workload_selector.iter().for_each(|s| ask(&s.labels));
            }
            _ => {}
        }
    }
    found
}

/// Addresses that decide something about a proxy that has one: endpoints with listeners of their own, and those that
/// an object lists instead of selecting them.
fn named_addresses(store: &Store<'_>) -> BTreeSet<String> {
    let entries = store.snapshot.of_kind(Kind::WorkloadEntry);
    let entries = entries.filter_map(|o| views::WorkloadEntry::of(&o.view));
    let mut found: BTreeSet<String> = entries.map(|e| e.spec.address.clone()).collect();
    for store in store.views() {
        let listing = store.services.iter().filter(|s| {
            s.registry == Registry::ServiceEntry
                || s.resolution == Resolution::Passthrough
                || s.selector.is_empty()
        });
        for service in listing {
            for port in &service.ports {
                let addresses = endpoints::addresses(store, service, port.number);
                found.extend(addresses.into_iter().map(|a| a.address));
            }
        }
    }
    found
}
