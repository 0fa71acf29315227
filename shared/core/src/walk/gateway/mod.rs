//! The way of a connection through a gateway.

mod listening;
mod outside;
mod proxy;
mod round;
mod servers;
mod service;

pub use round::leads_round;

pub(super) use proxy::{of_no_port, unapplied, undeclared_path, unselected};

use std::collections::BTreeSet;

use crate::admission;
use crate::causes::Severity;
use crate::ledger::{Effect, Entry, EntryId, Fate, Ledger, Step};
use crate::predict::protocol::Protocol;
use crate::predict::store::Store;
use crate::predict::{ProxyFacts, ProxyKind, envoy};
use crate::report::{Answer, Finding, Hop, HopStatus, Verdict};
use crate::snapshot::views::{self, AsView};
use crate::snapshot::{Kind, Object};
use crate::walk::way::Walk;
use crate::walk::{Class, Question, asked, declares, proxy_ref};
use proxy::{crashes, labels_in_words, proxy_hop, unknown_visibility};
use servers::{no_server, servers, without_port};
use service::{service_hop, service_targets};

/// The hops of a connection through a gateway, in order.
const HOPS: [&str; 8] = [
    "service",
    "proxy",
    "gateway",
    "server",
    "route",
    "listener",
    "cluster",
    "endpoints",
];

/// A server that the question is about, with its decisions.
struct Subject<'w> {
    gateway: &'w Object,
    view: &'w views::Server,
    /// Where it was left out, or the last decision about it.
    entry: EntryId,
    fate: &'w Fate,
    chains: Option<EntryId>,
    /// The port it binds, once that is decided.
    port: Option<u32>,
}

impl Subject<'_> {
    fn number(&self) -> u32 {
        self.view.port.as_ref().map_or(0, |p| p.number)
    }

    fn protocol(&self) -> &str {
        self.view.port.as_ref().map_or("", |p| p.protocol.as_str())
    }

    fn is_udp(&self) -> bool {
        Protocol::parse(self.protocol()) == Protocol::Udp
    }

    fn listens(&self) -> bool {
        self.chains.is_some() && matches!(self.fate, Fate::Effective(_))
    }

    fn in_words(&self) -> String {
        format!(
            "{} {}, hosts {}",
            self.number(),
            self.protocol(),
            self.view.hosts.join(", ")
        )
    }
}

/// The answer for one class of proxies; `None` when this gateway has nothing to do with the port. `declared`: some
/// Gateway has a server for it, so a Service that leads to it is not by itself a reason to answer.
pub(super) fn answer(
    store: &Store<'_>,
    class: &Class,
    question: &Question,
    declared: bool,
) -> Option<Answer> {
    let (walk, lead) = walked(store, class, question, declared, true)?;
    Some(finish(walk, question, lead.as_deref()))
}

/// What becomes of a connection that a sidecar sends to a port of this gateway's Service.
pub(super) fn onward(store: &Store<'_>, class: &Class, question: &Question) -> Option<Answer> {
    let (walk, lead) = walked(store, class, question, false, false)?;
    Some(finish(walk, question, lead.as_deref()))
}

/// `outside`: the client is no pod of the mesh, so the way to the gateway is part of the answer.
fn walked<'w, 'a>(
    store: &'w Store<'a>,
    class: &'w Class,
    question: &'w Question,
    declared: bool,
    outside: bool,
) -> Option<(Walk<'w, 'a>, Option<String>)> {
    if class.proxy.kind != ProxyKind::Router {
        return None;
    }
    let ledger = &class.prediction.ledger;
    let all = subjects(store, ledger);
    let wanted = |s: &&Subject<'_>| {
        question
            .namespace
            .as_ref()
            .is_none_or(|ns| *ns == s.gateway.key.namespace)
    };
    let by_number = |s: &&Subject<'_>| s.number() == question.port;
    let service_targets = service_targets(ledger, store, question.port);
    let by_target = |s: &&Subject<'_>| s.port.is_some_and(|p| service_targets.contains(&p));
    let by_listener = |s: &&Subject<'_>| s.port == Some(question.port);

    let mut chosen: Vec<&Subject<'_>> = all.iter().filter(by_number).filter(wanted).collect();
    if chosen.is_empty() {
        chosen = all.iter().filter(by_target).filter(wanted).collect();
    }
    if chosen.is_empty() {
        chosen = all.iter().filter(by_listener).filter(wanted).collect();
    }
    let target = service_targets.first().copied();
    let own = envoy::own_listener(target.unwrap_or(question.port)).filter(|_| !declared);
    let served = !declared
        && question.namespace.is_none()
        && (target.is_some() || without_port(store, ledger).is_some());
    if chosen.is_empty() && !served && own.is_none() {
        return None;
    }
    let mut walk = Walk::new(store, class, question, &HOPS);
    let bound = chosen
        .iter()
        .find(|s| s.listens())
        .or(chosen.first())
        .and_then(|s| s.port)
        .or(target);
    let entry = chosen.first().map(|s| s.entry);
    if let (true, Some(purpose)) = (chosen.is_empty(), own) {
        let lead = own_listener(&mut walk, question, target, purpose);
        return Some((walk, Some(lead)));
    }
    if outside {
        service_hop(&mut walk, bound.unwrap_or(question.port), entry);
    }
    proxy_hop(&mut walk);
    crashes(&mut walk);
    if outside {
        outside::network(&mut walk, bound.unwrap_or(question.port), entry);
    }
    let lead = if chosen.is_empty() {
        no_server(&mut walk);
        None
    } else {
        servers(&mut walk, &all, &chosen)
    };
    for (entry, gateway) in proxy::left_out(store, class) {
        // Another Gateway has the port, but what this one would serve there is lost all the same.
        if declares(gateway, question.port) {
            walk.tell_dropped(entry);
        }
    }
    stored_all_the_same(&mut walk, &chosen);
    if class.proxy.is_assumed() {
        unknown_visibility(&mut walk, &chosen);
    }
    walk.not_reached();
    Some((walk, lead))
}

/// The ports that the pods listen on for the one asked about; empty when nothing resolves it.
pub(super) fn bound_ports(store: &Store<'_>, class: &Class, question: &Question) -> BTreeSet<u32> {
    let ledger = &class.prediction.ledger;
    let all = subjects(store, ledger);
    let wanted = |s: &&Subject<'_>| {
        let asked = question.namespace.as_ref();
        asked.is_none_or(|ns| *ns == s.gateway.key.namespace)
    };
    let declared = all.iter().filter(wanted);
    let bound: BTreeSet<u32> = declared
        .filter(|s| s.number() == question.port)
        .filter_map(|s| s.port)
        .collect();
    if !bound.is_empty() {
        return bound;
    }
    service_targets(ledger, store, question.port)
        .into_iter()
        .collect()
}

/// The Gateways that were asked about, and the VirtualServices that take part in them.
fn stored_all_the_same(walk: &mut Walk<'_, '_>, chosen: &[&Subject<'_>]) {
    for subject in chosen.iter().filter(|s| admission::is_stored(s.gateway)) {
        walk.tell_stored(subject.entry);
    }
    let stored = |e: &Entry| {
        let object = walk.store.snapshot.get(e.step.object());
        object.is_some_and(admission::is_stored)
    };
    let attached: Vec<EntryId> = chosen
        .iter()
        .filter_map(|s| s.chains)
        .flat_map(|chains| walk.ledger().under(chains))
        .filter(|(_, e)| stored(e))
        .map(|(id, _)| id)
        .collect();
    for id in attached {
        walk.tell_stored(id);
    }
}

/// A listener that every gateway has, whatever istiod sends: the one for metrics is on the pods alone.
fn own_listener(
    walk: &mut Walk<'_, '_>,
    question: &Question,
    target: Option<u32>,
    purpose: &str,
) -> String {
    if target.is_some() {
        service_hop(walk, target.unwrap_or(question.port), None);
    }
    proxy_hop(walk);
    let port = target.unwrap_or(question.port);
    walk.ok(
        "listener",
        None,
        vec![format!("0.0.0.0:{port}, Envoy's own")],
    );
    match target {
        Some(_) => format!("Envoy's own, for {purpose}"),
        None => format!("Envoy's own on each pod, for {purpose}"),
    }
}

/// Every server of the Gateways that apply.
fn subjects<'w>(store: &'w Store<'_>, ledger: &'w Ledger) -> Vec<Subject<'w>> {
    let mut found = Vec::new();
    for (id, entry) in ledger.servers() {
        let Step::Server { gateway, index } = entry.step else {
            continue;
        };
        let Some(object) = store.snapshot.get(gateway) else {
            continue;
        };
        let Some(view) = views::Gateway::of(&object.view).and_then(|g| g.spec.servers.get(index))
        else {
            continue;
        };
        let mut subject = Subject {
            gateway: object,
            view,
            entry: id,
            fate: &entry.fate,
            chains: None,
            port: None,
        };
        if let Fate::Effective(Effect::Resolved { port, .. }) = entry.fate {
            subject.port = Some(port);
        }
        let bound = ledger.under(id).next();
        let chains = bound.and_then(|(id, _)| ledger.under(id).next());
        if let Some((id, entry)) = bound {
            (subject.entry, subject.fate) = (id, &entry.fate);
        }
        if let Some((id, entry)) = chains {
            (subject.entry, subject.fate) = (id, &entry.fate);
            subject.chains = Some(id);
        }
        found.push(subject);
    }
    found
}

/// The first line, and the rest of the answer.
fn finish(walk: Walk<'_, '_>, question: &Question, lead: Option<&str>) -> Answer {
    let Walk {
        class,
        mut findings,
        hops,
        unknowns,
        assumptions: own,
        verdict,
        store,
        ..
    } = walk;
    let mut assumptions = assumptions(store, &class.proxy);
    assumptions.extend(own);
    findings.sort_by_key(|f| hop_rank(store, f));
    let summary = headline(&class.proxy, question.port, verdict, &findings, lead);
    Answer {
        proxy: proxy_ref(&class.proxy),
        asked: asked(question),
        verdict,
        summary,
        assumptions,
        path: in_order(hops),
        findings,
        unknowns,
        pods: Vec::new(),
        commands: Vec::new(),
    }
}

/// What could void the answer, as conditions.
fn assumptions(store: &Store<'_>, proxy: &ProxyFacts) -> Vec<String> {
    let not_read = &store.snapshot.coverage.kinds_not_read;
    let mut found = Vec::new();
    if proxy.is_assumed() {
        found.push("such a gateway exists".to_owned());
    }
    for (kind, condition) in [
        (
            "gateway.networking.k8s.io/Gateway",
            "no Kubernetes Gateway takes this port",
        ),
        ("extensions/Ingress", "no Ingress takes this port"),
    ] {
        if not_read.contains(kind) {
            found.push(condition.to_owned());
        }
    }
    found.extend(store.conditions(proxy));
    found
}

/// Findings in the order of the path: Service, proxy, Gateway, VirtualService, destination.
fn hop_rank(store: &Store<'_>, finding: &Finding) -> u8 {
    let code = finding.page.code;
    if code.starts_with("GW-PORT-N") || code == "NET-SVC-NO-ENDPOINT" {
        return 0;
    }
    if code.starts_with("GW-AUTHZ") || code.starts_with("ENVOY") {
        return 3;
    }
    if code.starts_with("GW-DST") {
        return 4;
    }
    match store
        .snapshot
        .get(finding.primary.object)
        .map(|o| o.key.kind)
    {
        Some(Kind::Gateway) => 2,
        Some(Kind::VirtualService) => 3,
        Some(Kind::DestinationRule | Kind::ServiceEntry) => 4,
        _ => 1,
    }
}

fn in_order(mut hops: Vec<Hop>) -> Vec<Hop> {
    // The way taken instead stands in the order it was walked; the rest by the order of the hops.
    if !hops.iter().any(|h| h.status == HopStatus::Instead) {
        hops.sort_by_key(|h| HOPS.iter().position(|name| *name == h.name));
    } else {
        hops.retain(|h| h.status != HopStatus::NotReached);
    }
    hops
}

fn headline(
    proxy: &ProxyFacts,
    port: u32,
    verdict: Verdict,
    findings: &[Finding],
    lead: Option<&str>,
) -> String {
    let errors: Vec<&Finding> = findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .collect();
    let why = match errors.as_slice() {
        [] => None,
        [one] => Some(
            one.page
                .title
                .replace("this Gateway", "its Gateway")
                .replace("this port", "it"),
        ),
        [_, _] => Some("2 causes, both must go".to_owned()),
        several => Some(format!("{} causes, all must go", several.len())),
    };
    let because = why.map(|w| format!(": {w}")).unwrap_or_default();
    match verdict {
        Verdict::Open => {
            let lead = lead.unwrap_or("it leads on");
            if proxy.is_assumed() {
                return format!(
                    "port {port} will be open, if a gateway with labels {} exists",
                    labels_in_words(&proxy.labels)
                );
            }
            format!("port {port} will be open: {lead}")
        }
        // Nothing else leaves it undecided so far.
        Verdict::Unknown if errors.is_empty() => {
            format!("port {port} is unknown: which of its Gateways is the older one")
        }
        Verdict::Unknown => format!("port {port} is unknown{because}"),
        Verdict::Diverted => format!(
            "port {port} will be diverted to {}{because}",
            lead.unwrap_or("another Gateway")
        ),
        Verdict::LeadsNowhere => format!("port {port} will lead nowhere{because}"),
        Verdict::Unreachable => format!("port {port} will be unreachable{because}"),
        Verdict::Missing => format!("port {port} will be closed{because}"),
    }
}
