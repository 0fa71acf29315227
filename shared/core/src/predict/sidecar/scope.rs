//! What a sidecar knows: the services and VirtualServices that its namespace may see and its Sidecar takes in.
//! After istio `pilot/pkg/model/sidecar.go` (1.31).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::hosts::Hosts;
use crate::ledger::{Effect, EntryId, Ledger, Reason, Served, Step};
use crate::predict::hosts::{MESH, is_wildcard, most_specific, overlap, resolve_short_name};
use crate::predict::http;
use crate::predict::protocol::Protocol;
use crate::predict::proxy::ProxyFacts;
use crate::predict::selects;
use crate::predict::store::{Registry, Service, Store, VirtualService, Visibility, join};
use crate::snapshot::views::{
    AsView, Destination, EgressListener, OutboundTrafficPolicy, Sidecar, SidecarPort, SidecarSpec,
};
use crate::snapshot::{Object, ObjectId};

/// A service as one egress entry knows it.
#[derive(Debug)]
pub(super) struct Imported<'s> {
    /// Where it comes from.
    pub(super) of: Served,
    /// The service, perhaps with fewer ports.
    pub(super) service: Cow<'s, Service>,
    /// Names of ExternalNames that end at it.
    pub(super) aliases: Vec<&'s str>,
    /// Its place among all services.
    place: usize,
    /// The decision.
    pub(super) entry: EntryId,
}

impl Imported<'_> {
    /// The addresses of this one service: all cluster IPs, or one of a ServiceEntry.
    pub(super) fn addresses(&self) -> &[String] {
        match self.service.registry {
            Registry::Kubernetes => &self.service.addresses,
            Registry::ServiceEntry => self
                .service
                .addresses
                .get(self.of.address..=self.of.address)
                .unwrap_or_default(),
        }
    }

    /// The index in the object's ports: a service may be known with fewer.
    pub(super) fn port_index(&self, store: &Store<'_>, number: u32) -> usize {
        let all = store.services_named(&self.service.hostname);
        let own = all.into_iter().find(|s| s.object == self.service.object);
        let ports = own.map_or(&self.service.ports, |s| &s.ports);
        ports.iter().position(|p| p.number == number).unwrap_or(0)
    }
}

/// One entry of `Sidecar.spec.egress`, or the one that stands for everything.
#[derive(Debug)]
pub(super) struct Egress<'s, 'a> {
    /// The entry; `None` takes everything in.
    pub(super) view: Option<&'s EgressListener>,
    /// The services, in order.
    pub(super) services: Vec<Imported<'s>>,
    /// The VirtualServices, in order.
    pub(super) virtual_services: Vec<&'s VirtualService<'a>>,
    /// Indices by exact host.
    by_host: HashMap<&'s str, Vec<usize>>,
    /// Wildcard hosts with indices.
    wildcards: Vec<(&'s str, usize)>,
}

impl<'s, 'a> Egress<'s, 'a> {
    /// Its port, unless it takes every port.
    pub(super) fn port(&self) -> Option<&'s SidecarPort> {
        self.view.and_then(|v| v.port.as_ref())
    }

    /// Whether its port is an HTTP proxy: every service is reached through it.
    pub(super) fn is_http_proxy(&self) -> bool {
        self.port()
            .is_some_and(|p| Protocol::parse(&p.protocol) == Protocol::HttpProxy)
    }

    /// The VirtualServices with a host that overlaps, in order. After `core/tls.go:getConfigsForHost`.
    pub(super) fn for_host(&self, hostname: &str) -> Vec<&'s VirtualService<'a>> {
        let mut found: BTreeSet<usize> = BTreeSet::new();
        if is_wildcard(hostname) {
            let all = self.virtual_services.iter().enumerate();
            let fitting = all.filter(|(_, vs)| vs.hosts.iter().any(|h| overlap(h, hostname)));
            found.extend(fitting.map(|(n, _)| n));
        } else {
            found.extend(self.by_host.get(hostname).into_iter().flatten());
            let fitting = self.wildcards.iter().filter(|(h, _)| overlap(h, hostname));
            found.extend(fitting.map(|(_, n)| *n));
        }
        found
            .into_iter()
            .filter_map(|n| self.virtual_services.get(n).copied())
            .collect()
    }

    /// The VirtualService whose host is the nearest to a service's: the first of those with that host.
    /// After `model/sidecar.go:computeWildcardHostVirtualServiceIndex`.
    pub(super) fn nearest(&self, hostname: &str) -> Option<ObjectId> {
        let first = |n: &usize| self.virtual_services.get(*n).map(|vs| vs.object.id);
        if let Some(exact) = self.by_host.get(hostname).and_then(|n| n.first()) {
            return first(exact);
        }
        let mut wildcards: Vec<(&str, usize)> = Vec::new();
        for (host, n) in &self.wildcards {
            if !wildcards.iter().any(|(known, _)| known == host) {
                wildcards.push((host, *n));
            }
        }
        let at = most_specific(hostname, &wildcards)?;
        wildcards.get(at).and_then(|(_, n)| first(n))
    }
}

/// Where a connection goes that nothing else takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Policy {
    /// On to where it was going, or to the egress proxy.
    AllowAny(Option<Destination>),
    /// The same, but HTTP by the name in its Host header.
    DynamicDns(Option<Destination>),
    /// Nowhere.
    RegistryOnly,
}

impl Policy {
    /// A policy without a mode is `REGISTRY_ONLY`, the API's zero value.
    fn of(written: &OutboundTrafficPolicy) -> Self {
        match written.mode.as_str() {
            "ALLOW_ANY" => Self::AllowAny(written.egress_proxy.clone()),
            "ALLOW_ANY_DYNAMIC_DNS" => Self::DynamicDns(written.egress_proxy.clone()),
            _ => Self::RegistryOnly,
        }
    }
}

/// What the sidecars of a namespace that the same Sidecar decides for know.
#[derive(Debug)]
pub(in crate::predict) struct Scope<'s, 'a> {
    /// The Sidecar.
    pub(super) sidecar: Option<(&'a Object, &'a SidecarSpec)>,
    /// Its egress entries.
    pub(super) egress: Vec<Egress<'s, 'a>>,
    /// What has clusters, by host name. Only looked up.
    services: HashMap<String, Cow<'s, Service>>,
    /// Where the rest goes.
    pub(super) policy: Policy,
    /// The decisions so far.
    pub(super) ledger: Ledger,
}

/// The Sidecar that decides for a proxy: the first of its namespace that selects it, else the first without a
/// selector of the root namespace. After `model/push_context.go:doGetSidecarScope`.
pub(super) fn choose<'a>(store: &Store<'a>, proxy: &ProxyFacts) -> Option<&'a Object> {
    let own = store.sidecars(&proxy.namespace).iter();
    own.copied()
        .find(|object| selected(object, proxy))
        .or_else(|| root_sidecar(store))
}

fn root_sidecar<'a>(store: &Store<'a>) -> Option<&'a Object> {
    let root = store.sidecars(&store.mesh.root_namespace).iter();
    let mut open = root.filter(|o| spec(o).is_some_and(|s| s.workload_selector.is_none()));
    open.next().copied()
}

fn spec(object: &Object) -> Option<&SidecarSpec> {
    Sidecar::of(&object.view).map(|s| &s.spec)
}

fn selected(object: &Object, proxy: &ProxyFacts) -> bool {
    spec(object).is_some_and(|s| {
        s.workload_selector
            .as_ref()
            .is_none_or(|w| selects(&w.labels, &proxy.labels))
    })
}

/// Records which Sidecar decides, and why others do not.
pub(super) fn record_choice(store: &Store<'_>, proxy: &ProxyFacts, ledger: &mut Ledger) {
    for (object, why) in store.unseen_sidecars(&proxy.namespace) {
        let entry = ledger.open(Step::Sidecar(object.id), None);
        ledger.settle::<()>(entry, Err(Reason::Unseen(why.clone())));
    }
    let mut winner: Option<EntryId> = None;
    let root = root_sidecar(store).filter(|o| o.key.namespace != proxy.namespace);
    for object in store.sidecars(&proxy.namespace).iter().copied().chain(root) {
        let entry = ledger.open(Step::Sidecar(object.id), None);
        match winner {
            _ if !selected(object, proxy) => {
                ledger.settle::<()>(entry, Err(Reason::SidecarNotSelected));
            }
            Some(by) => ledger.displace(entry, by),
            None => {
                ledger.settle(entry, Ok(((), Effect::Applies)));
                winner = Some(entry);
            }
        }
    }
}

impl<'s, 'a> Scope<'s, 'a> {
    /// What proxies of this namespace know that this Sidecar decides for.
    pub(super) fn new(
        store: &'s Store<'a>,
        namespace: &'s str,
        sidecar: Option<&'a Object>,
    ) -> Self {
        Self::of(store, namespace, sidecar, None)
    }

    /// The same of one port: of the services whose name has it.
    pub(super) fn of_port(
        store: &'s Store<'a>,
        namespace: &'s str,
        sidecar: Option<&'a Object>,
        port: u32,
    ) -> Self {
        let has = |s: &&Service| s.ports.iter().any(|p| p.number == port);
        let services = store.services.iter().filter(has);
        let names = services.map(|s| s.hostname.as_str()).collect();
        Self::of(store, namespace, sidecar, Some(&names))
    }

    fn of(
        store: &'s Store<'a>,
        namespace: &'s str,
        sidecar: Option<&'a Object>,
        only: Option<&HashSet<&str>>,
    ) -> Self {
        let sidecar = sidecar.and_then(|o| spec(o).map(|s| (o, s)));
        let written = sidecar.map_or(&[][..], |(_, s)| s.egress.as_slice());
        let mut ledger = Ledger::default();
        hidden(store, namespace, &mut ledger);
        let entries: Vec<Option<&EgressListener>> = if written.is_empty() {
            vec![None]
        } else {
            written.iter().map(Some).collect()
        };
        let egress: Vec<Egress<'s, 'a>> = entries
            .into_iter()
            .enumerate()
            .map(|(n, view)| import(store, namespace, n, view, only, &mut ledger))
            .collect();
        Self {
            services: with_clusters(store, namespace, &egress),
            egress,
            ledger,
            ..Self::without_services(store, sidecar.map(|(o, _)| o))
        }
    }

    /// Where nothing is asked about outbound connections.
    pub(super) fn without_services(store: &'s Store<'a>, sidecar: Option<&'a Object>) -> Self {
        let sidecar = sidecar.and_then(|o| spec(o).map(|s| (o, s)));
        let policy = sidecar
            .and_then(|(_, s)| s.outbound_traffic_policy.as_ref())
            .unwrap_or(&store.mesh.outbound_traffic_policy);
        Self {
            sidecar,
            egress: Vec::new(),
            services: HashMap::new(),
            policy: Policy::of(policy),
            ledger: Ledger::default(),
        }
    }

    /// The service that has clusters under this host name.
    pub(in crate::predict) fn service(&self, hostname: &str) -> Option<&Service> {
        self.services.get(hostname).map(AsRef::as_ref)
    }
}

/// The services of a scope, each address of a ServiceEntry on its own.
fn served(service: &Service) -> impl Iterator<Item = Served> + use<> {
    let (object, host) = (service.object, service.host);
    let addresses = match service.registry {
        Registry::Kubernetes => 1,
        Registry::ServiceEntry => service.addresses.len(),
    };
    (0..addresses).map(move |address| Served {
        service: object,
        host,
        address,
    })
}

/// Records the services that istiod does not see, and those that the namespace may not see.
fn hidden(store: &Store<'_>, namespace: &str, ledger: &mut Ledger) {
    for (service, why) in store.unseen_services() {
        for of in served(service) {
            let entry = ledger.open(Step::Import { of, egress: None }, None);
            ledger.settle::<()>(entry, Err(Reason::Unseen(why.clone())));
        }
    }
    for service in &store.services {
        if service.visibility.includes(namespace) {
            continue;
        }
        let uncapped = service.uncapped.as_ref();
        let reason = match uncapped.is_some_and(|v| v.includes(namespace)) {
            true => Reason::VisibilityCapped,
            false => Reason::ServiceNotExported,
        };
        for of in served(service) {
            let entry = ledger.open(Step::Import { of, egress: None }, None);
            ledger.settle::<()>(entry, Err(reason.clone()));
        }
    }
}

/// What one egress entry takes in. After `model/sidecar.go:convertIstioListenerToWrapper`.
fn import<'s, 'a>(
    store: &'s Store<'a>,
    namespace: &'s str,
    index: usize,
    view: Option<&'s EgressListener>,
    only: Option<&HashSet<&str>>,
    ledger: &mut Ledger,
) -> Egress<'s, 'a> {
    let everything = ["*/*".to_owned()];
    let hosts = Hosts::of(view.map_or(&everything[..], |v| &v.hosts), namespace);
    let only_port = view
        .and_then(|v| v.port.as_ref())
        .filter(|p| p.number != 0 && Protocol::parse(&p.protocol) != Protocol::HttpProxy)
        .map(|p| p.number);
    let mut taken: Vec<Imported<'s>> = Vec::new();
    // By exact hosts one service of a host name and namespace is looked up; the others are not found.
    let mut found: BTreeMap<(&str, &str), EntryId> = BTreeMap::new();
    let mut late: Vec<(EntryId, &Service)> = Vec::new();
    let wanted = |s: &Service| only.is_none_or(|names| names.contains(s.hostname.as_str()));
    let mut left: Vec<(EntryId, &Service)> = Vec::new();
    for (place, service) in in_order(store, namespace).filter(|(_, s)| wanted(s)) {
        for of in served(service) {
            let step = Step::Import {
                of,
                egress: Some(index),
            };
            let entry = ledger.open(step, None);
            let outcome = take(store, &hosts, service, only_port);
            match outcome {
                Err(Reason::NotImported) => left.push((entry, service)),
                Err(reason) => {
                    ledger.settle::<()>(entry, Err(reason));
                }
                Ok((service_known, aliases)) => {
                    if hosts.exact && !is_looked_up(store, service, of) {
                        late.push((entry, service));
                        continue;
                    }
                    found.insert((&service.hostname, &service.namespace), entry);
                    taken.push(Imported {
                        of,
                        service: service_known,
                        aliases,
                        place,
                        entry,
                    });
                }
            }
        }
    }
    for (entry, service) in late {
        let by = found.get(&(service.hostname.as_str(), service.namespace.as_str()));
        // What is looked up for this name may be hidden: then this one is not found either.
        let reason = match by {
            Some(by) => Reason::OnlyOneFound {
                by: *by,
                by_chance: by_chance(store, service),
            },
            None => Reason::NotImported,
        };
        ledger.settle::<()>(entry, Err(reason));
    }
    if hosts.exact {
        taken.sort_by_key(|t| t.place);
    }
    let services = one_namespace_a_host(taken, namespace, ledger);
    let found = egress(store, namespace, view, &hosts, services);
    not_imported(store, namespace, &found, left, ledger);
    found
}

/// Records the services that no host takes; rules may lead to them all the same.
fn not_imported(
    store: &Store<'_>,
    namespace: &str,
    egress: &Egress<'_, '_>,
    left: Vec<(EntryId, &Service)>,
    ledger: &mut Ledger,
) {
    let mut routed: HashMap<String, ObjectId> = HashMap::new();
    if !left.is_empty() {
        for vs in &egress.virtual_services {
            for host in destinations(store, vs, namespace).into_keys() {
                routed.entry(host).or_insert(vs.object.id);
            }
        }
    }
    for (entry, service) in left {
        let reason = match routed.get(&service.hostname) {
            Some(by) => Reason::RoutedOnly { by: *by },
            None => Reason::NotImported,
        };
        ledger.settle::<()>(entry, Err(reason));
    }
}

/// Every service that a namespace may see: those exported to it, then the public ones, each oldest first.
/// After `model/push_context.go:servicesExportedToNamespace`.
fn in_order<'s>(
    store: &'s Store<'_>,
    namespace: &str,
) -> impl Iterator<Item = (usize, &'s Service)> {
    let all = || store.services.iter().enumerate();
    let exported = all()
        .filter(|(_, s)| s.visibility != Visibility::Public && s.visibility.includes(namespace))
        .collect::<Vec<_>>();
    let public = all().filter(|(_, s)| s.visibility == Visibility::Public);
    exported.into_iter().chain(public)
}

/// Whether this service could be the one that a lookup finds: nothing that is known puts another one first.
fn by_chance(store: &Store<'_>, service: &Service) -> bool {
    let found = store.service_of(&service.hostname, &service.namespace);
    found.is_some_and(|found| {
        let unknown = |s: &Service| s.age.1.is_none();
        found.registry == service.registry
            && (found.object == service.object
                || found.age == service.age
                || unknown(found)
                || unknown(service))
    })
}

/// Whether a lookup by host name and namespace finds this one.
/// After `model/push_context.go:initServiceRegistry`.
fn is_looked_up(store: &Store<'_>, service: &Service, of: Served) -> bool {
    of.address == 0
        && store
            .service_of(&service.hostname, &service.namespace)
            .is_some_and(|found| found.object == service.object && found.host == service.host)
}

/// Whether an entry takes a service, and with which ports and aliases.
fn take<'s>(
    store: &'s Store<'_>,
    hosts: &Hosts<'_>,
    service: &'s Service,
    only_port: Option<u32>,
) -> Result<(Cow<'s, Service>, Vec<&'s str>), Reason> {
    let (namespace, hostname) = (service.namespace.as_str(), service.hostname.as_str());
    if let Some(host) = hosts.leaves_out(namespace, hostname) {
        return Err(Reason::ImportExcluded { host });
    }
    let aliases = hosts
        .take(namespace, hostname, store.aliases(hostname))
        .ok_or(Reason::NotImported)?;
    let known = match only_port {
        None => Cow::Borrowed(service),
        Some(port) => with_port(service, port).ok_or(Reason::EgressPortAbsent { port })?,
    };
    Ok((known, aliases))
}

/// The service with just this port.
fn with_port(service: &Service, number: u32) -> Option<Cow<'_, Service>> {
    let port = service.ports.iter().find(|p| p.number == number)?;
    if service.ports.len() == 1 {
        return Some(Cow::Borrowed(service));
    }
    Some(Cow::Owned(Service {
        ports: vec![port.clone()],
        ..service.clone()
    }))
}

/// Of services with one host name those of one namespace stay: the proxy's own, else the first of Kubernetes, else
/// the first. After `model/sidecar.go:selectServices`.
fn one_namespace_a_host<'s>(
    taken: Vec<Imported<'s>>,
    namespace: &str,
    ledger: &mut Ledger,
) -> Vec<Imported<'s>> {
    struct Chosen {
        namespace: String,
        kubernetes: bool,
        entry: EntryId,
    }
    let mut chosen: HashMap<String, Chosen> = HashMap::new();
    for one in &taken {
        let service = one.service.as_ref();
        let kubernetes = service.registry == Registry::Kubernetes;
        let better = chosen.get(&service.hostname).is_none_or(|known| {
            service.namespace == namespace
                || (!known.kubernetes && kubernetes && known.namespace != namespace)
        });
        if better {
            let same = chosen
                .get(&service.hostname)
                .filter(|known| known.namespace == service.namespace)
                .map(|known| known.entry);
            let now = Chosen {
                namespace: service.namespace.clone(),
                kubernetes,
                entry: same.unwrap_or(one.entry),
            };
            chosen.insert(service.hostname.clone(), now);
        }
    }
    taken
        .into_iter()
        .filter(|one| {
            let outcome = match chosen.get(&one.service.hostname) {
                Some(known) if known.namespace != one.service.namespace => {
                    Err(Reason::HostnameElsewhere { by: known.entry })
                }
                _ => Ok(((), Effect::Imported)),
            };
            ledger.settle(one.entry, outcome).is_some()
        })
        .collect()
}

fn egress<'s, 'a>(
    store: &'s Store<'a>,
    namespace: &str,
    view: Option<&'s EgressListener>,
    hosts: &Hosts<'_>,
    services: Vec<Imported<'s>>,
) -> Egress<'s, 'a> {
    let mut seen = BTreeSet::new();
    let virtual_services: Vec<&'s VirtualService<'a>> = store
        .in_order_asked(MESH, namespace)
        .into_iter()
        .filter(|vs| vs.unseen.is_none() && vs.visibility.includes(namespace))
        .filter(|vs| hosts.takes_part(vs.namespace(), &vs.hosts))
        .filter(|vs| seen.insert(vs.object.id))
        .collect();
    let mut by_host: HashMap<&'s str, Vec<usize>> = HashMap::new();
    let mut wildcards = Vec::new();
    for (n, vs) in virtual_services.iter().enumerate() {
        for host in &vs.hosts {
            if is_wildcard(host) {
                wildcards.push((host.as_str(), n));
            } else {
                by_host.entry(host).or_default().push(n);
            }
        }
    }
    Egress {
        view,
        services,
        virtual_services,
        by_host,
        wildcards,
    }
}

/// Every service that has clusters: those taken in, and those that rules of VirtualServices lead to.
/// After `model/sidecar.go:collectImportedServices`.
fn with_clusters<'s>(
    store: &'s Store<'_>,
    namespace: &str,
    egress: &[Egress<'s, '_>],
) -> HashMap<String, Cow<'s, Service>> {
    let mut found: HashMap<String, Cow<'s, Service>> = HashMap::new();
    let mut add = |service: Cow<'s, Service>| match found.get_mut(&service.hostname) {
        Some(known) => join(known, service),
        None => {
            found.insert(service.hostname.clone(), service);
        }
    };
    for entry in egress {
        let only_port = entry
            .port()
            .filter(|p| p.number != 0 && !entry.is_http_proxy());
        for one in &entry.services {
            add(one.service.clone());
        }
        for vs in &entry.virtual_services {
            for (host, ports) in destinations(store, vs, namespace) {
                let service = store
                    .service_of(&host, namespace)
                    .or_else(|| best_of(store, &host, namespace));
                let known = service.and_then(|s| match only_port {
                    Some(port) => with_port(s, port.number),
                    None => with_ports(s, &ports),
                });
                if let Some(service) = known {
                    add(service);
                }
            }
        }
    }
    found
}

/// The service of a host name that no service of the proxy's own namespace has: Kubernetes' own, else the oldest.
/// After `model/sidecar.go:pickBestVisibleNamespace`.
fn best_of<'s>(store: &'s Store<'_>, hostname: &str, namespace: &str) -> Option<&'s Service> {
    let namespaces: BTreeSet<&str> = store
        .services_named(hostname)
        .map(|s| s.namespace.as_str())
        .collect();
    let seen: Vec<&Service> = namespaces
        .into_iter()
        .filter_map(|ns| store.service_of(hostname, ns))
        .filter(|s| s.visibility.includes(namespace))
        .collect();
    seen.iter()
        .find(|s| s.registry == Registry::Kubernetes)
        .or_else(|| seen.iter().min_by_key(|s| s.age))
        .copied()
}

/// The service with the ports that rules name; all of them where one names none.
/// After `model/sidecar.go:serviceMatchingVirtualServicePorts`.
fn with_ports<'s>(service: &'s Service, ports: &BTreeSet<Option<u32>>) -> Option<Cow<'s, Service>> {
    let named = |number: u32| ports.contains(&None) || ports.contains(&Some(number));
    let left: Vec<_> = service
        .ports
        .iter()
        .filter(|p| named(p.number))
        .cloned()
        .collect();
    if left.len() == service.ports.len() {
        return Some(Cow::Borrowed(service));
    }
    (!left.is_empty()).then(|| {
        Cow::Owned(Service {
            ports: left,
            ..service.clone()
        })
    })
}

/// Hosts that the rules of a VirtualService lead to, with the ports they name. HTTP rules for clients of other
/// namespaces only do not count.
/// After `model/push_context.go:virtualServiceDestinationsFilteredBySourceNamespace`.
fn destinations(
    store: &Store<'_>,
    vs: &VirtualService<'_>,
    namespace: &str,
) -> BTreeMap<String, BTreeSet<Option<u32>>> {
    let mut found: BTreeMap<String, BTreeSet<Option<u32>>> = BTreeMap::new();
    let mut add = |destination: &Destination, owner: &str| {
        let host = resolve_short_name(&destination.host, owner, &store.mesh.domain);
        let port = destination.port.as_ref().map(|p| p.number);
        // A port of 0 is istiod's own word for "no port".
        let port = port.filter(|number| *number != 0);
        found.entry(host.into_owned()).or_default().insert(port);
    };
    let mut scratch = Ledger::default();
    let step = Step::Attachment {
        virtual_service: vs.object.id,
    };
    let attachment = scratch.open(step, None);
    for rule in http::rules(store, &mut scratch, vs, attachment) {
        let sources = || rule.matches.iter().map(|m| m.source_namespace.as_str());
        let named = sources().any(|s| !s.is_empty());
        if named && !sources().any(|s| s == namespace) {
            continue;
        }
        let owner = rule.vs.namespace();
        for one in &rule.view.route {
            add(&one.destination, owner);
        }
        let mirrors = rule.view.mirrors.iter().map(|m| &m.destination);
        for mirror in rule.view.mirror.iter().chain(mirrors) {
            add(mirror, owner);
        }
    }
    let tcp = vs.spec.tcp.iter().flat_map(|rule| &rule.route);
    let tls = vs.spec.tls.iter().flat_map(|rule| &rule.route);
    for one in tcp.chain(tls) {
        add(&one.destination, vs.namespace());
    }
    found
}
