//! The far end: what the sidecar of the pod that is reached does with the connection.

use super::capture::{self, Rules};
use super::envoy::{self, Speaks, VIRTUAL_INBOUND};
use super::outbound::BLACK_HOLE;
use crate::ledger::{Entry, EntryId, Fate, Ledger, Reason, Step};
use crate::predict::store::{Service, Store};
use crate::predict::{Config, ProxyFacts, ProxyKind, predict, selects, takes_mutual_tls};
use crate::snapshot::views::{AsView, MutualTls, PeerAuthentication, Sidecar};
use crate::snapshot::{Kind, Object, ObjectId};

/// What becomes of a connection at its far end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A chain takes it.
    Taken(String),
    /// No chain does: the sidecar there asks for mutual TLS.
    Refused {
        /// The policy that asks for it, as far as one is found.
        policy: Option<ObjectId>,
    },
    /// No sidecar is in its way.
    Bare(String),
    /// The port is the one that connections are redirected to.
    ListenPort,
}

/// The proxy of a pod, or of the pods that a workload makes.
pub(super) fn facts(object: &Object) -> Option<ProxyFacts> {
    match object.key.kind {
        Kind::Pod => ProxyFacts::of_pod(object),
        _ => ProxyFacts::of_workload(object),
    }
}

/// Whether clients speak Istio's mutual TLS to a pod, where nothing says otherwise: injection labels the pod.
/// After istio `pilot/pkg/xds/endpoints/mtls_checker.go`.
pub(super) fn speaks_mutual_tls(store: &Store<'_>, pod: &Object) -> bool {
    let labelled = facts(pod).is_some_and(|f| takes_mutual_tls(&f.labels));
    labelled || capture::has_proxy(store.snapshot, pod) == Some(Ok(()))
}

/// What becomes of a connection to a port of a pod.
pub(super) fn end(store: &Store<'_>, pod: &Object, port: u32, speaks: &Speaks) -> Option<End> {
    let facts = facts(pod)?;
    let name = pod.qualified();
    match capture::has_proxy(store.snapshot, pod) {
        Some(Ok(())) => {}
        Some(Err(_)) => return Some(End::Bare(format!("{name} has no sidecar"))),
        None => return None,
    }
    if facts.kind != ProxyKind::Sidecar {
        return Some(End::Bare(format!("{name} is a gateway")));
    }
    if Rules::of(pod).is_some_and(|rules| !rules.inbound(port)) {
        return Some(End::Bare(format!(
            "{port} of {name} is not redirected to its sidecar"
        )));
    }
    let prediction = predict(store, &facts);
    Some(by_config(store, &prediction.config, &facts, port, speaks))
}

/// A port of a service that was left out at the pod that it leads to, and the decisions about that pod.
pub(super) struct LeftOut {
    pub(super) facts: ProxyFacts,
    pub(super) ledger: Ledger,
    pub(super) entry: EntryId,
}

/// Why a service's port has no chains of its own at a pod, where prediction left it out. `reached`: the port of the pod.
pub(super) fn left_out(
    store: &Store<'_>,
    pod: &Object,
    service: &Service,
    port: u32,
    reached: Option<u32>,
) -> Option<LeftOut> {
    let facts = facts(pod).filter(|f| f.kind == ProxyKind::Sidecar)?;
    if capture::has_proxy(store.snapshot, pod) != Some(Ok(())) {
        return None;
    }
    let wanted = service.ports.iter().position(|p| p.number == port)?;
    let ledger = predict(store, &facts).ledger;
    // What a Sidecar lists has chains, whatever Services say.
    let listed = ledger.entries().any(|(_, e)| match e.step {
        Step::Ingress { sidecar, index } => {
            let object = store.snapshot.get(sidecar);
            let view = object.and_then(|o| Sidecar::of(&o.view));
            let view = view.and_then(|s| s.spec.ingress.get(index));
            view.is_some_and(|i| Some(i.port.number) == reached)
        }
        _ => false,
    });
    let found = ledger.entries().find(|(_, e)| match &e.step {
        Step::ServicePort { service: of, index } | Step::Inbound { service: of, index } => {
            *of == service.object
                && *index == wanted
                && matters(store, &ledger, service, wanted, e, listed)
        }
        _ => false,
    });
    let entry = found.map(|(id, _)| id)?;
    Some(LeftOut {
        facts,
        entry,
        ledger,
    })
}

/// Whether it makes a difference: two services of one protocol share a port of a pod as if they were one.
fn matters(
    store: &Store<'_>,
    ledger: &Ledger,
    service: &Service,
    index: usize,
    entry: &Entry,
    listed: bool,
) -> bool {
    let by = match &entry.fate {
        Fate::Dropped(Reason::InboundTaken { by } | Reason::TargetPortRepeated { by }) => *by,
        Fate::Dropped(Reason::NotIntercepted) => return false,
        Fate::Dropped(Reason::IngressListed { .. }) => return !listed,
        Fate::Dropped(_) => return true,
        _ => return false,
    };
    let protocol = |s: &Service, n: usize| s.ports.get(n).map(|p| p.protocol);
    let holder = match ledger.get(by).map(|e| &e.step) {
        Some(Step::ServicePort { service, index } | Step::Inbound { service, index }) => {
            let mut all = store.services.iter();
            let other = all.find(|s| s.object == *service);
            other.and_then(|s| protocol(s, *index))
        }
        _ => None,
    };
    holder.is_some() && holder != protocol(service, index)
}

fn by_config(
    store: &Store<'_>,
    config: &Config,
    facts: &ProxyFacts,
    port: u32,
    speaks: &Speaks,
) -> End {
    let name = facts.qualified();
    let mut listeners = config.listeners.iter();
    let Some(listener) = listeners.find(|l| l.name == VIRTUAL_INBOUND) else {
        return End::Bare(format!("nothing is redirected to the sidecar of {name}"));
    };
    let own = facts.ips.first().map_or("", String::as_str);
    if let Some(chain) = envoy::chain(listener, own, port, speaks) {
        if chain.clusters.iter().any(|(name, _)| name == BLACK_HOLE) {
            return End::ListenPort;
        }
        let how = match (chain.terminates_tls, speaks) {
            (true, _) => "mutual TLS",
            (false, Speaks::Tls { .. }) => "TLS as it is",
            (false, _) => "plaintext",
        };
        return End::Taken(format!("{port} of {name}, {how}"));
    }
    End::Refused {
        policy: strict_policy(store, facts, port),
    }
}

/// The PeerAuthentication that makes a port take mutual TLS alone: looked for after the chains have decided, from the
/// workload's own to the mesh's.
pub(in crate::walk) fn strict_policy(
    store: &Store<'_>,
    facts: &ProxyFacts,
    port: u32,
) -> Option<ObjectId> {
    let strict = |mtls: Option<&MutualTls>| mtls.is_some_and(|m| m.mode == "STRICT");
    let root = store.mesh.root_namespace.as_str();
    let own = store.peer_authentications(&facts.namespace).iter();
    let all = own.chain(store.peer_authentications(root));
    let fitting: Vec<(&Object, bool)> = all
        .filter_map(|object| {
            let spec = &PeerAuthentication::of(&object.view)?.spec;
            let here = object.key.namespace == facts.namespace;
            let for_it = match spec.labels() {
                Some(labels) => here && selects(labels, &facts.labels),
                None => true,
            };
            let of_port = spec.port_level_mtls.get(&port.to_string());
            let asks = strict(of_port) || strict(spec.mtls.as_ref());
            (for_it && asks).then_some((*object, spec.labels().is_some()))
        })
        .collect();
    let narrow = fitting.iter().find(|(_, narrow)| *narrow);
    narrow.or(fitting.first()).map(|(object, _)| object.id)
}
