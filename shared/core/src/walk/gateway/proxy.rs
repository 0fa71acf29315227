//! The hop to the proxy, and proxies that no Gateway selects.

use super::service::{service_hop, service_targets};
use super::{HOPS, Subject, Walk, finish};
use crate::causes::Symptom;
use crate::ledger::{Entry, EntryId, Fate, Ledger, Reason, Step};
use crate::predict::store::{Gateway, Store, Visibility};
use crate::predict::{Config, ProxyFacts, ProxyKind, ProxySource, not_a_router};
use crate::report::{Answer, Asked, Finding, Hop, HopStatus, Unknown, Verdict};
use crate::snapshot::views::Labels;
use crate::walk::names::counted;
use crate::walk::{Class, Question, proxy_ref};

pub(super) fn proxy_hop(walk: &mut Walk<'_, '_>) {
    let proxy = &walk.class.proxy;
    match &proxy.source {
        ProxySource::Assumed => {
            let labels = labels_in_words(&proxy.labels);
            walk.unknowns.push(Unknown {
                what: format!(
                    "whether a gateway with labels {labels} exists in {}",
                    proxy.namespace
                ),
                fix: "add the gateway's Deployment to the files".to_owned(),
                commands: Vec::new(),
            });
            walk.hop(
                "proxy",
                HopStatus::Unknown,
                None,
                vec![format!("assumed, with labels {labels}")],
            );
        }
        ProxySource::Pod(id) => walk.ok(
            "proxy",
            Some(*id),
            vec![format!("{}, 1 pod", proxy.qualified())],
        ),
        ProxySource::Workload { object, pods } => {
            let count = proxy.replicas as usize;
            let of = counted(count, if pods.is_empty() { "replica" } else { "pod" });
            walk.ok(
                "proxy",
                Some(*object),
                vec![format!("{}, {of}", proxy.qualified())],
            );
        }
    }
}

/// istiod crashes over what this proxy would be sent whichever port is asked about, also for what no route names.
pub(super) fn crashes(walk: &mut Walk<'_, '_>) {
    let ledger = walk.ledger();
    let crash = |e: &Entry| matches!(e.fate, Fate::Dropped(Reason::OutlierPanics { .. }));
    for (id, _) in ledger.entries().filter(|(_, e)| crash(e)) {
        if walk.verdict != Verdict::Missing
            && let Some(hop) = walk.hops.iter_mut().find(|h| h.name == "proxy")
        {
            hop.status = HopStatus::Broken;
            hop.lines
                .push("istiod panics while it builds its clusters".to_owned());
        }
        walk.verdict = walk.verdict.max(Verdict::Missing);
        walk.tell_dropped(id);
    }
}

/// The gateway's namespace is assumed, and some VirtualServices are not for every namespace.
pub(super) fn unknown_visibility(walk: &mut Walk<'_, '_>, chosen: &[&Subject<'_>]) {
    for subject in chosen {
        let name = subject.gateway.qualified();
        let store = walk.store;
        let limited = store
            .naming(&name)
            .filter(|(vs, _)| vs.visibility != Visibility::Public);
        for (vs, _) in limited {
            walk.unknowns.push(Unknown {
                what: format!(
                    "whether the gateway's namespace sees VirtualService {}",
                    vs.object.qualified()
                ),
                fix: "add the gateway's Deployment to the files: its namespace decides by exportTo"
                    .to_owned(),
                commands: Vec::new(),
            });
        }
    }
}

pub(super) fn labels_in_words(labels: &Labels) -> String {
    if labels.is_empty() {
        return "(none)".to_owned();
    }
    labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// The answer for a Gateway that selects no gateway pod at all.
pub(in crate::walk) fn unselected(
    store: &Store<'_>,
    classes: &[Class],
    gateway: &Gateway<'_>,
    question: &Question,
) -> Option<Answer> {
    let selector = &gateway.spec.selector;
    let common = |class: &Class| {
        let same_keys = selector
            .keys()
            .filter(|k| class.proxy.labels.contains_key(k))
            .count();
        let same = selector
            .iter()
            .filter(|(k, v)| class.proxy.labels.get(k) == Some(v))
            .count();
        (same, same_keys)
    };
    let not_router = not_a_router(store.snapshot, selector);
    let class = classes
        .iter()
        .filter(|c| c.proxy.kind == ProxyKind::Router)
        .max_by_key(|c| common(c));
    let proxy = match (not_router, class) {
        (Some(workload), _) => {
            ProxyFacts::of_workload(workload).or_else(|| ProxyFacts::of_pod(workload))?
        }
        (None, Some(class)) => class.proxy.clone(),
        (None, None) => return None,
    };
    let class = match not_router {
        Some(_) => Class::of(store, proxy),
        None => class?.clone(),
    };
    let entry = class
        .prediction
        .ledger
        .entries()
        .find(|(_, e)| e.step == Step::Gateway(gateway.object.id))
        .map(|(id, _)| id);
    let mut fallback = Ledger::default();
    let (ledger, entry) = match entry {
        Some(entry) => (class.prediction.ledger.clone(), entry),
        None => {
            let entry = fallback.open(Step::Gateway(gateway.object.id), None);
            fallback.settle::<()>(entry, Err(Reason::NotSelected));
            (fallback, entry)
        }
    };
    let class = Class {
        proxy: class.proxy,
        prediction: crate::predict::Prediction {
            ledger,
            config: Config::default(),
        },
    };
    let mut walk = Walk::new(store, &class, question, &HOPS);
    match not_router {
        Some(workload) => {
            let line = format!("{} runs no gateway proxy", workload.qualified());
            walk.broken("proxy", Some(workload.id), line, Verdict::Missing);
            walk.tell(
                entry,
                Symptom::NotRouter {
                    workload: workload.id,
                },
            );
        }
        None => {
            let line = format!(
                "no gateway pod has the labels {}",
                labels_in_words(selector)
            );
            walk.broken("proxy", class.proxy.object(), line, Verdict::Missing);
            walk.tell_dropped(entry);
        }
    }
    walk.ok(
        "gateway",
        Some(gateway.object.id),
        vec![gateway.name.clone()],
    );
    walk.not_reached();
    let mut answer = finish(walk, question, None);
    // Nothing is known of a Service: the pods it would have to select are not there.
    answer.path.retain(|h| h.name != "service");
    Some(answer)
}

/// The Gateways whose selectors fit a proxy and that do not apply to it all the same.
pub(super) fn left_out<'s, 'a>(
    store: &'s Store<'a>,
    class: &'s Class,
) -> impl Iterator<Item = (EntryId, &'s Gateway<'a>)> {
    class.prediction.ledger.entries().filter_map(|(id, entry)| {
        let (Step::Gateway(object), Fate::Dropped(reason)) = (&entry.step, &entry.fate) else {
            return None;
        };
        let mut gateways = store.gateways.iter();
        let gateway = gateways.find(|g| g.object.id == *object)?;
        (*reason != Reason::NotSelected).then_some((id, gateway))
    })
}

/// The answer for a Gateway whose selector fits the proxy, but whose port no Gateway opens there, as its istiod does
/// not count this one; `None` where that is not so.
pub(in crate::walk) fn unapplied(
    store: &Store<'_>,
    class: &Class,
    gateway: &Gateway<'_>,
    question: &Question,
) -> Option<Answer> {
    let id = gateway.object.id;
    let (entry, _) = left_out(store, class).find(|(_, g)| g.object.id == id)?;
    let mut walk = Walk::new(store, class, question, &HOPS);
    let targets = service_targets(&class.prediction.ledger, store, question.port);
    let bound = targets.first().copied().unwrap_or(question.port);
    service_hop(&mut walk, bound, None);
    proxy_hop(&mut walk);
    let line = format!("{}, which istiod leaves out for this proxy", gateway.name);
    walk.broken("gateway", Some(id), line, Verdict::Missing);
    walk.tell_dropped(entry);
    walk.not_reached();
    Some(finish(walk, question, None))
}

/// The answer that carries a finding which belongs to no server's port; `port` is 0 where none is known.
pub(in crate::walk) fn of_no_port(proxy: &ProxyFacts, port: u32, finding: Finding) -> Answer {
    Answer {
        proxy: proxy_ref(proxy),
        asked: Asked {
            port,
            host: None,
            sni: None,
        },
        verdict: Verdict::Missing,
        summary: finding.page.title.to_owned(),
        assumptions: Vec::new(),
        path: Vec::new(),
        findings: vec![finding],
        unknowns: Vec::new(),
        pods: Vec::new(),
        commands: Vec::new(),
    }
}

/// The path of a port that nobody declares.
pub(in crate::walk) fn undeclared_path(port: u32) -> Vec<Hop> {
    let line = format!("no Gateway has a server for {port}");
    let hop = |name: &'static str| Hop {
        name,
        status: HopStatus::NotReached,
        object: None,
        lines: Vec::new(),
    };
    let mut path = vec![Hop {
        name: "gateway",
        status: HopStatus::Broken,
        object: None,
        lines: vec![line],
    }];
    path.extend(
        HOPS.into_iter()
            .filter(|h| !matches!(*h, "service" | "proxy" | "gateway"))
            .map(hop),
    );
    path
}
