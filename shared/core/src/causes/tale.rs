//! What a cause is told from: the entry that prediction left, and the objects it is about.

use std::fmt;
use std::net::IpAddr;

use super::Ambient;
use crate::admission::Violation;
use crate::ledger::{Block, Entry, EntryId, Ledger, Reason, Step};
use crate::predict::ProxyFacts;
use crate::predict::envoy::{Origin, Refusal};
use crate::predict::protocol::Protocol;
use crate::predict::reach::Barrier;
use crate::predict::store::Store;
use crate::report::Mark;
use crate::snapshot::views::{self, AsView};
use crate::snapshot::{FieldPath, Kind, Object, ObjectId};

/// What a cause is told for: a reason of the ledger, or what a walk found missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symptom<'t> {
    /// Prediction left it out.
    Reason(&'t Reason),
    /// Another rule came first.
    Displaced {
        /// The rule that is used.
        by: EntryId,
    },
    /// The gateway's Service has no port that leads to the listener.
    NotOnService {
        /// The Service.
        service: ObjectId,
    },
    /// No Gateway server, Service port or listener has the number.
    NotDeclared {
        /// The object to look at.
        object: ObjectId,
    },
    /// The pods that the Gateway selects are no routers.
    NotRouter {
        /// Their workload.
        workload: ObjectId,
    },
    /// The HTTP server has no route at all.
    NoHttpRoute,
    /// The server's protocol is UDP, which no gateway carries.
    UdpServer,
    /// QUIC is on, and no Service leads UDP to the pods under the server's number.
    NoUdpPort {
        /// The Service that leads TCP to it.
        service: Option<ObjectId>,
    },
    /// No filter chain of the listener takes the client's server name.
    NoChainForSni {
        /// The name.
        sni: &'t str,
    },
    /// Other hosts have routes, the one asked about has none.
    NoVirtualHost {
        /// The host.
        host: &'t str,
    },
    /// The number looks like a node port, and the nodes have another one for it.
    NodePortDiffers {
        /// The Service.
        service: ObjectId,
        /// Index in its ports.
        index: usize,
        /// The nodes' number.
        node_port: u32,
    },
    /// istiod sends the listener, and Envoy refuses it.
    Refused(&'t Refusal),
    /// The listener is there, and something else keeps clients from it.
    Barred(&'t Barrier),
    /// The connection does not come to Envoy.
    Uncaptured {
        /// Why.
        why: Uncaptured,
        /// The annotation that says so, where one does.
        annotation: Option<&'t str>,
        /// The address that is dialled, where it is known.
        address: Option<IpAddr>,
    },
    /// A listener on the wildcard address takes what has none of its own.
    CatchAll {
        /// The Services with an address that lead to what is dialled.
        services: &'t [ObjectId],
        /// The address that is dialled, where nothing that was read has it.
        unknown: Option<&'t str>,
    },
    /// A pod is dialled by its own address.
    PodAddress {
        /// The pod.
        pod: ObjectId,
        /// The Services with an address that lead to its port.
        services: &'t [ObjectId],
    },
    /// A pod with a sidecar is dialled by its own address, and no Service or Sidecar names any port of it.
    UnnamedPod {
        /// The pod.
        pod: ObjectId,
    },
    /// The pods' port of a headless Service is dialled, and its own is another one.
    HeadlessPort {
        /// The Service.
        service: ObjectId,
    },
    /// The service that is dialled has no such port.
    NoSuchPort {
        /// The Service or ServiceEntry.
        service: ObjectId,
    },
    /// The addresses of the ServiceEntry that has the host cannot be read.
    NoReadableAddress {
        /// The ServiceEntry.
        service_entry: ObjectId,
    },
    /// The listener is on the address of the other IP family.
    OtherFamily {
        /// The Service.
        service: ObjectId,
    },
    /// The address is one that nodes lead to a Service.
    AtNodes {
        /// The Service.
        service: ObjectId,
        /// The address.
        address: &'t str,
    },
    /// No object declares what is dialled, and nothing undeclared is let out.
    UnknownDestination {
        /// As asked.
        host: &'t str,
        /// The object and field that say so.
        policy: Option<(ObjectId, &'static str)>,
    },
    /// The far end takes mutual TLS only.
    RefusedPlaintext {
        /// The pod.
        pod: ObjectId,
        /// The PeerAuthentication that asks for it.
        policy: Option<ObjectId>,
    },
    /// The client sends TLS of its own, and the far end reads HTTP.
    TlsMeetsHttp {
        /// The pod.
        pod: ObjectId,
        /// Its port.
        port: u32,
        /// The Service that is dialled.
        service: Option<ObjectId>,
    },
    /// The client sends Istio's mutual TLS to a port whose connections are not redirected to the sidecar.
    MutualTlsPastSidecar {
        /// The pod.
        pod: ObjectId,
        /// Its port.
        port: u32,
        /// The Service that is dialled.
        service: Option<ObjectId>,
    },
    /// The client sends Istio's mutual TLS, and the far end has none.
    MutualTlsMeetsNone {
        /// The pod.
        pod: ObjectId,
        /// The Service that is dialled.
        service: Option<ObjectId>,
        /// The DestinationRule that makes the client send it.
        rule: Option<ObjectId>,
        /// The PeerAuthentication that turns it off at the far end.
        policy: Option<ObjectId>,
    },
    /// The cluster of a service has no endpoint.
    NoEndpoint {
        /// The Service or ServiceEntry.
        service: ObjectId,
    },
    /// What a walk meets in ambient mode.
    Ambient(Ambient<'t>),
    /// The port has a listener, and the client asks for a name that is not the service's.
    OtherName {
        /// The server name or the Host, as the client sends it.
        asked: &'t str,
        /// Whether it is a server name.
        tls: bool,
    },
    /// The Host decides, and not the address that was dialled.
    AnotherHost {
        /// The Host, as the client sends it.
        host: &'t str,
        /// The address.
        address: &'t str,
    },
    /// A listener of HTTP services takes an address that is none of theirs, or bytes that are not HTTP.
    SharedHttp {
        /// The address is that of one of them.
        own: bool,
    },
    /// A network of a ServiceEntry takes the address.
    Network {
        /// The address.
        address: &'t str,
        /// The service that has it.
        service: Option<ObjectId>,
        /// The Services with an address that lead to what is dialled.
        services: &'t [ObjectId],
    },
    /// HTTP and TCP share a listener.
    Merged {
        /// The decision that made the chain for HTTP.
        http: EntryId,
    },
    /// A pod is dialled by its own address, and its headless Service's port is HTTP.
    HeadlessHttp {
        /// The pod.
        pod: ObjectId,
    },
    /// The port is the one that connections are redirected to.
    ListenPort {
        /// What is dialled.
        object: ObjectId,
    },
    /// Envoy is asked as an HTTP proxy for a Host that it has no route for.
    ThroughProxy {
        /// The Host, as the client sends it.
        host: &'t str,
        /// The service that it names.
        service: Option<ObjectId>,
    },
    /// What nobody declared goes to the address that DNS has for its Host.
    DynamicDns {
        /// The Host, as the client sends it.
        host: &'t str,
        /// The object and field that say so.
        policy: (ObjectId, &'static str),
    },
    /// The destination is the gateway's own Service, and it comes to the same server again.
    LeadsRound,
    /// A match takes addresses of another match's networks only.
    BehindNetworks {
        /// The clause that has them.
        of: EntryId,
    },
    /// A rule of a third namespace leads the service's connections elsewhere.
    ByWildcard {
        /// The service that was dialled.
        service: ObjectId,
        /// Index in the VirtualService's `hosts`.
        host: usize,
    },
    /// The egress entry that imports the service has an HTTP protocol for a port that is none.
    EgressProtocol {
        /// The service's own.
        own: Protocol,
    },
    /// The egress entry that imports the service has listeners at another address.
    EgressBind {
        /// Name of the listener.
        listener: &'t str,
    },
    /// The listener is made by one egress entry, and its routes are those of another one without the service.
    RoutedByEntry {
        /// Index in `egress` of the other one.
        egress: usize,
    },
    /// A Kubernetes Service of the same name and namespace has the clusters.
    Twin {
        /// The Service.
        service: ObjectId,
    },
    /// The address is an endpoint's, and the listener has the one that istiod gave.
    GivenAddress {
        /// The ServiceEntry.
        service: ObjectId,
    },
    /// All rules that were offered to a server serve other servers of its Gateway.
    ServesOthers {
        /// The nearest rule.
        rule: EntryId,
    },
    /// The object breaks a rule: it would not be stored, or it is stored all the same.
    Admission(&'t Violation),
    /// No gateway uses the rule.
    RuleIdle {
        /// Which rules.
        block: Block,
        /// Index of the rule.
        rule: usize,
        /// Why it was left out where it was offered; `None` when it was offered nowhere.
        reason: Option<&'t Reason>,
    },
    /// `spec.gateways` has the Gateway of this entry twice.
    BoundTwice {
        /// The name that comes first.
        first: EntryId,
    },
}

/// Why a connection does not come to Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncaptured {
    /// `excludeOutboundPorts` has the port.
    PortExcluded,
    /// `excludeOutboundIPRanges` holds the address.
    AddressExcluded,
    /// `includeOutboundIPRanges` does not hold the address.
    AddressNotIncluded,
    /// The pod calls itself.
    OwnAddress,
    /// Interception mode `NONE`.
    ModeNone,
    /// The pod shares its node's network.
    HostNetwork,
    /// The pod asks for no sidecar.
    OptedOut,
    /// Nothing asks for a sidecar.
    NoProxy,
    /// The injector leaves the pod's namespace out.
    IgnoredNamespace,
    /// A sidecar is asked for, and no webhook of the injector selects the pod.
    NotSelected,
    /// The injector's template has no Envoy.
    WithoutEnvoy,
    /// The application runs as the proxy's user, or in its group.
    ProxyUser {
        /// Index of its container.
        container: usize,
        /// Only the group is the proxy's.
        by_group: bool,
    },
}

impl Uncaptured {
    /// In a few words, for the path.
    #[must_use]
    pub fn words(self, port: u32) -> String {
        match self {
            Self::PortExcluded => format!("excludeOutboundPorts has {port}"),
            Self::AddressExcluded => "excludeOutboundIPRanges holds the address".to_owned(),
            Self::AddressNotIncluded => {
                "includeOutboundIPRanges does not hold the address".to_owned()
            }
            Self::OwnAddress => "a pod's calls to itself are not redirected".to_owned(),
            Self::ModeNone => "interception mode NONE redirects nothing".to_owned(),
            Self::HostNetwork => "no sidecar, as it shares its node's network".to_owned(),
            Self::OptedOut => "no sidecar, as its label says".to_owned(),
            Self::NoProxy => "no sidecar".to_owned(),
            Self::IgnoredNamespace => {
                "no sidecar, as the injector leaves the namespace out".to_owned()
            }
            Self::NotSelected => "no sidecar, as no webhook selects the pod".to_owned(),
            Self::WithoutEnvoy => "the template has no Envoy".to_owned(),
            Self::ProxyUser { by_group, .. } => {
                let what = if by_group { "group" } else { "user" };
                format!("the application has the proxy's {what}")
            }
        }
    }
}

/// One symptom in its place.
#[derive(Clone, Copy)]
pub struct Tale<'t, 'a> {
    /// istiod's view of the objects.
    pub store: &'t Store<'a>,
    /// The proxy.
    pub proxy: &'t ProxyFacts,
    /// The decisions about it.
    pub ledger: &'t Ledger,
    /// The entry that was left out.
    pub entry: EntryId,
    /// What is wrong with it.
    pub symptom: Symptom<'t>,
    /// The port asked about.
    pub port: u32,
}

/// How a cause tells itself: the rest of a finding is the same for all.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The object at fault.
    pub object: Option<ObjectId>,
    /// The field at fault.
    pub field: FieldPath,
    /// Words at its caret.
    pub label: String,
    /// Its value, for objects without a file.
    pub value: Option<String>,
    /// Said behind the field.
    pub remark: Option<String>,
    /// Other places.
    pub related: Vec<Mark>,
    /// Instead of the page's `why`.
    pub why: Option<String>,
    /// What follows.
    pub so: Vec<String>,
    /// Conditions that it rests on.
    pub assumes: Vec<String>,
}

impl Told {
    /// A field of an object, and the words at its caret.
    #[must_use]
    pub fn at(object: ObjectId, field: FieldPath, label: impl Into<String>) -> Self {
        Self {
            object: Some(object),
            field,
            label: label.into(),
            ..Self::default()
        }
    }

    /// Also shows another place.
    #[must_use]
    pub fn beside(mut self, object: ObjectId, field: FieldPath, label: impl Into<String>) -> Self {
        self.related.push(Mark {
            object,
            field,
            value: None,
            label: label.into(),
        });
        self
    }

    /// With its own reason.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// With a consequence.
    #[must_use]
    pub fn so(mut self, so: impl Into<String>) -> Self {
        self.so.push(so.into());
        self
    }

    /// With words behind the field.
    #[must_use]
    pub fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = Some(remark.into());
        self
    }

    /// With the value for objects without a file.
    #[must_use]
    pub fn value(mut self, value: impl fmt::Display) -> Self {
        self.value = Some(format!("{value}"));
        self
    }
}

impl<'t, 'a> Tale<'t, 'a> {
    /// The decision.
    #[must_use]
    pub fn decided(&self) -> Option<&'t Entry> {
        self.ledger.get(self.entry)
    }

    /// What the decision was about.
    #[must_use]
    pub fn step(&self) -> Option<&'t Step> {
        self.decided().map(|e| &e.step)
    }

    /// The object of the decision.
    #[must_use]
    pub fn object(&self) -> Option<&'t Object> {
        self.step()
            .and_then(|s| self.store.snapshot.get(s.object()))
    }

    /// `namespace/name` of an object.
    #[must_use]
    pub fn name_of(&self, id: ObjectId) -> String {
        self.store
            .snapshot
            .get(id)
            .map(Object::qualified)
            .unwrap_or_default()
    }

    /// A view of an object.
    #[must_use]
    pub fn view<T: AsView>(&self, id: ObjectId) -> Option<&'t T> {
        self.store.snapshot.get(id).and_then(|o| T::of(&o.view))
    }

    /// The spec of the VirtualService that the decision is about.
    #[must_use]
    pub fn virtual_service(&self) -> Option<&'t views::VirtualServiceSpec> {
        self.step()
            .and_then(|s| self.view::<views::VirtualService>(s.object()))
            .map(|v| &v.spec)
    }

    /// The Gateway and the index of the server that the decision is about or stands under.
    #[must_use]
    pub fn server(&self) -> Option<(ObjectId, usize)> {
        let own = self.decided().and_then(|e| server_of(&e.step));
        own.or_else(|| {
            self.ledger
                .above(self.entry)
                .find_map(|(_, e)| server_of(&e.step))
        })
    }

    /// The view of that server.
    #[must_use]
    pub fn server_view(&self) -> Option<&'t views::Server> {
        let (gateway, index) = self.server()?;
        self.view::<views::Gateway>(gateway)?
            .spec
            .servers
            .get(index)
    }

    /// The server of another entry, such as the one that took a port.
    #[must_use]
    pub fn server_at(&self, entry: EntryId) -> Option<(ObjectId, usize)> {
        self.ledger.get(entry).and_then(|e| server_of(&e.step))
    }

    /// The rules of the clause or destination that the decision is about.
    #[must_use]
    pub fn block(&self) -> Option<Block> {
        match self.step()? {
            Step::Clause { block, .. } | Step::Destination { block, .. } => Some(*block),
            _ => None,
        }
    }

    /// The destination as written.
    #[must_use]
    pub fn destination(&self) -> Option<&'t views::Destination> {
        let Step::Destination {
            block, rule, index, ..
        } = self.step()?
        else {
            return None;
        };
        let spec = self.virtual_service()?;
        let route = match block {
            Block::Tcp => &spec.tcp.get(*rule)?.route,
            Block::Tls => &spec.tls.get(*rule)?.route,
            Block::Http => &spec.http.get(*rule)?.route,
        };
        route.get(*index).map(|r| &r.destination)
    }

    /// The namespaces that have a Service of this name.
    #[must_use]
    pub fn namespaces_of_service(&self, name: &str) -> Vec<&'t str> {
        self.store
            .snapshot
            .of_kind(Kind::Service)
            .filter(|o| o.key.name == name)
            .map(|o| o.key.namespace.as_str())
            .collect()
    }

    /// The ports of a service, in words.
    #[must_use]
    pub fn ports_of(&self, host: &str) -> String {
        let service = self.store.service(host, &self.proxy.namespace);
        let ports: Vec<String> = service
            .iter()
            .flat_map(|s| &s.ports)
            .map(|p| p.number.to_string())
            .collect();
        match ports.split_last() {
            None => "no ports".to_owned(),
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        }
    }

    /// The object and field that a filter chain comes from: the rule, else the server's hosts, or the service's port.
    #[must_use]
    pub fn origin(&self, origin: Origin) -> Option<(ObjectId, FieldPath)> {
        if let Some(step) = origin
            .clause
            .and_then(|id| self.ledger.get(id))
            .map(|e| &e.step)
        {
            return Some((step.object(), step.field()));
        }
        if let Some(Entry {
            step: step @ (Step::Put { .. } | Step::Instance { .. }),
            ..
        }) = self.ledger.get(origin.server)
        {
            return Some((step.object(), step.field()));
        }
        let (gateway, index) = self.server_at(origin.server)?;
        Some((
            gateway,
            FieldPath::of(&format!("spec.servers[{index}].hosts")),
        ))
    }

    /// The servers of two filter chains.
    #[must_use]
    pub fn servers_of(
        &self,
        first: Origin,
        second: Origin,
    ) -> Option<(&'t views::Server, &'t views::Server)> {
        let view = |origin: Origin| {
            let (gateway, index) = self.server_at(origin.server)?;
            self.view::<views::Gateway>(gateway)?
                .spec
                .servers
                .get(index)
        };
        Some((view(first)?, view(second)?))
    }

    /// The field of the declared number of a server.
    #[must_use]
    pub fn number_field(index: usize) -> FieldPath {
        FieldPath::root()
            .key("spec")
            .key("servers")
            .index(index)
            .key("port")
            .key("number")
    }
}

fn server_of(step: &Step) -> Option<(ObjectId, usize)> {
    match step {
        Step::Server { gateway, index }
        | Step::BoundServer { gateway, index, .. }
        | Step::Chains { gateway, index, .. } => Some((*gateway, *index)),
        _ => None,
    }
}
