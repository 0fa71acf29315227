//! Servers of Gateways: which listen, and why the others do not.

use super::listening::{chains_of, listener_name, through};
use super::service::service_ports;
use super::{Subject, Walk};
use crate::causes::Symptom;
use crate::ledger::{Entry, EntryId, Fate, Ledger, Reason, Step};
use crate::predict::features::Feature;
use crate::predict::protocol::Protocol;
use crate::predict::store::Store;
use crate::report::{HopStatus, Unknown, Verdict};
use crate::snapshot::views::{self, AsView};
use crate::snapshot::{Kind, Object, ObjectId};
use crate::walk::culprits::{self, Missing};
use crate::walk::names::cluster_name;

/// The Service leads here, but no server has the port.
pub(super) fn no_server(walk: &mut Walk<'_, '_>) {
    if let Some(id) = without_port(walk.store, walk.ledger()) {
        let gateway = walk.ledger().get(id).map(|e| e.step.object());
        let what = match walk.ledger().get(id).map(|e| &e.step) {
            Some(Step::Gateway(_)) => "has no server",
            _ => "has a server without port",
        };
        let name = gateway.map(|g| walk.name_of(g)).unwrap_or_default();
        let line = format!("{name} {what}");
        walk.ok("gateway", gateway, vec![name]);
        walk.broken("server", gateway, line, Verdict::Missing);
        walk.tell_dropped(id);
        return;
    }
    let line = format!("no Gateway for this proxy has a server for {}", walk.port);
    walk.broken("gateway", None, line, Verdict::Missing);
    let applying = walk
        .ledger()
        .entries()
        .find(|(_, e)| matches!(e.step, Step::Gateway(_)) && matches!(e.fate, Fate::Effective(_)));
    let subject = match applying {
        Some((id, entry)) => Some((id, entry.step.object())),
        None => walk
            .ledger()
            .service_ports()
            .next()
            .map(|(id, e)| (id, e.step.object())),
    };
    if let Some((id, object)) = subject {
        walk.tell(id, Symptom::NotDeclared { object });
    }
}

/// A server for nobody knows which port, or a Gateway without any: it might be meant for the one asked about.
pub(super) fn without_port(store: &Store<'_>, ledger: &Ledger) -> Option<EntryId> {
    let servers = |id: ObjectId| {
        let object = store.snapshot.get(id)?;
        Some(&views::Gateway::of(&object.view)?.spec.servers)
    };
    let blank = |entry: &Entry| match (&entry.step, &entry.fate) {
        (_, Fate::Dropped(Reason::NoPort)) => true,
        (Step::Server { gateway, index }, Fate::Dropped(Reason::NotStored { .. })) => {
            let server = servers(*gateway).and_then(|s| s.get(*index));
            server.is_some_and(|s| s.port.as_ref().is_none_or(|p| p.number == 0))
        }
        (Step::Gateway(gateway), Fate::Dropped(Reason::NotStored { .. })) => {
            servers(*gateway).is_some_and(Vec::is_empty)
        }
        _ => false,
    };
    let mut entries = ledger.entries();
    entries.find(|(_, e)| blank(e)).map(|(id, _)| id)
}

/// Walks on from the servers; returns where the connection leads, for the headline.
pub(super) fn servers(
    walk: &mut Walk<'_, '_>,
    all: &[Subject<'_>],
    chosen: &[&Subject<'_>],
) -> Option<String> {
    let mut gateways: Vec<&Object> = chosen.iter().map(|s| s.gateway).collect();
    gateways.dedup_by_key(|o| o.id);
    let listening: Vec<&Subject<'_>> = chosen.iter().copied().filter(|s| s.listens()).collect();
    if !listening.is_empty() {
        gateways = listening.iter().map(|s| s.gateway).collect();
        gateways.dedup_by_key(|o| o.id);
    }
    let names = gateways.iter().map(|g| g.qualified()).collect();
    walk.ok("gateway", gateways.first().map(|g| g.id), names);
    let lead = if listening.is_empty() {
        left_out(walk, all, chosen)
    } else {
        let lead = through(walk, &listening);
        unknown_ages(walk, all, chosen, &listening);
        lead
    };
    // What else was declared for this port and lost is told behind the break that decides.
    for subject in chosen.iter().filter(|s| !s.listens()) {
        missing(walk, subject);
    }
    // True whether the server listens or not: repaired, it would still take no UDP.
    for subject in chosen.iter().filter(|s| s.is_udp()) {
        walk.tell(subject.entry, Symptom::UdpServer);
    }
    for subject in &listening {
        without_quic(walk, subject);
    }
    lead
}

/// Tells an HTTPS server that ends TLS and gets no listener for QUIC, where istiod makes them.
/// After `model/gateway.go:udpSupportedPort` and `pkg/config/gateway/gateway.go:IsEligibleForHTTP3Upgrade`.
fn without_quic(walk: &mut Walk<'_, '_>, subject: &Subject<'_>) {
    let istiod = &walk.store.serving(&walk.class.proxy).istiod;
    let passes = |tls: &views::ServerTls| {
        matches!(tls.mode.as_str(), "" | "PASSTHROUGH" | "AUTO_PASSTHROUGH")
    };
    if !istiod.features.has(Feature::QuicListeners)
        || Protocol::parse(subject.protocol()) != Protocol::Https
        || subject.view.tls.as_ref().is_none_or(passes)
    {
        return;
    }
    let ports =
        service_ports(walk.ledger(), walk.store).filter(|p| p.written.port == subject.number());
    let (udp, tcp): (Vec<_>, Vec<_>) = ports
        .filter(|p| matches!(p.entry.fate, Fate::Effective(_)))
        .partition(|p| p.written.protocol.eq_ignore_ascii_case("UDP"));
    if udp.is_empty() {
        let service = tcp.first().map(|p| p.service.id);
        walk.tell(subject.entry, Symptom::NoUdpPort { service });
    }
}

/// The servers hold their port only if they are older than others that were not asked about, and nobody knows.
fn unknown_ages(
    walk: &mut Walk<'_, '_>,
    all: &[Subject<'_>],
    chosen: &[&Subject<'_>],
    listening: &[&Subject<'_>],
) {
    let asked = |s: &Subject<'_>| chosen.iter().any(|c| c.entry == s.entry);
    for loser in all.iter().filter(|s| !asked(s)) {
        let Fate::Dropped(Reason::PortTaken { by, .. } | Reason::TlsHostTaken { by, .. }) =
            loser.fate
        else {
            continue;
        };
        let holder = walk.ledger().get(*by).map(|e| e.step.object());
        let Some(winner) = listening.iter().find(|s| Some(s.gateway.id) == holder) else {
            continue;
        };
        if winner.gateway.id == loser.gateway.id || winner.gateway.ages_known(loser.gateway) {
            continue;
        }
        let (own, other) = (winner.gateway.qualified(), loser.gateway.qualified());
        walk.verdict = walk.verdict.max(Verdict::Unknown);
        walk.unknowns.push(Unknown {
            what: format!("whether {own} is older than {other}"),
            fix: format!("the older one keeps {}: ask with the creation times, as `kubectl get -o yaml` prints them", walk.port),
            commands: Vec::new(),
        });
    }
}

/// The findings of a server that does not listen.
fn missing(walk: &mut Walk<'_, '_>, subject: &Subject<'_>) {
    let Fate::Dropped(reason) = subject.fate else {
        return;
    };
    let Some(chains) = subject.chains.filter(|_| *reason == Reason::NoRoute) else {
        walk.tell_dropped(subject.entry);
        return;
    };
    let Missing {
        culprits,
        serves_others,
    } = culprits::of_missing_route(walk.store, walk.ledger(), chains);
    match serves_others {
        Some(rule) => {
            walk.tell(chains, Symptom::ServesOthers { rule });
        }
        None if culprits.is_empty() => {
            walk.tell_dropped(chains);
        }
        None => {}
    }
    let so = format!(
        "Gateway {} has no route (GW-VS-NONE)",
        subject.gateway.qualified()
    );
    for culprit in culprits {
        let binding = walk
            .ledger()
            .get(culprit)
            .is_some_and(|e| matches!(e.step, Step::Binding { .. }));
        if let Some(finding) = walk.tell_dropped(culprit)
            && binding
            && !finding.so.contains(&so)
        {
            finding.so.push(so.clone());
        }
    }
}

/// No server of those asked about listens: where it broke, and who takes the connection instead.
fn left_out(
    walk: &mut Walk<'_, '_>,
    all: &[Subject<'_>],
    chosen: &[&Subject<'_>],
) -> Option<String> {
    // A server that holds its place comes before one that lost it.
    let subject = chosen
        .iter()
        .find(|s| s.chains.is_some())
        .or(chosen.first())?;
    let gateway = Some(subject.gateway.id);
    let Fate::Dropped(reason) = subject.fate else {
        return None;
    };
    let server = format!("{} {}", subject.number(), subject.protocol());
    match reason {
        Reason::NoRoute | Reason::NoServiceForHosts => {
            walk.ok("server", gateway, vec![subject.in_words()]);
            let line = route_break(walk, subject);
            walk.broken("route", gateway, line, Verdict::Missing);
            None
        }
        Reason::PortTaken { by, .. }
        | Reason::TlsHostTaken { by, .. }
        | Reason::HttpsNameTaken { by } => {
            let holder = walk.ledger().get(*by).map(|e| e.step.object());
            let holder_name = holder.map(|h| walk.name_of(h)).unwrap_or_default();
            let line = format!("{server}, left out: {holder_name} came first");
            let winner = all
                .iter()
                .find(|s| s.listens() && Some(s.gateway.id) == holder && s.port == subject.port);
            let Some(winner) = winner else {
                // What an Ingress leads to is not predicted.
                let by_ingress = holder
                    .and_then(|h| walk.store.snapshot.get(h))
                    .is_some_and(|o| o.key.kind == Kind::Ingress);
                let verdict = if by_ingress {
                    Verdict::Diverted
                } else {
                    Verdict::Missing
                };
                walk.broken("server", gateway, line, verdict);
                return by_ingress.then(|| format!("Ingress {holder_name}"));
            };
            walk.broken("server", gateway, line, Verdict::Diverted);
            let chains = chains_of(walk.config(), winner);
            let listener = listener_name(walk.config(), winner).unwrap_or_default();
            walk.hop(
                "listener",
                HopStatus::Instead,
                Some(winner.gateway.id),
                vec![format!("{listener} of {holder_name}")],
            );
            let clusters: Vec<(String, u32)> =
                chains.iter().flat_map(|c| c.clusters.clone()).collect();
            let domain = &walk.store.mesh.domain;
            let lines: Vec<String> = clusters
                .iter()
                .map(|(c, _)| cluster_name(c, domain))
                .collect();
            let lead = lines.first().cloned();
            if !lines.is_empty() {
                walk.hop("cluster", HopStatus::Instead, None, lines);
            }
            lead
        }
        Reason::PrivilegedPort => {
            let port = subject.port.unwrap_or_default();
            let line = format!("{server} binds {port}, below 1024; the pod may not");
            walk.broken("server", gateway, line, Verdict::Missing);
            None
        }
        Reason::NotStored { .. } => {
            let name = subject.gateway.qualified();
            let line = format!("{server}, but {name} is not stored");
            walk.broken("server", gateway, line, Verdict::Missing);
            None
        }
        _ => {
            walk.broken(
                "server",
                gateway,
                format!("{server}, left out"),
                Verdict::Missing,
            );
            None
        }
    }
}

/// Why there is no route, for the path.
fn route_break(walk: &Walk<'_, '_>, subject: &Subject<'_>) -> String {
    let gateway = subject.gateway.qualified();
    let none = || format!("no VirtualService names {gateway}");
    if matches!(subject.fate, Fate::Dropped(Reason::NoServiceForHosts)) {
        return "no service of the mesh lies below its hosts".to_owned();
    }
    let Some(chains) = subject.chains else {
        return none();
    };
    let Missing {
        culprits,
        serves_others,
    } = culprits::of_missing_route(walk.store, walk.ledger(), chains);
    if serves_others.is_some() {
        return format!("the rules bound to {gateway} serve its other servers");
    }
    let Some(entry) = culprits.first().and_then(|id| walk.ledger().get(*id)) else {
        return none();
    };
    let name = walk.name_of(entry.step.object());
    match &entry.fate {
        Fate::Dropped(Reason::NotStored { .. }) => format!("{name} is not stored"),
        Fate::Dropped(Reason::UnknownGateway { .. }) => format!("{name} names another Gateway"),
        Fate::Dropped(Reason::MeshOnly) => format!("{name} names no Gateway: it is for sidecars"),
        Fate::Dropped(Reason::NotExported) => {
            format!("{name} is not exported to {}", walk.class.proxy.namespace)
        }
        Fate::Dropped(Reason::NoHosts) => format!("{name} has no hosts: a delegate"),
        Fate::Dropped(Reason::HostMismatch) => format!("{name} has other hosts"),
        Fate::Dropped(Reason::HostNamespace { .. }) => {
            format!("{name} is not of a namespace that this server lets in")
        }
        Fate::Dropped(Reason::NoBlock { needed }) => {
            format!("{name} has no `{}` rules", needed.field())
        }
        Fate::Dropped(Reason::PortMismatch { .. }) => {
            format!("{name} has no rule for {}", subject.number())
        }
        Fate::Dropped(Reason::GatewayMismatch { .. }) => {
            format!("the rules of {name} are for other gateways")
        }
        Fate::Dropped(_) => format!("no rule of {name} can be used"),
        _ => none(),
    }
}
