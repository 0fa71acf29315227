//! What is wrong around sidecars, without a question: ports that another one holds, and pods that a catch-all takes the
//! connections of.

use std::collections::{BTreeMap, BTreeSet};

use super::{answer, why};
use crate::causes::{Severity, Wish};
use crate::ledger::{Fate, Reason, Step};
use crate::predict::store::{Registry, Resolution, Store};
use crate::predict::{ProxyKind, UNSPECIFIED, UNSPECIFIED_V6};
use crate::report::Answer;
use crate::snapshot::ObjectId;
use crate::snapshot::views::{AsView, Pod};
use crate::walk::{Class, Question, ambient};

/// Something that is wrong around sidecars.
#[derive(Clone, Debug, PartialEq)]
pub struct Around {
    /// The question that shows it.
    pub question: Question,
    /// Its answer, for the first sidecar that it is wrong for.
    pub answer: Answer,
    /// How many sidecars it is wrong for.
    pub sidecars: u32,
}

/// What is wrong around sidecars: each fault once, at the first sidecar that has it.
#[must_use]
pub fn around(store: &Store<'_>, classes: &[Class], wish: &Wish) -> Vec<Around> {
    let dialled = pod_ports(store);
    let mut found: BTreeMap<(&'static str, ObjectId, String), Around> = BTreeMap::new();
    for class in classes {
        if class.proxy.kind != ProxyKind::Sidecar {
            continue;
        }
        let mut told = BTreeSet::new();
        let asked = if ambient::is_of(class) {
            ambient::questions(store.serving(&class.proxy), class)
        } else {
            questions(store.serving(&class.proxy), class, &dialled)
        };
        for (port, host) in asked {
            let question = Question {
                port,
                host: Some(host),
                wish: wish.clone(),
                ..Question::default()
            };
            let answer = ambient::answer(store.serving(&class.proxy), class, &question)
                .unwrap_or_else(|| answer(store, class, &question));
            let mut errors = answer.findings.iter();
            let Some(first) = errors.find(|f| f.severity == Severity::Error) else {
                continue;
            };
            let field = first.primary.field.to_string();
            let key = (first.page.code, first.primary.object, field);
            if !told.insert(key.clone()) {
                continue;
            }
            found
                .entry(key)
                .and_modify(|known| {
                    known.sidecars = known.sidecars.saturating_add(class.proxy.replicas);
                })
                .or_insert(Around {
                    question,
                    answer,
                    sidecars: class.proxy.replicas,
                });
        }
    }
    let mut found: Vec<Around> = found.into_values().collect();
    found.sort_by(|a, b| {
        let key = |one: &Around| (one.question.port, one.question.host.clone());
        key(a).cmp(&key(b))
    });
    found
}

/// The addresses of pods behind each port that Services with an address lead to.
fn pod_ports(store: &Store<'_>) -> BTreeMap<u32, BTreeSet<String>> {
    let mut found: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    let services = store
        .services
        .iter()
        .filter(|s| s.registry == Registry::Kubernetes && s.resolution == Resolution::ClientSide);
    for service in services {
        for port in &service.ports {
            // Two are enough: one of them is not the pod itself.
            for (pod, target) in why::some_behind(store, service, port.number, 2) {
                if let Some(view) = Pod::of(&pod.view)
                    && !view.status.pod_ip.is_empty()
                {
                    let ips = found.entry(target).or_default();
                    ips.insert(view.status.pod_ip.clone());
                }
            }
        }
    }
    found
}

/// The questions that are worth asking for a sidecar, by port.
fn questions(
    store: &Store<'_>,
    class: &Class,
    dialled: &BTreeMap<u32, BTreeSet<String>>,
) -> BTreeSet<(u32, String)> {
    let mut found = BTreeSet::new();
    let config = &class.prediction.config;
    for listener in &config.listeners {
        let everywhere = matches!(listener.address.as_str(), UNSPECIFIED | UNSPECIFIED_V6);
        let leads_off = listener.all_chains().any(|chain| {
            let mut clusters = chain.clusters.iter();
            let takes_all = chain.matches.prefix_ranges.is_empty() && chain.sni.is_empty();
            takes_all
                && clusters.any(|(name, _)| {
                    let cluster = config.clusters.get(name);
                    name.starts_with("outbound|")
                        && cluster.is_some_and(|c| c.discovery != "ORIGINAL_DST")
                })
        });
        if !everywhere || !listener.redirected_only || !leads_off {
            continue;
        }
        let mut ips = dialled.get(&listener.port).into_iter().flatten();
        let other = ips.find(|ip| {
            let mut own = config.listeners.iter();
            !class.proxy.ips.contains(ip)
                && !own.any(|l| l.port == listener.port && l.address == **ip)
        });
        found.extend(other.map(|ip| (listener.port, ip.clone())));
    }
    for (_, entry) in class.prediction.ledger.entries() {
        let (Step::Put { of, port, .. }, Fate::Dropped(reason)) = (&entry.step, &entry.fate) else {
            continue;
        };
        let lost = matches!(
            reason,
            Reason::ChainTaken { .. }
                | Reason::WellKnownProtocol { .. }
                | Reason::SniffedAlready { .. }
                | Reason::ListenerLocked { .. }
        );
        if !lost {
            continue;
        }
        let mut services = store.services.iter();
        let service = services.find(|s| s.object == of.service && s.host == of.host);
        if let Some(service) = service
            && let Some(port) = service.ports.get(*port)
        {
            found.insert((port.number, service.hostname.clone()));
        }
    }
    found
}
