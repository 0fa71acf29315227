//! What fixes are made of: operations on an object as written, the destinations that could be meant, free ports,
//! a server's new place. Nothing here decides; whether a change helps is for the proof to say.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Candidate, Choice, Destination, Tale, Wish};
use crate::ledger::{Block, Effect, Fate, Step};
use crate::predict::hosts;
use crate::predict::protocol::Protocol;
use crate::predict::store::{Registry, Service};
use crate::predict::{ProxyFacts, TlsMode, routers, selects, target_port};
use crate::snapshot::views::{self, L4Match};
use crate::snapshot::{Change, FieldPath, Kind, Object, ObjectId, Operation};

/// The API version that new Istio objects are written in.
const ISTIO_API: &str = "networking.istio.io/v1";

/// How many ways are named to a person.
pub(super) const WAYS: usize = 3;

/// Ports that Istio's own listeners and agent use.
const ISTIO_PORTS: std::ops::RangeInclusive<u32> = 15000..=15090;

const LAST_PORT: u32 = 65535;

/// Where the charts put what is privileged: 80 is 8080, 443 is 8443.
const HIGHER: u32 = 8000;

/// Ports below this one need a privilege.
const FIRST_UNPRIVILEGED_PORT: u32 = 1024;

// Operations.

/// Adds a field that is absent.
pub(super) fn add(path: &FieldPath, value: impl Into<Value>) -> Operation {
    Operation::Add {
        path: path.pointer(),
        value: value.into(),
    }
}

/// Replaces a value.
pub(super) fn replace(path: &FieldPath, value: impl Into<Value>) -> Operation {
    Operation::Replace {
        path: path.pointer(),
        value: value.into(),
    }
}

/// Removes a value.
pub(super) fn remove(path: &FieldPath) -> Operation {
    Operation::Remove {
        path: path.pointer(),
    }
}

/// Adds an item at the end of a list; a list without items may be absent, so it is written whole.
pub(super) fn append(list: &FieldPath, items: usize, value: impl Into<Value>) -> Operation {
    if items == 0 {
        add(list, json!([value.into()]))
    } else {
        add(&list.clone().key("-"), value)
    }
}

/// A candidate that changes one object.
pub(super) fn patch(
    title: impl Into<String>,
    object: ObjectId,
    operations: Vec<Operation>,
) -> Candidate {
    Candidate::new(title, vec![Change::Patch { object, operations }])
}

/// The path `spec`.
pub(super) fn spec() -> FieldPath {
    FieldPath::root().key("spec")
}

/// The path of a rule's match.
pub(super) fn match_path(block: Block, rule: usize) -> FieldPath {
    spec().key(block.field()).index(rule).key("match")
}

// Servers.

/// A server of a Gateway.
#[derive(Clone, Copy)]
pub(super) struct Server<'t> {
    pub(super) gateway: &'t Object,
    pub(super) index: usize,
    pub(super) view: &'t views::Server,
}

impl<'t> Server<'t> {
    /// The server that a decision is about or stands under.
    pub(super) fn of(tale: &Tale<'t, '_>) -> Option<Self> {
        let (gateway, index) = tale.server()?;
        Self::at(tale, gateway, index)
    }

    /// A server by its place.
    pub(super) fn at(tale: &Tale<'t, '_>, gateway: ObjectId, index: usize) -> Option<Self> {
        let view = tale
            .view::<views::Gateway>(gateway)?
            .spec
            .servers
            .get(index)?;
        Some(Self {
            gateway: tale.store.snapshot.get(gateway)?,
            index,
            view,
        })
    }

    /// The declared number.
    pub(super) fn number(&self) -> u32 {
        self.view.port.as_ref().map_or(0, |p| p.number)
    }

    fn protocol(&self) -> Protocol {
        let text = self.view.port.as_ref().map_or("", |p| p.protocol.as_str());
        Protocol::parse(text)
    }

    /// The rules that give this server a route.
    pub(super) fn block(&self) -> Option<Block> {
        let mode = TlsMode::of(self.view.tls.as_ref());
        let protocol = self.protocol();
        if protocol.is_http() {
            return Some(Block::Http);
        }
        match mode {
            TlsMode::AutoPassthrough => None,
            TlsMode::Passthrough => Some(Block::Tls),
            TlsMode::Plain | TlsMode::Terminate if protocol == Protocol::Https => Some(Block::Http),
            TlsMode::Plain | TlsMode::Terminate => Some(Block::Tcp),
        }
    }

    /// The first part of a Service port's name, by the server's protocol.
    pub(super) fn prefix(&self) -> &'static str {
        match self.protocol() {
            Protocol::Https => "https",
            Protocol::Tls => "tls",
            protocol if protocol.is_http() => "http",
            _ => "tcp",
        }
    }

    /// The path of the server.
    pub(super) fn path(&self) -> FieldPath {
        spec().key("servers").index(self.index)
    }

    /// The hosts that a VirtualService of a namespace may attach to, without their namespace part.
    pub(super) fn hosts_for(&self, namespace: &str) -> Vec<String> {
        let kept = self.kept_hosts();
        let allowed = hosts::hosts_for_namespace(&kept, namespace);
        let names: Vec<String> = allowed.map(|(_, host)| host.to_owned()).collect();
        widest(&names)
    }

    fn kept_hosts(&self) -> Vec<String> {
        hosts::sanitize_server_hosts(&self.view.hosts, &self.gateway.key.namespace)
            .unwrap_or_else(|_| vec!["*".to_owned()])
    }

    /// The namespace whose VirtualServices may attach: the Gateway's own if it may.
    fn namespace_of_routes(&self) -> Option<String> {
        let own = self.gateway.key.namespace.as_str();
        if !self.hosts_for(own).is_empty() {
            return Some(own.to_owned());
        }
        self.kept_hosts()
            .iter()
            .filter_map(|host| host.split_once('/'))
            .map(|(namespace, _)| namespace.to_owned())
            .find(|namespace| namespace != "~")
    }
}

/// Hosts without those that lie under another of the list: one VirtualService may not have both.
fn widest(names: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let covered = names
            .iter()
            .enumerate()
            .any(|(m, other)| m != n && hosts::is_subset(name, other) && (name != other || m < n));
        if !covered {
            kept.push(name.clone());
        }
    }
    kept
}

/// A Gateway's name as an object of a namespace writes it.
pub(super) fn gateway_name(gateway: &Object, namespace: &str) -> String {
    if gateway.key.namespace == namespace {
        gateway.key.name.clone()
    } else {
        gateway.qualified()
    }
}

/// A Gateway's name as a VirtualService has written it, for one more place in that object.
pub(super) fn name_as_written(
    spec: &views::VirtualServiceSpec,
    namespace: &str,
    gateway: &Object,
) -> String {
    let qualified = gateway.qualified();
    spec.gateways
        .iter()
        .find(|name| hosts::resolve_gateway_name(name, namespace) == qualified)
        .cloned()
        .unwrap_or_else(|| gateway_name(gateway, namespace))
}

/// The servers with a number that have no route, best guess first: VirtualServices of these hosts and of this
/// namespace were probably meant for them.
pub(super) fn servers_without_route<'t>(
    tale: &Tale<'t, '_>,
    wanted: &[String],
    namespace: &str,
) -> Vec<Server<'t>> {
    let mut found: Vec<(u8, Server<'t>)> = Vec::new();
    for gateway in &tale.store.gateways {
        for index in 0..gateway.spec.servers.len() {
            let Some(server) = Server::at(tale, gateway.object.id, index) else {
                continue;
            };
            if server.number() != tale.port || routed(tale, &server) {
                continue;
            }
            let fits = server
                .hosts_for(namespace)
                .iter()
                .any(|a| wanted.iter().any(|b| hosts::overlap(a, b)));
            let near = gateway.object.key.namespace == namespace;
            found.push((u8::from(!fits) * 2 + u8::from(!near), server));
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, server)| server).collect()
}

/// Whether a server has filter chains.
fn routed(tale: &Tale<'_, '_>, server: &Server<'_>) -> bool {
    let bound = tale
        .ledger
        .servers()
        .flat_map(|(id, _)| tale.ledger.under(id));
    let mut chains = bound.flat_map(|(id, _)| tale.ledger.under(id));
    chains.any(|(_, e)| {
        matches!(&e.step, Step::Chains { gateway, index, .. }
            if *gateway == server.gateway.id && *index == server.index)
            && matches!(e.fate, Fate::Effective(_))
    })
}

/// The port that the server of a decision binds.
pub(super) fn bound_port(tale: &Tale<'_, '_>) -> Option<u32> {
    let port_of = |step: &Step, fate: &Fate| match (step, fate) {
        (Step::BoundServer { port, .. } | Step::Chains { port, .. }, _)
        | (Step::Server { .. }, Fate::Effective(Effect::Resolved { port, .. })) => Some(*port),
        _ => None,
    };
    let own = tale.decided().and_then(|e| port_of(&e.step, &e.fate));
    own.or_else(|| {
        tale.ledger
            .above(tale.entry)
            .find_map(|(_, e)| port_of(&e.step, &e.fate))
    })
}

// Matches.

/// Whether a rule is used for some server: then what it matches may only grow.
pub(super) fn in_use(tale: &Tale<'_, '_>, vs: ObjectId, block: Block, rule: usize) -> bool {
    tale.ledger.uses_rule(vs, block, rule)
}

/// One match of a rule, as far as it is about ports and gateways.
pub(super) struct Matched<'t> {
    pub(super) block: Block,
    pub(super) rule: usize,
    pub(super) index: usize,
    pub(super) port: u32,
    pub(super) gateways: &'t [String],
    /// For `tls` rules.
    pub(super) sni: &'t [String],
    /// Whether another match can be made without losing conditions.
    pub(super) plain: bool,
}

impl Matched<'_> {
    /// The path of the match.
    pub(super) fn path(&self) -> FieldPath {
        match_path(self.block, self.rule).index(self.index)
    }

    /// The same match for another port and one Gateway.
    fn for_port(&self, port: u32, gateway: Option<&str>) -> Value {
        let mut value = json!({ "port": port });
        if let Some(map) = value.as_object_mut() {
            if let Some(name) = gateway {
                map.insert("gateways".to_owned(), json!([name]));
            }
            if self.block == Block::Tls {
                map.insert("sniHosts".to_owned(), json!(self.sni));
            }
        }
        value
    }

    /// The name of the Gateway, if the match could be for others without it.
    fn restricted<'n>(&self, vs: &views::VirtualServiceSpec, name: &'n str) -> Option<&'n str> {
        (vs.gateways.len() > 1 || !self.gateways.is_empty()).then_some(name)
    }

    /// Whether the match is for other gateways or for sidecars as well.
    fn is_shared(&self, vs: &views::VirtualServiceSpec, namespace: &str, gateway: &Object) -> bool {
        let own = gateway.qualified();
        let named = if self.gateways.is_empty() {
            vs.gateways.as_slice()
        } else {
            self.gateways
        };
        named
            .iter()
            .any(|name| hosts::resolve_gateway_name(name, namespace) != own)
    }
}

/// Every match of a VirtualService.
pub(super) fn matches_of(spec: &views::VirtualServiceSpec) -> Vec<Matched<'_>> {
    fn l4(block: Block, rule: usize, matches: &[L4Match]) -> impl Iterator<Item = Matched<'_>> {
        matches.iter().enumerate().map(move |(index, m)| Matched {
            block,
            rule,
            index,
            port: m.port,
            gateways: &m.gateways,
            sni: &m.sni_hosts,
            plain: true,
        })
    }
    let tcp = spec.tcp.iter().enumerate();
    let tls = spec.tls.iter().enumerate();
    let http = spec.http.iter().enumerate().flat_map(|(rule, r)| {
        r.r#match.iter().enumerate().map(move |(index, m)| Matched {
            block: Block::Http,
            rule,
            index,
            port: m.port,
            gateways: &m.gateways,
            sni: &[],
            plain: without_conditions(m),
        })
    });
    tcp.flat_map(|(rule, r)| l4(Block::Tcp, rule, &r.r#match))
        .chain(tls.flat_map(|(rule, r)| l4(Block::Tls, rule, &r.r#match)))
        .chain(http)
        .collect()
}

/// Whether an HTTP match asks for nothing but port, gateways and clients.
pub(super) fn without_conditions(m: &views::HttpMatch) -> bool {
    *m == views::HttpMatch {
        name: m.name.clone(),
        port: m.port,
        gateways: m.gateways.clone(),
        source_labels: m.source_labels.clone(),
        source_namespace: m.source_namespace.clone(),
        ..views::HttpMatch::default()
    }
}

/// Ways to make a match fit the server of a decision: by its number, and by the Gateway's name.
pub(super) fn fit_match(tale: &Tale<'_, '_>, index: usize) -> Option<Vec<Candidate>> {
    let Step::Clause {
        virtual_service,
        block,
        rule,
        ..
    } = tale.step()?
    else {
        return None;
    };
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let spec = tale.virtual_service()?;
    let all = matches_of(spec);
    let found = all
        .iter()
        .find(|m| m.block == *block && m.rule == *rule && m.index == index)?;
    let qualified = server.gateway.qualified();
    let named = found.gateways.is_empty()
        || found
            .gateways
            .iter()
            .any(|g| hosts::resolve_gateway_name(g, &vs.key.namespace) == qualified);
    let mut operations = Vec::new();
    let number = server.number();
    let other_port = found.port != 0 && found.port != number;
    if other_port {
        operations.push(replace(&found.path().key("port"), number));
    }
    let name = name_as_written(spec, &vs.key.namespace, server.gateway);
    if !named {
        let list = found.path().key("gateways");
        operations.push(append(&list, found.gateways.len(), name.as_str()));
    }
    let title = if other_port {
        "write the Gateway's number in match.port"
    } else {
        "add the Gateway to match.gateways"
    };
    if operations.is_empty() {
        return None;
    }
    let mut ways = vec![patch(title, *virtual_service, operations)];
    if other_port && found.plain {
        let another = patch(
            "add a match with the Gateway's number",
            *virtual_service,
            vec![append(
                &match_path(*block, *rule),
                1,
                found.for_port(number, found.restricted(spec, &name)),
            )],
        );
        // What others have by the old number must stay.
        let others = in_use(tale, *virtual_service, *block, *rule)
            || found.is_shared(spec, &vs.key.namespace, server.gateway);
        ways.insert(usize::from(!others), another);
    }
    Some(ways)
}

// Destinations.

/// Where a route should lead, and why.
pub(super) struct Chosen {
    pub(super) to: Destination,
    pub(super) because: Option<String>,
    pub(super) choice: Option<Choice>,
}

impl Chosen {
    /// The candidate with what was chosen, and what is left to a person.
    pub(super) fn on(self, mut candidate: Candidate) -> Candidate {
        candidate.because = self.because;
        candidate.choice = self.choice;
        candidate
    }
}

/// The host name of a Service.
pub(super) fn host_of(tale: &Tale<'_, '_>, to: &Destination) -> String {
    let domain = &tale.store.mesh.domain;
    format!("{}.{}.svc.{domain}", to.service, to.namespace)
}

/// A `destination`.
pub(super) fn destination(tale: &Tale<'_, '_>, to: &Destination) -> Value {
    json!({ "host": host_of(tale, to), "port": { "number": to.port } })
}

/// A way as `--to` takes it.
pub(super) fn way(to: &Destination) -> String {
    format!("{}/{}:{}", to.namespace, to.service, to.port)
}

/// A port of a Service that a route could lead to.
struct Port<'t> {
    to: Destination,
    view: &'t views::ServicePort,
    protocol: Protocol,
    service: &'t views::ServiceSpec,
}

impl Port<'_> {
    fn has_target(&self, number: u32) -> bool {
        self.view.target_port == Some(views::IntOrString::Int(number))
    }
}

/// Whether rules of this kind may lead to a port.
fn carries(block: Block, protocol: Protocol) -> bool {
    protocol != Protocol::Udp && (block == Block::Http || !protocol.is_http())
}

/// The ports of a Service that rules of this kind may lead to.
fn ports_of<'t>(
    object: &'t Object,
    service: &'t views::ServiceSpec,
    block: Block,
) -> impl Iterator<Item = Port<'t>> {
    service.ports.iter().filter_map(move |view| {
        let protocol = Protocol::of_service_port(
            view.port,
            &view.name,
            &view.protocol,
            view.app_protocol.as_deref(),
        );
        let to = Destination {
            namespace: object.key.namespace.clone(),
            service: object.key.name.clone(),
            port: view.port,
        };
        (carries(block, protocol) && !view.protocol.eq_ignore_ascii_case("SCTP")).then_some(Port {
            to,
            view,
            protocol,
            service,
        })
    })
}

/// Services of the platform itself: nobody means them.
fn of_the_platform(object: &Object) -> bool {
    let key = &object.key;
    key.namespace == "kube-system"
        || (key.namespace == "default" && key.name == "kubernetes")
        || object.meta.labels.get("app").is_some_and(|a| a == "istiod")
}

/// The Service ports of a namespace that a route could mean.
fn ports_in<'t>(
    tale: &Tale<'t, '_>,
    block: Block,
    namespace: &str,
    gateways: &[ProxyFacts],
) -> Vec<Port<'t>> {
    let leads_to_gateway = |o: &Object, s: &views::ServiceSpec| {
        !s.selector.is_empty()
            && gateways
                .iter()
                .any(|g| g.namespace == o.key.namespace && selects(&s.selector, &g.labels))
    };
    let mut found: Vec<Port<'t>> = tale
        .store
        .kubernetes_services(namespace)
        .filter(|(o, s)| {
            s.spec.r#type != "ExternalName"
                && !of_the_platform(o)
                && !leads_to_gateway(o, &s.spec)
                && sees(tale, o)
        })
        .flat_map(|(o, s)| ports_of(o, &s.spec, block))
        .collect();
    // A StatefulSet's headless Service stands beside the one that clients use.
    let twin: Vec<bool> = found
        .iter()
        .map(|p| {
            p.service.cluster_ip == "None"
                && found.iter().any(|q| {
                    q.service.cluster_ip != "None"
                        && q.service.selector == p.service.selector
                        && q.to.port == p.to.port
                })
        })
        .collect();
    let mut twin = twin.into_iter();
    found.retain(|_| twin.next() != Some(true));
    if block == Block::Http {
        if found.iter().any(|p| p.protocol.is_http()) {
            found.retain(|p| p.protocol.is_http());
        } else if found.iter().any(|p| p.protocol == Protocol::Unsupported) {
            found.retain(|p| p.protocol == Protocol::Unsupported);
        }
    }
    found
}

/// Whether the proxy sees a Service.
fn sees(tale: &Tale<'_, '_>, object: &Object) -> bool {
    let domain = &tale.store.mesh.domain;
    let host = format!("{}.{}.svc.{domain}", object.key.name, object.key.namespace);
    tale.store.service(&host, &tale.proxy.namespace).is_some()
}

/// The destination that was probably meant: what the user said; else the only port of the first of these namespaces
/// that has one, else of all; among several the one that has the number.
pub(super) fn choose(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    block: Block,
    number: u32,
    namespaces: &[&str],
) -> Option<Chosen> {
    if let Some(to) = &wish.to {
        return Some(Chosen {
            to: to.clone(),
            because: None,
            choice: None,
        });
    }
    let gateways = routers(tale.store.snapshot);
    // Beside the control plane stand tools, not what a gateway is for.
    let near = namespaces
        .iter()
        .filter(|namespace| **namespace != tale.store.mesh.root_namespace)
        .find_map(|namespace| {
            let ports = ports_in(tale, block, namespace, &gateways);
            (!ports.is_empty()).then(|| (ports, format!("in {namespace}")))
        });
    let (ports, place) = near.unwrap_or_else(|| {
        let all = tale.store.snapshot.namespaces().into_iter();
        let ports = all
            .flat_map(|namespace| ports_in(tale, block, namespace, &gateways))
            .collect();
        (ports, "of all that was read".to_owned())
    });
    // Their names say that they speak something else: a person may know better, we do not.
    let may_be_http = |p: &Port<'_>| p.protocol.is_http() || p.protocol == Protocol::Unsupported;
    if block == Block::Http && !ports.iter().any(may_be_http) {
        return ask_which(&ports, number, "which Service speaks HTTP?");
    }
    let kind = kind_of(block, &ports);
    let name = |to: &Destination| format!("{}:{}", to.service, to.port);
    let only = |to: &Destination| format!("{} is the only {kind} {place}", name(to));
    let by_number = |to: &Destination, what: &str| {
        format!("{} is the only one {place} {what} {number}", name(to))
    };
    pick(&ports, number, only, by_number, "which Service?")
}

/// What ports are called that rules of this kind may lead to.
fn kind_of(block: Block, ports: &[Port<'_>]) -> &'static str {
    match block {
        Block::Http if ports.iter().all(|p| p.protocol.is_http()) => "HTTP port",
        Block::Http => "port",
        Block::Tcp | Block::Tls => "TCP port",
    }
}

/// The only one; the only one with the number as port or as target; else the first, and a question.
fn pick(
    ports: &[Port<'_>],
    number: u32,
    only: impl Fn(&Destination) -> String,
    by_number: impl Fn(&Destination, &str) -> String,
    question: &'static str,
) -> Option<Chosen> {
    let chosen = |port: &Port<'_>, because: String| {
        Some(Chosen {
            to: port.to.clone(),
            because: Some(because),
            choice: None,
        })
    };
    let with_port: Vec<_> = ports.iter().filter(|p| p.to.port == number).collect();
    let with_target: Vec<_> = ports.iter().filter(|p| p.has_target(number)).collect();
    match (ports, with_port.as_slice(), with_target.as_slice()) {
        ([one], _, _) => chosen(one, only(&one.to)),
        (_, [one], _) => chosen(one, by_number(&one.to, "with port")),
        (_, [], [one]) => chosen(one, by_number(&one.to, "with targetPort")),
        _ => ask_which(ports, number, question),
    }
}

/// A question, and the ports that could be meant; those that have the number come first.
fn ask_which(ports: &[Port<'_>], number: u32, question: &'static str) -> Option<Chosen> {
    let mut ways: Vec<&Port<'_>> = ports.iter().filter(|p| p.to.port == number).collect();
    ways.extend(ports.iter().filter(|p| p.to.port != number));
    Some(Chosen {
        to: ways.first()?.to.clone(),
        because: None,
        choice: Some(Choice {
            question,
            ways: ways.iter().take(WAYS).map(|p| way(&p.to)).collect(),
        }),
    })
}

/// The port of one service that was probably meant; `number` is the one that was written.
pub(super) fn choose_port(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    block: Block,
    host: &str,
    number: u32,
) -> Option<Chosen> {
    let service = tale.store.service(host, &tale.proxy.namespace)?;
    if let Some(to) = wish.to.as_ref().filter(|to| host_of(tale, to) == host) {
        return Some(Chosen {
            to: to.clone(),
            because: None,
            choice: None,
        });
    }
    let object = tale.store.snapshot.get(service.object)?;
    if service.registry == Registry::ServiceEntry {
        let mut numbers = service.ports.iter().filter(|p| carries(block, p.protocol));
        let first = numbers.next()?.number;
        return numbers.next().is_none().then(|| Chosen {
            to: Destination {
                namespace: service.namespace.clone(),
                service: host.to_owned(),
                port: first,
            },
            because: Some(format!("{first} is its only port")),
            choice: None,
        });
    }
    let view = tale.view::<views::Service>(service.object)?;
    let mut ports: Vec<Port<'_>> = ports_of(object, &view.spec, block).collect();
    if ports.is_empty() {
        ports = ports_of(object, &view.spec, Block::Http).collect();
    } else if block == Block::Http && ports.iter().any(|p| p.protocol.is_http()) {
        ports.retain(|p| p.protocol.is_http());
    }
    let kind = kind_of(block, &ports);
    let only = |to: &Destination| format!("{} is the only {kind} of {}", to.port, to.service);
    let by_number = |to: &Destination, what: &str| {
        format!(
            "{} is the only port of {} {what} {number}",
            to.port, to.service
        )
    };
    pick(&ports, number, only, by_number, "which port?")
}

// Objects.

/// A VirtualService that gives a server its route.
pub(super) fn virtual_service(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    server: &Server<'_>,
) -> Option<Candidate> {
    let block = server.block()?;
    let namespace = server.namespace_of_routes()?;
    let number = server.number();
    let own = server.gateway.key.namespace.as_str();
    let chosen = choose(tale, wish, block, number, &[&namespace, own])?;
    let names = server.hosts_for(&namespace);
    let base = format!("{}-{number}", chosen.to.service);
    let name = unique(&base, |name| {
        let kind = Kind::VirtualService;
        tale.store.snapshot.find(kind, &namespace, name).is_some()
    });
    let route = json!([{ "destination": destination(tale, &chosen.to) }]);
    let rule = match block {
        Block::Tcp => json!({ "match": [{ "port": number }], "route": route }),
        Block::Tls => json!({ "match": [{ "port": number, "sniHosts": &names }], "route": route }),
        Block::Http => json!({ "route": route }),
    };
    let object = json!({
        "apiVersion": ISTIO_API,
        "kind": "VirtualService",
        "metadata": { "name": name, "namespace": &namespace },
        "spec": {
            "hosts": names,
            "gateways": [gateway_name(server.gateway, &namespace)],
            block.field(): [rule],
        },
    });
    let change = Change::Create {
        kind: Kind::VirtualService,
        object,
        beside: Some(server.gateway.id),
    };
    Some(chosen.on(Candidate::new("add this VirtualService", vec![change])))
}

/// A DestinationRule with one subset.
pub(super) fn destination_rule(tale: &Tale<'_, '_>, service: &Service, subset: &Value) -> Change {
    let namespace = service.namespace.as_str();
    let name = unique(&service.sort_name, |name| {
        let kind = Kind::DestinationRule;
        tale.store.snapshot.find(kind, namespace, name).is_some()
    });
    Change::Create {
        kind: Kind::DestinationRule,
        object: json!({
            "apiVersion": ISTIO_API,
            "kind": "DestinationRule",
            "metadata": { "name": name, "namespace": namespace },
            "spec": { "host": service.hostname, "subsets": [subset] },
        }),
        beside: Some(service.object),
    }
}

/// A name that is not taken: itself, or with the first free number behind.
pub(super) fn unique(base: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(base) {
        return base.to_owned();
    }
    (2_u32..)
        .map(|n| format!("{base}-{n}"))
        .find(|name| !taken(name))
        .unwrap_or_default()
}

/// Adds a block of the kind that the server needs, with the destinations of a block that is there.
pub(super) fn needed_block(tale: &Tale<'_, '_>, wish: &Wish, needed: Block) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let spec_view = tale.virtual_service()?;
    let number = server.number();
    let article = if needed == Block::Http { "an" } else { "a" };
    let title = format!("add {article} `{}` rule", needed.field());
    let (route, chosen) =
        match destinations_of(spec_view, needed, number).filter(|_| wish.to.is_none()) {
            Some(route) => (json!(route), None),
            None => {
                let namespaces = [vs.key.namespace.as_str(), &server.gateway.key.namespace];
                let chosen = choose(tale, wish, needed, number, &namespaces)?;
                let route = json!([{ "destination": destination(tale, &chosen.to) }]);
                (route, Some(chosen))
            }
        };
    let mut matched = json!({ "port": number });
    if let Some(map) = matched.as_object_mut() {
        if needed == Block::Tls {
            map.insert("sniHosts".to_owned(), json!(sni(tale, &server)));
        }
        // Its other gateways, and the sidecars, are to see no difference.
        if spec_view.gateways.len() > 1 {
            let name = name_as_written(spec_view, &vs.key.namespace, server.gateway);
            map.insert("gateways".to_owned(), json!([name]));
        }
    }
    let rule = json!({ "match": [matched], "route": route });
    let list = spec().key(needed.field());
    let candidate = patch(title, vs.id, vec![append(&list, 0, rule)]);
    Some(match chosen {
        Some(chosen) => chosen.on(candidate),
        None => candidate,
    })
}

/// The server names for a `tls` match: what the VirtualService and the server have in common.
pub(super) fn sni(tale: &Tale<'_, '_>, server: &Server<'_>) -> Vec<String> {
    let Some(vs) = tale.object() else {
        return Vec::new();
    };
    let namespace = vs.key.namespace.as_str();
    let written = tale.virtual_service().map(|s| s.hosts.as_slice());
    let own: Vec<String> = written
        .unwrap_or_default()
        .iter()
        .map(|h| hosts::resolve_short_name(h, namespace, &tale.store.mesh.domain).into_owned())
        .collect();
    let servers = server.hosts_for(namespace);
    let a: Vec<&str> = own.iter().map(String::as_str).collect();
    let b: Vec<&str> = servers.iter().map(String::as_str).collect();
    let common = hosts::intersection(&a, &b);
    if common.is_empty() { own } else { common }
}

/// The destinations of another kind of rules, as a new rule writes them: those of the rule for this port first.
fn destinations_of(
    spec: &views::VirtualServiceSpec,
    needed: Block,
    number: u32,
) -> Option<Vec<Value>> {
    let fits = |ports: &[u32]| ports.is_empty() || ports.iter().any(|p| *p == 0 || *p == number);
    let l4 = |m: &[L4Match]| fits(&m.iter().map(|m| m.port).collect::<Vec<_>>());
    let tcp = spec
        .tcp
        .iter()
        .map(|r| (Block::Tcp, l4(&r.r#match), &r.route));
    let tls = spec
        .tls
        .iter()
        .map(|r| (Block::Tls, l4(&r.r#match), &r.route));
    let http = spec.http.iter().map(|r| {
        let ports: Vec<u32> = r.r#match.iter().map(|m| m.port).collect();
        (Block::Http, fits(&ports), &r.route)
    });
    let mut rules: Vec<_> = tls
        .chain(tcp)
        .chain(http)
        .filter(|(block, _, route)| *block != needed && !route.is_empty())
        .collect();
    rules.sort_by_key(|(_, fits, _)| !fits);
    let (_, _, route) = rules.first()?;
    Some(route.iter().map(route_destination).collect())
}

/// A destination of a rule with everything that tcp and tls rules know.
fn route_destination(from: &views::RouteDestination) -> Value {
    let mut destination = json!({ "host": from.destination.host });
    if let Some(map) = destination.as_object_mut() {
        if let Some(port) = &from.destination.port {
            map.insert("port".to_owned(), json!({ "number": port.number }));
        }
        if !from.destination.subset.is_empty() {
            map.insert("subset".to_owned(), json!(from.destination.subset));
        }
    }
    match from.weight {
        Some(weight) => json!({ "destination": destination, "weight": weight }),
        None => json!({ "destination": destination }),
    }
}

// Ports.

/// The Services that lead to the proxy.
pub(super) fn gateway_services<'t>(
    tale: &Tale<'t, '_>,
) -> Vec<(&'t Object, &'t views::ServiceSpec)> {
    let proxy = tale.proxy;
    tale.store
        .kubernetes_services(&proxy.namespace)
        .filter(|(_, s)| !s.spec.selector.is_empty() && selects(&s.spec.selector, &proxy.labels))
        .filter(|(_, s)| s.spec.r#type != "ExternalName")
        .map(|(o, s)| (o, &s.spec))
        .collect()
}

/// The first number from here on that no Gateway, no port of the gateway's Services and nothing of Istio uses.
pub(super) fn free_port(tale: &Tale<'_, '_>, from: u32) -> Option<u32> {
    let mut taken: BTreeSet<u32> = BTreeSet::new();
    for gateway in &tale.store.gateways {
        let numbers = gateway.spec.servers.iter().filter_map(|s| s.port.as_ref());
        taken.extend(numbers.map(|p| p.number));
    }
    for (_, service) in gateway_services(tale) {
        for port in &service.ports {
            taken.insert(port.port);
            taken.extend(target_port(port, &tale.proxy.containers).ok());
            taken.extend(port.node_port);
        }
    }
    for (_, entry) in tale.ledger.entries() {
        if let Step::BoundServer { port, .. } = entry.step {
            taken.insert(port);
        }
    }
    let from = if may_bind(tale, from) {
        from
    } else {
        FIRST_UNPRIVILEGED_PORT
    };
    (from..=LAST_PORT).find(|n| !taken.contains(n) && !ISTIO_PORTS.contains(n))
}

/// Whether the pod may listen there.
fn may_bind(tale: &Tale<'_, '_>, port: u32) -> bool {
    port >= FIRST_UNPRIVILEGED_PORT || !tale.proxy.unprivileged
}

/// The port of the pods for a Service port: its own number, or for one that the pod may not bind, one behind 8000.
pub(super) fn bindable(tale: &Tale<'_, '_>, number: u32) -> Option<u32> {
    if may_bind(tale, number) {
        return Some(number);
    }
    free_port(tale, HIGHER.checked_add(number)?)
}

/// Adds a port to a Service. With several ports each needs a name, so a lone one without gets its own.
pub(super) fn service_port(
    service: &views::ServiceSpec,
    prefix: &str,
    port: u32,
    target: u32,
) -> Vec<Operation> {
    let list = spec().key("ports");
    let mut operations = Vec::new();
    if let [only] = service.ports.as_slice()
        && only.name.is_empty()
    {
        let name = format!("port-{}", only.port);
        operations.push(add(&list.clone().index(0).key("name"), name));
    }
    let name = unique(&format!("{prefix}-{port}"), |name| {
        service.ports.iter().any(|p| p.name == name)
    });
    let item = json!({ "name": name, "port": port, "targetPort": target });
    operations.push(append(&list, service.ports.len(), item));
    operations
}

/// Gives the server of a decision the next free port: in its Gateway, in the routes that lead on from it, and in the
/// Services that had the old number.
pub(super) fn move_away(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let server = Server::of(tale)?;
    let old = server.number();
    let new = free_port(tale, old.checked_add(1)?)?;
    let number = server.path().key("port").key("number");
    let mut changes = vec![Change::Patch {
        object: server.gateway.id,
        operations: vec![replace(&number, new)],
    }];
    for (vs, _) in tale.store.naming(&server.gateway.qualified()) {
        let attached = server
            .hosts_for(vs.namespace())
            .iter()
            .any(|a| vs.hosts.iter().any(|b| hosts::overlap(a, b)));
        if !attached
            || changes
                .iter()
                .any(|c| matches!(c, Change::Patch { object, .. } if *object == vs.object.id))
        {
            continue;
        }
        let qualified = server.gateway.qualified();
        let operations: Vec<Operation> = matches_of(vs.spec)
            .iter()
            .filter(|m| m.port == old && Some(m.block) == server.block())
            .filter(|m| {
                m.gateways.is_empty()
                    || m.gateways
                        .iter()
                        .any(|g| hosts::resolve_gateway_name(g, vs.namespace()) == qualified)
            })
            .filter_map(|m| {
                let others = in_use(tale, vs.object.id, m.block, m.rule)
                    || m.is_shared(vs.spec, vs.namespace(), server.gateway)
                    || has_twin(tale, &server, &vs.hosts);
                if !others {
                    return Some(replace(&m.path().key("port"), new));
                }
                // What others have by the old number must stay.
                let name = name_as_written(vs.spec, vs.namespace(), server.gateway);
                let value = m.for_port(new, m.restricted(vs.spec, &name));
                m.plain
                    .then(|| append(&match_path(m.block, m.rule), 1, value))
            })
            .collect();
        if !operations.is_empty() {
            changes.push(Change::Patch {
                object: vs.object.id,
                operations,
            });
        }
    }
    for (object, service) in gateway_services(tale) {
        let had = |p: &views::ServicePort| p.port == old && !p.protocol.eq_ignore_ascii_case("udp");
        if service.ports.iter().any(had) {
            changes.push(Change::Patch {
                object: object.id,
                operations: service_port(service, server.prefix(), new, new),
            });
        }
    }
    let mut candidate = Candidate::new(format!("move to {new}, the next free port"), changes);
    candidate.opens = Some(new);
    Some(candidate)
}

/// Whether another server of the same Gateway has the number, and hosts of the same routes.
fn has_twin(tale: &Tale<'_, '_>, server: &Server<'_>, routes: &[String]) -> bool {
    let servers = tale.view::<views::Gateway>(server.gateway.id);
    let count = servers.map_or(0, |g| g.spec.servers.len());
    (0..count)
        .filter(|n| *n != server.index)
        .filter_map(|n| Server::at(tale, server.gateway.id, n))
        .filter(|twin| twin.number() == server.number())
        .flat_map(|twin| twin.kept_hosts())
        .any(|host| {
            let name = host.rsplit('/').next().unwrap_or(&host);
            routes.iter().any(|route| hosts::overlap(name, route))
        })
}

// Names.

/// How far two names are apart, when that can be a slip: at most two letters added, left out or changed.
pub(super) fn slip(a: &str, b: &str) -> Option<usize> {
    if a == b || a.len().min(b.len()) <= 3 {
        return None;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = diagonal + usize::from(x != *y);
            left = cost.min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().filter(|distance| *distance <= 2)
}

// Sight.

/// Something that is exported to some namespaces.
pub(super) struct Exported<'e> {
    pub(super) object: &'e Object,
    /// `spec.exportTo` as written.
    pub(super) written: &'e [String],
    /// What counts when it is absent.
    pub(super) default: &'e [String],
}

/// Adds a namespace to `spec.exportTo`.
pub(super) fn export(what: &Exported<'_>, namespace: &str) -> Candidate {
    let list = spec().key("exportTo");
    let nobody = what.written.iter().position(|name| name == "~");
    let operation = match (nobody, what.written.len()) {
        (Some(n), _) => replace(&list.index(n), namespace),
        (None, 0) => {
            let mut names: Vec<&str> = what.default.iter().map(String::as_str).collect();
            names.retain(|name| *name != "~");
            names.push(namespace);
            add(&list, json!(names))
        }
        (None, several) => append(&list, several, namespace),
    };
    let title = format!("export it to {namespace} too");
    patch(title, what.object.id, vec![operation])
}

/// Adds the proxy's namespace to `spec.exportTo`.
pub(super) fn export_to(
    tale: &Tale<'_, '_>,
    object: &Object,
    written: &[String],
    default: &[String],
) -> Candidate {
    let what = Exported {
        object,
        written,
        default,
    };
    export(&what, &tale.proxy.namespace)
}

// A destination that is there, but wrong.

/// What a destination should be, from scratch.
pub(super) fn choose_for_destination(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Chosen> {
    let vs = tale.object()?;
    let server = Server::of(tale);
    let number = server.map_or(tale.port, |s| s.number());
    let mut namespaces = vec![vs.key.namespace.as_str()];
    namespaces.extend(server.map(|s| s.gateway.key.namespace.as_str()));
    choose(tale, wish, tale.block()?, number, &namespaces)
}

/// Writes the port of the destination that a decision is about.
fn write_port(tale: &Tale<'_, '_>, port: u32) -> Option<Operation> {
    let field = tale.step()?.field().key("port");
    Some(match tale.destination()?.port.as_ref().map(|p| p.number) {
        None => add(&field, json!({ "number": port })),
        Some(0) => replace(&field, json!({ "number": port })),
        Some(_) => replace(&field.key("number"), port),
    })
}

/// Lets the destination lead elsewhere; its other fields stay.
pub(super) fn lead_to(tale: &Tale<'_, '_>, to: &Destination) -> Option<Candidate> {
    let written = tale.destination()?;
    let field = tale.step()?.field();
    let operations = if *written == views::Destination::default() {
        vec![add(&field, destination(tale, to))]
    } else {
        let path = field.key("host");
        let name = host_of(tale, to);
        let host = if written.host.is_empty() {
            add(&path, name)
        } else {
            replace(&path, name)
        };
        let same_port = written.port.as_ref().is_some_and(|p| p.number == to.port);
        let port = if same_port {
            None
        } else {
            write_port(tale, to.port)
        };
        [host].into_iter().chain(port).collect()
    };
    let title = format!("lead to {}", way(to));
    Some(patch(title, tale.object()?.id, operations))
}

/// The destination that the user asked for.
pub(super) fn wished_destination(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    lead_to(tale, wish.to.as_ref()?)
}

/// The port that was probably meant.
pub(super) fn with_port(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    host: &str,
    number: u32,
) -> Option<Candidate> {
    let own = wish.to.as_ref().is_none_or(|to| host_of(tale, to) == host);
    if !own {
        return wished_destination(tale, wish);
    }
    let chosen = choose_port(tale, wish, tale.block()?, host, number)?;
    let port = chosen.to.port;
    let operation = write_port(tale, port)?;
    let title = format!("write port {port}");
    Some(chosen.on(patch(title, tale.object()?.id, vec![operation])))
}

/// The Services of a name, those with the destination's port first.
pub(super) fn services_of_name<'t>(tale: &Tale<'t, '_>, name: &str) -> Vec<&'t Object> {
    let port = tale.destination().and_then(|d| d.port.as_ref());
    let lacks = |o: &Object| {
        tale.view::<views::Service>(o.id).is_none_or(|s| {
            port.is_some_and(|port| s.spec.ports.iter().all(|p| p.port != port.number))
        })
    };
    let services = tale.store.snapshot.of_kind(Kind::Service);
    let mut found: Vec<&Object> = services.filter(|o| o.key.name == name).collect();
    found.sort_by_key(|o| lacks(o));
    found
}

/// One way for each of these Services: its host in full.
pub(super) fn hosts_in_full(tale: &Tale<'_, '_>, services: Vec<&Object>) -> Vec<Candidate> {
    let (Some(vs), Some(step)) = (tale.object(), tale.step()) else {
        return Vec::new();
    };
    let field = step.field().key("host");
    let domain = &tale.store.mesh.domain;
    let candidate = |service: &Object| {
        let host = format!(
            "{}.{}.svc.{domain}",
            service.key.name, service.key.namespace
        );
        let title = format!("write the host in full: {host}");
        patch(title, vs.id, vec![replace(&field, host)])
    };
    services.into_iter().take(WAYS).map(candidate).collect()
}
