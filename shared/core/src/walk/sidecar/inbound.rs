//! The far end: what the sidecar of the pod that is reached does with the connection.

use super::capture::{self, Rules};
use super::envoy::{self, Speaks, VIRTUAL_INBOUND};
use super::outbound::BLACK_HOLE;
use crate::ledger::{Effect, Entry, EntryId, Fate, Ledger, Reason, Step};
use crate::predict::protocol::Protocol;
use crate::predict::reach::{Reaching, Side, patches};
use crate::predict::store::{Service, Store};
use crate::predict::{
    ChainKind, Prediction, ProxyFacts, ProxyKind, is_plaintext, predict_inbound, selects, tls_mode,
};
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
    /// It comes with TLS, and what is there reads HTTP.
    NotHttp,
    /// It comes with Istio's mutual TLS, and what is there has none.
    NoMutualTls {
        /// The policy that turns it off, as far as one is found.
        policy: Option<ObjectId>,
    },
    /// The port is the one that connections are redirected to.
    ListenPort,
    /// The sidecar is not in its way.
    Past(String),
}

/// What is at the far end.
pub(super) enum Far<'s, 'a> {
    /// No sidecar.
    None {
        /// In words.
        line: String,
        /// Its label says that the application takes mutual TLS by itself.
        own_tls: bool,
    },
    /// A gateway.
    Gateway,
    /// A sidecar.
    Sidecar(Box<FarSidecar<'s, 'a>>),
}

/// A sidecar at the far end.
pub(super) struct FarSidecar<'s, 'a> {
    /// The view of the istiod that serves it.
    pub(super) store: &'s Store<'a>,
    pub(super) facts: ProxyFacts,
    pub(super) prediction: Prediction,
    redirects: Option<Rules<'s>>,
}

/// The proxy of a pod, or of the pods that a workload makes.
pub(super) fn facts(object: &Object) -> Option<ProxyFacts> {
    match object.key.kind {
        Kind::Pod => ProxyFacts::of_pod(object),
        _ => ProxyFacts::of_workload(object),
    }
}

/// Whether clients speak Istio's mutual TLS to a port of a pod, where no DestinationRule says otherwise: injection
/// labels the pod, and its policy does not turn it off. `store`: the client's view.
/// After istio `pilot/pkg/xds/endpoints/mtls_checker.go:mtlsChecker.checkMtlsEnabled`.
pub(super) fn speaks_mutual_tls(store: &Store<'_>, pod: &Object, port: u32) -> bool {
    let plain = |f: ProxyFacts| is_plaintext(store, &f.namespace, &f.labels, port);
    has_mutual_tls(store, pod) && !facts(pod).is_some_and(plain)
}

/// Whether a pod says of itself that it takes Istio's mutual TLS.
pub(super) fn has_mutual_tls(store: &Store<'_>, pod: &Object) -> bool {
    let says = facts(pod).and_then(|f| tls_mode(&f.labels));
    says.unwrap_or_else(|| capture::has_proxy(store.snapshot, pod) == Some(Ok(())))
}

/// What is at a pod; `None` where that was not read.
pub(super) fn far<'s, 'a>(store: &'s Store<'a>, pod: &'s Object) -> Option<Far<'s, 'a>> {
    let facts = facts(pod)?;
    match capture::has_proxy(store.snapshot, pod)? {
        Ok(()) => {}
        Err(_) => {
            let own_tls = tls_mode(&facts.labels) == Some(true);
            let tail = if own_tls {
                ", and its label says that it takes mutual TLS"
            } else {
                ""
            };
            let line = format!("{} has no sidecar{tail}", pod.qualified());
            return Some(Far::None { line, own_tls });
        }
    }
    if facts.kind != ProxyKind::Sidecar {
        return Some(Far::Gateway);
    }
    let store = store.serving(&facts);
    Some(Far::Sidecar(Box::new(FarSidecar {
        store,
        prediction: predict_inbound(store, &facts),
        redirects: Rules::of(pod),
        facts,
    })))
}

impl FarSidecar<'_, '_> {
    /// What becomes of a connection to a port of it.
    pub(super) fn end(&self, port: u32, speaks: &Speaks) -> End {
        let name = self.facts.qualified();
        if self.redirects.as_ref().is_some_and(|r| !r.inbound(port)) {
            return End::Past(format!("{port} of {name} is not redirected to its sidecar"));
        }
        let mut listeners = self.prediction.config.listeners.iter();
        let Some(listener) = listeners.find(|l| l.name == VIRTUAL_INBOUND) else {
            // What it binds by itself, and what the application then gets, is not walked.
            return End::Taken(format!("nothing is redirected to the sidecar of {name}"));
        };
        let own = self.facts.ips.first().map_or("", String::as_str);
        let refused = || End::Refused {
            policy: strict_policy(self.store, &self.facts, port),
        };
        let Some(chain) = envoy::chain(listener, own, port, speaks) else {
            // Where plaintext has a chain, and mutual TLS, it is TLS itself that has none.
            let plain = envoy::chain(listener, own, port, &Speaks::Bytes);
            let owned = matches!(speaks, Speaks::Tls { mutual: false, .. });
            return match plain {
                Some(_) if owned => End::NotHttp,
                _ => refused(),
            };
        };
        if chain.clusters.iter().any(|(name, _)| name == BLACK_HOLE) {
            return End::ListenPort;
        }
        let how = match (chain.terminates_tls, speaks) {
            (true, Speaks::Tls { mutual: true, .. }) => "mutual TLS",
            (true, _) => return refused(),
            (false, Speaks::Tls { mutual: true, .. }) => {
                return End::NoMutualTls {
                    policy: policy(self.store, &self.facts, port, "DISABLE"),
                };
            }
            (false, Speaks::Tls { .. }) if chain.kind == ChainKind::Http => return End::NotHttp,
            (false, Speaks::Tls { .. }) => "TLS as it is",
            (false, _) => "plaintext",
        };
        let ledger = &self.prediction.ledger;
        let step = ledger.get(chain.origin).map(|e| &e.step);
        let rest = matches!(step, Some(Step::Fallback(_)));
        let by = if rest {
            ", by the chains of all other ports"
        } else {
            ""
        };
        End::Taken(format!("{port} of {name}, {how}{by}"))
    }

    /// What may change the chain that takes a connection to a port of it.
    pub(super) fn patched(&self, port: u32, speaks: &Speaks) -> Option<Reaching> {
        let mut listeners = self.prediction.config.listeners.iter();
        let listener = listeners.find(|l| l.name == VIRTUAL_INBOUND)?;
        let own = self.facts.ips.first().map_or("", String::as_str);
        let chain = envoy::chain(listener, own, port, speaks)?;
        let (store, side) = (self.store, Side::Inbound);
        Some(patches(store, &self.facts, listener, side, Some(chain)))
    }

    /// Whether no Service, ServiceEntry or Sidecar says anything about any port of it.
    pub(super) fn is_unnamed(&self) -> bool {
        let about = |step: &Step| {
            matches!(
                step,
                Step::ServicePort { .. } | Step::Inbound { .. } | Step::Ingress { .. }
            )
        };
        let mut entries = self.prediction.ledger.entries();
        !entries.any(|(_, e)| about(&e.step))
    }

    /// Why a service's port has no chains of its own here, where prediction left it out. `reached`: the port of the
    /// pod.
    pub(super) fn left_out(
        &self,
        service: &Service,
        port: u32,
        reached: Option<u32>,
    ) -> Option<EntryId> {
        let ledger = &self.prediction.ledger;
        let store = self.store;
        let wanted = service.ports.iter().position(|p| p.number == port)?;
        let own = service.ports.get(wanted)?.protocol;
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
                    && matters(store, ledger, own, e, listed, reached)
            }
            _ => false,
        });
        found.map(|(id, _)| id)
    }
}

/// Whether it makes a difference: two services whose protocols are taken alike share a port of a pod as if they were
/// one. `reached`: the port of the pod.
fn matters(
    store: &Store<'_>,
    ledger: &Ledger,
    own: Protocol,
    entry: &Entry,
    listed: bool,
    reached: Option<u32>,
) -> bool {
    let by = match &entry.fate {
        Fate::Dropped(Reason::InboundTaken { by } | Reason::TargetPortRepeated { by }) => Some(*by),
        Fate::Dropped(Reason::SelectedByOthers { .. } | Reason::WorkloadEntryInstead { .. }) => {
            let target = reached.map(|port| Fate::Effective(Effect::TargetPort(port)));
            let mut ports = ledger.service_ports();
            match ports.find(|(_, e)| Some(&e.fate) == target.as_ref()) {
                Some((by, _)) => Some(by),
                None => return true,
            }
        }
        Fate::Dropped(Reason::NotIntercepted) => return false,
        Fate::Dropped(Reason::IngressListed { .. }) => return !listed,
        Fate::Dropped(_) => return true,
        _ => return false,
    };
    let holder = match by.and_then(|by| ledger.get(by)).map(|e| &e.step) {
        Some(Step::ServicePort { service, index } | Step::Inbound { service, index }) => {
            let mut all = store.services.iter();
            let other = all.find(|s| s.object == *service);
            other.and_then(|s| s.ports.get(*index)).map(|p| p.protocol)
        }
        _ => None,
    };
    holder.is_some_and(|holder| kind(holder) != kind(own))
}

/// How the chains of a port take a protocol: as HTTP, detected, or as bytes, UDP included.
/// After istio `pilot/pkg/networking/networking.go:ModelProtocolToListenerProtocol`.
fn kind(protocol: Protocol) -> (bool, bool) {
    (protocol.is_http(), protocol == Protocol::Unsupported)
}

/// The PeerAuthentication that makes a port take mutual TLS alone.
pub(in crate::walk) fn strict_policy(
    store: &Store<'_>,
    facts: &ProxyFacts,
    port: u32,
) -> Option<ObjectId> {
    policy(store, facts, port, "STRICT")
}

/// The PeerAuthentication that gives a port this mode: looked for after the chains have decided, from the workload's
/// own to the mesh's.
fn policy(store: &Store<'_>, facts: &ProxyFacts, port: u32, mode: &str) -> Option<ObjectId> {
    let asked = |mtls: Option<&MutualTls>| mtls.is_some_and(|m| m.mode == mode);
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
            let asks = asked(of_port) || asked(spec.mtls.as_ref());
            (for_it && asks).then_some((*object, spec.labels().is_some()))
        })
        .collect();
    let narrow = fitting.iter().find(|(_, narrow)| *narrow);
    narrow.or(fitting.first()).map(|(object, _)| object.id)
}
