//! What stands between the client and the listener, and is no listener's fault: pods, network, authorization,
//! certificates, patches.

use super::{Subject, Walk};
use crate::causes::{Severity, Symptom};
use crate::ledger::{Effect, EntryId, Fate};
use crate::predict::reach::{self, Access, Barrier, CredentialFault, PrefaceFault, Side};
use crate::predict::{ChainKind, FilterChain};
use crate::report::{Certainty, HopStatus, Verdict};
use crate::snapshot::{Kind, Object};

/// Whether the Services that lead to the port have no ready pod behind them.
pub(super) fn no_ready_pod(
    walk: &mut Walk<'_, '_>,
    services: &[&Object],
    lines: &[String],
    entry: Option<EntryId>,
) -> bool {
    let (store, proxy) = (walk.store, &walk.class.proxy);
    let barriers: Option<Vec<Barrier>> = services
        .iter()
        .map(|service| reach::unready(store, proxy, service))
        .collect();
    let Some(barrier) = barriers.and_then(|all| all.into_iter().next()) else {
        return false;
    };
    let mut lines = lines.to_vec();
    lines.push("no ready pod behind it".to_owned());
    let service = services.first().map(|s| s.id);
    walk.hop("service", HopStatus::Broken, service, lines);
    walk.verdict = walk.verdict.max(Verdict::Unreachable);
    if let Some(entry) = entry {
        walk.tell(entry, Symptom::Barred(&barrier));
    }
    true
}

/// Whether a Service has the port, and would lead to the proxy but for one label.
pub(super) fn misses_pods(walk: &mut Walk<'_, '_>, bound: u32, entry: Option<EntryId>) -> bool {
    let barrier = reach::misses_pods(walk.store, &walk.class.proxy, walk.port, bound);
    let (Some(barrier @ Barrier::SelectsNone { service, .. }), Some(entry)) = (&barrier, entry)
    else {
        return false;
    };
    let line = format!("{} selects no pod", walk.name_of(*service));
    walk.broken("service", Some(*service), line, Verdict::Unreachable);
    walk.tell(entry, Symptom::Barred(barrier));
    true
}

/// Whether the network lets connections to the port in; told at the proxy's hop, which is there already.
pub(super) fn network(walk: &mut Walk<'_, '_>, bound: u32, entry: Option<EntryId>) {
    let barrier = reach::barred_by_network(walk.store, &walk.class.proxy, bound);
    let (Some(barrier @ Barrier::Network { policies, .. }), Some(entry)) = (&barrier, entry) else {
        return;
    };
    let name = policies
        .first()
        .map(|p| walk.name_of(*p))
        .unwrap_or_default();
    if let Some(hop) = walk.hops.iter_mut().find(|h| h.name == "proxy") {
        hop.status = HopStatus::Broken;
        hop.lines
            .push(format!("NetworkPolicy {name} does not let {bound} in"));
    }
    walk.verdict = walk.verdict.max(Verdict::Unreachable);
    walk.tell(entry, Symptom::Barred(barrier));
}

/// Whether connections end at listeners that are there; `taking`: the only chain that is asked about.
pub(super) fn barred(
    walk: &mut Walk<'_, '_>,
    listening: &[&Subject<'_>],
    taking: Option<&FilterChain>,
    shown: &str,
) -> bool {
    let asked = |chain: &FilterChain| taking.is_none_or(|t| std::ptr::eq(chain, t));
    let mut ends: Vec<Option<String>> = Vec::new();
    for subject in listening {
        let Some(entry) = subject.chains else {
            continue;
        };
        let config = walk.config();
        let found = config.listeners.iter().find_map(|listener| {
            let mut own = listener.chains.iter().filter(|c| c.origin == entry);
            own.find(|c| asked(c)).map(|chain| (listener, chain))
        });
        if let Some((listener, chain)) = found {
            patched(walk, entry, listener);
            ends.push(end_of(walk, subject, entry, chain, listener.port));
        }
    }
    ends.push(preface(walk, listening));
    ingresses(walk, listening);
    let last = ends.pop().flatten();
    let all = !ends.is_empty() && ends.iter().all(Option::is_some);
    let Some(why) = last.or_else(|| ends.into_iter().flatten().next().filter(|_| all)) else {
        return false;
    };
    walk.broken(
        "listener",
        None,
        format!("{shown}, {why}"),
        Verdict::LeadsNowhere,
    );
    true
}

/// Why connections to a server's chain end there, in a few words.
fn end_of(
    walk: &mut Walk<'_, '_>,
    subject: &Subject<'_>,
    entry: EntryId,
    chain: &FilterChain,
    port: u32,
) -> Option<String> {
    let (store, proxy) = (walk.store, &walk.class.proxy);
    let mut why = None;
    if let Some(barrier) = reach::credentials(store, proxy, subject.view) {
        let finding = walk.tell(entry, Symptom::Barred(&barrier));
        if let Barrier::Credential(CredentialFault::Missing { certain: false, .. }) = barrier {
            if let Some(finding) = finding {
                finding.severity = Severity::Warning;
                finding.certainty = Certainty::Unknown;
            }
        } else {
            why = Some(match barrier {
                Barrier::Credential(CredentialFault::NoCa { .. }) => {
                    "which cannot check clients' certificates".to_owned()
                }
                _ => "without a certificate".to_owned(),
            });
        }
    }
    // Chains for Istio's own mutual TLS between clusters have no authorization.
    if !chain.application_protocols.is_empty() {
        return why;
    }
    match reach::access(store, proxy, port, chain.kind == ChainKind::Http) {
        Access::Open => {}
        Access::Depends(policies) => {
            for policy in policies {
                let name = walk.name_of(policy);
                walk.assume(format!("AuthorizationPolicy {name} lets the client in"));
            }
        }
        Access::Barred(barrier) => {
            walk.tell(entry, Symptom::Barred(&barrier));
            let what = if chain.kind == ChainKind::Http {
                "request"
            } else {
                "connection"
            };
            why.get_or_insert_with(|| format!("where authorization lets no {what} in"));
        }
    }
    why
}

/// EnvoyFilters that take the listener away are told, the others are conditions of the answer.
fn patched(walk: &mut Walk<'_, '_>, entry: EntryId, listener: &crate::predict::Listener) {
    let proxy = &walk.class.proxy;
    let reaching = reach::patches(walk.store, proxy, listener, Side::Gateway, None);
    walk.tell_patched(entry, reaching);
}

/// Ingresses on the same port may take requests from the routes that are predicted.
fn ingresses(walk: &mut Walk<'_, '_>, listening: &[&Subject<'_>]) {
    let ports: Vec<u32> = listening.iter().filter_map(|s| s.port).collect();
    let ingresses: Vec<String> = walk
        .ledger()
        .servers()
        .filter(|(_, e)| {
            matches!(e.fate, Fate::Effective(Effect::Resolved { port, .. }) if ports.contains(&port))
        })
        .filter_map(|(_, e)| walk.store.snapshot.get(e.step.object()))
        .filter(|o| o.key.kind == Kind::Ingress)
        .map(Object::qualified)
        .collect();
    for name in ingresses {
        walk.assume(format!("Ingress {name} takes none of these requests"));
    }
}

/// Whether the load balancer's PROXY header meets a listener that does not expect it; the other way around it may be
/// sent by something that is in no object.
fn preface(walk: &mut Walk<'_, '_>, listening: &[&Subject<'_>]) -> Option<String> {
    let entry = listening.first().and_then(|s| s.chains)?;
    let barrier = reach::preface(walk.store, &walk.class.proxy)?;
    let finding = walk.tell(entry, Symptom::Barred(&barrier))?;
    if let Barrier::Preface(PrefaceFault::NotSent { .. }) = barrier {
        finding.severity = Severity::Warning;
        finding.certainty = Certainty::Unknown;
        return None;
    }
    Some("which expects no PROXY header".to_owned())
}
