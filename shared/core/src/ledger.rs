//! Every decision of a prediction, with its reason.
//!
//! Prediction records here each declared thing and pipeline step and its fate. Leaving something out without an
//! entry is not possible: [`Ledger::settle`] takes the `Result` that steers the prediction, and the `Err` in it *is*
//! the reason that is kept. Walk, causes and proof read the ledger; they never decide again.

use std::collections::BTreeSet;

use crate::admission::Violation;
use crate::predict::ambient::Unmet;
use crate::predict::features::Unseen;
use crate::predict::protocol::Protocol;
use crate::snapshot::{FieldPath, ObjectId};

/// An entry's number within its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(u32);

/// Which rules of a VirtualService.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// `spec.tcp`
    Tcp,
    /// `spec.tls`
    Tls,
    /// `spec.http`
    Http,
}

impl Block {
    /// The field's name.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Http => "http",
        }
    }
}

/// What a sidecar sees of a service: one of its addresses. Each address of a ServiceEntry is a service of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Served {
    /// The Service or ServiceEntry.
    pub service: ObjectId,
    /// Index in a ServiceEntry's `hosts`; `None` for a Service.
    pub host: Option<usize>,
    /// Index in a ServiceEntry's `addresses`, of those that can be read.
    pub address: usize,
}

/// A declared thing at one step of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Would the API server store this manifest? One entry for each rule that it breaks.
    Admission(ObjectId),
    /// Does this Gateway apply to the proxy?
    Gateway(ObjectId),
    /// Does this Service port give the proxy a target port?
    ServicePort {
        /// The Service.
        service: ObjectId,
        /// Index in `spec.ports`.
        index: usize,
    },
    /// One server of a Gateway that applies.
    Server {
        /// The Gateway.
        gateway: ObjectId,
        /// Index in `spec.servers`.
        index: usize,
    },
    /// The server on the port that it really binds.
    BoundServer {
        /// The Gateway.
        gateway: ObjectId,
        /// Index in `spec.servers`.
        index: usize,
        /// The resolved port.
        port: u32,
    },
    /// The filter chains of a bound server.
    Chains {
        /// The Gateway.
        gateway: ObjectId,
        /// Index in `spec.servers`.
        index: usize,
        /// The resolved port.
        port: u32,
    },
    /// A name in `VirtualService.spec.gateways`; index 0 of an absent list is `mesh`.
    Binding {
        /// The VirtualService.
        virtual_service: ObjectId,
        /// Index in `spec.gateways`.
        index: usize,
    },
    /// A VirtualService that names the Gateway, at one of its servers.
    Attachment {
        /// The VirtualService.
        virtual_service: ObjectId,
    },
    /// One rule of an attached VirtualService.
    Clause {
        /// The VirtualService.
        virtual_service: ObjectId,
        /// Which rules.
        block: Block,
        /// Index of the rule.
        rule: usize,
        /// Index of the match, where each match is judged on its own.
        r#match: Option<usize>,
    },
    /// One destination of a rule that is used.
    Destination {
        /// The VirtualService.
        virtual_service: ObjectId,
        /// Which rules.
        block: Block,
        /// Index of the rule.
        rule: usize,
        /// Index in `route`.
        index: usize,
    },
    /// Does this Sidecar decide for the proxy?
    Sidecar(ObjectId),
    /// Does the proxy know this service?
    Import {
        /// The service.
        of: Served,
        /// Index in the Sidecar's `egress`; `None` where no entry is asked: nobody lets the proxy see it.
        egress: Option<usize>,
    },
    /// One port of a service that is known, on its way to a listener.
    Put {
        /// The service.
        of: Served,
        /// Index in `ports`.
        port: usize,
        /// Index in the Sidecar's `egress`.
        egress: usize,
    },
    /// One endpoint of a headless service: it may have a listener of its own.
    Instance {
        /// The service.
        of: Served,
        /// Index in `ports`.
        port: usize,
        /// Address of the endpoint.
        address: String,
    },
    /// What HTTP requests to a port are routed by.
    Routes {
        /// The proxy's own object.
        proxy: ObjectId,
        /// The port; 0 for a proxy or a socket.
        port: u32,
    },
    /// The virtual host of one port of a service.
    VirtualHost {
        /// The service.
        of: Served,
        /// Index in `ports`.
        port: usize,
    },
    /// The virtual host of a VirtualService's host that no service has.
    RuleHost {
        /// The VirtualService.
        virtual_service: ObjectId,
        /// Index in `hosts`.
        host: usize,
    },
    /// The filter chains of a port of the pod that a Service leads to.
    Inbound {
        /// The Service or ServiceEntry.
        service: ObjectId,
        /// Index in `ports`.
        index: usize,
    },
    /// The same for a port that a Sidecar lists.
    Ingress {
        /// The Sidecar.
        sidecar: ObjectId,
        /// Index in `ingress`.
        index: usize,
    },
    /// What every sidecar has, whatever is declared: where connections go that nothing else takes.
    Fallback(ObjectId),
    /// Do the connections of a pod without a sidecar come to ztunnel?
    Enrolment(ObjectId),
    /// Is an object bound to the waypoint that it, or its namespace, asks for?
    UseWaypoint(ObjectId),
    /// Does ztunnel know a service by an address?
    Address {
        /// The service.
        of: Served,
    },
    /// The filter chains of a port at the waypoint of its service.
    WaypointPort {
        /// The service.
        of: Served,
        /// Index in `ports`.
        port: usize,
    },
    /// Where a Sidecar sends what nobody declared: `outboundTrafficPolicy.egressProxy`.
    EgressProxy(ObjectId),
    /// The cluster of a service's own port, where no rule of a VirtualService says another one.
    OwnCluster {
        /// The service.
        of: Served,
        /// Index in `ports`.
        port: usize,
    },
    /// A port of a wildcard host that is resolved by `DYNAMIC_DNS`: every proxy that knows the host gets its cluster,
    /// whether or not a rule leads there.
    Forwarded {
        /// The ServiceEntry.
        service_entry: ObjectId,
        /// The port's number.
        port: u32,
    },
}

impl Step {
    /// The object that declares it.
    #[must_use]
    pub const fn object(&self) -> ObjectId {
        match self {
            Self::Admission(object)
            | Self::Gateway(object)
            | Self::ServicePort {
                service: object, ..
            }
            | Self::Server {
                gateway: object, ..
            }
            | Self::BoundServer {
                gateway: object, ..
            }
            | Self::Chains {
                gateway: object, ..
            }
            | Self::Binding {
                virtual_service: object,
                ..
            }
            | Self::Attachment {
                virtual_service: object,
            }
            | Self::RuleHost {
                virtual_service: object,
                ..
            }
            | Self::Clause {
                virtual_service: object,
                ..
            }
            | Self::Destination {
                virtual_service: object,
                ..
            }
            | Self::Sidecar(object)
            | Self::Import {
                of: Served {
                    service: object, ..
                },
                ..
            }
            | Self::Put {
                of: Served {
                    service: object, ..
                },
                ..
            }
            | Self::Instance {
                of: Served {
                    service: object, ..
                },
                ..
            }
            | Self::VirtualHost {
                of: Served {
                    service: object, ..
                },
                ..
            }
            | Self::Routes { proxy: object, .. }
            | Self::Inbound {
                service: object, ..
            }
            | Self::Ingress {
                sidecar: object, ..
            }
            | Self::Fallback(object)
            | Self::Enrolment(object)
            | Self::UseWaypoint(object)
            | Self::Address {
                of: Served {
                    service: object, ..
                },
            }
            | Self::WaypointPort {
                of: Served {
                    service: object, ..
                },
                ..
            }
            | Self::EgressProxy(object)
            | Self::OwnCluster {
                of: Served {
                    service: object, ..
                },
                ..
            }
            | Self::Forwarded {
                service_entry: object,
                ..
            } => *object,
        }
    }

    /// The field that declares it.
    #[must_use]
    pub fn field(&self) -> FieldPath {
        let spec = FieldPath::root().key("spec");
        match self {
            Self::Admission(_) => FieldPath::root(),
            Self::Gateway(_) => spec.key("selector"),
            Self::ServicePort { index, .. } => spec.key("ports").index(*index),
            Self::Server { index, .. }
            | Self::BoundServer { index, .. }
            | Self::Chains { index, .. } => {
                spec.key("servers").index(*index).key("port").key("number")
            }
            Self::Binding { index, .. } => spec.key("gateways").index(*index),
            Self::Attachment { .. } | Self::Routes { .. } | Self::Fallback(_) => spec,
            Self::Sidecar(_) => spec.key("workloadSelector"),
            Self::Enrolment(_) | Self::UseWaypoint(_) => {
                FieldPath::root().key("metadata").key("labels")
            }
            Self::Import { of, .. } | Self::Address { of } => match of.host {
                Some(host) => spec.key("hosts").index(host),
                None => spec,
            },
            Self::Put { port, .. }
            | Self::Instance { port, .. }
            | Self::VirtualHost { port, .. }
            | Self::WaypointPort { port, .. }
            | Self::OwnCluster { port, .. }
            | Self::Inbound { index: port, .. } => spec.key("ports").index(*port),
            Self::RuleHost { host, .. } => spec.key("hosts").index(*host),
            Self::Ingress { index, .. } => spec.key("ingress").index(*index),
            Self::Clause {
                block,
                rule,
                r#match,
                ..
            } => {
                let path = spec.key(block.field()).index(*rule);
                match r#match {
                    Some(n) => path.key("match").index(*n),
                    None => path,
                }
            }
            Self::Destination {
                block, rule, index, ..
            } => spec
                .key(block.field())
                .index(*rule)
                .key("route")
                .index(*index)
                .key("destination"),
            Self::EgressProxy(_) => spec.key("outboundTrafficPolicy").key("egressProxy"),
            Self::Forwarded { .. } => spec.key("resolution"),
        }
    }
}

/// What a thing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Not decided yet; no entry of a finished ledger has it.
    Open,
    /// It takes effect.
    Effective(Effect),
    /// It is left out.
    Dropped(Reason),
    /// It would have taken effect, but another one came first.
    Displaced {
        /// The one that is used.
        by: EntryId,
    },
    /// It cannot be decided from what was read.
    Unknown(Gap),
}

/// What a thing that takes effect does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The Gateway applies to the proxy.
    Applies,
    /// The Service port leads to this port of the pods.
    TargetPort(u32),
    /// The server resolves to this port; `via` is the Service port that translated it.
    Resolved {
        /// The port that will be bound.
        port: u32,
        /// The entry of the Service port, when one has the declared number.
        via: Option<EntryId>,
    },
    /// The server has its place among the servers of that port.
    Merged,
    /// The server has this many filter chains in this listener.
    Chains {
        /// Listener's name, such as `0.0.0.0_31400`.
        listener: String,
        /// Number of chains.
        count: usize,
    },
    /// The name leads to this Gateway.
    Names(ObjectId),
    /// The name is `mesh`: for sidecars.
    Mesh,
    /// The VirtualService takes part.
    Attached,
    /// The rule is used.
    Used,
    /// The same, but for the networks of an earlier match, as it has none.
    UsedBehind {
        /// The clause that has them.
        networks: EntryId,
    },
    /// Routes of the port are those of this egress entry.
    RoutedBy {
        /// Index in the Sidecar's `egress`.
        egress: usize,
    },
    /// The destination is this cluster.
    Cluster(String),
    /// The proxy knows the service.
    Imported,
    /// Each endpoint is put on a listener of its own; so many.
    PerInstance(usize),
    /// Its requests are routed by host through a listener that another service made.
    Shares {
        /// Listener's name.
        listener: String,
    },
    /// The virtual host has these domains.
    Domains(Vec<String>),
}

/// Why a thing is left out. Each has a page: see [`crate::causes::of`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The API server or Istio's webhook refuses the manifest: it would not be stored.
    NotAdmitted(Box<Violation>),
    /// Its object would not be stored, or the one that it belongs to or names.
    NotStored {
        /// The first rule that it breaks.
        by: EntryId,
    },
    /// `spec.selector` is no subset of the proxy's labels.
    NotSelected,
    /// istiod keeps Gateways to proxies of their own namespace, and this is another one's.
    ScopedToNamespace,
    /// For the istiod that serves the proxy the object does not exist.
    Unseen(Unseen),
    /// The server has no `port`.
    NoPort,
    /// A host list that makes istiod panic.
    HostListPanics {
        /// Index in `hosts` of the entry that istiod fails on.
        host: usize,
    },
    /// The name of `targetPort` is no container port of the proxy.
    NamedTargetMissing {
        /// The name.
        name: String,
    },
    /// Another port of the same Service has the same target port and protocol.
    TargetPortRepeated {
        /// The first one.
        by: EntryId,
    },
    /// A server that cannot merge holds the port.
    PortTaken {
        /// The bound server that holds it.
        by: EntryId,
        /// Its protocol.
        holder: Protocol,
        /// The protocol of the one left out.
        own: Protocol,
    },
    /// One of the hosts is claimed already.
    TlsHostTaken {
        /// Index in `hosts`.
        host: usize,
        /// The bound server that claimed it.
        by: EntryId,
    },
    /// Another HTTPS server has the same route name.
    HttpsNameTaken {
        /// The bound server that has it.
        by: EntryId,
    },
    /// The pod may not bind ports below 1024.
    PrivilegedPort,
    /// No attached rule gives a filter chain. What was offered stands under this entry.
    NoRoute,
    /// AUTO_PASSTHROUGH: no service of the mesh has a host below the server's.
    NoServiceForHosts,
    /// No Gateway has that name.
    UnknownGateway {
        /// As resolved: `namespace/name`.
        name: String,
    },
    /// It names no gateway: it is for sidecars.
    MeshOnly,
    /// `exportTo` leaves the proxy's namespace out.
    NotExported,
    /// A VirtualService without hosts is a delegate.
    NoHosts,
    /// No host of the VirtualService overlaps a host of the server.
    HostMismatch,
    /// The only overlapping hosts are reserved for another namespace.
    HostNamespace {
        /// Index in the server's `hosts`.
        host: usize,
    },
    /// It has no rules of the kind that this server needs.
    NoBlock {
        /// The kind that is needed.
        needed: Block,
    },
    /// It has no rules of the kind that this port takes, but one of another kind that is for it.
    /// `core/tls.go:buildSidecarOutboundTCPFilterChainOpts`, `:buildSidecarOutboundTLSFilterChainOpts`.
    WrongBlock {
        /// The kind that is needed.
        needed: Block,
        /// The kind of the rule that is there.
        written: Block,
        /// Its index.
        rule: usize,
    },
    /// `match.port` is not the Gateway's number.
    PortMismatch {
        /// Index in `match`.
        r#match: usize,
        /// The Gateway's number.
        declared: u32,
    },
    /// `match.gateways` lacks this Gateway.
    GatewayMismatch {
        /// Index in `match`.
        r#match: usize,
    },
    /// The rule has no destinations.
    EmptyRoute,
    /// Several destinations, no weight above 0: istiod panics.
    ZeroSum,
    /// A `tls` rule without `match`.
    NoMatch,
    /// An SNI of the match is claimed already on that port.
    SniTaken {
        /// Index in `sniHosts`.
        sni: usize,
        /// The clause that claimed it.
        by: EntryId,
    },
    /// An HTTP rule for other proxies: `sourceLabels` or `sourceNamespace`.
    SourceMismatch {
        /// Index in `match`.
        r#match: usize,
    },
    /// The delegate is not there, has hosts, or is not exported.
    DelegateMissing {
        /// As `namespace/name`.
        name: String,
    },
    /// No match of the delegate is a subset of a match of the root.
    DelegateConflict,
    /// Everything behind a rule that takes all is not generated.
    AfterCatchAll {
        /// The rule that takes all.
        by: EntryId,
    },
    /// No service has that host.
    UnknownHost {
        /// As resolved.
        host: String,
    },
    /// The service exists, but is not exported to the proxy's namespace.
    NotVisible {
        /// As resolved.
        host: String,
    },
    /// The service has no such port.
    PortAbsent {
        /// As resolved.
        host: String,
        /// The port.
        port: u32,
    },
    /// `DYNAMIC_DNS` forwards HTTP, HTTP/2, gRPC and TLS only.
    NotForwarded {
        /// As resolved.
        host: String,
        /// The port.
        port: u32,
    },
    /// No port given, and the service has not exactly one.
    PortUnclear {
        /// As resolved.
        host: String,
        /// The declared number that was taken.
        port: u32,
    },
    /// The subset is in no DestinationRule in force.
    SubsetUndefined {
        /// As resolved.
        host: String,
        /// The subset.
        subset: String,
    },
    /// No destination host: istiod names the cluster `UnknownService`.
    EmptyHost,
    /// The cluster has no ready endpoint.
    NoEndpoints {
        /// The cluster.
        cluster: String,
    },
    /// Weight 0 among several.
    ZeroWeight,
    /// The Sidecar's `workloadSelector` is no subset of the proxy's labels.
    /// `model/push_context.go:doGetSidecarScope`.
    SidecarNotSelected,
    /// `exportTo` keeps the service from the proxy's namespace. `model/push_context.go:servicesExportedToNamespace`.
    ServiceNotExported,
    /// `serviceEntryVisibility` of the mesh configuration keeps the ServiceEntry from the proxy's namespace.
    /// `model/push_context.go:serviceExportTo`.
    VisibilityCapped,
    /// No host of the egress entry takes the service. `model/sidecar.go:selectServices`.
    NotImported,
    /// A host of the egress entry that begins with `~` takes the service out.
    /// `model/sidecar.go:hostClassification.Excluded`.
    ImportExcluded {
        /// Index in `hosts`.
        host: usize,
    },
    /// The egress entry is for one port, and the service has no such port.
    /// `model/sidecar.go:serviceMatchingListenerPort`.
    EgressPortAbsent {
        /// The port.
        port: u32,
    },
    /// No host of the egress entry takes the service, but a rule of a VirtualService leads to it: it has clusters, and
    /// no listener. `model/sidecar.go:collectImportedServices`.
    RoutedOnly {
        /// The VirtualService.
        by: ObjectId,
    },
    /// Every egress entry that takes the service is for another port.
    /// `core/listener.go:buildSidecarOutboundListeners`.
    PortNotAsked,
    /// The host name is taken from another namespace. `model/sidecar.go:selectServices`.
    HostnameElsewhere {
        /// The service that is taken.
        by: EntryId,
    },
    /// By exact hosts only one service of a host name and namespace is found.
    /// `model/sidecar.go:servicesForExactHosts`.
    OnlyOneFound {
        /// The service that is found.
        by: EntryId,
        /// Another one may be found as well: their order is that of a Go map, or of ages that are not known.
        /// `model/push_context.go:SortServicesByCreationTime`.
        by_chance: bool,
    },
    /// An ExternalName is another name of a service, and has no listener.
    /// `core/listener.go:buildSidecarOutboundListener`.
    IsAlias,
    /// UDP: no listener, whether by transport or by the port's name. `core/listener.go:buildSidecarOutboundListener`.
    NotTcp,
    /// The wildcard address is the proxy's own on that port. `model/context.go:conflictWithReservedListener`.
    ReservedPort {
        /// The port.
        port: u32,
    },
    /// A headless service without endpoints for the port. `core/listener.go:buildSidecarOutboundListeners`.
    NoInstances,
    /// The endpoint is the proxy itself. `core/listener.go:buildSidecarOutboundListeners`.
    OwnAddress,
    /// The endpoint's address is no IP address. `core/listener.go:buildSidecarOutboundListeners`.
    NotAnAddress,
    /// An earlier egress entry with a port made the listener; later entries add nothing to it.
    /// `core/listener.go:buildSidecarOutboundListener`.
    ListenerLocked {
        /// What made it.
        by: EntryId,
    },
    /// MySQL and Mongo share a listener with no other protocol. `core/listener.go:isConflictWithWellKnownPort`.
    WellKnownProtocol {
        /// What made the listener.
        by: EntryId,
    },
    /// The listener detects the protocol already, and leads elsewhere. `core/listener.go:buildSidecarOutboundListener`.
    SniffedAlready {
        /// What made the listener.
        by: EntryId,
    },
    /// An equal filter chain is there already. `core/listener.go:mergeTCPFilterChains`.
    ChainTaken {
        /// What made it.
        by: EntryId,
    },
    /// Every domain of the virtual host is another's. `core/httproute.go:dedupeDomains`.
    DomainsTaken {
        /// The virtual host that has the first of them.
        by: EntryId,
    },
    /// An older Service has that port of the pod. `core/listener_inbound.go:getFilterChainsByServicePort`.
    InboundTaken {
        /// The one that has it.
        by: EntryId,
    },
    /// Other Services select the pod: those that only list its address in slices do not count.
    /// `serviceregistry/kube/controller/controller.go:GetProxyServiceTargets`.
    SelectedByOthers {
        /// One that selects it.
        by: ObjectId,
    },
    /// A WorkloadEntry has the pod's address, and the Service does not select it.
    /// `serviceregistry/kube/controller/controller.go:GetProxyServiceTargets`.
    WorkloadEntryInstead {
        /// The WorkloadEntry.
        by: ObjectId,
    },
    /// The Sidecar lists inbound ports: those of Services do not count.
    /// `core/listener_inbound.go:buildInboundChainConfigs`.
    IngressListed {
        /// The Sidecar.
        sidecar: ObjectId,
    },
    /// Nothing is redirected to the proxy: only what a Sidecar lists is bound.
    /// `core/listener_inbound.go:buildInboundChainConfigs`.
    NotIntercepted,
    /// Ambient: ztunnel or a waypoint is not told of it.
    Ambient(Unmet),
    /// `outlierDetection` for a cluster that Envoy resolves by itself: istiod panics.
    /// After `core/cluster_builder.go:buildDFPCluster` and `core/cluster_traffic_policy.go:applyOutlierDetection`.
    OutlierPanics {
        /// The DestinationRule that sets it, or the ConfigMap of the mesh configuration.
        by: ObjectId,
    },
}

/// What was not read and would decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// No pod and no workload was read for this Gateway.
    NoWorkloadRead,
    /// Documents that could not be read might hold it.
    UnreadDocuments,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is about.
    pub step: Step,
    /// The entry it stands under.
    pub under: Option<EntryId>,
    /// What it came to.
    pub fate: Fate,
}

/// All decisions about one proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    entries: Vec<Entry>,
    /// The entries that stand under each, by its number.
    children: Vec<Vec<EntryId>>,
    // A walk asks for these at every port, among as many entries as a mesh has VirtualServices.
    servers: Vec<EntryId>,
    service_ports: Vec<EntryId>,
    /// The rules that take effect somewhere.
    used: BTreeSet<(ObjectId, Block, usize)>,
}

impl Ledger {
    /// Begins an entry; its fate follows by [`Ledger::settle`] or [`Ledger::displace`].
    pub fn open(&mut self, step: Step, under: Option<EntryId>) -> EntryId {
        let id = EntryId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        match step {
            Step::Server { .. } => self.servers.push(id),
            Step::ServicePort { .. } => self.service_ports.push(id),
            _ => {}
        }
        self.entries.push(Entry {
            step,
            under,
            fate: Fate::Open,
        });
        self.children.push(Vec::new());
        if let Some(siblings) = under.and_then(|parent| self.children.get_mut(parent.0 as usize)) {
            siblings.push(id);
        }
        id
    }

    /// Decides an entry by the result that steers the prediction: the only way to leave something out.
    pub fn settle<T>(&mut self, id: EntryId, result: Result<(T, Effect), Reason>) -> Option<T> {
        match result {
            Ok((value, effect)) => {
                self.set(id, Fate::Effective(effect));
                Some(value)
            }
            Err(reason) => {
                self.set(id, Fate::Dropped(reason));
                None
            }
        }
    }

    /// Decides that another one came first.
    pub fn displace(&mut self, id: EntryId, by: EntryId) {
        self.set(id, Fate::Displaced { by });
    }

    fn set(&mut self, id: EntryId, fate: Fate) {
        if let Some(entry) = self.entries.get_mut(id.0 as usize) {
            debug_assert_eq!(entry.fate, Fate::Open, "an entry has exactly one fate");
            if let (
                Step::Clause {
                    virtual_service,
                    block,
                    rule,
                    ..
                },
                Fate::Effective(_),
            ) = (&entry.step, &fate)
            {
                self.used.insert((*virtual_service, *block, *rule));
            }
            entry.fate = fate;
        }
    }

    /// An entry by number.
    #[must_use]
    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        self.entries.get(id.0 as usize)
    }

    /// All entries, in the order of the decisions.
    pub fn entries(&self) -> impl Iterator<Item = (EntryId, &Entry)> {
        (0..).map(EntryId).zip(&self.entries)
    }

    /// The entries of servers, in the order of the decisions.
    pub fn servers(&self) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.those(&self.servers)
    }

    /// The entries of Service ports, in the order of the decisions.
    pub fn service_ports(&self) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.those(&self.service_ports)
    }

    /// Whether a rule takes effect at some server.
    #[must_use]
    pub fn uses_rule(&self, virtual_service: ObjectId, block: Block, rule: usize) -> bool {
        self.used.contains(&(virtual_service, block, rule))
    }

    /// Whether any rule of a VirtualService takes effect at some server.
    #[must_use]
    pub fn uses(&self, virtual_service: ObjectId) -> bool {
        let from = (virtual_service, Block::Tcp, 0);
        let next = self.used.range(from..).next();
        next.is_some_and(|(object, ..)| *object == virtual_service)
    }

    fn those<'l>(&'l self, ids: &'l [EntryId]) -> impl Iterator<Item = (EntryId, &'l Entry)> {
        ids.iter()
            .filter_map(|id| self.get(*id).map(|entry| (*id, entry)))
    }

    /// The entries that stand under another.
    pub fn under(&self, parent: EntryId) -> impl Iterator<Item = (EntryId, &Entry)> {
        let children = self.children.get(parent.0 as usize);
        self.those(children.map_or(&[], Vec::as_slice))
    }

    /// The entries above one, nearest first.
    pub fn above(&self, id: EntryId) -> impl Iterator<Item = (EntryId, &Entry)> {
        let mut next = self.get(id).and_then(|e| e.under);
        std::iter::from_fn(move || {
            let id = next?;
            let entry = self.get(id)?;
            next = entry.under;
            Some((id, entry))
        })
    }
}
