//! istiod's own view of the objects: defaults filled in, short names resolved, visibility decided, sorted by age.
//!
//! After istio `pilot/pkg/model/push_context.go`, `pilot/pkg/model/sidecar.go:DefaultSidecarScopeForGateway` and
//! `pilot/pkg/serviceregistry/{kube,serviceentry}` (1.31).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::endpoints;
use super::features::{Feature, Unseen, of_other_revision, revision_of};
use super::hosts;
use super::istiod::{Istiod, Istiods};
use super::mesh::{Cap, MeshConfig};
use super::network::{Network, UNSPECIFIED};
use super::protocol::Protocol;
use super::proxy::{ProxyFacts, ProxyKind, routers, sidecars_by_istiod};
use crate::admission::{self, Violation};
use crate::snapshot::views::{
    self, AsView, Labels, LoadBalancer, OutlierDetection, Pod, ServiceEntry, TrafficPolicy,
    VirtualServiceSpec, WorkloadEntry, WorkloadEntrySpec,
};
use crate::snapshot::{Kind, Object, ObjectId, Snapshot};

/// The annotation that says who sees a Service.
pub const EXPORT_TO_ANNOTATION: &str = "networking.istio.io/exportTo";

/// Age first: without a creation time an object counts as the newest, as it would be created now; behind those come
/// the objects that a change is about to make.
pub type Age = (bool, Option<Timestamp>, bool);

/// The sort key of an object's age.
#[must_use]
pub fn age(object: &Object) -> Age {
    let created = object.meta.creation_timestamp;
    (created.is_none(), created, object.is_new())
}

/// Who sees an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Every namespace.
    Public,
    /// Nobody.
    Nobody,
    /// These namespaces; the object's own is resolved.
    Namespaces(BTreeSet<String>),
}

impl Visibility {
    fn of<'a>(export_to: impl Iterator<Item = &'a str>, namespace: &str) -> Self {
        let names: BTreeSet<&str> = export_to.map(str::trim).collect();
        if names.is_empty() || names.contains("*") {
            return Self::Public;
        }
        if names.contains("~") {
            return Self::Nobody;
        }
        let own = |name: &str| if name == "." { namespace } else { name }.to_owned();
        Self::Namespaces(names.into_iter().map(own).collect())
    }

    /// What is left of it. After `model/push_context.go:serviceExportTo`.
    fn capped(self, cap: Cap, namespace: &str) -> Self {
        match cap {
            Cap::Public => self,
            Cap::Namespace if self.includes(namespace) => {
                Self::Namespaces(BTreeSet::from([namespace.to_owned()]))
            }
            Cap::Namespace | Cap::Nobody => Self::Nobody,
        }
    }

    /// Whether a proxy of this namespace sees the object.
    #[must_use]
    pub fn includes(&self, namespace: &str) -> bool {
        match self {
            Self::Public => true,
            Self::Nobody => false,
            Self::Namespaces(names) => names.contains(namespace),
        }
    }
}

/// Where a service comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    /// A Kubernetes Service.
    Kubernetes,
    /// A host of a ServiceEntry.
    ServiceEntry,
}

/// How a service's endpoints are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// By endpoints that istiod knows.
    ClientSide,
    /// By the address the client asked for: headless Services, `resolution: NONE`.
    Passthrough,
    /// By DNS, every address.
    Dns,
    /// By DNS, one address at a time.
    DnsRoundRobin,
    /// By DNS, at the time of a request, for wildcard hosts.
    DynamicDns,
    /// An ExternalName: another name for a service.
    Alias,
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Name.
    pub name: String,
    /// Number.
    pub number: u32,
    /// Protocol for the mesh.
    pub protocol: Protocol,
    /// Port of a ServiceEntry's endpoints.
    pub target_port: u32,
}

/// A service as istiod knows it: a Kubernetes Service, or one host of a ServiceEntry.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The object.
    pub object: ObjectId,
    /// Index in the ServiceEntry's `hosts`; `None` for Kubernetes.
    pub host: Option<usize>,
    /// Host name.
    pub hostname: String,
    /// Addresses: a Service's own, or each that a ServiceEntry gives to its hosts; `0.0.0.0` where there is none.
    pub addresses: Vec<String>,
    /// Addresses that istiod gave to a host without any: for proxies that answer DNS queries.
    pub given: Vec<IpAddr>,
    /// Namespace.
    pub namespace: String,
    /// `metadata.name` for Kubernetes, the host for a ServiceEntry: breaks ties of age.
    pub sort_name: String,
    /// Age.
    pub age: Age,
    /// Where it comes from.
    pub registry: Registry,
    /// How its endpoints are found.
    pub resolution: Resolution,
    /// Ports.
    pub ports: Vec<ServicePort>,
    /// Who sees it.
    pub visibility: Visibility,
    /// Who would see it without `serviceEntryVisibility` of the mesh configuration, where that takes it from somebody.
    pub uncapped: Option<Visibility>,
    /// The same as written, without the mesh's default: services that differ here do not add their ports.
    pub export_to: BTreeSet<String>,
    /// `location: MESH_EXTERNAL`.
    pub mesh_external: bool,
    /// Target of an ExternalName.
    pub external_name: Option<String>,
    /// Labels of the object.
    pub labels: Labels,
    /// Which pods.
    pub selector: Labels,
}

impl Service {
    /// Its port, where it has just one.
    pub(super) fn only_port(&self) -> Option<u32> {
        match self.ports.as_slice() {
            [port] => Some(port.number),
            _ => None,
        }
    }
}

/// A Gateway as istiod keeps it.
#[derive(Clone, Debug)]
pub struct Gateway<'a> {
    /// The object.
    pub object: &'a Object,
    /// The spec.
    pub spec: &'a views::GatewaySpec,
    /// `namespace/name`.
    pub name: String,
    /// Why istiod does not see it, if it does not.
    pub unseen: Option<Unseen>,
}

/// A VirtualService as istiod keeps it: names resolved.
#[derive(Clone, Debug)]
pub struct VirtualService<'a> {
    /// The object.
    pub object: &'a Object,
    /// The spec as written.
    pub spec: &'a VirtualServiceSpec,
    /// Hosts, resolved.
    pub hosts: Vec<String>,
    /// Gateways, resolved; `mesh` when none is written.
    pub gateways: Vec<String>,
    /// Who sees it.
    pub visibility: Visibility,
    /// Why istiod does not see it, if it does not.
    pub unseen: Option<Unseen>,
}

impl VirtualService<'_> {
    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.object.key.namespace
    }
}

/// A DestinationRule as istiod keeps it, perhaps merged of several.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationRule {
    /// The objects, oldest first.
    pub objects: Vec<ObjectId>,
    /// Namespace.
    pub namespace: String,
    /// Host, resolved.
    pub host: String,
    /// `exportTo` as written, `.` kept.
    pub export_to: BTreeSet<String>,
    /// Labels of the client workloads it is for.
    pub workload_selector: Option<Labels>,
    /// Subsets: name, labels, the object, the index in its list.
    pub subsets: Vec<Subset>,
    /// The first one written.
    pub traffic_policy: Option<TrafficPolicy>,
    /// The DestinationRule that has it.
    pub traffic_policy_of: ObjectId,
}

impl DestinationRule {
    /// The TLS mode that is written for a port: the subset's own comes first.
    /// After `pilot/pkg/xds/endpoints/mtls_checker.go:tlsModeForDestinationRule`.
    pub(crate) fn tls_mode<'s>(&'s self, subset: Option<&'s Subset>, port: u32) -> Option<&'s str> {
        subset
            .and_then(|s| tls_of_port(s.traffic_policy.as_ref(), port))
            .or_else(|| tls_of_port(self.traffic_policy.as_ref(), port))
    }

    /// The ejection of endpoints that is written for a port. After `networking/util:GetPortLevelTrafficPolicy`.
    pub(super) fn outlier_detection(&self, port: u32) -> Option<&OutlierDetection> {
        let policy = self.traffic_policy.as_ref()?;
        match policy.of_port(port) {
            Some((_, own)) => own.outlier_detection.as_ref(),
            None => policy.outlier_detection.as_ref(),
        }
    }

    /// Whether connections go to the address that the client asked for.
    /// After `core/cluster_builder.go:buildSubsetCluster` and `networking/util:MergeSubsetTrafficPolicy`.
    pub(super) fn passes_through(&self, subset: Option<&Subset>, port: u32) -> bool {
        let own = subset.and_then(|s| s.traffic_policy.as_ref());
        let on_port = own.is_some_and(|p| is_passthrough(of_port(p, port).0));
        on_port || self.all_pass(port) || subset.is_some_and(says_passthrough)
    }

    /// Whether a subset's connections are passed on before anybody asks for its endpoints: `portLevelSettings` of the
    /// subset are read later. After `core/cluster_builder.go:buildSubsetCluster`.
    pub(super) fn subset_needs_none(&self, subset: &Subset, port: u32) -> bool {
        self.all_pass(port) || says_passthrough(subset)
    }

    fn all_pass(&self, port: u32) -> bool {
        let general = self.traffic_policy.as_ref();
        general.is_some_and(|p| is_passthrough(of_port(p, port).0))
    }
}

fn says_passthrough(subset: &Subset) -> bool {
    let own = subset.traffic_policy.as_ref();
    own.is_some_and(|p| is_passthrough(p.load_balancer.as_ref()))
}

fn tls_of_port(policy: Option<&TrafficPolicy>, port: u32) -> Option<&str> {
    let policy = policy?;
    let own = policy
        .port_level_settings
        .iter()
        .find(|p| p.tls.is_some() && p.port.as_ref().is_some_and(|n| n.number == port))
        .and_then(|p| p.tls.as_ref());
    own.or(policy.tls.as_ref()).map(|tls| tls.mode.as_str())
}

/// The load balancer of a port, and whether it is the port's own: then what is said for all ports does not count.
fn of_port(policy: &TrafficPolicy, port: u32) -> (Option<&LoadBalancer>, bool) {
    policy
        .of_port(port)
        .map_or((policy.load_balancer.as_ref(), false), |(_, own)| {
            (own.load_balancer.as_ref(), true)
        })
}

fn is_passthrough(balancer: Option<&LoadBalancer>) -> bool {
    balancer.is_some_and(|b| b.simple == "PASSTHROUGH")
}

/// A subset of a DestinationRule.
#[derive(Clone, Debug, PartialEq)]
pub struct Subset {
    /// Name.
    pub name: String,
    /// Labels of its endpoints.
    pub labels: Labels,
    /// The DestinationRule that has it.
    pub object: ObjectId,
    /// Index in its `subsets`.
    pub index: usize,
    /// How connections are made.
    pub traffic_policy: Option<TrafficPolicy>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct RulesOfNamespace {
    /// By host; rules of one host in order of age. `*` sorts before every letter: wildcards come first.
    by_host: BTreeMap<String, Vec<DestinationRule>>,
}

impl RulesOfNamespace {
    fn find(&self, hostname: &str) -> Option<&[DestinationRule]> {
        let wildcards = || {
            let hosts: Vec<(&str, &Vec<DestinationRule>)> = self
                .by_host
                .range("*".to_owned()..)
                .take_while(|(host, _)| hosts::is_wildcard(host))
                .map(|(host, rules)| (host.as_str(), rules))
                .collect();
            let n = hosts::most_specific(hostname, &hosts)?;
            hosts.get(n).map(|(_, rules)| *rules)
        };
        let rules = self.by_host.get(hostname).or_else(wildcards);
        rules.map(Vec::as_slice)
    }

    /// Adds a rule, merging its subsets into the rules of the same host that it may merge with.
    /// After `pilot/pkg/model/destination_rule.go:mergeDestinationRule`.
    /// `by_export`: only where the `exportTo` of both allows it.
    fn merge(&mut self, rule: &DestinationRule, by_export: bool) {
        let Some(rules) = self.by_host.get_mut(&rule.host) else {
            self.by_host.insert(rule.host.clone(), vec![rule.clone()]);
            return;
        };
        let mut append = true;
        for existing in rules.iter_mut() {
            if !by_export {
            } else if rule.export_to == existing.export_to {
                append = false;
            } else if !existing.export_to.is_empty()
                && rule.export_to.is_superset(&existing.export_to)
            {
                append = true;
            } else {
                append = true;
                continue;
            }
            match (&existing.workload_selector, &rule.workload_selector) {
                (Some(a), Some(b)) if a != b => {
                    append = true;
                    continue;
                }
                (Some(_), Some(_)) | (None, None) => append = false,
                _ => {}
            }
            existing.objects.extend(&rule.objects);
            for subset in &rule.subsets {
                if !existing.subsets.iter().any(|s| s.name == subset.name) {
                    existing.subsets.push(subset.clone());
                }
            }
            if existing.traffic_policy.is_none() {
                existing.traffic_policy.clone_from(&rule.traffic_policy);
                existing.traffic_policy_of = rule.traffic_policy_of;
            }
        }
        if append {
            rules.push(rule.clone());
        }
    }
}

/// Manifests that the API server or Istio's webhook refuses: istiod never sees them.
#[derive(Debug, Default)]
pub struct Refused<'a> {
    /// Which rules each object breaks.
    pub objects: BTreeMap<ObjectId, Vec<Violation>>,
    /// The Gateways among them.
    pub gateways: Vec<Gateway<'a>>,
    /// The VirtualServices among them.
    pub virtual_services: Vec<VirtualService<'a>>,
}

impl<'a> Refused<'a> {
    fn of(snapshot: &Snapshot) -> Self {
        let judged = [
            Kind::Gateway,
            Kind::VirtualService,
            Kind::DestinationRule,
            Kind::ServiceEntry,
        ];
        let objects = judged
            .into_iter()
            .flat_map(|kind| snapshot.of_kind(kind))
            .map(|object| (object.id, admission::violations(object)))
            .filter(|(_, broken)| !broken.is_empty())
            .collect();
        Self {
            objects,
            ..Self::default()
        }
    }

    /// Whether the object is one of them.
    #[must_use]
    pub fn contains(&self, object: ObjectId) -> bool {
        self.objects.contains_key(&object)
    }

    fn split<T>(&self, all: Vec<T>, id: impl Fn(&T) -> ObjectId) -> (Vec<T>, Vec<T>) {
        all.into_iter().partition(|one| self.contains(id(one)))
    }
}

/// istiod's view of one snapshot.
#[derive(Debug)]
pub struct Store<'a> {
    /// The objects.
    pub snapshot: &'a Snapshot,
    /// The istiod whose view it is.
    pub istiod: Istiod,
    /// Mesh configuration.
    pub mesh: MeshConfig,
    /// Gateways, oldest first.
    pub gateways: Vec<Gateway<'a>>,
    /// VirtualServices, oldest first.
    pub virtual_services: Vec<VirtualService<'a>>,
    /// Services, oldest first.
    pub services: Vec<Service>,
    /// Sidecars by namespace: those with a selector first, oldest first.
    sidecars: BTreeMap<&'a str, Vec<&'a Object>>,
    /// PeerAuthentications by namespace, oldest first.
    peer_authentications: BTreeMap<&'a str, Vec<&'a Object>>,
    /// Names of ExternalNames by the host name that they end at, each with its namespace.
    aliases: HashMap<String, Vec<String>>,
    /// Manifests that would not be stored: they are nowhere else in this view.
    pub refused: Refused<'a>,
    // Only looked up, never walked through: their order decides nothing.
    by_hostname: HashMap<String, Vec<usize>>,
    gateways_by_name: HashMap<String, usize>,
    virtual_services_by_object: HashMap<ObjectId, usize>,
    /// VirtualServices by the `namespace/name` of a Gateway they name.
    by_gateway: HashMap<String, Vec<(usize, usize)>>,
    local_rules: BTreeMap<String, RulesOfNamespace>,
    exported_rules: BTreeMap<String, RulesOfNamespace>,
    root_local_rules: RulesOfNamespace,
    slices: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Object>>>,
    pods_by_ip: HashMap<&'a str, &'a Object>,
    pods_by_namespace: BTreeMap<&'a str, Vec<&'a Object>>,
    services_by_namespace: BTreeMap<&'a str, Vec<&'a Object>>,
    /// Services that istiod does not see, by host name.
    unseen_services: BTreeMap<String, (Service, Unseen)>,
    /// Sidecars that istiod does not see.
    unseen_sidecars: Vec<(&'a Object, Unseen)>,
    /// ServiceEntries whose addresses cannot be read, so that they are no service, by host name.
    unaddressed: BTreeMap<String, ObjectId>,
    /// Namespaces of objects that were taken for watched, though their labels, which decide, were not read.
    undecided_namespaces: BTreeSet<&'a str>,
    /// Endpoints that were asked for.
    pub(super) endpoints: endpoints::Known,
    istiods: Arc<Istiods>,
    /// The views of the other istiods that serve gateways or sidecars of the snapshot.
    others: Vec<Store<'a>>,
}

impl<'a> Store<'a> {
    /// The view of a snapshot: that of the istiod which serves its first gateway, and beside it those of the others
    /// that serve gateways or sidecars.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let istiods = Istiods::of(snapshot);
        let mut serving: Vec<Istiod> = Vec::new();
        let mut serve = |proxy: &ProxyFacts| {
            let istiod = istiods.serving(snapshot, proxy);
            if !serving.iter().any(|known| known.sees_as(&istiod)) {
                serving.push(istiod);
            }
        };
        let proxies = routers(snapshot);
        proxies.iter().for_each(&mut serve);
        if proxies.is_empty() {
            for object in snapshot.of_kind(Kind::Gateway) {
                if let Some(gateway) = views::Gateway::of(&object.view) {
                    let selector = &gateway.spec.selector;
                    serve(&ProxyFacts::assumed(&object.key.namespace, selector));
                }
            }
        }
        sidecars_by_istiod(snapshot).iter().for_each(&mut serve);
        if serving.is_empty() {
            serving.push(istiods.any(snapshot));
        }
        let istiods = Arc::new(istiods);
        let mut views = serving.into_iter().map(|istiod| Self {
            istiods: Arc::clone(&istiods),
            ..Self::of_istiod(snapshot, istiod)
        });
        let first = views.next();
        let others = views.collect();
        let own = first.unwrap_or_else(|| Self::of_istiod(snapshot, istiods.any(snapshot)));
        Self { others, ..own }
    }

    /// The view of the istiod that serves a proxy.
    #[must_use]
    pub fn serving(&self, proxy: &ProxyFacts) -> &Self {
        self.views().nth(self.view_of(proxy)).unwrap_or(self)
    }

    /// This view, then those of the other istiods.
    pub(crate) fn views(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.others)
    }

    /// The place of the view that serves a proxy among all: proxies of different ones are not alike.
    pub(crate) fn view_of(&self, proxy: &ProxyFacts) -> usize {
        if self.others.is_empty() {
            return 0;
        }
        let istiod = self.istiods.serving(self.snapshot, proxy);
        let mut views = self.views();
        let own = views.position(|store| store.istiod.sees_as(&istiod));
        own.unwrap_or(0)
    }

    /// Whether this istiod watches an object. Where that hangs on a Namespace that was not read, it does.
    #[must_use]
    pub fn sees(&self, object: &Object) -> bool {
        let discovered = self.mesh.discovers(self.snapshot, &object.key.namespace);
        let revision = self.istiod.revision.as_deref();
        !self.istiod.features.ignores(object.key.kind)
            && discovered != Some(false)
            && !revision.is_some_and(|revision| of_other_revision(object, revision))
    }

    /// The istiod that serves a proxy, with what is known about it for this proxy.
    #[must_use]
    pub fn istiod_of(&self, proxy: &ProxyFacts) -> Istiod {
        self.istiods.serving(self.snapshot, proxy)
    }

    /// The view of one istiod alone, whoever it serves.
    #[must_use]
    pub fn of_istiod(snapshot: &'a Snapshot, istiod: Istiod) -> Self {
        let mesh = MeshConfig::of(snapshot, &istiod);
        let mut undecided_namespaces = BTreeSet::new();
        let mut watched: BTreeMap<&str, bool> = BTreeMap::new();
        let mut unseen = |object: &'a Object| {
            if istiod.features.ignores(object.key.kind) {
                return Some(Unseen::Kind);
            }
            let namespace = object.key.namespace.as_str();
            let watched = *watched.entry(namespace).or_insert_with(|| {
                mesh.discovers(snapshot, namespace).unwrap_or_else(|| {
                    undecided_namespaces.insert(namespace);
                    true
                })
            });
            if !watched {
                return Some(Unseen::Namespace);
            }
            let revision = istiod.revision.as_deref()?;
            of_other_revision(object, revision).then(|| Unseen::Revision {
                istiod: revision.to_owned(),
            })
        };
        let mut refused = Refused::of(snapshot);
        let gateways = gateways(snapshot, &mut unseen);
        let (not_stored, gateways) = refused.split(gateways, |g| g.object.id);
        refused.gateways = not_stored;
        let virtual_services = virtual_services(snapshot, &mesh, &mut unseen);
        let (not_stored, virtual_services) = refused.split(virtual_services, |v| v.object.id);
        refused.virtual_services = not_stored;
        let alias = istiod.features.has(Feature::ExternalNameAlias);
        let (mut services, unseen_services) = services(snapshot, &mesh, alias, &mut unseen);
        services.retain(|s| !refused.contains(s.object));
        let unaddressed = snapshot
            .of_kind(Kind::ServiceEntry)
            .filter(|o| unseen(o).is_none() && !refused.contains(o.id))
            .flat_map(unaddressed)
            .collect();
        let rules: Vec<&Object> = snapshot
            .of_kind(Kind::DestinationRule)
            .filter(|o| unseen(o).is_none() && !refused.contains(o.id))
            .collect();
        let unseen_sidecars = snapshot.of_kind(Kind::Sidecar);
        let unseen_sidecars = unseen_sidecars.filter_map(|o| Some((o, unseen(o)?)));
        let unseen_sidecars = unseen_sidecars.collect();
        let mut seen = |kind| -> Vec<&Object> {
            let all = snapshot.of_kind(kind);
            all.filter(|o| unseen(o).is_none()).collect()
        };
        let (sidecars, policies) = (seen(Kind::Sidecar), seen(Kind::PeerAuthentication));
        let mut store = Self {
            gateways,
            virtual_services,
            services,
            refused,
            sidecars: BTreeMap::new(),
            peer_authentications: BTreeMap::new(),
            aliases: HashMap::new(),
            snapshot,
            mesh,
            istiod,
            unseen_services,
            unseen_sidecars,
            unaddressed,
            undecided_namespaces,
            endpoints: endpoints::Known::default(),
            istiods: Arc::default(),
            others: Vec::new(),
            // Only looked up, never walked through: their order decides nothing.
            by_hostname: HashMap::new(),
            gateways_by_name: HashMap::new(),
            virtual_services_by_object: HashMap::new(),
            by_gateway: HashMap::new(),
            local_rules: BTreeMap::new(),
            exported_rules: BTreeMap::new(),
            root_local_rules: RulesOfNamespace::default(),
            slices: BTreeMap::new(),
            pods_by_ip: HashMap::new(),
            pods_by_namespace: BTreeMap::new(),
            services_by_namespace: BTreeMap::new(),
        };
        store.index_services();
        store.index_virtual_services();
        store.index_destination_rules(rules);
        store.index_endpoints();
        store.index_sidecars(sidecars, policies);
        store.aliases = aliases(&store.services);
        store
    }

    fn index_services(&mut self) {
        for (n, service) in self.services.iter().enumerate() {
            self.by_hostname
                .entry(service.hostname.clone())
                .or_default()
                .push(n);
        }
        let unseen = self.unseen_services.values().map(|(s, _)| s.object);
        let unseen: BTreeSet<ObjectId> = unseen.collect();
        let seen = |o: &&Object| !unseen.contains(&o.id);
        for object in self.snapshot.of_kind(Kind::Service).filter(seen) {
            self.services_by_namespace
                .entry(&object.key.namespace)
                .or_default()
                .push(object);
        }
    }

    fn index_virtual_services(&mut self) {
        for (n, gateway) in self.gateways.iter().enumerate() {
            self.gateways_by_name.insert(gateway.name.clone(), n);
        }
        for (n, vs) in self.virtual_services.iter().enumerate() {
            self.virtual_services_by_object.insert(vs.object.id, n);
            for (index, name) in vs.gateways.iter().enumerate() {
                self.by_gateway
                    .entry(name.clone())
                    .or_default()
                    .push((n, index));
            }
        }
    }

    fn index_destination_rules(&mut self, mut objects: Vec<&Object>) {
        let by_export = self
            .istiod
            .features
            .has(Feature::EnhancedDestinationRuleMerge);
        objects.sort_by(|a, b| {
            let selector = |o: &Object| {
                views::DestinationRule::of(&o.view)
                    .is_none_or(|r| r.spec.workload_selector.is_none())
            };
            (selector(a), age(a), &a.key.name, &a.key.namespace).cmp(&(
                selector(b),
                age(b),
                &b.key.name,
                &b.key.namespace,
            ))
        });
        for object in objects {
            let Some(view) = views::DestinationRule::of(&object.view) else {
                continue;
            };
            let namespace = object.key.namespace.as_str();
            let export_to: BTreeSet<String> = if view.spec.workload_selector.is_some() {
                BTreeSet::from([".".to_owned()])
            } else {
                view.spec.export_to.iter().cloned().collect()
            };
            let rule = DestinationRule {
                objects: vec![object.id],
                namespace: namespace.to_owned(),
                host: hosts::resolve_short_name(&view.spec.host, namespace, &self.mesh.domain)
                    .into_owned(),
                workload_selector: view
                    .spec
                    .workload_selector
                    .as_ref()
                    .map(|s| s.match_labels.clone()),
                subsets: view
                    .spec
                    .subsets
                    .iter()
                    .enumerate()
                    .map(|(index, s)| Subset {
                        name: s.name.clone(),
                        labels: s.labels.clone(),
                        object: object.id,
                        index,
                        traffic_policy: s.traffic_policy.clone(),
                    })
                    .collect(),
                traffic_policy: view.spec.traffic_policy.clone(),
                traffic_policy_of: object.id,
                export_to,
            };
            let has = |name: &str| rule.export_to.contains(name);
            if rule.export_to.is_empty() || has("*") || has(".") || has(namespace) {
                self.local_rules
                    .entry(namespace.to_owned())
                    .or_default()
                    .merge(&rule, by_export);
            }
            let private_by_default = rule.export_to.is_empty()
                && self
                    .mesh
                    .default_destination_rule_export_to
                    .iter()
                    .any(|e| e == ".");
            let private =
                private_by_default || (rule.export_to.len() == 1 && (has(".") || has(namespace)));
            if !private {
                self.exported_rules
                    .entry(namespace.to_owned())
                    .or_default()
                    .merge(&rule, by_export);
            } else if namespace == self.mesh.root_namespace {
                self.root_local_rules.merge(&rule, by_export);
            }
        }
    }

    fn index_sidecars(&mut self, mut sidecars: Vec<&'a Object>, mut policies: Vec<&'a Object>) {
        let open = |o: &Object| {
            views::Sidecar::of(&o.view).is_none_or(|s| s.spec.workload_selector.is_none())
        };
        sidecars.sort_by(|a, b| open(a).cmp(&open(b)).then_with(|| by_age(a, b)));
        for object in sidecars {
            let namespace = object.key.namespace.as_str();
            self.sidecars.entry(namespace).or_default().push(object);
        }
        policies.sort_by(|a, b| by_age(a, b));
        for object in policies {
            let namespace = object.key.namespace.as_str();
            let of_namespace = self.peer_authentications.entry(namespace).or_default();
            of_namespace.push(object);
        }
    }

    fn index_endpoints(&mut self) {
        for object in self.snapshot.of_kind(Kind::EndpointSlice) {
            if let Some(service) = object.meta.labels.get("kubernetes.io/service-name") {
                self.slices
                    .entry(&object.key.namespace)
                    .or_default()
                    .entry(service)
                    .or_default()
                    .push(object);
            }
        }
        for object in self.snapshot.of_kind(Kind::Pod) {
            self.pods_by_namespace
                .entry(&object.key.namespace)
                .or_default()
                .push(object);
            let Some(pod) = Pod::of(&object.view) else {
                continue;
            };
            for ip in
                std::iter::once(&pod.status.pod_ip).chain(pod.status.pod_ips.iter().map(|p| &p.ip))
            {
                if !ip.is_empty() {
                    self.pods_by_ip.insert(ip, object);
                }
            }
        }
    }

    /// What must hold for an answer about a proxy, as not everything about its istiod is known or predicted.
    #[must_use]
    pub fn conditions(&self, proxy: &ProxyFacts) -> Vec<String> {
        let istiod = self.istiod_of(proxy);
        let store = self.serving(proxy);
        let told = store.istiod.features.conditions(self.snapshot);
        let mut found = istiod.conditions;
        found.extend(told.map(str::to_owned));
        let namespaces = store.undecided_namespaces.iter();
        found.extend(
            namespaces.map(|n| format!("discoverySelectors fit the labels of namespace {n}")),
        );
        let mut entries = self.snapshot.of_kind(Kind::ServiceEntry);
        let undecided = |o: &Object| store.mesh.cap(self.snapshot, &o.key.namespace).is_none();
        if let Some(object) = entries.find(|o| undecided(o)) {
            let namespace = &object.key.namespace;
            found.push(format!(
                "serviceEntryVisibility hides no ServiceEntry of namespace {namespace}"
            ));
        }
        if store.istiod.revision.is_none() {
            let whose = match proxy.kind {
                ProxyKind::Router => "gateway",
                ProxyKind::Sidecar => "pod",
            };
            let mut labelled = self.snapshot.objects().filter(|o| revision_of(o).is_some());
            if let Some(object) = labelled.next() {
                found.push(format!(
                    "the {whose}'s istiod has the revision of {} {}",
                    object.key.kind.name(),
                    object.qualified()
                ));
            }
        }
        found
    }

    /// The Service or ServiceEntry of a host that exists, but not for istiod.
    #[must_use]
    pub fn unseen_service(&self, hostname: &str) -> Option<&(Service, Unseen)> {
        self.unseen_services.get(hostname)
    }

    /// The services that exist, but not for istiod, by host name.
    pub fn unseen_services(&self) -> impl Iterator<Item = &(Service, Unseen)> {
        self.unseen_services.values()
    }

    /// The Sidecars of a namespace that exist, but not for istiod.
    pub fn unseen_sidecars(&self, namespace: &str) -> impl Iterator<Item = &(&'a Object, Unseen)> {
        let all = self.unseen_sidecars.iter();
        all.filter(move |(o, _)| o.key.namespace == namespace)
    }

    /// The ServiceEntry that has a host and no address that can be read, so that istiod knows no such service.
    #[must_use]
    pub fn unaddressed(&self, hostname: &str) -> Option<ObjectId> {
        self.unaddressed.get(hostname).copied()
    }

    /// The Kubernetes Services of a namespace, with their views.
    pub fn kubernetes_services(
        &self,
        namespace: &str,
    ) -> impl Iterator<Item = (&'a Object, &'a views::Service)> {
        self.services_by_namespace
            .get(namespace)
            .into_iter()
            .flatten()
            .filter_map(|o| views::Service::of(&o.view).map(|v| (*o, v)))
    }

    /// The Gateway with this `namespace/name`.
    #[must_use]
    pub fn gateway(&self, name: &str) -> Option<&Gateway<'a>> {
        self.gateways_by_name
            .get(name)
            .and_then(|n| self.gateways.get(*n))
    }

    /// A VirtualService by its object.
    #[must_use]
    pub fn virtual_service(&self, object: ObjectId) -> Option<&VirtualService<'a>> {
        self.virtual_services_by_object
            .get(&object)
            .and_then(|n| self.virtual_services.get(*n))
    }

    /// A name in `VirtualService.spec.gateways` as resolved.
    #[must_use]
    pub fn resolved_gateway(&self, virtual_service: ObjectId, index: usize) -> Option<&str> {
        self.virtual_service(virtual_service)?
            .gateways
            .get(index)
            .map(String::as_str)
    }

    /// The VirtualServices that name a Gateway, each with the index of the name, oldest first.
    pub fn naming(&self, gateway: &str) -> impl Iterator<Item = (&VirtualService<'a>, usize)> {
        self.by_gateway
            .get(gateway)
            .into_iter()
            .flatten()
            .filter_map(|(n, index)| self.virtual_services.get(*n).map(|vs| (vs, *index)))
    }

    /// The VirtualServices that name a Gateway, or `mesh`, in the order istiod asks them: private to the proxy's
    /// namespace, exported to it by name, public. Those that its proxies do not see come last.
    /// After `model/push_context.go:VirtualServicesForGateway` and `model/virtualservice.go:SelectVirtualServices`.
    #[must_use]
    pub fn in_order_asked(&self, gateway: &str, namespace: &str) -> Vec<&VirtualService<'a>> {
        let rank = |vs: &VirtualService<'_>| match &vs.visibility {
            _ if vs.unseen.is_some() => 3,
            Visibility::Public => 2,
            visibility if !visibility.includes(namespace) => 3,
            _ if vs.namespace() == namespace => 0,
            _ => 1,
        };
        let mut found: Vec<&VirtualService<'a>> = self.naming(gateway).map(|(vs, _)| vs).collect();
        found.sort_by_key(|vs| rank(vs));
        found
    }

    /// Every Gateway, also those that would not be stored: what the objects declare.
    pub fn declared_gateways(&self) -> impl Iterator<Item = &Gateway<'a>> {
        self.gateways.iter().chain(&self.refused.gateways)
    }

    /// Every VirtualService, also those that would not be stored: what the objects declare.
    pub fn declared_virtual_services(&self) -> impl Iterator<Item = &VirtualService<'a>> {
        self.virtual_services
            .iter()
            .chain(&self.refused.virtual_services)
    }

    /// A VirtualService by its object, also one that would not be stored.
    #[must_use]
    pub fn declared_virtual_service(&self, object: ObjectId) -> Option<&VirtualService<'a>> {
        let mut refused = self.refused.virtual_services.iter();
        self.virtual_service(object)
            .or_else(|| refused.find(|vs| vs.object.id == object))
    }

    /// The service that a proxy of this namespace knows under a host name.
    ///
    /// Services exported to the namespace come before public ones; Kubernetes beats a ServiceEntry; services of one
    /// namespace and registry add their ports. After `pilot/pkg/model/sidecar.go:appendSidecarServices`.
    #[must_use]
    pub fn service(&self, hostname: &str, namespace: &str) -> Option<Cow<'_, Service>> {
        let candidates = || {
            self.by_hostname
                .get(hostname)
                .into_iter()
                .flatten()
                .filter_map(|n| self.services.get(*n))
        };
        let exported = candidates()
            .filter(|s| s.visibility != Visibility::Public && s.visibility.includes(namespace));
        let public = candidates().filter(|s| s.visibility == Visibility::Public);
        let mut chosen: Option<Cow<'_, Service>> = None;
        for service in exported.chain(public) {
            match &mut chosen {
                None => chosen = Some(Cow::Borrowed(service)),
                Some(existing) => join(existing, Cow::Borrowed(service)),
            }
        }
        chosen
    }

    /// The service of a host in one namespace: a Kubernetes Service, else the oldest ServiceEntry's, ports not joined.
    /// After `pilot/pkg/model/push_context.go:initServiceRegistry`.
    #[must_use]
    pub fn service_of(&self, hostname: &str, namespace: &str) -> Option<&Service> {
        let here = || {
            self.services_named(hostname)
                .filter(|s| s.namespace == namespace)
        };
        here()
            .find(|s| s.registry == Registry::Kubernetes)
            .or_else(|| here().next())
    }

    /// Whether any service has this host name, whoever sees it.
    pub fn services_named(&self, hostname: &str) -> impl Iterator<Item = &Service> {
        self.by_hostname
            .get(hostname)
            .into_iter()
            .flatten()
            .filter_map(|n| self.services.get(*n))
    }

    /// The host names that a proxy of this namespace knows, in istiod's order.
    #[must_use]
    pub fn visible_hostnames(&self, namespace: &str) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let exported = self
            .services
            .iter()
            .filter(|s| s.visibility != Visibility::Public && s.visibility.includes(namespace));
        let public = self
            .services
            .iter()
            .filter(|s| s.visibility == Visibility::Public);
        exported
            .chain(public)
            .map(|s| s.hostname.as_str())
            .filter(|h| seen.insert(*h))
            .collect()
    }

    /// The DestinationRule in force for a service and a proxy.
    /// After `pilot/pkg/model/push_context.go:destinationRule` and `sidecar.go:DestinationRule`.
    #[must_use]
    pub fn destination_rule(
        &self,
        service: &Service,
        proxy_namespace: &str,
        proxy_labels: &Labels,
    ) -> Option<&DestinationRule> {
        let local = if proxy_namespace == self.mesh.root_namespace {
            self.root_local_rules.find(&service.hostname)
        } else {
            self.local_rules
                .get(proxy_namespace)
                .and_then(|r| r.find(&service.hostname))
        };
        let exported = |owner: &str| {
            let rules = self.exported_rules.get(owner)?.find(&service.hostname)?;
            let seen: Vec<&DestinationRule> = rules
                .iter()
                .filter(|r| {
                    r.export_to.is_empty()
                        || r.export_to.contains("*")
                        || r.export_to.contains(proxy_namespace)
                })
                .collect();
            (!seen.is_empty()).then_some(seen)
        };
        let rules: Vec<&DestinationRule> = local
            .map(|rules| rules.iter().collect())
            .or_else(|| exported(&service.namespace))
            .or_else(|| exported(&self.mesh.root_namespace))?;
        let by_selector = rules.iter().find(|r| {
            r.namespace == proxy_namespace
                && r.workload_selector
                    .as_ref()
                    .is_some_and(|s| s.iter().all(|(k, v)| proxy_labels.get(k) == Some(v)))
        });
        by_selector
            .or_else(|| rules.iter().rfind(|r| r.workload_selector.is_none()))
            .copied()
    }

    /// The namespaces whose proxies may follow other DestinationRules than those of any other namespace: rules that
    /// only they see, or that are about services elsewhere.
    pub(super) fn namespaces_with_rules_of_their_own(&self) -> impl Iterator<Item = &str> {
        let elsewhere = |host: &str, namespace: &str| {
            if hosts::is_wildcard(host) {
                let mut all = self.services.iter();
                all.any(|s| s.namespace != namespace && hosts::overlap(&s.hostname, host))
            } else {
                self.services_named(host).any(|s| s.namespace != namespace)
            }
        };
        let own = self.local_rules.iter().filter(move |(namespace, rules)| {
            self.exported_rules.get(*namespace) != Some(rules)
                || rules.by_host.keys().any(|host| elsewhere(host, namespace))
        });
        own.map(|(namespace, _)| namespace.as_str())
    }

    /// The Sidecars of a namespace in the order istiod asks them: those with a selector first, oldest first.
    /// After `model/push_context.go:initSidecarScopes`.
    #[must_use]
    pub fn sidecars(&self, namespace: &str) -> &[&'a Object] {
        self.sidecars.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// The PeerAuthentications of a namespace, oldest first.
    #[must_use]
    pub fn peer_authentications(&self, namespace: &str) -> &[&'a Object] {
        self.peer_authentications
            .get(namespace)
            .map_or(&[], Vec::as_slice)
    }

    /// Names of the ExternalNames that end at a host name.
    #[must_use]
    pub fn aliases(&self, hostname: &str) -> &[String] {
        self.aliases.get(hostname).map_or(&[], Vec::as_slice)
    }

    /// The EndpointSlices of a Kubernetes Service.
    #[must_use]
    pub fn slices(&self, namespace: &str, service: &str) -> &[&'a Object] {
        self.slices
            .get(namespace)
            .and_then(|s| s.get(service))
            .map_or(&[], Vec::as_slice)
    }

    /// The pod with an address.
    #[must_use]
    pub fn pod_by_ip(&self, ip: &str) -> Option<&'a Object> {
        self.pods_by_ip.get(ip).copied()
    }

    /// The pods of a namespace.
    #[must_use]
    pub fn pods(&self, namespace: &str) -> &[&'a Object] {
        self.pods_by_namespace
            .get(namespace)
            .map_or(&[], Vec::as_slice)
    }

    /// The workload entries of a namespace: WorkloadEntry objects.
    pub fn workload_entries(
        &self,
        namespace: &str,
    ) -> impl Iterator<Item = (&'a Object, &'a WorkloadEntrySpec)> {
        let all = self.every_workload_entry();
        all.filter(move |(o, _)| o.key.namespace == namespace)
    }

    fn every_workload_entry(&self) -> impl Iterator<Item = (&'a Object, &'a WorkloadEntrySpec)> {
        let ignored = self.istiod.features.ignores(Kind::WorkloadEntry);
        let revision = self.istiod.revision.as_deref().unwrap_or_default();
        self.snapshot
            .of_kind(Kind::WorkloadEntry)
            .filter(move |o| !ignored && !of_other_revision(o, revision))
            .filter_map(|o| WorkloadEntry::of(&o.view).map(|w| (o, &w.spec)))
    }

    /// The WorkloadEntry that stands for a proxy as it has its address: of several the one with its name, else one of
    /// its namespace, else the first. One without labels stands for nobody.
    /// After `serviceregistry/util/workloadinstances/util.go:GetInstanceForProxy`.
    #[must_use]
    pub fn workload_entry_of(
        &self,
        proxy: &ProxyFacts,
    ) -> Option<(&'a Object, &'a WorkloadEntrySpec)> {
        let features = &self.istiod.features;
        let ip = proxy.ips.first()?;
        let has = |(_, e): &(&Object, &WorkloadEntrySpec)| e.address == *ip && !e.labels.is_empty();
        let mut all: Vec<_> = self.every_workload_entry().filter(has).collect();
        all.retain(|_| features.has(Feature::ServiceSelectsWorkloadEntries));
        let key = |o: &Object| (o.key.namespace.clone(), o.key.name.clone());
        all.sort_by_key(|(o, _)| key(o));
        let here = |o: &Object| o.key.namespace == proxy.namespace;
        let named = all
            .iter()
            .find(|(o, _)| here(o) && o.key.name == proxy.name);
        let found = named.or_else(|| all.iter().find(|(o, _)| here(o)));
        found.or(all.first()).copied()
    }
}

/// One more service with a host name that is known already: Kubernetes beats a ServiceEntry, like services add
/// their ports. After `pilot/pkg/model/sidecar.go:appendSidecarServices`.
pub(super) fn join<'s>(existing: &mut Cow<'s, Service>, service: Cow<'s, Service>) {
    match (existing.registry, service.registry) {
        (Registry::Kubernetes, Registry::ServiceEntry) => {}
        (Registry::ServiceEntry, Registry::Kubernetes) => *existing = service,
        _ if mergeable(existing, &service) => {
            let known = |number| existing.ports.iter().any(|p| p.number == number);
            let new: Vec<ServicePort> = service
                .ports
                .iter()
                .filter(|p| !known(p.number))
                .cloned()
                .collect();
            if !new.is_empty() {
                existing.to_mut().ports.extend(new);
            }
        }
        _ => {}
    }
}

/// After `pilot/pkg/model/sidecar.go:canMergeServices`.
fn mergeable(a: &Service, b: &Service) -> bool {
    a.namespace == b.namespace
        && a.registry == b.registry
        && a.resolution == b.resolution
        && a.labels == b.labels
        && a.selector == b.selector
        && a.export_to == b.export_to
}

/// Which ExternalNames end at a host name; a ring of them ends nowhere.
/// After `model/push_context.go:resolveServiceAliases`.
fn aliases(services: &[Service]) -> HashMap<String, Vec<String>> {
    let targets: HashMap<&str, &str> = services
        .iter()
        .filter(|s| s.resolution == Resolution::Alias)
        .filter_map(|s| Some((s.hostname.as_str(), s.external_name.as_deref()?)))
        .collect();
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    let mut sorted: Vec<&Service> = services
        .iter()
        .filter(|s| s.resolution == Resolution::Alias)
        .collect();
    sorted.sort_by(|a, b| (&a.namespace, &a.hostname).cmp(&(&b.namespace, &b.hostname)));
    for service in sorted {
        let Some(mut at) = service.external_name.as_deref() else {
            continue;
        };
        let mut seen = BTreeSet::from([service.hostname.as_str(), at]);
        let end = loop {
            match targets.get(at) {
                None => break Some(at),
                Some(next) if seen.insert(next) => at = next,
                Some(_) => break None,
            }
        };
        if let Some(end) = end {
            let names = found.entry(end.to_owned()).or_default();
            names.push(service.hostname.clone());
        }
    }
    found
}

fn by_age(a: &Object, b: &Object) -> std::cmp::Ordering {
    (age(a), &a.key.name, &a.key.namespace).cmp(&(age(b), &b.key.name, &b.key.namespace))
}

/// Says why istiod does not see an object, if it does not.
type Sight<'s, 'a> = &'s mut dyn FnMut(&'a Object) -> Option<Unseen>;

fn gateways<'a>(snapshot: &'a Snapshot, unseen: Sight<'_, 'a>) -> Vec<Gateway<'a>> {
    let mut found: Vec<Gateway<'_>> = snapshot
        .of_kind(Kind::Gateway)
        .filter_map(|object| {
            let view = views::Gateway::of(&object.view)?;
            Some(Gateway {
                object,
                spec: &view.spec,
                name: object.qualified(),
                unseen: unseen(object),
            })
        })
        .collect();
    found.sort_by(|a, b| by_age(a.object, b.object));
    found
}

fn virtual_services<'a>(
    snapshot: &'a Snapshot,
    mesh: &MeshConfig,
    unseen: Sight<'_, 'a>,
) -> Vec<VirtualService<'a>> {
    let mut found: Vec<VirtualService<'a>> = snapshot
        .of_kind(Kind::VirtualService)
        .filter_map(|object| {
            let spec = &views::VirtualService::of(&object.view)?.spec;
            let namespace = object.key.namespace.as_str();
            let export_to = if spec.export_to.is_empty() {
                &mesh.default_virtual_service_export_to
            } else {
                &spec.export_to
            };
            let gateways = if spec.gateways.is_empty() {
                vec![hosts::MESH.to_owned()]
            } else {
                spec.gateways
                    .iter()
                    .map(|g| hosts::resolve_gateway_name(g, namespace))
                    .collect()
            };
            Some(VirtualService {
                object,
                spec,
                hosts: spec
                    .hosts
                    .iter()
                    .map(|h| hosts::resolve_short_name(h, namespace, &mesh.domain).into_owned())
                    .collect(),
                gateways,
                visibility: Visibility::of(export_to.iter().map(String::as_str), namespace),
                unseen: unseen(object),
            })
        })
        .collect();
    found.sort_by(|a, b| by_age(a.object, b.object));
    found
}

/// The services, and those that istiod does not see by their host names.
type Services = (Vec<Service>, BTreeMap<String, (Service, Unseen)>);

fn services<'a>(
    snapshot: &'a Snapshot,
    mesh: &MeshConfig,
    alias: bool,
    unseen: Sight<'_, 'a>,
) -> Services {
    let kubernetes = snapshot.of_kind(Kind::Service).flat_map(|o| {
        let service = kubernetes_service(o, mesh, alias);
        service.into_iter().map(move |s| (o, s))
    });
    let entries = snapshot.of_kind(Kind::ServiceEntry).flat_map(|o| {
        let services = service_entry_services(snapshot, o, mesh);
        services.into_iter().map(move |s| (o, s))
    });
    let mut not_seen = BTreeMap::new();
    let mut found: Vec<Service> = Vec::new();
    for (object, service) in kubernetes.chain(entries) {
        match unseen(object) {
            Some(why) => {
                not_seen.insert(service.hostname.clone(), (service, why));
            }
            None => found.push(service),
        }
    }
    found.sort_by(|a, b| {
        (a.age, &a.sort_name, &a.namespace).cmp(&(b.age, &b.sort_name, &b.namespace))
    });
    (found, not_seen)
}

/// `alias`: an ExternalName is another name for a service. Before that it was a service of its own, found by DNS.
fn kubernetes_service(object: &Object, mesh: &MeshConfig, alias: bool) -> Option<Service> {
    let spec = &views::Service::of(&object.view)?.spec;
    let namespace = object.key.namespace.as_str();
    let external = spec.r#type == "ExternalName" && !spec.external_name.is_empty();
    let written = object.meta.annotations.get(EXPORT_TO_ANNOTATION);
    let export_to: BTreeSet<String> = written
        .filter(|text| !text.is_empty())
        .map(|text| text.split(',').map(|name| name.trim().to_owned()).collect())
        .unwrap_or_default();
    let visibility = if export_to.is_empty() {
        let default = mesh.default_service_export_to.iter();
        Visibility::of(default.map(String::as_str), namespace)
    } else {
        Visibility::of(export_to.iter().map(String::as_str), namespace)
    };
    Some(Service {
        object: object.id,
        host: None,
        addresses: cluster_addresses(object, spec),
        given: Vec::new(),
        hostname: format!("{}.{namespace}.svc.{}", object.key.name, mesh.domain),
        namespace: namespace.to_owned(),
        sort_name: object.key.name.clone(),
        age: age(object),
        registry: Registry::Kubernetes,
        resolution: if external && alias {
            Resolution::Alias
        } else if external {
            Resolution::Dns
        } else if spec.cluster_ip == "None" {
            Resolution::Passthrough
        } else {
            Resolution::ClientSide
        },
        ports: spec
            .ports
            .iter()
            .map(|p| ServicePort {
                name: p.name.clone(),
                number: p.port,
                protocol: Protocol::of_service_port(
                    p.port,
                    &p.name,
                    &p.protocol,
                    p.app_protocol.as_deref(),
                ),
                target_port: p.port,
            })
            .collect(),
        visibility,
        uncapped: None,
        export_to,
        mesh_external: external,
        external_name: (external && alias).then(|| spec.external_name.clone()),
        labels: object.meta.labels.clone(),
        selector: spec.selector.clone(),
    })
}

/// The cluster IPs; where a manifest has none yet, a name that stands for the address that it will get.
fn cluster_addresses(object: &Object, spec: &views::ServiceSpec) -> Vec<String> {
    match spec.cluster_ip.as_str() {
        "None" => vec![UNSPECIFIED.to_owned()],
        "" if spec.r#type == "ExternalName" => vec![UNSPECIFIED.to_owned()],
        "" => vec![format!("<ClusterIP of {}>", object.qualified())],
        _ if spec.cluster_ips.len() > 1 => spec.cluster_ips.clone(),
        ip => vec![ip.to_owned()],
    }
}

/// The addresses of a ServiceEntry that can be read: each is a service of its own to a sidecar. A network of one
/// address is that address.
fn entry_addresses(written: &[String]) -> Vec<String> {
    if written.is_empty() {
        return vec![UNSPECIFIED.to_owned()];
    }
    let mut known = BTreeSet::new();
    written
        .iter()
        .filter_map(|text| {
            if text.parse::<IpAddr>().is_ok() {
                return Some(text.clone());
            }
            let network = text.parse::<Network>().ok()?;
            Some(if network.is_single() {
                network.address.to_string()
            } else {
                text.clone()
            })
        })
        // istiod keeps a service under its name and address: the same one twice is one.
        .filter(|address| known.insert(address.clone()))
        .collect()
}

/// The addresses that istiod gave to a host: only where the ServiceEntry has none of its own, and its endpoints are not
/// those that the client asked for.
/// After `pilot/pkg/networking/serviceentry:shouldV2AutoAllocateIPFromPieces`.
fn given_addresses(object: &Object, entry: &ServiceEntry, host: &str) -> Vec<IpAddr> {
    let refused = object
        .meta
        .labels
        .get("networking.istio.io/enable-autoallocate-ip")
        .is_some_and(|v| v.eq_ignore_ascii_case("false"));
    let none = matches!(entry.spec.resolution.as_str(), "" | "NONE");
    if refused || none || !entry.spec.addresses.is_empty() {
        return Vec::new();
    }
    let given = entry.status.addresses.iter().filter(|a| a.host == host);
    given.filter_map(|a| a.value.parse().ok()).collect()
}

/// The hosts of a ServiceEntry that has addresses, none of which can be read.
fn unaddressed(object: &Object) -> impl Iterator<Item = (String, ObjectId)> {
    let spec = ServiceEntry::of(&object.view).map(|view| &view.spec);
    let spec = spec.filter(|spec| entry_addresses(&spec.addresses).is_empty());
    let hosts = spec.into_iter().flat_map(|spec| &spec.hosts);
    hosts.map(|host| (host.clone(), object.id))
}

/// One service a host; without any address that can be read there is none.
/// After `serviceregistry/serviceentry/conversion.go:convertServices`.
fn service_entry_services(snapshot: &Snapshot, object: &Object, mesh: &MeshConfig) -> Vec<Service> {
    let Some(view) = ServiceEntry::of(&object.view) else {
        return Vec::new();
    };
    let spec = &view.spec;
    let namespace = object.key.namespace.as_str();
    let export_to = if spec.export_to.is_empty() {
        &mesh.default_service_export_to
    } else {
        &spec.export_to
    };
    let resolution = match spec.resolution.as_str() {
        "STATIC" => Resolution::ClientSide,
        "DNS" => Resolution::Dns,
        "DNS_ROUND_ROBIN" => Resolution::DnsRoundRobin,
        "DYNAMIC_DNS" => Resolution::DynamicDns,
        _ => Resolution::Passthrough,
    };
    let declared = Visibility::of(export_to.iter().map(String::as_str), namespace);
    let cap = mesh.cap(snapshot, namespace).unwrap_or(Cap::Public);
    let visibility = declared.clone().capped(cap, namespace);
    let uncapped = (visibility != declared).then_some(declared);
    let addresses = entry_addresses(&spec.addresses);
    if addresses.is_empty() {
        return Vec::new();
    }
    spec.hosts
        .iter()
        .enumerate()
        .map(|(index, host)| Service {
            object: object.id,
            host: Some(index),
            addresses: addresses.clone(),
            given: given_addresses(object, view, host),
            hostname: host.clone(),
            namespace: namespace.to_owned(),
            sort_name: host.clone(),
            age: age(object),
            registry: Registry::ServiceEntry,
            resolution,
            ports: spec
                .ports
                .iter()
                .map(|p| ServicePort {
                    name: p.name.clone(),
                    number: p.number,
                    protocol: Protocol::parse(&p.protocol),
                    target_port: if p.target_port == 0 {
                        p.number
                    } else {
                        p.target_port
                    },
                })
                .collect(),
            visibility: visibility.clone(),
            uncapped: uncapped.clone(),
            export_to: spec.export_to.iter().cloned().collect(),
            mesh_external: spec.location != "MESH_INTERNAL",
            external_name: None,
            labels: object.meta.labels.clone(),
            selector: spec
                .workload_selector
                .as_ref()
                .map(|s| s.labels.clone())
                .unwrap_or_default(),
        })
        .collect()
}
