//! Filter chains of outbound listeners while they are put together, and what TCP and TLS ports get of them.
//! After istio `core/tls.go` and `core/listener.go:filterChainOpts` (1.31).

use std::collections::{BTreeMap, BTreeSet};

use super::address::Families;
use super::domains;
use super::scope::{Egress, Imported};
use crate::ledger::{Block, Effect, EntryId, Reason, Step};
use crate::predict::config::{ChainKind, ChainMatch, Cluster, FilterChain};
use crate::predict::gateway::{Context, Place, destinations, usable};
use crate::predict::hosts::{MESH, is_wildcard, resolve_gateway_name};
use crate::predict::network::{Network, UNSPECIFIED, UNSPECIFIED_V6, is_network};
use crate::predict::protocol::Protocol;
use crate::predict::store::{Registry, Resolution, VirtualService};
use crate::predict::{cluster, selects};
use crate::snapshot::views::{L4Match, RouteDestination};

/// What plaintext HTTP is detected as. HTTP/1.0 is not among it: `ISTIO_META_HTTP10` lets a proxy answer it, and does
/// not change what is matched.
pub(super) const PLAINTEXT_HTTP: [&str; 2] = ["http/1.1", "h2c"];

/// Transport without TLS, as detected.
pub(super) const RAW_BUFFER: &str = "raw_buffer";

/// A filter chain with what it takes as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chain {
    pub(super) sni: Vec<String>,
    pub(super) networks: Vec<String>,
    /// Plaintext HTTP only; empty takes all.
    pub(super) application_protocols: Vec<&'static str>,
    pub(super) what: What,
    /// The decision that made it.
    pub(super) origin: EntryId,
    /// The clause whose destinations it has.
    pub(super) clause: Option<EntryId>,
}

/// What a chain ends in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// Requests, by a route configuration.
    Http(String),
    /// Bytes, to clusters with weights.
    Tcp(Vec<(String, u32)>),
}

impl Chain {
    /// A chain that takes everything.
    pub(super) const fn new(what: What, origin: EntryId) -> Self {
        Self {
            sni: Vec::new(),
            networks: Vec::new(),
            application_protocols: Vec::new(),
            what,
            origin,
            clause: None,
        }
    }

    /// Whether it takes everything. After `core/listener.go:isMatchAll`.
    pub(super) fn takes_all(&self) -> bool {
        (self.sni.is_empty() || self.sni.iter().any(|n| n == "*"))
            && self.application_protocols.is_empty()
            && self.networks.is_empty()
    }

    /// Whether both take the same. After `core/listener.go:conflictsWith`.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let names = |c: &Self| -> BTreeSet<String> {
            c.sni.iter().filter(|n| *n != "*").cloned().collect()
        };
        let networks = |c: &Self| -> BTreeSet<Network> {
            let read = c.networks.iter().filter_map(|n| n.parse::<Network>().ok());
            read.filter(|n| !n.is_unspecified_v4())
                .map(Network::masked)
                .collect()
        };
        self.application_protocols == other.application_protocols
            && names(self) == names(other)
            && networks(self) == networks(other)
    }

    /// As Envoy gets it. After `core/listener.go:toFilterChainMatch`.
    pub(super) fn finish(self) -> FilterChain {
        let (kind, clusters, route) = match self.what {
            What::Http(route) => (ChainKind::Http, Vec::new(), Some(route)),
            What::Tcp(clusters) => (ChainKind::Tcp, clusters, None),
        };
        let mut sni = self.sni;
        if sni.iter().any(|n| n == "*") {
            sni.clear();
        }
        sni.sort();
        let mut networks = self.networks;
        networks.sort();
        let prefix_ranges = networks
            .iter()
            .filter_map(|n| n.parse::<Network>().ok())
            .filter(|n| !n.is_unspecified_v4())
            .map(|n| n.to_string())
            .collect();
        let http = !self.application_protocols.is_empty();
        FilterChain {
            kind,
            sni,
            application_protocols: self.application_protocols,
            matches: ChainMatch {
                prefix_ranges,
                transport_protocol: http.then_some(RAW_BUFFER),
                destination_port: None,
            },
            terminates_tls: false,
            clusters,
            route,
            origin: self.origin,
            clause: self.clause,
        }
    }
}

/// One port of one service on its way to a listener.
pub(super) struct Listening<'l> {
    pub(super) one: &'l Imported<'l>,
    pub(super) families: Families,
    /// The first address of the listener.
    pub(super) bind: &'l str,
    /// Networks that the service has for addresses.
    pub(super) networks: Vec<String>,
    pub(super) port: u32,
    pub(super) protocol: Protocol,
    /// The decision about this port.
    pub(super) entry: EntryId,
}

/// The chains of a TCP or TLS port, or of one whose protocol is not known.
/// After `core/listener.go:buildSidecarOutboundTCPListenerOpts`.
pub(super) fn tcp_chains(
    context: &mut Context<'_, '_>,
    egress: &Egress<'_, '_>,
    at: &Listening<'_>,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<Chain> {
    let rules = egress.for_host(&at.one.service.hostname);
    if matches!(at.protocol, Protocol::Https | Protocol::Tls) {
        tls(context, &rules, at, clusters)
    } else {
        tcp(context, &rules, at, clusters)
    }
}

/// The cluster of the service itself: by its only port, else by the listener's.
fn own_cluster(
    context: &mut Context<'_, '_>,
    at: &Listening<'_>,
    clusters: &mut BTreeMap<String, Cluster>,
) -> What {
    let service = &at.one.service;
    let port = service.only_port().unwrap_or(at.port);
    let name = format!("outbound|{port}||{}", service.hostname);
    if !clusters.contains_key(&name) {
        match cluster::named(context, &service.hostname, "", port) {
            Ok(cluster) => {
                clusters.insert(name.clone(), cluster);
            }
            Err(reason) => {
                let step = Step::OwnCluster {
                    of: at.one.of,
                    port: at.one.port_index(context.store, port),
                };
                let entry = context.ledger.open(step, Some(at.entry));
                context.ledger.settle::<()>(entry, Err(reason));
            }
        }
    }
    What::Tcp(vec![(name, 100)])
}

/// Adds a service's own cluster, if there is one.
pub(super) fn add_cluster(
    context: &Context<'_, '_>,
    hostname: &str,
    port: u32,
    name: &str,
    clusters: &mut BTreeMap<String, Cluster>,
) {
    if !clusters.contains_key(name)
        && let Ok(cluster) = cluster::named(context, hostname, "", port)
    {
        clusters.insert(name.to_owned(), cluster);
    }
}

/// Whether one `match` of a rule is for this proxy and port. After `core/tls.go:matchTCP`, `:matchTLS`.
fn fits(
    context: &Context<'_, '_>,
    m: &L4Match,
    index: usize,
    port: u32,
    namespace: &str,
) -> Result<(), Reason> {
    let proxy = context.proxy;
    if m.port != 0 && m.port != port {
        return Err(Reason::PortMismatch {
            r#match: index,
            declared: port,
        });
    }
    let named = m.gateways.is_empty()
        || m.gateways
            .iter()
            .any(|g| resolve_gateway_name(g, namespace) == MESH);
    if !named {
        return Err(Reason::GatewayMismatch { r#match: index });
    }
    let from_here = selects(&m.source_labels, &proxy.labels)
        && (m.source_namespace.is_empty() || m.source_namespace == proxy.namespace);
    if from_here {
        Ok(())
    } else {
        Err(Reason::SourceMismatch { r#match: index })
    }
}

fn attach(
    context: &mut Context<'_, '_>,
    vs: &VirtualService<'_>,
    at: &Listening<'_>,
    block: Block,
) -> Option<EntryId> {
    let step = Step::Attachment {
        virtual_service: vs.object.id,
    };
    let attachment = context.ledger.open(step, Some(at.entry));
    let empty = match block {
        Block::Tls => vs.spec.tls.is_empty(),
        _ => vs.spec.tcp.is_empty(),
    };
    let outcome = if empty {
        Err(other_block(context, vs, at, block))
    } else {
        Ok((attachment, Effect::Attached))
    };
    context.ledger.settle(attachment, outcome)
}

/// Why a VirtualService has nothing for a port: no rules of this kind, perhaps one of the other kind that is for it.
fn other_block(
    context: &Context<'_, '_>,
    vs: &VirtualService<'_>,
    at: &Listening<'_>,
    needed: Block,
) -> Reason {
    let (written, rules): (Block, Vec<&[L4Match]>) = match needed {
        Block::Tls => (
            Block::Tcp,
            vs.spec.tcp.iter().map(|r| &*r.r#match).collect(),
        ),
        _ => (
            Block::Tls,
            vs.spec.tls.iter().map(|r| &*r.r#match).collect(),
        ),
    };
    let is_tls = |p: Protocol| matches!(p, Protocol::Https | Protocol::Tls);
    // A rule that does not name the port may be for another one of the service.
    let ports = &at.one.service.ports;
    let only = !ports
        .iter()
        .any(|p| is_tls(p.protocol) == (written == Block::Tls));
    let meant = |matches: &&[L4Match]| {
        let named = |(n, m): (usize, &L4Match)| {
            (only || m.port == at.port) && fits(context, m, n, at.port, vs.namespace()).is_ok()
        };
        (only && matches.is_empty()) || matches.iter().enumerate().any(named)
    };
    match rules.iter().position(meant) {
        Some(rule) => Reason::WrongBlock {
            needed,
            written,
            rule,
        },
        None => Reason::NoBlock { needed },
    }
}

fn routed(
    context: &mut Context<'_, '_>,
    place: &Place<'_>,
    route: &[RouteDestination],
    clusters: &mut BTreeMap<String, Cluster>,
) -> What {
    What::Tcp(destinations(context, place, route, clusters))
}

/// Rules up to the first that takes every address; those before it take the networks that they name.
/// After `core/tls.go:buildSidecarOutboundTCPFilterChainOpts`.
fn tcp(
    context: &mut Context<'_, '_>,
    rules: &[&VirtualService<'_>],
    at: &Listening<'_>,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<Chain> {
    let mut found: Vec<Chain> = Vec::new();
    let mut end: Option<EntryId> = None;
    let mut replaced = false;
    for vs in rules {
        let Some(attachment) = attach(context, vs, at, Block::Tcp) else {
            continue;
        };
        for (rule, view) in vs.spec.tcp.iter().enumerate() {
            let step = Step::Clause {
                virtual_service: vs.object.id,
                block: Block::Tcp,
                rule,
                r#match: None,
            };
            let clause = context.ledger.open(step, Some(attachment));
            let chosen = choose(context, &view.r#match, at, vs.namespace());
            let outcome = chosen.and_then(|networks| usable(&view.route).map(|()| networks));
            if let (Ok(_) | Err(Reason::ZeroSum), Some(by)) = (&outcome, end) {
                context.ledger.displace(clause, by);
                continue;
            }
            let outcome = outcome.map(|networks| (networks, Effect::Used));
            let Some(networks) = context.ledger.settle(clause, outcome) else {
                continue;
            };
            let place = place(vs, Block::Tcp, rule, clause, at);
            let what = routed(context, &place, &view.route, clusters);
            let networks = match networks {
                None => {
                    end = Some(clause);
                    at.networks.clone()
                }
                Some(networks) => {
                    replaced |= sorted(&networks) == sorted(&at.networks);
                    networks
                }
            };
            found.push(Chain {
                networks,
                clause: Some(clause),
                ..Chain::new(what, at.entry)
            });
        }
    }
    if end.is_none() && !replaced {
        found.push(Chain {
            networks: at.networks.clone(),
            ..Chain::new(own_cluster(context, at, clusters), at.entry)
        });
    }
    found
}

fn sorted(networks: &[String]) -> Vec<&String> {
    let mut sorted: Vec<&String> = networks.iter().collect();
    sorted.sort();
    sorted
}

fn place<'p>(
    vs: &'p VirtualService<'p>,
    block: Block,
    rule: usize,
    clause: EntryId,
    at: &Listening<'_>,
) -> Place<'p> {
    Place {
        vs,
        root: vs.namespace(),
        block,
        rule,
        clause,
        declared: at.port,
        listed: None,
    }
}

/// The networks that the matches of a rule name; `None` takes every address. The first match without networks ends
/// the search.
fn choose(
    context: &Context<'_, '_>,
    matches: &[L4Match],
    at: &Listening<'_>,
    namespace: &str,
) -> Result<Option<Vec<String>>, Reason> {
    if matches.is_empty() {
        return Ok(None);
    }
    let mut networks = Vec::new();
    let mut first_misfit = None;
    for (n, m) in matches.iter().enumerate() {
        match fits(context, m, n, at.port, namespace) {
            Ok(()) if m.destination_subnets.is_empty() || at.port == 0 => return Ok(None),
            Ok(()) => networks.extend(m.destination_subnets.iter().cloned()),
            Err(reason) => {
                first_misfit.get_or_insert(reason);
            }
        }
    }
    match first_misfit {
        Some(reason) if networks.is_empty() => Err(reason),
        _ => Ok(Some(networks)),
    }
}

/// A chain for each match with other names or networks; without any the service's own name.
/// After `core/tls.go:buildSidecarOutboundTLSFilterChainOpts`.
fn tls(
    context: &mut Context<'_, '_>,
    rules: &[&VirtualService<'_>],
    at: &Listening<'_>,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<Chain> {
    let mut found: Vec<Chain> = Vec::new();
    // Networks of a match stay for later ones that have none.
    let mut networks = at.networks.clone();
    let mut networks_of: Option<EntryId> = None;
    let mut handled: BTreeMap<String, EntryId> = BTreeMap::new();
    for vs in rules {
        let Some(attachment) = attach(context, vs, at, Block::Tls) else {
            continue;
        };
        for (rule, view) in vs.spec.tls.iter().enumerate() {
            let step = |r#match| Step::Clause {
                virtual_service: vs.object.id,
                block: Block::Tls,
                rule,
                r#match,
            };
            let whole_rule = if view.route.is_empty() {
                Some(Reason::EmptyRoute)
            } else {
                view.r#match.is_empty().then_some(Reason::NoMatch)
            };
            if let Some(reason) = whole_rule {
                let clause = context.ledger.open(step(None), Some(attachment));
                context.ledger.settle::<()>(clause, Err(reason));
                continue;
            }
            for (n, m) in view.r#match.iter().enumerate() {
                let clause = context.ledger.open(step(Some(n)), Some(attachment));
                let fitting = fits(context, m, n, at.port, vs.namespace());
                if fitting.is_ok() && !m.destination_subnets.is_empty() && at.port > 0 {
                    networks.clone_from(&m.destination_subnets);
                    networks_of = Some(clause);
                }
                let key = format!(
                    "{}|{}",
                    m.sni_hosts.join(","),
                    m.destination_subnets.join(",")
                );
                if let (Ok(()), Some(by)) = (&fitting, handled.get(&key)) {
                    context.ledger.displace(clause, *by);
                    continue;
                }
                let outcome = fitting.and_then(|()| usable(&view.route));
                let effect = match networks_of {
                    Some(networks) if networks != clause => Effect::UsedBehind { networks },
                    _ => Effect::Used,
                };
                let outcome = outcome.map(|()| ((), effect));
                if context.ledger.settle(clause, outcome).is_none() {
                    continue;
                }
                handled.insert(key, clause);
                let place = place(vs, Block::Tls, rule, clause, at);
                let what = routed(context, &place, &view.route, clusters);
                found.push(Chain {
                    sni: m.sni_hosts.clone(),
                    networks: networks.clone(),
                    clause: Some(clause),
                    ..Chain::new(what, at.entry)
                });
            }
        }
    }
    if found.is_empty() {
        let sni = own_names(context, at, &networks);
        found.push(Chain {
            sni,
            networks,
            ..Chain::new(own_cluster(context, at, clusters), at.entry)
        });
    }
    found
}

/// The service's name, where only it tells the service from others: behind a network or the wildcard address.
fn own_names(context: &Context<'_, '_>, at: &Listening<'_>, networks: &[String]) -> Vec<String> {
    let service = &at.one.service;
    let wildcard = at.families.wildcard();
    let address = at.families.address_of(at.one);
    let address = match address.as_ref() {
        network if is_network(network) => "",
        UNSPECIFIED if service.registry == Registry::ServiceEntry && at.families.only_v6() => {
            UNSPECIFIED_V6
        }
        address => address,
    };
    let forwarded = is_wildcard(&service.hostname) && service.resolution == Resolution::DynamicDns;
    let needed = !networks.is_empty()
        || address.is_empty()
        || (address == wildcard && at.bind == wildcard)
        || forwarded;
    if !needed {
        return Vec::new();
    }
    let mut names = vec![service.hostname.clone()];
    for alias in &at.one.aliases {
        names.push((*alias).to_owned());
        names.extend(domains::other_forms(
            alias,
            None,
            &context.proxy.namespace,
            &context.store.mesh.domain,
        ));
    }
    names
}
