//! Inbound listeners: one that all connections to the pod are redirected to, with chains for each port that a
//! Service or the Sidecar names, and those that a Sidecar really binds.
//! After istio `core/listener_inbound.go` and `core/filterchain_options.go` (1.31).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::address::Families;
use super::chains::{PLAINTEXT_HTTP, RAW_BUFFER};
use super::fallback::{self, INBOUND_PASSTHROUGH};
use super::mtls::{Mode, Modes};
use super::outbound::{Family, is_reserved};
use super::scope::Scope;
use crate::ledger::{Effect, EntryId, Fate, Reason, Step};
use crate::predict::cluster::ORIGINAL_DST;
use crate::predict::config::{ChainKind, ChainMatch, Cluster, Endpoint, FilterChain, Listener};
use crate::predict::envoy::own_listener;
use crate::predict::gateway::{Context, FIRST_UNPRIVILEGED_PORT, ISTIO_ALPN, targets};
use crate::predict::protocol::Protocol;
use crate::snapshot::ObjectId;
use crate::snapshot::views::IngressListener;

/// ALPN of HTTP over Istio's mutual TLS.
const MUTUAL_HTTP: [&str; 3] = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];

/// ALPN of anything else over it.
const MUTUAL_TCP: [&str; 2] = ["istio-peer-exchange", "istio"];

/// Name of the listener that all inbound connections are redirected to.
const VIRTUAL_INBOUND: &str = "virtualInbound";

/// What a chain of a port takes.
struct Take {
    kind: ChainKind,
    application_protocols: &'static [&'static str],
    transport_protocol: &'static str,
    terminates_tls: bool,
}

const fn take(
    kind: ChainKind,
    transport_protocol: &'static str,
    application_protocols: &'static [&'static str],
    terminates_tls: bool,
) -> Take {
    Take {
        kind,
        application_protocols,
        transport_protocol,
        terminates_tls,
    }
}

/// The chains of a port, by mode and protocol. After `core/filterchain_options.go:getFilterChainMatchOptions`.
fn takes(mode: Mode, family: Family) -> Vec<Take> {
    use ChainKind::{Http, Tcp};
    const TLS: &str = "tls";
    match (mode, family) {
        (Mode::Strict, Family::Http) => vec![take(Http, TLS, &[], true)],
        (Mode::Strict, Family::Tcp) => vec![take(Tcp, TLS, &[], true)],
        (Mode::Strict, Family::Auto) => vec![
            take(Http, TLS, &MUTUAL_HTTP, true),
            take(Tcp, TLS, &[], true),
        ],
        (Mode::Permissive, Family::Http) => vec![
            take(Http, TLS, &ISTIO_ALPN, true),
            take(Http, RAW_BUFFER, &[], false),
        ],
        (Mode::Permissive, Family::Tcp) => vec![
            take(Tcp, TLS, &ISTIO_ALPN, true),
            take(Tcp, TLS, &[], false),
            take(Tcp, RAW_BUFFER, &[], false),
        ],
        (Mode::Permissive, Family::Auto) => vec![
            take(Http, TLS, &MUTUAL_HTTP, true),
            take(Http, RAW_BUFFER, &PLAINTEXT_HTTP, false),
            take(Tcp, TLS, &MUTUAL_TCP, true),
            take(Tcp, RAW_BUFFER, &[], false),
            take(Tcp, TLS, &[], false),
        ],
        (Mode::Disable, Family::Http) => vec![take(Http, RAW_BUFFER, &[], false)],
        (Mode::Disable, Family::Tcp) => vec![take(Tcp, RAW_BUFFER, &[], false)],
        (Mode::Disable, Family::Auto) => vec![
            take(Http, RAW_BUFFER, &PLAINTEXT_HTTP, false),
            take(Tcp, RAW_BUFFER, &[], false),
        ],
    }
}

/// The chains of one port of the pod, or of every other one.
fn chains(
    mode: Mode,
    family: Family,
    port: u32,
    cluster: &str,
    origin: EntryId,
) -> Vec<FilterChain> {
    let one = |take: Take| FilterChain {
        kind: take.kind,
        sni: Vec::new(),
        application_protocols: take.application_protocols.to_vec(),
        matches: ChainMatch {
            destination_port: (port > 0).then_some(port),
            prefix_ranges: Vec::new(),
            transport_protocol: Some(take.transport_protocol),
        },
        terminates_tls: take.terminates_tls,
        clusters: match take.kind {
            ChainKind::Tcp => vec![(cluster.to_owned(), 100)],
            ChainKind::Http => Vec::new(),
        },
        route: match take.kind {
            ChainKind::Tcp => None,
            ChainKind::Http => Some(format!("(inline) {cluster}")),
        },
        origin,
        clause: None,
    };
    takes(mode, family).into_iter().map(one).collect()
}

/// A port of the pod that has chains of its own.
struct Port {
    protocol: Protocol,
    entry: EntryId,
    /// The address it is really bound to.
    bound: Option<String>,
}

/// The inbound listeners.
pub(super) fn listeners(
    context: &mut Context<'_, '_>,
    scope: &Scope<'_, '_>,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<Listener> {
    let families = Families::of(context.proxy);
    let ports = match scope.sidecar {
        Some((object, spec)) if !spec.ingress.is_empty() => {
            let sidecar = object.id;
            for target in targets(context) {
                let entry = open(context, target.entry);
                let reason = Reason::IngressListed { sidecar };
                context.ledger.settle::<()>(entry, Err(reason));
            }
            listed(context, sidecar, &spec.ingress, clusters)
        }
        _ => of_services(context, clusters),
    };
    let modes = Modes::of(
        context.store,
        &context.proxy.namespace,
        &context.proxy.labels,
    );
    let mut found = Vec::new();
    let mut redirected = Vec::new();
    for (number, port) in &ports {
        // A UDP port of a Service makes the chains of a TCP port all the same.
        let family = Family::of(port.protocol).unwrap_or(Family::Tcp);
        let cluster = cluster_name(*number);
        let made = chains(
            modes.of_port(*number),
            family,
            *number,
            &cluster,
            port.entry,
        );
        let listener = match &port.bound {
            Some(address) => format!("{address}_{number}"),
            None => VIRTUAL_INBOUND.to_owned(),
        };
        let effect = Effect::Chains {
            listener: listener.clone(),
            count: made.len(),
        };
        context.ledger.settle(port.entry, Ok(((), effect)));
        match &port.bound {
            None => redirected.extend(made),
            Some(address) => found.push(Listener {
                name: listener,
                address: address.clone(),
                port: *number,
                redirected_only: false,
                chains: made,
                default_chain: None,
            }),
        }
    }
    if !context.proxy.metadata.not_intercepted {
        let origin = fallback::entry(context);
        let port = context.store.mesh.proxy_inbound_listen_port;
        let mut all = vec![fallback::black_hole(port, origin)];
        let passed = |mode, port| chains(mode, Family::Auto, port, INBOUND_PASSTHROUGH, origin);
        all.extend(passed(modes.of_port(0), 0));
        let listed = |port: &u32| match scope.sidecar {
            Some((_, spec)) if !spec.ingress.is_empty() => {
                spec.ingress.iter().any(|i| i.port.number == *port)
            }
            _ => targeted(context, *port),
        };
        let others = modes.by_port.iter().filter(|(port, _)| !listed(port));
        all.extend(others.flat_map(|(port, mode)| passed(*mode, *port)));
        all.extend(redirected);
        found.push(Listener {
            name: VIRTUAL_INBOUND.to_owned(),
            address: families.wildcard().to_owned(),
            port,
            redirected_only: false,
            chains: all,
            default_chain: None,
        });
    }
    found
}

/// Whether any Service leads to this port of the pod, also one that has no chains.
fn targeted(context: &Context<'_, '_>, port: u32) -> bool {
    context
        .ledger
        .service_ports()
        .any(|(_, e)| e.fate == Fate::Effective(Effect::TargetPort(port)))
}

fn cluster_name(port: u32) -> String {
    format!("inbound|{port}||")
}

/// The entry of a Service port's chains, under that of the port itself.
fn open(context: &mut Context<'_, '_>, under: EntryId) -> EntryId {
    let step = match context.ledger.get(under).map(|e| &e.step) {
        Some(Step::ServicePort { service, index }) => Step::Inbound {
            service: *service,
            index: *index,
        },
        _ => Step::Fallback(context.proxy.object().unwrap_or_default()),
    };
    context.ledger.open(step, Some(under))
}

/// Ports that Services lead to: of several with one port of the pod the oldest counts.
/// After `core/listener_inbound.go:getFilterChainsByServicePort`.
fn of_services(
    context: &mut Context<'_, '_>,
    clusters: &mut BTreeMap<String, Cluster>,
) -> BTreeMap<u32, Port> {
    let mut found: BTreeMap<u32, Port> = BTreeMap::new();
    for target in targets(context) {
        let entry = open(context, target.entry);
        let number = target.target_port;
        let reason = if context.proxy.metadata.not_intercepted {
            Reason::NotIntercepted
        } else if is_reserved(&context.store.mesh, number) {
            Reason::ReservedPort { port: number }
        } else if let Some(port) = found.get(&number) {
            Reason::InboundTaken { by: port.entry }
        } else {
            let port = Port {
                protocol: target.protocol,
                entry,
                bound: None,
            };
            found.insert(number, port);
            clusters.insert(cluster_name(number), local(context, number));
            continue;
        };
        context.ledger.settle::<()>(entry, Err(reason));
    }
    found
}

/// The cluster of the pod's own port. After `core/cluster_builder.go:buildInboundCluster`.
fn local(context: &Context<'_, '_>, port: u32) -> Cluster {
    if context.store.mesh.inbound_traffic_policy.mode == "LOCALHOST" {
        let address = Families::of(context.proxy).localhost();
        return at(address, port);
    }
    fallback::without_endpoints(ORIGINAL_DST)
}

fn at(address: &str, port: u32) -> Cluster {
    let address = match address.parse() {
        Ok(IpAddr::V6(_)) => format!("[{address}]:{port}"),
        _ => format!("{address}:{port}"),
    };
    Cluster {
        discovery: "STATIC",
        endpoints: vec![Endpoint::Address(address)],
    }
}

/// Ports that the Sidecar lists. After `core/listener_inbound.go:buildInboundChainConfigs`.
fn listed(
    context: &mut Context<'_, '_>,
    sidecar: ObjectId,
    ingress: &[IngressListener],
    clusters: &mut BTreeMap<String, Cluster>,
) -> BTreeMap<u32, Port> {
    let mut found: BTreeMap<u32, Port> = BTreeMap::new();
    for (index, view) in ingress.iter().enumerate() {
        let entry = context.ledger.open(Step::Ingress { sidecar, index }, None);
        let number = view.port.number;
        let protocol = Protocol::parse(&view.port.protocol);
        let bound = match view.capture_mode.as_str() {
            "" | "DEFAULT" => context.proxy.metadata.not_intercepted,
            mode => mode == "NONE",
        };
        let families = Families::of(context.proxy);
        let everywhere = if view.bind.is_empty() {
            protocol.is_http()
        } else {
            view.bind == families.wildcard()
        };
        let privileged =
            bound && context.proxy.unprivileged && (1..FIRST_UNPRIVILEGED_PORT).contains(&number);
        let reason = if privileged {
            Reason::PrivilegedPort
        } else if everywhere && own_listener(number).is_some() {
            Reason::ReservedPort { port: number }
        } else if let Some(port) = found.get(&number) {
            Reason::InboundTaken { by: port.entry }
        } else {
            let bind = if view.bind.is_empty() {
                own_address(context)
            } else {
                view.bind.clone()
            };
            let port = Port {
                protocol,
                entry,
                bound: bound.then_some(bind),
            };
            found.insert(number, port);
            if let Some(cluster) = endpoint(context, &view.default_endpoint) {
                clusters.insert(cluster_name(number), cluster);
            }
            continue;
        };
        context.ledger.settle::<()>(entry, Err(reason));
    }
    found
}

/// The pod's own address, else the wildcard. After `core/listener_address.go:getSidecarInboundBindIPs`.
fn own_address(context: &Context<'_, '_>) -> String {
    let families = Families::of(context.proxy);
    let usable = |ip: &&String| {
        ip.parse::<IpAddr>()
            .is_ok_and(|ip| !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast())
    };
    let own = context.proxy.ips.iter().find(usable);
    own.cloned()
        .unwrap_or_else(|| families.wildcard().to_owned())
}

/// The cluster of a `defaultEndpoint`; without one the connection goes to the port it was for.
/// After `core/cluster.go:buildInboundClustersFromSidecar`.
fn endpoint(context: &Context<'_, '_>, written: &str) -> Option<Cluster> {
    if written.is_empty() {
        return Some(fallback::without_endpoints(ORIGINAL_DST));
    }
    if written.starts_with("unix://") {
        return Some(Cluster {
            discovery: "STATIC",
            endpoints: vec![Endpoint::Address(written.to_owned())],
        });
    }
    let (host, port) = written.rsplit_once(':')?;
    let port: u32 = port.parse().ok()?;
    let own = |v6: bool| {
        let mut ips = context.proxy.ips.iter();
        ips.find(|ip| ip.contains(':') == v6).cloned()
    };
    let address = match host.trim_matches(['[', ']']) {
        "0.0.0.0" => own(false).unwrap_or_else(|| "127.0.0.1".to_owned()),
        "::" => own(true).unwrap_or_else(|| "::1".to_owned()),
        "127.0.0.1" => Families::of(context.proxy).localhost().to_owned(),
        "::1" => "::1".to_owned(),
        _ => return Some(fallback::without_endpoints(ORIGINAL_DST)),
    };
    Some(at(&address, port))
}
