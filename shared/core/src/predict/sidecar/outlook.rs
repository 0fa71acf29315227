//! Sidecars that look at the mesh alike: what they are sent for connections of their pod is equal, but for the short
//! names of services. Labels count where a rule asks a client for them; what leads to the pod itself does not.

use std::collections::{BTreeMap, BTreeSet};

use super::outbound::Family;
use super::scope;
use crate::predict::endpoints;
use crate::predict::proxy::{Metadata, ProxyFacts};
use crate::predict::store::{Resolution, Service, Store, Visibility};
use crate::snapshot::views::{self, AsView, Labels};
use crate::snapshot::{Kind, Object, ObjectId};

/// What outbound configuration hangs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outlook {
    /// Which istiod serves the proxy, by its place among the views.
    view: usize,
    /// The namespace, where it is one of those that an object tells from others.
    namespace: Option<String>,
    /// The Sidecar that decides.
    sidecar: Option<ObjectId>,
    /// Only labels that a rule asks clients for.
    labels: Vec<(String, String)>,
    metadata: Metadata,
    unprivileged: bool,
    /// Own addresses where a headless service has a listener for them; of the others their families.
    addresses: Vec<String>,
}

/// What tells proxies of one mesh apart for outbound configuration.
pub(crate) struct Outlooks<'s, 'a> {
    store: &'s Store<'a>,
    labels: BTreeSet<&'s str>,
    /// Of each view.
    namespaces: Vec<BTreeSet<&'s str>>,
    instances: BTreeSet<String>,
}

impl<'s, 'a> Outlooks<'s, 'a> {
    /// Reads what the objects tell apart.
    pub(crate) fn new(store: &'s Store<'a>) -> Self {
        Self {
            store,
            labels: asked_labels(store),
            namespaces: store.views().map(told_apart).collect(),
            instances: store.views().flat_map(instances).collect(),
        }
    }

    /// How a proxy looks at the mesh.
    pub(crate) fn of(&self, proxy: &ProxyFacts) -> Outlook {
        let view = self.store.view_of(proxy);
        let store = self.store.serving(proxy);
        let sidecar = scope::choose(store, proxy);
        let namespaces = self.namespaces.get(view);
        let told_apart = namespaces.is_none_or(|all| all.contains(proxy.namespace.as_str()))
            || sidecar.is_some_and(names_its_own);
        let address = |ip: &String| match ip {
            ip if self.instances.contains(ip) => ip.clone(),
            ip if ip.contains(':') => "v6".to_owned(),
            _ => "v4".to_owned(),
        };
        let mut addresses: Vec<String> = proxy.ips.iter().map(address).collect();
        if addresses.is_empty() {
            // Without any, prediction takes it for one of IPv4.
            addresses.push("v4".to_owned());
        }
        let labels = proxy.labels.iter();
        let asked = labels.filter(|(key, _)| self.labels.contains(key.as_str()));
        Outlook {
            view,
            namespace: told_apart.then(|| proxy.namespace.clone()),
            sidecar: sidecar.map(|o| o.id),
            labels: asked.map(|(k, v)| (k.clone(), v.clone())).collect(),
            metadata: proxy.metadata.clone(),
            unprivileged: proxy.unprivileged,
            addresses,
        }
    }
}

/// Sidecars, those together that look at the mesh alike: in each of several views of one snapshot, or of one and what a
/// change makes of it.
#[must_use]
pub fn by_outlook(stores: &[&Store<'_>], proxies: Vec<ProxyFacts>) -> Vec<Vec<ProxyFacts>> {
    let outlooks: Vec<Outlooks<'_, '_>> = stores.iter().map(|s| Outlooks::new(s)).collect();
    let mut found: BTreeMap<Vec<Outlook>, Vec<ProxyFacts>> = BTreeMap::new();
    for proxy in proxies {
        let key = outlooks.iter().map(|o| o.of(&proxy)).collect();
        found.entry(key).or_default().push(proxy);
    }
    found.into_values().collect()
}

/// Whether a Sidecar speaks of the namespace of the proxy: one of the root namespace is for many.
fn names_its_own(sidecar: &Object) -> bool {
    let egress = views::Sidecar::of(&sidecar.view).map(|s| &s.spec.egress);
    let mut hosts = egress.into_iter().flatten().flat_map(|e| &e.hosts);
    hosts.any(|host| host.starts_with("./"))
}

/// The labels that a Sidecar or a rule asks a client for.
pub(super) fn asked_labels<'s>(store: &'s Store<'_>) -> BTreeSet<&'s str> {
    let mut found: BTreeSet<&'s str> = BTreeSet::new();
    let mut ask = |labels: &'s Labels| found.extend(labels.keys().map(String::as_str));
    for object in store.snapshot.objects() {
        match &object.view {
            views::View::Sidecar(v) => {
                v.spec.workload_selector.iter().for_each(|s| ask(&s.labels));
            }
            views::View::DestinationRule(v) => {
                let selector = v.spec.workload_selector.iter();
                selector.for_each(|s| ask(&s.match_labels));
            }
            views::View::VirtualService(v) => {
                let http = v.spec.http.iter().flat_map(|r| &r.r#match);
                http.for_each(|m| ask(&m.source_labels));
                let tcp = v.spec.tcp.iter().flat_map(|r| &r.r#match);
                let tls = v.spec.tls.iter().flat_map(|r| &r.r#match);
                tcp.chain(tls).for_each(|m| ask(&m.source_labels));
            }
            views::View::EnvoyFilter(v) => {
                v.spec.workload_selector.iter().for_each(|s| ask(&s.labels));
            }
            views::View::WasmPlugin(v) => {
                v.spec.selector.iter().for_each(|s| ask(&s.match_labels));
            }
            _ => {}
        }
    }
    found
}

/// The namespaces whose proxies may be sent something else than those of any other: an object is exported to them or
/// is about clients there, they have a Sidecar or patches, or they come first where a host name is looked up.
fn told_apart<'s>(store: &'s Store<'_>) -> BTreeSet<&'s str> {
    let mut found = BTreeSet::from([store.mesh.root_namespace.as_str()]);
    let mut export = |visibility: &'s Visibility| {
        if let Visibility::Namespaces(names) = visibility {
            found.extend(names.iter().map(String::as_str));
        }
    };
    store.services.iter().for_each(|s| export(&s.visibility));
    let rules = store.virtual_services.iter();
    rules.for_each(|vs| export(&vs.visibility));
    let rules = store.snapshot.of_kind(Kind::VirtualService);
    for vs in rules.filter_map(|o| views::VirtualService::of(&o.view)) {
        let l4 = vs.spec.tcp.iter().flat_map(|r| &r.r#match);
        let l4 = l4.chain(vs.spec.tls.iter().flat_map(|r| &r.r#match));
        let http = vs.spec.http.iter().flat_map(|r| &r.r#match);
        found.extend(l4.map(|m| m.source_namespace.as_str()));
        found.extend(http.map(|m| m.source_namespace.as_str()));
    }
    for kind in [Kind::Sidecar, Kind::EnvoyFilter, Kind::WasmPlugin] {
        let all = store.snapshot.of_kind(kind);
        found.extend(all.map(|object| object.key.namespace.as_str()));
    }
    for object in store.snapshot.of_kind(Kind::DestinationRule) {
        let view = views::DestinationRule::of(&object.view).map(|r| &r.spec);
        for name in view.into_iter().flat_map(|r| &r.export_to) {
            found.insert(match name.as_str() {
                "." => &object.key.namespace,
                name => name,
            });
        }
    }
    found.extend(store.namespaces_with_rules_of_their_own());
    let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for service in &store.services {
        let of_name = owners.entry(&service.hostname).or_default();
        of_name.insert(&service.namespace);
    }
    found.extend(owners.into_values().filter(|all| all.len() > 1).flatten());
    found
}

/// The namespaces that have services of which requests may ask by a short name.
pub(crate) fn with_short_names(store: &Store<'_>) -> BTreeSet<String> {
    let takes_http = |s: &&Service| {
        let mut ports = s.ports.iter().map(|p| Family::of(p.protocol));
        ports.any(|family| matches!(family, Some(Family::Http | Family::Auto)))
    };
    let services = store.views().flat_map(|view| &view.services);
    let services = services.filter(takes_http);
    services.map(|s| s.namespace.clone()).collect()
}

/// The addresses of pods that headless services have listeners for: a pod has none for its own.
fn instances(store: &Store<'_>) -> BTreeSet<String> {
    let headless = store.services.iter();
    let headless = headless.filter(|s| s.resolution == Resolution::Passthrough);
    headless
        .flat_map(|s| endpoints::all_addresses(store, s))
        .collect()
}
