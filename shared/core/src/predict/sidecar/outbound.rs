//! Outbound listeners: every port of every service that is known is put on the listener of its address, and rules
//! say what becomes of two on one. After istio `core/listener.go:buildSidecarOutboundListeners` (1.31).

use std::collections::{BTreeMap, BTreeSet};

use super::address::Families;
use super::chains::{Chain, Listening, PLAINTEXT_HTTP, What, tcp_chains};
use super::fallback::rest_cluster;
use super::scope::{Egress, Imported, Scope};
use crate::ledger::{Effect, EntryId, Reason, Served, Step};
use crate::predict::config::{Cluster, FilterChain, Listener};
use crate::predict::endpoints;
use crate::predict::envoy::own_listener;
use crate::predict::gateway::{Context, FIRST_UNPRIVILEGED_PORT};
use crate::predict::mesh::MeshConfig;
use crate::predict::network::{UNSPECIFIED, UNSPECIFIED_V6, is_network};
use crate::predict::protocol::Protocol;
use crate::predict::store::{Registry, Resolution};

/// How listeners take a protocol. After `pilot/pkg/networking/networking.go:ModelProtocolToListenerProtocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Http,
    Tcp,
    /// Detected from the first bytes.
    Auto,
}

impl Family {
    pub(super) const fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Udp => None,
            Protocol::Unsupported => Some(Self::Auto),
            other if other.is_http() => Some(Self::Http),
            _ => Some(Self::Tcp),
        }
    }
}

/// Address and port of a listener.
type Key = (String, u32);

/// A listener while services are put on it.
struct Slot {
    /// The protocol of the first; unsupported where it has come to be detected.
    protocol: Protocol,
    bound: bool,
    locked: bool,
    chains: Vec<Chain>,
    /// What made it.
    holder: EntryId,
    /// Those that it replaced.
    replaced: Vec<EntryId>,
    /// Those that were added to it, each with the number of its chains; none for one that shares its routes.
    added: Vec<(EntryId, Option<usize>)>,
}

/// Where an egress entry wants its listeners.
struct Binding<'b> {
    /// Really bound: nothing redirects to it.
    bound: bool,
    /// Address; empty is that of each service.
    bind: &'b str,
}

/// What outbound listeners are made from.
struct Outbound<'o, 's, 'a> {
    scope: &'o Scope<'s, 'a>,
    families: Families,
    slots: BTreeMap<Key, Slot>,
    clusters: &'o mut BTreeMap<String, Cluster>,
}

/// One service's port on its way to a listener.
struct Put<'p, 's> {
    one: &'p Imported<'s>,
    /// Index of the service's port in its object.
    index: usize,
    port: u32,
    protocol: Protocol,
    entry: EntryId,
}

/// The outbound listeners.
pub(super) fn listeners(
    context: &mut Context<'_, '_>,
    scope: &Scope<'_, '_>,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<Listener> {
    let families = Families::of(context.proxy);
    let mut outbound = Outbound {
        scope,
        families,
        slots: BTreeMap::new(),
        clusters,
    };
    for (n, egress) in scope.egress.iter().enumerate() {
        outbound.take(context, n, egress);
    }
    not_asked(context, scope);
    outbound.finish(context)
}

/// Records the ports of services that are known, which no egress entry asks about.
fn not_asked(context: &mut Context<'_, '_>, scope: &Scope<'_, '_>) {
    let every = |egress: &Egress<'_, '_>| egress.port().is_none() || egress.is_http_proxy();
    let all = scope.egress.iter().enumerate();
    let taken: BTreeSet<Served> = all
        .clone()
        .filter(|(_, egress)| every(egress))
        .flat_map(|(_, egress)| egress.services.iter().map(|one| one.of))
        .collect();
    let mut asked: BTreeMap<Served, (usize, EntryId, BTreeSet<usize>)> = BTreeMap::new();
    for (n, egress) in all.filter(|(_, egress)| !every(egress)) {
        let number = egress.port().map_or(0, |p| p.number);
        for one in egress
            .services
            .iter()
            .filter(|one| !taken.contains(&one.of))
        {
            let known = asked
                .entry(one.of)
                .or_insert((n, one.entry, BTreeSet::new()));
            known.2.insert(one.port_index(context.store, number));
        }
    }
    for (of, (egress, under, asked)) in asked {
        let mut services = context.store.services.iter();
        let service = services.find(|s| (s.object, s.host) == (of.service, of.host));
        let count = service.map_or(0, |s| s.ports.len());
        for port in (0..count).filter(|port| !asked.contains(port)) {
            let entry = context
                .ledger
                .open(Step::Put { of, port, egress }, Some(under));
            context
                .ledger
                .settle::<()>(entry, Err(Reason::PortNotAsked));
        }
    }
}

impl Outbound<'_, '_, '_> {
    /// Everything that one egress entry takes in.
    fn take(&mut self, context: &mut Context<'_, '_>, n: usize, egress: &Egress<'_, '_>) {
        let bound = context.proxy.metadata.not_intercepted
            || egress.view.is_some_and(|view| {
                view.capture_mode == "NONE" || view.bind.starts_with("unix://")
            });
        let written = egress.view.map_or("", |view| view.bind.as_str());
        let at = Binding {
            bound,
            bind: match written {
                "" if bound => self.families.localhost(),
                written => written,
            },
        };
        if egress.port().is_none() {
            for slot in self.slots.values_mut() {
                slot.locked = true;
            }
        }
        for one in &egress.services {
            match egress.port() {
                Some(port) => {
                    let protocol = Protocol::parse(&port.protocol);
                    let index = one.port_index(context.store, port.number);
                    let entry = open(context, one, index, n);
                    let put = Put {
                        one,
                        index,
                        port: port.number,
                        protocol,
                        entry,
                    };
                    if self.may_bind(context, &at, &put) {
                        self.put(context, egress, &at, at.bind, &put);
                    }
                }
                None => {
                    for (index, port) in one.service.ports.iter().enumerate() {
                        let entry = open(context, one, index, n);
                        let put = Put {
                            one,
                            index,
                            port: port.number,
                            protocol: port.protocol,
                            entry,
                        };
                        if self.may_bind(context, &at, &put) {
                            self.put_each(context, egress, &at, &put);
                        }
                    }
                }
            }
        }
    }

    /// Whether the proxy may listen there. After `model/context.go:CanBindToPort`.
    fn may_bind(&self, context: &mut Context<'_, '_>, at: &Binding<'_>, put: &Put<'_, '_>) -> bool {
        let everywhere = if at.bind.is_empty() {
            put.protocol.is_http()
        } else {
            at.bind == self.families.wildcard()
        };
        let reserved = is_reserved(&context.store.mesh, put.port);
        let privileged = at.bound
            && context.proxy.unprivileged
            && (1..FIRST_UNPRIVILEGED_PORT).contains(&put.port);
        let reason = if privileged {
            Reason::PrivilegedPort
        } else if everywhere && reserved {
            Reason::ReservedPort { port: put.port }
        } else {
            return true;
        };
        context.ledger.settle::<()>(put.entry, Err(reason));
        false
    }

    /// A headless service has a listener for each endpoint, unless its requests are routed by host.
    fn put_each(
        &mut self,
        context: &mut Context<'_, '_>,
        egress: &Egress<'_, '_>,
        at: &Binding<'_>,
        put: &Put<'_, '_>,
    ) {
        let one = put.one;
        let headless = at.bind.is_empty()
            && one.service.resolution == Resolution::Passthrough
            && self.families.address_of(one) == UNSPECIFIED
            && matches!(Family::of(put.protocol), Some(Family::Tcp | Family::Auto));
        if !headless {
            return self.put(context, egress, at, at.bind, put);
        }
        let instances = endpoints::addresses(context.store, &one.service, put.port);
        let plain_entry =
            one.service.registry == Registry::ServiceEntry && one.service.selector.is_empty();
        if instances.is_empty() && plain_entry {
            return self.put(context, egress, at, at.bind, put);
        }
        let outcome = if instances.is_empty() {
            Err(Reason::NoInstances)
        } else {
            Ok(((), Effect::PerInstance(instances.len())))
        };
        context.ledger.settle(put.entry, outcome);
        let own = context.proxy.ips.first().cloned();
        for instance in instances {
            let step = Step::Instance {
                of: one.of,
                port: put.index,
                address: instance.address.clone(),
            };
            let entry = context.ledger.open(step, Some(put.entry));
            let reason = if !instance.is_ip {
                Reason::NotAnAddress
            } else if own.as_deref() == Some(instance.address.as_str()) {
                Reason::OwnAddress
            } else {
                let put = Put { entry, ..*put };
                self.put(context, egress, at, &instance.address, &put);
                continue;
            };
            context.ledger.settle::<()>(entry, Err(reason));
        }
    }

    /// Puts a service's port on the listener of its address.
    /// After `core/listener.go:buildSidecarOutboundListener`.
    fn put(
        &mut self,
        context: &mut Context<'_, '_>,
        egress: &Egress<'_, '_>,
        at: &Binding<'_>,
        bind: &str,
        put: &Put<'_, '_>,
    ) {
        if let Err(reason) = self.try_put(context, egress, at, bind, put) {
            context.ledger.settle::<()>(put.entry, Err(reason));
        }
    }

    fn try_put(
        &mut self,
        context: &mut Context<'_, '_>,
        egress: &Egress<'_, '_>,
        at: &Binding<'_>,
        bind: &str,
        put: &Put<'_, '_>,
    ) -> Result<(), Reason> {
        if put.one.service.resolution == Resolution::Alias {
            return Err(Reason::IsAlias);
        }
        let family = Family::of(put.protocol).ok_or(Reason::NotTcp)?;
        let (bind, networks) = self.address(bind, family, put.one);
        let key = (bind.clone(), put.port);
        let listening = Listening {
            one: put.one,
            families: self.families,
            bind: &bind,
            networks,
            port: put.port,
            protocol: put.protocol,
            entry: put.entry,
        };
        let known = self
            .slots
            .get(&key)
            .map(|slot| (slot.protocol, slot.holder, slot.locked));
        if let Some((_, by, true)) = known {
            return Err(Reason::ListenerLocked { by });
        }
        if put.protocol == Protocol::HttpProxy {
            let chain = self.http_chain(&listening, family);
            self.replace(key, at, put, put.protocol, vec![chain]);
            return Ok(());
        }
        let Some((existing, by, _)) = known else {
            let (chains, protocol) = self.chains(context, egress, &listening, family);
            self.replace(key, at, put, protocol, chains);
            return Ok(());
        };
        let existing_family = Family::of(existing).unwrap_or(Family::Auto);
        match (existing_family, family) {
            // HTTP services share one listener: their virtual hosts come by RDS.
            (Family::Http | Family::Auto, Family::Http) => {
                if let Some(slot) = self.slots.get_mut(&key) {
                    slot.added.push((put.entry, None));
                }
                return Ok(());
            }
            (Family::Auto, Family::Auto) => return Err(Reason::SniffedAlready { by }),
            _ => {}
        }
        let chains = self.chains(context, egress, &listening, family).0;
        let alone = |p| matches!(p, Protocol::Mongo | Protocol::MySql);
        if put.protocol != existing && (alone(put.protocol) || alone(existing)) {
            return Err(Reason::WellKnownProtocol { by });
        }
        if (existing_family, family) == (Family::Http, Family::Auto) {
            self.replace(key, at, put, put.protocol, chains);
            return Ok(());
        }
        let Some(slot) = self.slots.get_mut(&key) else {
            return Ok(());
        };
        let mut merged = 0;
        let mut taken: Option<EntryId> = None;
        for chain in chains {
            match slot.chains.iter().find(|c| c.is_like(&chain)) {
                Some(like) => {
                    taken.get_or_insert(like.origin);
                }
                None => {
                    slot.chains.push(chain);
                    merged += 1;
                }
            }
        }
        if existing_family != family {
            slot.protocol = Protocol::Unsupported;
        }
        match taken {
            Some(by) if merged == 0 => Err(Reason::ChainTaken { by }),
            _ => {
                slot.added.push((put.entry, Some(merged)));
                Ok(())
            }
        }
    }

    /// The listener's address, and the networks that its chains take.
    fn address(&self, bind: &str, family: Family, one: &Imported<'_>) -> (String, Vec<String>) {
        if !bind.is_empty() {
            return (bind.to_owned(), Vec::new());
        }
        let wildcard = self.families.wildcard().to_owned();
        if family == Family::Http {
            return (wildcard, Vec::new());
        }
        let address = self.families.address_of(one);
        if is_network(&address) {
            return (wildcard, vec![address.into_owned()]);
        }
        let entry = one.service.registry == Registry::ServiceEntry;
        if entry && self.families.only_v6() && address == UNSPECIFIED {
            return (UNSPECIFIED_V6.to_owned(), Vec::new());
        }
        (address.into_owned(), Vec::new())
    }

    /// The chains of a service's port, and the protocol of a listener that has just these.
    fn chains(
        &mut self,
        context: &mut Context<'_, '_>,
        egress: &Egress<'_, '_>,
        at: &Listening<'_>,
        family: Family,
    ) -> (Vec<Chain>, Protocol) {
        match family {
            Family::Http => {
                let mut chain = self.http_chain(at, family);
                if at.bind != self.families.wildcard() {
                    return (vec![chain], at.protocol);
                }
                chain.application_protocols = PLAINTEXT_HTTP.to_vec();
                (vec![chain], Protocol::Unsupported)
            }
            Family::Tcp => (tcp_chains(context, egress, at, self.clusters), at.protocol),
            Family::Auto => {
                let mut http = self.http_chain(at, family);
                http.application_protocols = PLAINTEXT_HTTP.to_vec();
                let mut chains = tcp_chains(context, egress, at, self.clusters);
                chains.push(http);
                (chains, at.protocol)
            }
        }
    }

    /// After `core/listener.go:buildSidecarOutboundHTTPListenerOpts`.
    fn http_chain(&self, at: &Listening<'_>, family: Family) -> Chain {
        let route = if at.port == 0 {
            at.bind.to_owned()
        } else if family == Family::Auto && at.bind != self.families.wildcard() {
            format!("{}:{}", at.one.service.hostname, at.port)
        } else {
            at.port.to_string()
        };
        Chain::new(What::Http(route), at.entry)
    }

    /// A new listener; one that was there is gone with all that was put on it.
    fn replace(
        &mut self,
        key: Key,
        at: &Binding<'_>,
        put: &Put<'_, '_>,
        protocol: Protocol,
        chains: Vec<Chain>,
    ) {
        let before = self.slots.remove(&key);
        let mut replaced = Vec::new();
        if let Some(before) = before {
            replaced = before.replaced;
            replaced.extend(before.added.into_iter().map(|(entry, _)| entry));
        }
        let slot = Slot {
            protocol,
            bound: at.bound,
            locked: false,
            holder: put.entry,
            replaced,
            added: vec![(put.entry, Some(chains.len()))],
            chains,
        };
        self.slots.insert(key, slot);
    }

    /// The listeners as they are sent. After `core/listener.go:buildListenerFromEntry`.
    fn finish(self, context: &mut Context<'_, '_>) -> Vec<Listener> {
        let fallback = super::fallback::entry(context);
        let rest = rest_cluster(&self.scope.policy);
        let mut found = Vec::new();
        for ((address, port), slot) in self.slots {
            let name = format!("{address}_{port}");
            for (entry, count) in slot.added {
                let effect = match count {
                    Some(count) => Effect::Chains {
                        listener: name.clone(),
                        count,
                    },
                    None => Effect::Shares {
                        listener: name.clone(),
                    },
                };
                context.ledger.settle(entry, Ok(((), effect)));
            }
            for entry in slot.replaced {
                context.ledger.displace(entry, slot.holder);
            }
            let mut chains: Vec<FilterChain> = Vec::new();
            let mut default = None;
            for chain in slot.chains {
                if chain.takes_all() {
                    default = Some(chain.finish());
                } else {
                    chains.push(chain.finish());
                }
            }
            if chains.is_empty() {
                chains.extend(default.take());
            } else if default.is_none() {
                let what = What::Tcp(vec![(rest.clone(), 100)]);
                default = Some(Chain::new(what, fallback).finish());
            }
            found.push(Listener {
                name,
                address,
                port,
                redirected_only: !slot.bound,
                chains,
                default_chain: default,
            });
        }
        found
    }
}

/// Whether Envoy has a listener of its own on the wildcard address and this port: readiness and metrics, or those that
/// connections are redirected to. After `model/context.go:conflictWithReservedListener`.
pub(super) fn is_reserved(mesh: &MeshConfig, port: u32) -> bool {
    own_listener(port).is_some()
        || i64::from(port) == mesh.proxy_listen_port
        || port == mesh.proxy_inbound_listen_port
}

fn open(context: &mut Context<'_, '_>, one: &Imported<'_>, port: usize, egress: usize) -> EntryId {
    let step = Step::Put {
        of: one.of,
        port,
        egress,
    };
    context.ledger.open(step, Some(one.entry))
}
