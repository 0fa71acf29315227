//! Servers of all Gateways that apply, oldest first, merged by port, protocol text and bind.
//! After istio `pilot/pkg/model/gateway.go:mergeGateways` (1.31), quirks included.

use std::collections::BTreeMap;

use super::ingress::{self, Claim};
use super::ports::{self, Target};
use super::{Context, ServerFacts, TlsMode};
use crate::ledger::{Effect, EntryId, Reason, Step};
use crate::predict::hosts::sanitize_server_hosts;
use crate::predict::protocol::Protocol;
use crate::predict::store::Gateway;

/// What istiod keys merged servers by: the protocol's and the bind's text count as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::predict) struct ServerKey {
    pub(in crate::predict) port: u32,
    pub(in crate::predict) protocol: String,
    pub(in crate::predict) bind: String,
}

/// A server on the port it binds.
#[derive(Clone, Debug)]
pub(in crate::predict) struct BoundServer<'a> {
    pub(in crate::predict) facts: ServerFacts<'a>,
    pub(in crate::predict) port: u32,
    /// Name of its route configuration; empty for TCP and passthrough.
    pub(in crate::predict) route_name: String,
    /// Its `BoundServer` entry.
    pub(in crate::predict) entry: EntryId,
}

/// The servers that share a listener, in order.
#[derive(Clone, Debug, Default)]
pub(in crate::predict) struct Group {
    /// Indices into [`Merged::servers`].
    pub(in crate::predict) servers: Vec<usize>,
    pub(in crate::predict) route_name: String,
}

/// All servers that have their place.
#[derive(Clone, Debug, Default)]
pub(in crate::predict) struct Merged<'a> {
    pub(in crate::predict) servers: Vec<BoundServer<'a>>,
    pub(in crate::predict) order: Vec<ServerKey>,
    pub(in crate::predict) groups: BTreeMap<ServerKey, Group>,
    /// Servers by the route configuration that serves them.
    pub(in crate::predict) by_route: BTreeMap<String, Vec<usize>>,
}

#[derive(Default)]
struct State {
    /// The last plaintext server of a port: only it is remembered.
    plain: BTreeMap<u32, (ServerKey, EntryId)>,
    seen: BTreeMap<u32, EntryId>,
    /// Hosts claimed by servers with `tls`: the last writer of a port and host.
    tls_hosts: BTreeMap<(u32, String), (String, EntryId)>,
}

impl State {
    /// Keeps what the server of an Ingress takes: it comes before those of all Gateways.
    fn claim(&mut self, claim: &Claim<'_>, port: u32, by: EntryId) {
        match &claim.hosts {
            Some(hosts) => {
                for host in hosts {
                    self.tls_hosts
                        .entry((port, (*host).to_owned()))
                        .or_insert((String::new(), by));
                }
            }
            None => {
                let key = ServerKey {
                    port,
                    protocol: "HTTP".to_owned(),
                    bind: String::new(),
                };
                self.plain.entry(port).or_insert((key, by));
            }
        }
        self.seen.entry(port).or_insert(by);
    }
}

/// Merges the servers of the Gateways that apply.
pub(super) fn merge<'s>(
    context: &mut Context<'s, '_>,
    applying: &[(&'s Gateway<'_>, EntryId)],
    targets: &[Target],
) -> Merged<'s> {
    let mut merged = Merged::default();
    let mut state = State::default();
    for claim in ingress::claims(context.store, context.proxy) {
        let (port, via) = ports::resolve(claim.number, targets);
        let step = Step::Server {
            gateway: claim.ingress,
            index: claim.index,
        };
        let entry = context.ledger.open(step, None);
        context
            .ledger
            .settle(entry, Ok(((), Effect::Resolved { port, via })));
        state.claim(&claim, port, entry);
    }
    for (gateway, gateway_entry) in applying {
        for index in 0..gateway.spec.servers.len() {
            let id = gateway.object.id;
            let entry = context
                .ledger
                .open(Step::Server { gateway: id, index }, Some(*gateway_entry));
            let outcome = facts(gateway, index).map(|facts| {
                let (port, via) = ports::resolve(facts.number, targets);
                ((facts, port), Effect::Resolved { port, via })
            });
            let Some((facts, port)) = context.ledger.settle(entry, outcome) else {
                continue;
            };
            let bound = context.ledger.open(
                Step::BoundServer {
                    gateway: id,
                    index,
                    port,
                },
                Some(entry),
            );
            let server = BoundServer {
                route_name: route_name(&facts, port, &gateway.object.key.name),
                facts,
                port,
                entry: bound,
            };
            let key = ServerKey {
                port,
                protocol: server.facts.protocol_text.to_owned(),
                bind: server.facts.view.bind.clone(),
            };
            let outcome =
                place(&mut merged, &mut state, &server, &key).map(|()| ((), Effect::Merged));
            if context.ledger.settle(bound, outcome).is_some() {
                merged.servers.push(server);
            }
        }
    }
    merged
}

fn facts<'a>(gateway: &'a Gateway<'_>, index: usize) -> Result<ServerFacts<'a>, Reason> {
    let server = gateway.spec.servers.get(index).ok_or(Reason::NoPort)?;
    let port = server.port.as_ref().ok_or(Reason::NoPort)?;
    let namespace = gateway.object.key.namespace.as_str();
    Ok(ServerFacts {
        gateway: gateway.object.id,
        gateway_name: &gateway.name,
        gateway_namespace: namespace,
        index,
        number: port.number,
        port_name: &port.name,
        protocol: Protocol::parse(&port.protocol),
        protocol_text: &port.protocol,
        tls: TlsMode::of(server.tls.as_ref()),
        hosts: sanitize_server_hosts(&server.hosts, namespace)
            .map_err(|host| Reason::HostListPanics { host })?,
        view: server,
    })
}

/// After `gatewayRDSRouteName`: HTTP by the resolved port, HTTPS by the declared one and the server's full name.
fn route_name(facts: &ServerFacts<'_>, port: u32, gateway: &str) -> String {
    let bind = if facts.view.bind.is_empty() {
        String::new()
    } else {
        format!(".{}", facts.view.bind)
    };
    if facts.protocol.is_http() {
        format!("http.{port}{bind}")
    } else if facts.protocol == Protocol::Https && !facts.tls.passes_through() {
        format!(
            "https.{}.{}.{gateway}.{}{bind}",
            facts.number, facts.port_name, facts.gateway_namespace
        )
    } else {
        String::new()
    }
}

/// Gives a server its place, or the reason why it has none. Claims of TLS hosts come first and stay even when the
/// server is left out afterwards, as in istiod.
fn place(
    merged: &mut Merged<'_>,
    state: &mut State,
    server: &BoundServer<'_>,
    key: &ServerKey,
) -> Result<(), Reason> {
    let slot = merged.servers.len();
    let facts = &server.facts;
    if facts.view.tls.is_some() {
        claim_hosts(state, server, key)?;
    }
    let Some(first) = state.seen.get(&key.port).copied() else {
        state.seen.insert(key.port, server.entry);
        start_group(merged, state, server, key, slot);
        return Ok(());
    };
    if let Some((current, holder)) = state.plain.get(&key.port).cloned() {
        let holder_protocol = Protocol::parse(&current.protocol);
        let same_bind = current.bind == key.bind;
        let mergeable = (facts.protocol.is_http() || facts.protocol == holder_protocol)
            && holder_protocol.is_http();
        if same_bind && (!mergeable || server.route_name.is_empty()) {
            return Err(Reason::PortTaken {
                by: holder,
                holder: holder_protocol,
                own: facts.protocol,
            });
        }
        // A server with the same bind joins the group of the one before, whatever its own protocol's text.
        let target = if same_bind { &current } else { key };
        match merged.groups.get_mut(target) {
            Some(group) => {
                group.servers.push(slot);
                if !same_bind {
                    group.route_name.clone_from(&server.route_name);
                }
                merged
                    .by_route
                    .entry(server.route_name.clone())
                    .or_default()
                    .push(slot);
            }
            None => start_group(merged, state, server, key, slot),
        }
        return Ok(());
    }
    if !facts.is_tls_server() {
        start_group(merged, state, server, key, slot);
        return Ok(());
    }
    if facts.is_http_server() {
        if let Some(taken) = merged
            .by_route
            .get(&server.route_name)
            .and_then(|s| s.first())
        {
            let by = merged.servers.get(*taken).map_or(first, |s| s.entry);
            return Err(Reason::HttpsNameTaken { by });
        }
        merged
            .by_route
            .insert(server.route_name.clone(), vec![slot]);
    }
    match merged.groups.get_mut(key) {
        Some(group) => group.servers.push(slot),
        None => {
            merged.groups.insert(
                key.clone(),
                Group {
                    servers: vec![slot],
                    route_name: String::new(),
                },
            );
            merged.order.push(key.clone());
        }
    }
    Ok(())
}

fn start_group(
    merged: &mut Merged<'_>,
    state: &mut State,
    server: &BoundServer<'_>,
    key: &ServerKey,
    slot: usize,
) {
    if !server.facts.is_tls_server() {
        state.plain.insert(key.port, (key.clone(), server.entry));
    }
    if server.facts.is_http_server() {
        merged
            .by_route
            .insert(server.route_name.clone(), vec![slot]);
    }
    let group = Group {
        servers: vec![slot],
        route_name: server.route_name.clone(),
    };
    merged.groups.insert(key.clone(), group);
    merged.order.push(key.clone());
}

fn claim_hosts(state: &mut State, server: &BoundServer<'_>, key: &ServerKey) -> Result<(), Reason> {
    for (host, name) in server.facts.hosts.iter().enumerate() {
        if let Some((bind, by)) = state.tls_hosts.get(&(key.port, name.clone()))
            && *bind == key.bind
        {
            return Err(Reason::TlsHostTaken { host, by: *by });
        }
    }
    for name in &server.facts.hosts {
        state
            .tls_hosts
            .insert((key.port, name.clone()), (key.bind.clone(), server.entry));
    }
    Ok(())
}
