//! Filter chains and listeners. HTTP servers share one chain, a terminating HTTPS server has one of its own; TCP and
//! TLS servers have what VirtualServices give them, and without a chain there is no listener.
//! After istio `pilot/pkg/networking/core/gateway.go` (1.31).

use std::collections::BTreeMap;

use super::merge::Group;
use super::{BoundServer, Context, Merged, ServerFacts, TlsMode};
use crate::ledger::{Block, Effect, EntryId, Reason, Step};
use crate::predict::cluster::{self, Client};
use crate::predict::config::{ChainKind, ChainMatch, Cluster, FilterChain, Listener};
use crate::predict::hosts::{self, overlap, resolve_gateway_name};
use crate::predict::protocol::Protocol;
use crate::predict::sidecar::Listed;
use crate::predict::store::{Resolution, VirtualService};
use crate::snapshot::views::{L4Match, RouteDestination};

/// ALPN values of Istio's own mutual TLS.
pub(in crate::predict) const ISTIO_ALPN: [&str; 5] = [
    "istio",
    "istio-peer-exchange",
    "istio-http/1.0",
    "istio-http/1.1",
    "istio-h2",
];

/// Ports below this one need a privilege.
pub(in crate::predict) const FIRST_UNPRIVILEGED_PORT: u32 = 1024;

/// SNIs claimed by passthrough matches, by port: over all servers and Gateways of the proxy.
type ClaimedSni = BTreeMap<(u32, String), (String, EntryId)>;

/// Builds the listeners of all merged servers that have a chain.
pub(super) fn listeners(
    context: &mut Context<'_, '_>,
    merged: &Merged<'_>,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<Listener> {
    let wildcard = wildcard_address(&context.proxy.ips);
    let mut claimed = ClaimedSni::new();
    let mut found: Vec<Listener> = Vec::new();
    for key in &merged.order {
        let Some(group) = merged.groups.get(key) else {
            continue;
        };
        let address = if key.bind.is_empty() {
            wildcard
        } else {
            key.bind.as_str()
        };
        let name = format!("{address}_{}", key.port);
        let chains = if Protocol::parse(&key.protocol).is_http() {
            http_chain(context, merged, group, &name)
        } else {
            group
                .servers
                .iter()
                .filter_map(|n| merged.servers.get(*n))
                .flat_map(|server| server_chains(context, server, &name, &mut claimed, clusters))
                .collect()
        };
        if chains.is_empty() {
            continue;
        }
        match found.iter_mut().find(|l| l.name == name) {
            Some(listener) => listener.chains.extend(chains),
            None => found.push(Listener {
                name,
                address: address.to_owned(),
                port: key.port,
                redirected_only: false,
                chains,
                default_chain: None,
            }),
        }
    }
    found
}

/// The wildcard: that of IPv6 only for a pod that has no IPv4 address.
/// After `core/listener_address.go:getWildcardsAndLocalHost`.
pub(in crate::predict) fn wildcard_address(ips: &[String]) -> &'static str {
    if !ips.is_empty() && ips.iter().all(|ip| ip.contains(':')) {
        "::"
    } else {
        "0.0.0.0"
    }
}

fn open_chains(context: &mut Context<'_, '_>, server: &BoundServer<'_>) -> EntryId {
    let ServerFacts { gateway, index, .. } = server.facts;
    let step = Step::Chains {
        gateway,
        index,
        port: server.port,
    };
    context.ledger.open(step, Some(server.entry))
}

/// Whether the pod may bind the port.
fn may_bind(context: &Context<'_, '_>, port: u32) -> Result<(), Reason> {
    if context.proxy.unprivileged && port < FIRST_UNPRIVILEGED_PORT {
        return Err(Reason::PrivilegedPort);
    }
    Ok(())
}

/// One chain for all HTTP servers of the group; it needs no VirtualService.
fn http_chain(
    context: &mut Context<'_, '_>,
    merged: &Merged<'_>,
    group: &Group,
    listener: &str,
) -> Vec<FilterChain> {
    let mut chain = Vec::new();
    for server in group.servers.iter().filter_map(|n| merged.servers.get(*n)) {
        let entry = open_chains(context, server);
        let outcome = may_bind(context, server.port).map(|()| {
            (
                (),
                Effect::Chains {
                    listener: listener.to_owned(),
                    count: 1,
                },
            )
        });
        if context.ledger.settle(entry, outcome).is_some() && chain.is_empty() {
            chain.push(FilterChain {
                kind: ChainKind::Http,
                sni: Vec::new(),
                application_protocols: Vec::new(),
                matches: ChainMatch::default(),
                terminates_tls: false,
                clusters: Vec::new(),
                route: Some(group.route_name.clone()),
                origin: entry,
                clause: None,
            });
        }
    }
    chain
}

fn server_chains(
    context: &mut Context<'_, '_>,
    server: &BoundServer<'_>,
    listener: &str,
    claimed: &mut ClaimedSni,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<FilterChain> {
    let entry = open_chains(context, server);
    let facts = &server.facts;
    let chains = may_bind(context, server.port).and_then(|()| {
        let chains = if facts.terminates_https() {
            vec![FilterChain {
                kind: ChainKind::Http,
                sni: match_names(facts.sni()),
                application_protocols: Vec::new(),
                matches: ChainMatch::default(),
                terminates_tls: true,
                clusters: Vec::new(),
                route: Some(server.route_name.clone()),
                origin: entry,
                clause: None,
            }]
        } else if facts.tls == TlsMode::AutoPassthrough {
            let chains = auto_passthrough(context, facts, entry, clusters);
            if chains.is_empty() {
                return Err(Reason::NoServiceForHosts);
            }
            chains
        } else if facts.tls == TlsMode::Passthrough {
            passthrough(context, server, entry, claimed, clusters)
        } else {
            tcp(context, server, entry, clusters)
        };
        if chains.is_empty() {
            Err(Reason::NoRoute)
        } else {
            Ok(chains)
        }
    });
    let outcome = chains.map(|chains| {
        let effect = Effect::Chains {
            listener: listener.to_owned(),
            count: chains.len(),
        };
        (chains, effect)
    });
    context.ledger.settle(entry, outcome).unwrap_or_default()
}

/// Server names of a chain match: with `*` among them it takes every name.
fn match_names(mut names: Vec<String>) -> Vec<String> {
    if names.iter().any(|n| n == "*") {
        return Vec::new();
    }
    names.sort();
    names
}

/// One chain a service port, and one a subset, for clients that speak Istio's own TLS.
fn auto_passthrough(
    context: &Context<'_, '_>,
    facts: &ServerFacts<'_>,
    origin: EntryId,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<FilterChain> {
    let (store, proxy) = (context.store, context.proxy);
    let names = facts.sni();
    let mut chains = Vec::new();
    for hostname in store.visible_hostnames(&proxy.namespace) {
        let Some(service) = store.service(hostname, &proxy.namespace) else {
            continue;
        };
        if service.mesh_external || !names.iter().any(|n| hosts::is_subset(hostname, n)) {
            continue;
        }
        let rule = store.destination_rule(&service, &proxy.namespace, &proxy.labels);
        for port in service.ports.iter().filter(|p| p.protocol != Protocol::Udp) {
            let subsets = rule.map(|r| r.subsets.as_slice()).unwrap_or_default();
            for subset in std::iter::once(None).chain(subsets.iter().map(Some)) {
                let subset_name = subset.map_or("", |s| &s.name);
                let name = format!("outbound_.{}_.{subset_name}_.{hostname}", port.number);
                if service.resolution != Resolution::Alias
                    && let Some(cluster) =
                        cluster::of_port(store, &service, port, rule, subset, Client::SniRouter)
                {
                    clusters.insert(name.clone(), cluster);
                }
                chains.push(FilterChain {
                    kind: ChainKind::Tcp,
                    sni: vec![name.clone()],
                    application_protocols: ISTIO_ALPN.to_vec(),
                    matches: ChainMatch::default(),
                    terminates_tls: false,
                    clusters: vec![(name, 100)],
                    route: None,
                    origin,
                    clause: None,
                });
            }
        }
    }
    chains
}

/// The VirtualServices that name a Gateway in the order istiod asks them: private to the proxy's namespace, exported
/// to it by name, public. Those that the proxy does not see come last: they are recorded, never used.
pub(in crate::predict) fn candidates<'s, 'a>(
    context: &Context<'s, 'a>,
    gateway: &str,
) -> Vec<&'s VirtualService<'a>> {
    context
        .store
        .in_order_asked(gateway, &context.proxy.namespace)
}

/// Whether a VirtualService takes part at a server.
pub(in crate::predict) fn attach(
    context: &Context<'_, '_>,
    vs: &VirtualService<'_>,
    facts: &ServerFacts<'_>,
) -> Result<(), Reason> {
    if vs.hosts.is_empty() {
        return Err(Reason::NoHosts);
    }
    if !vs.visibility.includes(&context.proxy.namespace) {
        return Err(Reason::NotExported);
    }
    let mut reserved = None;
    for (n, host) in facts.hosts.iter().enumerate() {
        let (namespace, name) = match host.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name.split('/').next().unwrap_or(name)),
            None => (None, host.as_str()),
        };
        if vs.hosts.iter().any(|h| overlap(name, h)) {
            if namespace.is_none_or(|ns| ns == vs.namespace()) {
                return Ok(());
            }
            reserved.get_or_insert(n);
        }
    }
    Err(reserved.map_or(Reason::HostMismatch, |host| Reason::HostNamespace { host }))
}

/// Whether one `match` of a tcp or tls rule fits the server. `destinationSubnets`, `sourceLabels` and
/// `sourceNamespace` are ignored on gateways.
fn fits(m: &L4Match, index: usize, facts: &ServerFacts<'_>, namespace: &str) -> Result<(), Reason> {
    if m.port != 0 && m.port != facts.number {
        return Err(Reason::PortMismatch {
            r#match: index,
            declared: facts.number,
        });
    }
    let named = m.gateways.is_empty()
        || m.gateways
            .iter()
            .any(|g| resolve_gateway_name(g, namespace) == facts.gateway_name);
    if named {
        Ok(())
    } else {
        Err(Reason::GatewayMismatch { r#match: index })
    }
}

/// The first rule that fits, of the first VirtualService that has one, is the only one that is used.
fn tcp(
    context: &mut Context<'_, '_>,
    server: &BoundServer<'_>,
    chains: EntryId,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<FilterChain> {
    let facts = &server.facts;
    let mut winner: Option<(EntryId, FilterChain)> = None;
    for vs in candidates(context, facts.gateway_name) {
        let step = Step::Attachment {
            virtual_service: vs.object.id,
        };
        let attachment = context.ledger.open(step, Some(chains));
        let outcome = attach(context, vs, facts).and_then(|()| {
            if vs.spec.tcp.is_empty() {
                return Err(Reason::NoBlock { needed: Block::Tcp });
            }
            Ok(((), Effect::Attached))
        });
        if context.ledger.settle(attachment, outcome).is_none() {
            continue;
        }
        for (rule, route) in vs.spec.tcp.iter().enumerate() {
            let step = Step::Clause {
                virtual_service: vs.object.id,
                block: Block::Tcp,
                rule,
                r#match: None,
            };
            let clause = context.ledger.open(step, Some(attachment));
            let mut first_misfit = None;
            let fitting = route.r#match.is_empty()
                || route.r#match.iter().enumerate().any(|(n, m)| {
                    match fits(m, n, facts, vs.namespace()) {
                        Ok(()) => true,
                        Err(reason) => {
                            first_misfit.get_or_insert(reason);
                            false
                        }
                    }
                });
            let outcome = match first_misfit {
                Some(reason) if !fitting => Err(reason),
                _ => usable(&route.route),
            };
            // Behind the winner istiod looks no further: it does not panic there either.
            if let (Ok(()) | Err(Reason::ZeroSum), Some((by, _))) = (&outcome, &winner) {
                context.ledger.displace(clause, *by);
                continue;
            }
            let outcome = outcome.map(|()| ((), Effect::Used));
            if context.ledger.settle(clause, outcome).is_none() {
                continue;
            }
            let place = Place {
                vs,
                root: vs.namespace(),
                block: Block::Tcp,
                rule,
                clause,
                declared: facts.number,
                listed: None,
            };
            let chain = FilterChain {
                kind: ChainKind::Tcp,
                sni: if facts.tls == TlsMode::Terminate {
                    match_names(facts.sni())
                } else {
                    Vec::new()
                },
                application_protocols: Vec::new(),
                matches: ChainMatch::default(),
                terminates_tls: facts.tls == TlsMode::Terminate,
                clusters: destinations(context, &place, &route.route, clusters),
                route: None,
                origin: chains,
                clause: Some(clause),
            };
            winner = Some((clause, chain));
        }
    }
    winner.map(|(_, chain)| vec![chain]).unwrap_or_default()
}

/// Whether a rule's destinations make a route at all.
pub(in crate::predict) fn usable(route: &[RouteDestination]) -> Result<(), Reason> {
    match route {
        [] => Err(Reason::EmptyRoute),
        [_] => Ok(()),
        several if several.iter().all(|d| d.weight.unwrap_or(0) <= 0) => Err(Reason::ZeroSum),
        _ => Ok(()),
    }
}

/// Every match of every tls rule that fits makes a chain of its own, unless one of its names is taken.
fn passthrough(
    context: &mut Context<'_, '_>,
    server: &BoundServer<'_>,
    chains: EntryId,
    claimed: &mut ClaimedSni,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<FilterChain> {
    let facts = &server.facts;
    let mut found = Vec::new();
    for vs in candidates(context, facts.gateway_name) {
        let step = Step::Attachment {
            virtual_service: vs.object.id,
        };
        let attachment = context.ledger.open(step, Some(chains));
        let outcome = attach(context, vs, facts).and_then(|()| {
            if vs.spec.tls.is_empty() {
                return Err(Reason::NoBlock { needed: Block::Tls });
            }
            Ok(((), Effect::Attached))
        });
        if context.ledger.settle(attachment, outcome).is_none() {
            continue;
        }
        for (rule, route) in vs.spec.tls.iter().enumerate() {
            let step = |r#match| Step::Clause {
                virtual_service: vs.object.id,
                block: Block::Tls,
                rule,
                r#match,
            };
            let outcome = usable(&route.route);
            let whole_rule = if route.r#match.is_empty() {
                Some(Reason::NoMatch)
            } else {
                outcome.clone().err().filter(|r| *r == Reason::EmptyRoute)
            };
            if let Some(reason) = whole_rule {
                let clause = context.ledger.open(step(None), Some(attachment));
                context.ledger.settle::<()>(clause, Err(reason));
                continue;
            }
            for (n, m) in route.r#match.iter().enumerate() {
                let clause = context.ledger.open(step(Some(n)), Some(attachment));
                let outcome = fits(m, n, facts, vs.namespace())
                    .and_then(|()| claim_sni(claimed, server, m, clause))
                    .and_then(|()| outcome.clone())
                    .map(|()| ((), Effect::Used));
                if context.ledger.settle(clause, outcome).is_none() {
                    continue;
                }
                let place = Place {
                    vs,
                    root: vs.namespace(),
                    block: Block::Tls,
                    rule,
                    clause,
                    declared: facts.number,
                    listed: None,
                };
                found.push(FilterChain {
                    kind: ChainKind::Tcp,
                    sni: match_names(m.sni_hosts.clone()),
                    application_protocols: Vec::new(),
                    matches: ChainMatch::default(),
                    terminates_tls: false,
                    clusters: destinations(context, &place, &route.route, clusters),
                    route: None,
                    origin: chains,
                    clause: Some(clause),
                });
            }
        }
    }
    found
}

fn claim_sni(
    claimed: &mut ClaimedSni,
    server: &BoundServer<'_>,
    m: &L4Match,
    clause: EntryId,
) -> Result<(), Reason> {
    let bind = &server.facts.view.bind;
    for (sni, name) in m.sni_hosts.iter().enumerate() {
        if let Some((taken, by)) = claimed.get(&(server.port, name.clone()))
            && taken == bind
        {
            return Err(Reason::SniTaken { sni, by: *by });
        }
    }
    for name in &m.sni_hosts {
        claimed.insert((server.port, name.clone()), (bind.clone(), clause));
    }
    Ok(())
}

/// Where a rule stands whose destinations are used.
pub(in crate::predict) struct Place<'p> {
    pub(in crate::predict) vs: &'p VirtualService<'p>,
    /// Namespace of the VirtualService that is attached: another one for a delegate.
    pub(in crate::predict) root: &'p str,
    pub(in crate::predict) block: Block,
    pub(in crate::predict) rule: usize,
    pub(in crate::predict) clause: EntryId,
    /// The server's declared number: the port of a destination that names none.
    pub(in crate::predict) declared: u32,
    /// The services that HTTP rules of a sidecar look their destinations up in.
    pub(in crate::predict) listed: Option<&'p Listed<'p>>,
}

/// The clusters of a rule with their weights: a single destination ignores its weight, of several those without
/// weight are left out. A cluster that does not exist is named all the same, as istiod does; the ledger says so.
pub(in crate::predict) fn destinations(
    context: &mut Context<'_, '_>,
    place: &Place<'_>,
    route: &[RouteDestination],
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<(String, u32)> {
    let mut named = Vec::new();
    for (index, destination) in route.iter().enumerate() {
        let step = Step::Destination {
            virtual_service: place.vs.object.id,
            block: place.block,
            rule: place.rule,
            index,
        };
        let entry = context.ledger.open(step, Some(place.clause));
        let weight = match route.len() {
            1 => 100,
            _ => destination
                .weight
                .and_then(|w| u32::try_from(w).ok())
                .unwrap_or(0),
        };
        let outcome = if weight == 0 {
            Err(Reason::ZeroWeight)
        } else {
            let target = cluster::resolve(context, &destination.destination, place);
            named.push((target.cluster.clone(), weight));
            cluster::build(context, &target).and_then(|cluster| {
                let empty = cluster.endpoint_count() == 0;
                clusters.insert(target.cluster.clone(), cluster);
                if empty {
                    return Err(Reason::NoEndpoints {
                        cluster: target.cluster.clone(),
                    });
                }
                Ok(((), Effect::Cluster(target.cluster.clone())))
            })
        };
        context.ledger.settle(entry, outcome);
    }
    named
}
