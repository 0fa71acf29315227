//! What fixes are made of: operations on an object as written, the destinations that could be meant, free ports,
//! a server's new place. Nothing here decides; whether a change helps is for the proof to say.

#[cfg(test)]
mod tests;

mod destinations;
mod matches;
mod names;
mod objects;
mod ports;
mod workloads;

pub(super) use destinations::*;
pub(super) use matches::*;
pub(crate) use names::slip;
pub(super) use objects::*;
pub(super) use ports::*;
pub(super) use workloads::*;

use crate::causes::{Candidate, Tale};
use crate::ledger::{Block, Effect, Fate, Step};
use crate::predict::protocol::Protocol;
use crate::predict::{TlsMode, hosts};
use crate::snapshot::views::{self};
use crate::snapshot::{Change, FieldPath, Object, ObjectId, Operation};
use serde_json::{Value, json};

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

    pub(in crate::causes) fn protocol(&self) -> Protocol {
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

    pub(in crate::causes) fn kept_hosts(&self) -> Vec<String> {
        hosts::sanitize_server_hosts(&self.view.hosts, &self.gateway.key.namespace)
            .unwrap_or_else(|_| vec!["*".to_owned()])
    }

    /// The namespace whose VirtualServices may attach: the Gateway's own if it may.
    pub(in crate::causes) fn namespace_of_routes(&self) -> Option<String> {
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
