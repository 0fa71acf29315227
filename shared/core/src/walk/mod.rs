//! One connection's way through a configuration, hop by hop, up to the first break.

mod ambient;
mod behind;
mod culprits;
mod gateway;
mod idle;
mod names;
mod narrow;
mod observed;
mod scan;
mod sidecar;
mod unread;
mod versions;
mod way;

use std::collections::BTreeSet;

use crate::causes::{self, Symptom, Tale, Wish};
use crate::ledger::{Ledger, Step};
use crate::predict::store::{Gateway, Store};
use crate::predict::{
    Prediction, ProxyFacts, ProxyKind, by_outlook, not_a_router, predict, predict_sidecars,
    routers, sidecars,
};
use crate::report::{Answer, Asked, Finding, ProxyRef, Verdict};
use crate::snapshot::views::{AsView, Labels, Service};
use crate::snapshot::{Kind, Object};

pub use ambient::is_of as is_ambient;
pub(crate) use behind::clusters_of_port;
pub use behind::{PodsBehind, pods_behind};
pub use gateway::leads_round;
pub use names::{cluster_name, counted};
pub(crate) use names::{parts as cluster_parts, percentages};
pub use observed::{PodEnvoy, Rests, concerned_port, note_observed, rests_on_envoy};
pub use scan::{Scan, scan};
pub use sidecar::{Around, around};
pub use unread::note_unread;
pub use versions::{note_other_versions, versions};

/// What is asked about a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// A Gateway server's number, else a gateway Service's port, else a listener's.
    pub port: u32,
    /// Where a connection from a pod should lead: a name or an address. Without one it is a gateway's port.
    pub host: Option<String>,
    /// The server name of a TLS client.
    pub sni: Option<String>,
    /// The host of an HTTP client.
    pub http_host: Option<String>,
    /// Only what Gateways of this namespace declare.
    pub namespace: Option<String>,
    /// What a fix should do.
    pub wish: Wish,
}

/// A group of like proxies, and what they would be sent.
#[derive(Clone, Debug)]
pub struct Class {
    /// The facts that make them alike.
    pub proxy: ProxyFacts,
    /// What they would be sent.
    pub prediction: Prediction,
}

impl Class {
    /// Predicts a proxy.
    #[must_use]
    pub fn of(store: &Store<'_>, proxy: ProxyFacts) -> Self {
        let prediction = predict(store, &proxy);
        Self { proxy, prediction }
    }
}

/// Every gateway of the snapshot, predicted; in files without any gateway workload one is assumed for each selector,
/// in its Gateway's own namespace.
#[must_use]
pub fn gateway_classes(store: &Store<'_>) -> Vec<Class> {
    let mut proxies = routers(store.snapshot);
    // Where the pods were read and there is none, there is no gateway.
    let coverage = &store.snapshot.coverage;
    let unread = coverage.files_only || coverage.forbidden_anywhere(Kind::Pod).is_some();
    if proxies.is_empty() && unread {
        let assumed: BTreeSet<(&str, &Labels)> = store
            .declared_gateways()
            .filter(|g| not_a_router(store.snapshot, &g.spec.selector).is_none())
            .map(|g| (g.object.key.namespace.as_str(), &g.spec.selector))
            .collect();
        proxies = assumed
            .into_iter()
            .map(|(namespace, selector)| ProxyFacts::assumed(namespace, selector))
            .collect();
    }
    proxies
        .into_iter()
        .map(|proxy| Class::of(store, proxy))
        .collect()
}

/// Every sidecar of the snapshot, like ones together, predicted.
#[must_use]
pub fn sidecar_classes(store: &Store<'_>) -> Vec<Class> {
    let proxies = sidecars(store);
    let predictions = predict_sidecars(store, &proxies);
    let classes = proxies.into_iter().zip(predictions);
    classes
        .map(|(proxy, prediction)| Class { proxy, prediction })
        .collect()
}

/// The sidecars of a mesh, predicted: one for all that look at the mesh alike, with how many it stands for.
#[must_use]
pub fn sidecars_by_outlook(store: &Store<'_>) -> Vec<Class> {
    let groups = by_outlook(&[store], sidecars(store));
    groups
        .into_iter()
        .filter_map(first_of)
        .map(|proxy| Class::of(store, proxy))
        .collect()
}

/// One proxy for a group of them.
pub(crate) fn first_of(group: Vec<ProxyFacts>) -> Option<ProxyFacts> {
    let replicas = group.iter().map(|proxy| proxy.replicas).sum();
    let first = group.into_iter().next()?;
    Some(ProxyFacts { replicas, ..first })
}

/// Answers a question for every gateway that should have the port, or about a connection from the first sidecar.
#[must_use]
pub fn ask(store: &Store<'_>, classes: &[Class], question: &Question) -> Vec<Answer> {
    if question.host.is_some() {
        let mut sidecars = classes.iter();
        let sidecar = sidecars.find(|c| c.proxy.kind == ProxyKind::Sidecar);
        let answer = sidecar.map(|class| {
            ambient::answer(store.serving(&class.proxy), class, question)
                .unwrap_or_else(|| sidecar::answer(store, class, question))
        });
        return answer.into_iter().collect();
    }
    let declaring: Vec<_> = store
        .declared_gateways()
        .filter(|g| {
            question
                .namespace
                .as_ref()
                .is_none_or(|ns| *ns == g.object.key.namespace)
        })
        .filter(|g| declares(g, question.port))
        .collect();
    let mut answers: Vec<Answer> = classes
        .iter()
        .filter_map(|class| {
            let store = store.serving(&class.proxy);
            gateway::answer(store, class, question, !declaring.is_empty())
        })
        .collect();
    for gateway in declaring {
        let selected = classes.iter().any(|c| {
            c.proxy.kind == ProxyKind::Router
                && crate::predict::selects(&gateway.spec.selector, &c.proxy.labels)
        });
        if !selected {
            answers.extend(gateway::unselected(store, classes, gateway, question));
            continue;
        }
        for class in classes {
            let own = proxy_ref(&class.proxy);
            if !answers.iter().any(|a| a.proxy == own) {
                let store = store.serving(&class.proxy);
                answers.extend(gateway::unapplied(store, class, gateway, question));
            }
        }
    }
    if answers.is_empty() {
        answers = behind_node_port(store, classes, question);
    }
    if answers.is_empty() {
        answers.push(undeclared(store, classes, question));
    }
    answers
}

/// The port of a gateway's Service that nodes have this number for.
fn behind_nodes(store: &Store<'_>, class: &Class, number: u32) -> Option<u32> {
    let of_entry = |step: &Step| {
        let Step::ServicePort { service, index } = step else {
            return None;
        };
        let service = Service::of(&store.snapshot.get(*service)?.view)?;
        let port = service.spec.ports.get(*index)?;
        (port.node_port == Some(number) && port.port != number).then_some(port.port)
    };
    let mut entries = class.prediction.ledger.service_ports();
    entries.find_map(|(_, e)| of_entry(&e.step))
}

/// A number that nobody declares may be the one that nodes have for a gateway Service's port: then that port is meant.
fn behind_node_port(store: &Store<'_>, classes: &[Class], question: &Question) -> Vec<Answer> {
    let port = classes
        .iter()
        .find_map(|class| behind_nodes(store, class, question.port));
    let Some(port) = port else {
        return Vec::new();
    };
    let meant = Question {
        port,
        ..question.clone()
    };
    let declared = store.gateways.iter().any(|g| declares(g, port));
    let mut answers: Vec<Answer> = classes
        .iter()
        .filter_map(|class| gateway::answer(store.serving(&class.proxy), class, &meant, declared))
        .collect();
    for answer in &mut answers {
        answer.asked.port = question.port;
        answer.summary = format!(
            "{} is the node port of {port}: {}",
            question.port, answer.summary
        );
    }
    answers
}

fn asked(question: &Question) -> Asked {
    Asked {
        port: question.port,
        host: question.http_host.clone(),
        sni: question.sni.clone(),
    }
}

fn proxy_ref(proxy: &ProxyFacts) -> ProxyRef {
    ProxyRef {
        namespace: proxy.namespace.clone(),
        name: proxy.name.clone(),
        kind: proxy.kind.word(),
    }
}

/// Nobody declares the port: no Gateway server, no gateway Service's port, no listener.
fn undeclared(store: &Store<'_>, classes: &[Class], question: &Question) -> Answer {
    let asked_about = |namespace: &str| {
        question
            .namespace
            .as_ref()
            .is_none_or(|asked| asked == namespace)
    };
    let class = classes
        .iter()
        .find(|c| asked_about(&c.proxy.namespace))
        .or(classes.first());
    let proxy = class.map_or_else(
        || ProxyRef {
            namespace: String::new(),
            name: String::new(),
            kind: ProxyKind::Router.word(),
        },
        |c| proxy_ref(&c.proxy),
    );
    let own = store
        .declared_gateways()
        .find(|g| asked_about(&g.object.key.namespace));
    let elsewhere = store
        .declared_gateways()
        .find(|g| declares(g, question.port));
    let workload = class
        .and_then(|c| c.proxy.object())
        .and_then(|id| store.snapshot.get(id));
    let subject = elsewhere.or(own).map(|g| g.object).or(workload);
    let line = match (&question.namespace, elsewhere) {
        (Some(asked), Some(gateway)) => {
            format!(
                "no Gateway in {asked} has a server for it; {} has",
                gateway.name
            )
        }
        (Some(asked), None) => format!("no Gateway in {asked} has a server for it"),
        (None, _) => "no Gateway has a server for it".to_owned(),
    };
    let finding = subject.filter(|_| elsewhere.is_none());
    Answer {
        proxy,
        asked: asked(question),
        verdict: Verdict::Missing,
        summary: format!("port {} will be closed: {line}", question.port),
        assumptions: Vec::new(),
        path: gateway::undeclared_path(question.port),
        findings: finding
            .and_then(|o| not_declared(store, o, question.port))
            .into_iter()
            .collect(),
        unknowns: Vec::new(),
        pods: Vec::new(),
        commands: Vec::new(),
    }
}

/// Whether a Gateway has a server with this number.
fn declares(gateway: &Gateway<'_>, port: u32) -> bool {
    gateway
        .spec
        .servers
        .iter()
        .any(|s| s.port.as_ref().is_some_and(|p| p.number == port))
}

fn not_declared(store: &Store<'_>, object: &Object, port: u32) -> Option<Finding> {
    let mut ledger = Ledger::default();
    let entry = ledger.open(Step::Gateway(object.id), None);
    let proxy = ProxyFacts::assumed(&object.key.namespace, &Labels::new());
    let symptom = Symptom::NotDeclared { object: object.id };
    let tale = Tale {
        store,
        proxy: &proxy,
        ledger: &ledger,
        entry,
        symptom,
        port,
    };
    causes::tell(&tale, &Wish::default())
}
