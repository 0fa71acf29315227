//! The way of a connection through a gateway.

use super::culprits::{self, Missing};
use super::names::{self, cluster_name, counted};
use super::narrow;
use super::{Class, Question, asked, proxy_ref};
use crate::causes::{self, Severity, Symptom, Tale};
use crate::ledger::{Block, Effect, Entry, EntryId, Fate, Ledger, Reason, Step};
use crate::predict::envoy;
use crate::predict::protocol::Protocol;
use crate::predict::store::{Gateway, Store, Visibility};
use crate::predict::{
    Config, FilterChain, ProxyFacts, ProxyKind, ProxySource, RouteAction, not_a_router, selects,
};
use crate::report::{Answer, Finding, Hop, HopStatus, Unknown, Verdict};
use crate::snapshot::views::{self, AsView, Labels};
use crate::snapshot::{Kind, Object, ObjectId};

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

/// What is walked through: one class of proxies, and the answer as far as it is known.
struct Walk<'w, 'a> {
    store: &'w Store<'a>,
    class: &'w Class,
    port: u32,
    question: &'w Question,
    hops: Vec<Hop>,
    findings: Vec<Finding>,
    unknowns: Vec<Unknown>,
    verdict: Verdict,
}

impl<'w> Walk<'w, '_> {
    fn ledger(&self) -> &'w Ledger {
        &self.class.prediction.ledger
    }

    fn config(&self) -> &'w Config {
        &self.class.prediction.config
    }

    fn hop(
        &mut self,
        name: &'static str,
        status: HopStatus,
        object: Option<ObjectId>,
        lines: Vec<String>,
    ) {
        self.hops.push(Hop {
            name,
            status,
            object,
            lines,
        });
    }

    fn ok(&mut self, name: &'static str, object: Option<ObjectId>, lines: Vec<String>) {
        self.hop(name, HopStatus::Ok, object, lines);
    }

    /// A break; the worst verdict stays.
    fn broken(
        &mut self,
        name: &'static str,
        object: Option<ObjectId>,
        line: String,
        verdict: Verdict,
    ) {
        self.hop(name, HopStatus::Broken, object, vec![line]);
        self.verdict = self.verdict.max(verdict);
    }

    /// Marks every hop that has no line yet as not reached.
    fn not_reached(&mut self) {
        for name in HOPS {
            if !self.hops.iter().any(|h| h.name == name) {
                self.hop(name, HopStatus::NotReached, None, Vec::new());
            }
        }
    }

    fn tell(&mut self, entry: EntryId, symptom: Symptom<'_>) -> Option<&mut Finding> {
        let tale = Tale {
            store: self.store,
            proxy: &self.class.proxy,
            ledger: self.ledger(),
            entry,
            symptom,
            port: self.port,
        };
        let finding = causes::tell(&tale, &self.question.wish)?;
        let same = |f: &Finding| f.page.code == finding.page.code && f.primary == finding.primary;
        if let Some(n) = self.findings.iter().position(same) {
            return self.findings.get_mut(n);
        }
        self.findings.push(finding);
        self.findings.last_mut()
    }

    fn tell_dropped(&mut self, entry: EntryId) -> Option<&mut Finding> {
        match self.ledger().get(entry).map(|e| &e.fate) {
            Some(Fate::Dropped(reason)) => self.tell(entry, Symptom::Reason(reason)),
            _ => None,
        }
    }

    fn name_of(&self, id: ObjectId) -> String {
        self.store
            .snapshot
            .get(id)
            .map(Object::qualified)
            .unwrap_or_default()
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
    let served = !declared && !service_targets.is_empty() && question.namespace.is_none();
    if chosen.is_empty() && !served {
        return None;
    }
    let mut walk = Walk {
        store,
        class,
        port: question.port,
        question,
        hops: Vec::new(),
        findings: Vec::new(),
        unknowns: Vec::new(),
        verdict: Verdict::Open,
    };
    let bound = chosen
        .iter()
        .find(|s| s.listens())
        .or(chosen.first())
        .and_then(|s| s.port);
    let entry = chosen.first().map(|s| s.entry);
    service_hop(&mut walk, bound.unwrap_or(question.port), entry);
    proxy_hop(&mut walk);
    let lead = if chosen.is_empty() {
        no_server(&mut walk);
        None
    } else {
        servers(&mut walk, &all, &chosen)
    };
    if class.proxy.is_assumed() {
        unknown_visibility(&mut walk, &chosen);
    }
    walk.not_reached();
    Some(finish(walk, question, lead.as_deref()))
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

/// The ports of the pods that a gateway Service's port leads to.
fn service_targets(ledger: &Ledger, store: &Store<'_>, port: u32) -> Vec<u32> {
    service_ports(ledger, store)
        .filter(|p| p.written.port == port)
        .filter_map(|p| match p.entry.fate {
            Fate::Effective(Effect::TargetPort(target)) => Some(target),
            _ => None,
        })
        .collect()
}

struct ServicePort<'w> {
    id: EntryId,
    entry: &'w Entry,
    service: &'w Object,
    written: &'w views::ServicePort,
}

fn service_ports<'w>(
    ledger: &'w Ledger,
    store: &'w Store<'_>,
) -> impl Iterator<Item = ServicePort<'w>> {
    ledger.service_ports().filter_map(|(id, entry)| {
        let Step::ServicePort { service, index } = entry.step else {
            return None;
        };
        let service = store.snapshot.get(service)?;
        let written = views::Service::of(&service.view)?.spec.ports.get(index)?;
        Some(ServicePort {
            id,
            entry,
            service,
            written,
        })
    })
}

/// Does the gateway's Service lead to the port that is bound?
fn service_hop(walk: &mut Walk<'_, '_>, bound: u32, entry: Option<EntryId>) {
    let (store, ledger, port) = (walk.store, walk.ledger(), walk.port);
    let target = |p: &ServicePort<'_>| match &p.entry.fate {
        Fate::Effective(Effect::TargetPort(target)) => Some(*target),
        // kube-proxy translates this port as well, though istiod counts only the first.
        Fate::Dropped(Reason::TargetPortRepeated { by }) => {
            match ledger.get(*by).map(|e| &e.fate) {
                Some(Fate::Effective(Effect::TargetPort(target))) => Some(*target),
                _ => None,
            }
        }
        _ => None,
    };
    let leading = |p: &ServicePort<'_>| {
        target(p) == Some(bound) && !p.written.protocol.eq_ignore_ascii_case("udp")
    };
    let mut found: Vec<ServicePort<'_>> = service_ports(ledger, store)
        .filter(|p| p.written.port == port && leading(p))
        .collect();
    if found.is_empty() {
        found = service_ports(ledger, store).filter(leading).collect();
    }
    if let Some(first) = found.first() {
        let lines = found
            .iter()
            .flat_map(|p| {
                let way = format!("{}  {} → {bound}", p.service.qualified(), p.written.port);
                std::iter::once(way).chain(addresses(p))
            })
            .collect();
        let repeated: Vec<EntryId> = found
            .iter()
            .filter(|p| {
                matches!(
                    p.entry.fate,
                    Fate::Dropped(Reason::TargetPortRepeated { .. })
                )
            })
            .map(|p| p.id)
            .collect();
        walk.ok("service", Some(first.service.id), lines);
        for id in repeated {
            walk.tell_dropped(id);
        }
        return;
    }
    let unnamed = service_ports(ledger, store).find(|p| {
        p.written.port == port
            && matches!(
                p.entry.fate,
                Fate::Dropped(Reason::NamedTargetMissing { .. })
            )
    });
    if let Some(p) = unnamed {
        let line = format!(
            "{}  {port} → a name that no container port has",
            p.service.qualified()
        );
        walk.broken("service", Some(p.service.id), line, Verdict::Unreachable);
        walk.tell_dropped(p.id);
        return;
    }
    let elsewhere = service_ports(ledger, store)
        .find(|p| p.written.port == port && !p.written.protocol.eq_ignore_ascii_case("udp"));
    if let Some(p) = elsewhere {
        let leads_to = target(&p).map_or_else(|| "elsewhere".to_owned(), |t| t.to_string());
        let line = format!(
            "{}  {port} → {leads_to}, not {bound}",
            p.service.qualified()
        );
        walk.broken("service", Some(p.service.id), line, Verdict::Unreachable);
        let repeated = matches!(
            p.entry.fate,
            Fate::Dropped(Reason::TargetPortRepeated { .. })
        );
        if repeated {
            // With nothing behind the Service port this is why the port is not reached, no mere oddity.
            if let Some(finding) = walk.tell_dropped(p.id) {
                finding.severity = Severity::Error;
            }
        } else if let Some(entry) = entry {
            let service = p.service.id;
            walk.tell(entry, Symptom::NotOnService { service });
        }
        return;
    }
    match service_ports(ledger, store)
        .map(|p| p.service)
        .next()
        .or_else(|| portless_service(walk))
    {
        Some(service) => {
            let protocols: Vec<&str> = service_ports(ledger, store)
                .filter(|p| p.written.port == port)
                .map(|p| p.written.protocol.as_str())
                .collect();
            let tcp = |p: &&str| p.is_empty() || p.eq_ignore_ascii_case("tcp");
            let name = service.qualified();
            let line = match protocols.as_slice() {
                [] => format!("{name} has no port {port}"),
                several if several.iter().any(tcp) => format!("{name} leads {port} elsewhere"),
                _ => format!("{name} has no TCP port {port}"),
            };
            walk.broken("service", Some(service.id), line, Verdict::Unreachable);
            if let Some(entry) = entry {
                walk.tell(
                    entry,
                    Symptom::NotOnService {
                        service: service.id,
                    },
                );
            }
        }
        None => {
            let line = if walk.class.proxy.is_assumed() {
                "not in the files"
            } else {
                "none read that selects these pods"
            };
            walk.hop("service", HopStatus::Unknown, None, vec![line.to_owned()]);
            walk.unknowns.push(Unknown {
                what: format!("whether a Service leads to {port}"),
                fix: "add the gateway's Service to the files".to_owned(),
                commands: Vec::new(),
            });
        }
    }
}

/// Where clients from outside find a Service port, as far as the objects say.
fn addresses(port: &ServicePort<'_>) -> Option<String> {
    let service = views::Service::of(&port.service.view)?;
    let assigned = service
        .status
        .load_balancer
        .ingress
        .iter()
        .map(|i| if i.ip.is_empty() { &i.hostname } else { &i.ip });
    let address = service
        .spec
        .external_ips
        .iter()
        .chain(assigned)
        .find(|a| !a.is_empty());
    let number = port.written.port;
    match (address, port.written.node_port) {
        (Some(address), Some(node)) => {
            Some(format!("at {address}:{number} and on node port {node}"))
        }
        (Some(address), None) => Some(format!("at {address}:{number}")),
        (None, Some(node)) => Some(format!("on node port {node}")),
        (None, None) => None,
    }
}

/// A Service without ports that selects the proxy.
fn portless_service<'w>(walk: &Walk<'w, '_>) -> Option<&'w Object> {
    let proxy = &walk.class.proxy;
    walk.store
        .kubernetes_services(&proxy.namespace)
        .find(|(_, s)| !s.spec.selector.is_empty() && selects(&s.spec.selector, &proxy.labels))
        .map(|(o, _)| o)
}

fn proxy_hop(walk: &mut Walk<'_, '_>) {
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

/// The gateway's namespace is assumed, and some VirtualServices are not for every namespace.
fn unknown_visibility(walk: &mut Walk<'_, '_>, chosen: &[&Subject<'_>]) {
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

fn labels_in_words(labels: &Labels) -> String {
    if labels.is_empty() {
        return "(none)".to_owned();
    }
    labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// The Service leads here, but no server has the port.
fn no_server(walk: &mut Walk<'_, '_>) {
    let portless = walk
        .ledger()
        .entries()
        .find(|(_, e)| matches!(e.fate, Fate::Dropped(Reason::NoPort)))
        .map(|(id, _)| id);
    if let Some(id) = portless {
        let gateway = walk.ledger().get(id).map(|e| e.step.object());
        let line = format!(
            "{} has a server without port",
            gateway.map(|g| walk.name_of(g)).unwrap_or_default()
        );
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

/// Walks on from the servers; returns where the connection leads, for the headline.
fn servers(
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
    lead
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
        let ageless = |o: &Object| o.meta.creation_timestamp.is_none();
        if winner.gateway.id == loser.gateway.id
            || !(ageless(winner.gateway) || ageless(loser.gateway))
        {
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
                walk.broken("server", gateway, line, Verdict::Missing);
                return None;
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

fn chains_of<'w>(config: &'w Config, subject: &Subject<'_>) -> Vec<&'w FilterChain> {
    config
        .listeners
        .iter()
        .flat_map(|l| &l.chains)
        .filter(|c| Some(c.origin) == subject.chains)
        .collect()
}

/// `address:port` of the listener that has a server's chains; HTTP servers share one.
fn listener_name(config: &Config, subject: &Subject<'_>) -> Option<String> {
    let Fate::Effective(Effect::Chains { listener, .. }) = subject.fate else {
        return None;
    };
    let found = config.listeners.iter().find(|l| l.name == *listener)?;
    Some(if found.address.contains(':') {
        format!("[{}]:{}", found.address, found.port)
    } else {
        format!("{}:{}", found.address, found.port)
    })
}

/// A clause that is used, and the clusters it names with their weights.
type Used = (Option<EntryId>, Vec<(String, u32)>);

/// The servers listen: routes, clusters and endpoints.
fn through(walk: &mut Walk<'_, '_>, listening: &[&Subject<'_>]) -> Option<String> {
    let first = listening.first()?;
    walk.ok(
        "server",
        Some(first.gateway.id),
        listening.iter().map(|s| s.in_words()).collect(),
    );
    let taking = match &walk.question.sni {
        Some(sni) if !taken_by_anyone(walk, listening) => {
            let Some(chain) = chain_for(walk, listening, sni) else {
                no_chain(walk, first, sni);
                return None;
            };
            Some(chain)
        }
        _ => None,
    };
    let mut routes: Vec<String> = Vec::new();
    let mut clusters: Vec<(String, u32)> = Vec::new();
    let mut route_object = None;
    let mut clauses: Vec<EntryId> = Vec::new();
    let mut without_route = None;
    for subject in listening {
        let Some(chains) = subject.chains else {
            continue;
        };
        let found: Vec<&FilterChain> = chains_of(walk.config(), subject)
            .into_iter()
            .filter(|c| taking.is_none_or(|taking| std::ptr::eq(*c, taking)))
            .collect();
        let mut used: Vec<Used> = if is_http(subject, &found) {
            http_routes(walk, subject, &found)
        } else {
            found
                .iter()
                .map(|c| (c.clause, c.clusters.clone()))
                .collect()
        };
        used.dedup();
        if used.is_empty() && taking.is_none() {
            without_route.get_or_insert(*subject);
        }
        for (clause, named) in used {
            if let Some(step) = clause.and_then(|id| walk.ledger().get(id)).map(|e| &e.step) {
                route_object.get_or_insert(step.object());
                let line = clause_in_words(walk, step);
                if !routes.contains(&line) {
                    routes.push(line);
                }
            }
            clauses.extend(clause);
            for cluster in named {
                if !clusters.iter().any(|(name, _)| *name == cluster.0) {
                    clusters.push(cluster);
                }
            }
        }
        for (id, by) in culprits::displaced(walk.ledger(), chains) {
            walk.tell(id, Symptom::Displaced { by });
        }
        let taken: Vec<EntryId> = walk
            .ledger()
            .under(chains)
            .flat_map(|(a, _)| walk.ledger().under(a))
            .filter(|(_, e)| {
                matches!(
                    e.fate,
                    Fate::Dropped(
                        Reason::SniTaken { .. }
                            | Reason::DelegateMissing { .. }
                            | Reason::DelegateConflict
                            | Reason::AfterCatchAll { .. }
                    )
                )
            })
            .map(|(id, _)| id)
            .collect();
        for id in taken {
            walk.tell_dropped(id);
        }
    }
    if routes.is_empty() && clusters.is_empty() {
        let subject = without_route.unwrap_or(first);
        no_http_route(walk, subject);
        return None;
    }
    if routes.is_empty() {
        routes.push(format!("by SNI, to {}", counted(clusters.len(), "cluster")));
    }
    walk.ok("route", route_object, routes);
    let listener = listener_name(walk.config(), first).unwrap_or_default();
    if refused(walk, first, &listener) {
        return None;
    }
    walk.ok("listener", None, vec![listener]);
    destinations(walk, &clusters, &clauses)
}

/// Whether Envoy refuses the listener of a server; then the connection ends here.
fn refused(walk: &mut Walk<'_, '_>, subject: &Subject<'_>, shown: &str) -> bool {
    let Fate::Effective(Effect::Chains { listener, .. }) = subject.fate else {
        return false;
    };
    let refusals = envoy::refusals(walk.config(), &walk.class.proxy);
    let (Some(refusal), Some(chains)) = (refusals.get(listener), subject.chains) else {
        return false;
    };
    walk.broken(
        "listener",
        None,
        format!("{shown}, refused by Envoy"),
        Verdict::Missing,
    );
    walk.tell(chains, Symptom::Refused(refusal));
    true
}

/// Whether no chain looks at the server name.
fn taken_by_anyone(walk: &Walk<'_, '_>, listening: &[&Subject<'_>]) -> bool {
    let mut chains = listening.iter().flat_map(|s| chains_of(walk.config(), s));
    chains.all(|c| c.sni.is_empty())
}

fn chain_for<'w>(
    walk: &Walk<'w, '_>,
    listening: &[&Subject<'_>],
    sni: &str,
) -> Option<&'w FilterChain> {
    let chains: Vec<&FilterChain> = listening
        .iter()
        .flat_map(|s| chains_of(walk.config(), s))
        .collect();
    narrow::chain_for_sni(&chains, sni)
}

/// The listener is there, but nothing on it takes the client's server name.
fn no_chain(walk: &mut Walk<'_, '_>, subject: &Subject<'_>, sni: &str) {
    let line = format!("no filter chain takes SNI {sni}");
    walk.broken("route", Some(subject.gateway.id), line, Verdict::Missing);
    if let Some(chains) = subject.chains {
        walk.tell(chains, Symptom::NoChainForSni { sni });
    }
}

fn is_http(subject: &Subject<'_>, chains: &[&FilterChain]) -> bool {
    chains.iter().any(|c| c.route.is_some()) || (chains.is_empty() && subject.listens())
}

/// The clauses and clusters of the virtual hosts behind an HTTP server.
fn http_routes(walk: &Walk<'_, '_>, subject: &Subject<'_>, chains: &[&FilterChain]) -> Vec<Used> {
    let own = subject.chains;
    let names: Vec<&String> = chains.iter().filter_map(|c| c.route.as_ref()).collect();
    let routes = walk
        .config()
        .routes
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name))
        .flat_map(|(_, hosts)| match &walk.question.http_host {
            Some(host) => narrow::virtual_host(hosts.iter(), host)
                .into_iter()
                .collect(),
            None => hosts.iter().collect::<Vec<_>>(),
        })
        .flat_map(|h| &h.routes);
    routes
        .filter(|r| {
            walk.ledger().above(r.clause).any(|(id, _)| Some(id) == own) || !names.is_empty()
        })
        .map(|r| match &r.action {
            RouteAction::Clusters(clusters) => (Some(r.clause), clusters.clone()),
            _ => (Some(r.clause), Vec::new()),
        })
        .collect()
}

/// An HTTP server listens but has no route: every request is answered 404.
fn no_http_route(walk: &mut Walk<'_, '_>, subject: &Subject<'_>) {
    let listener = listener_name(walk.config(), subject).unwrap_or_default();
    let other_hosts = walk
        .config()
        .routes
        .values()
        .flatten()
        .any(|h| !h.routes.is_empty());
    let line = match &walk.question.http_host {
        Some(host) if other_hosts => format!("no virtual host for {host}: it is answered 404"),
        _ => "no HTTP route: every request is answered 404".to_owned(),
    };
    walk.broken(
        "route",
        Some(subject.gateway.id),
        line,
        Verdict::LeadsNowhere,
    );
    if refused(walk, subject, &listener) {
        return;
    }
    walk.ok("listener", None, vec![listener]);
    let Some(chains) = subject.chains else { return };
    let Missing { culprits, .. } = culprits::of_missing_route(walk.store, walk.ledger(), chains);
    match &walk.question.http_host {
        Some(host) if other_hosts => {
            walk.tell(chains, Symptom::NoVirtualHost { host });
            return;
        }
        _ if culprits.is_empty() => {
            walk.tell(chains, Symptom::NoHttpRoute);
        }
        _ => {}
    }
    for culprit in culprits {
        walk.tell_dropped(culprit);
    }
}

fn clause_in_words(walk: &Walk<'_, '_>, step: &Step) -> String {
    let Step::Clause {
        virtual_service,
        block,
        rule,
        r#match,
    } = step
    else {
        return String::new();
    };
    let name = walk.name_of(*virtual_service);
    let place = format!("VirtualService {name}, {}[{rule}]", block.field());
    let spec = walk
        .store
        .snapshot
        .get(*virtual_service)
        .and_then(|o| views::VirtualService::of(&o.view));
    let sni = match (block, r#match, spec) {
        (Block::Tls, Some(n), Some(v)) => v
            .spec
            .tls
            .get(*rule)
            .and_then(|r| r.r#match.get(*n))
            .map(|m| m.sni_hosts.join(", ")),
        _ => None,
    };
    sni.map_or(place.clone(), |sni| format!("{place}, SNI {sni}"))
}

/// The clusters, whether they exist, and their endpoints.
fn destinations(
    walk: &mut Walk<'_, '_>,
    clusters: &[(String, u32)],
    clauses: &[EntryId],
) -> Option<String> {
    let domain = walk.store.mesh.domain.clone();
    let weighted = clusters.len() > 1 && clusters.iter().any(|(_, w)| *w != 100);
    let shares = names::percentages(clusters);
    let broken: Vec<(EntryId, &Reason)> = clauses
        .iter()
        .flat_map(|clause| walk.ledger().under(*clause))
        .filter_map(|(id, e)| match &e.fate {
            Fate::Dropped(Reason::ZeroWeight) => None,
            Fate::Dropped(reason) => Some((id, reason)),
            _ => None,
        })
        .collect();
    let absent = broken
        .iter()
        .find(|(_, r)| !matches!(r, Reason::NoEndpoints { .. }));
    let lines: Vec<String> = clusters
        .iter()
        .zip(&shares)
        .map(|((name, _), share)| {
            let known = cluster_name(name, &domain);
            let exists = walk.config().clusters.contains_key(name);
            let remark = if exists { "" } else { ", which does not exist" };
            if weighted {
                format!("{share:>2}%  {known}{remark}")
            } else {
                format!("{known}{remark}")
            }
        })
        .collect();
    let status = if absent.is_some() {
        HopStatus::Broken
    } else {
        HopStatus::Ok
    };
    walk.hop("cluster", status, None, lines);
    if !broken.is_empty() {
        walk.verdict = walk.verdict.max(Verdict::LeadsNowhere);
    }
    if absent.is_none() {
        let each: Vec<String> = clusters
            .iter()
            .map(|(name, _)| {
                let ready = names::endpoints(walk.config(), name);
                match names::parts(name).map(|(_, subset, host)| (subset, host)) {
                    Some((subset, _)) if weighted && !subset.is_empty() => {
                        format!("{subset} {ready}")
                    }
                    Some((_, host)) if clusters.len() > 1 => {
                        format!("{} {ready}", host.split('.').next().unwrap_or(host))
                    }
                    _ => ready,
                }
            })
            .collect();
        let status = if broken.is_empty() {
            HopStatus::Ok
        } else {
            HopStatus::Broken
        };
        let lines = if weighted {
            vec![each.join(", ")]
        } else {
            each
        };
        walk.hop("endpoints", status, None, lines);
    }
    for (id, _) in broken {
        walk.tell_dropped(id);
    }
    let shown: Vec<(String, u32)> = if weighted {
        clusters.to_vec()
    } else {
        clusters.iter().take(1).cloned().collect()
    };
    match (weighted, clusters.len()) {
        (false, 2..) => Some(format!("it leads to {} clusters", clusters.len())),
        _ => Some(names::lead(&shown, &domain)),
    }
}

/// The first line, and the rest of the answer.
fn finish(walk: Walk<'_, '_>, question: &Question, lead: Option<&str>) -> Answer {
    let Walk {
        class,
        mut findings,
        hops,
        unknowns,
        verdict,
        store,
        ..
    } = walk;
    findings.sort_by_key(|f| hop_rank(store, f));
    let summary = headline(&class.proxy, question.port, verdict, &findings, lead);
    Answer {
        proxy: proxy_ref(&class.proxy),
        asked: asked(question),
        verdict,
        summary,
        assumptions: assumptions(store, &class.proxy),
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
            "networking.istio.io/EnvoyFilter",
            "no EnvoyFilter changes these listeners",
        ),
        (
            "gateway.networking.k8s.io/Gateway",
            "no Kubernetes Gateway takes this port",
        ),
        ("networking.k8s.io/Ingress", "no Ingress takes this port"),
    ] {
        if not_read.contains(kind) {
            found.push(condition.to_owned());
        }
    }
    found
}

/// Findings in the order of the path: Service, proxy, Gateway, VirtualService, destination.
fn hop_rank(store: &Store<'_>, finding: &Finding) -> u8 {
    if finding.page.code.starts_with("GW-PORT-N") {
        return 0;
    }
    if finding.page.code.starts_with("GW-DST") {
        return 4;
    }
    match store
        .snapshot
        .get(finding.primary.object)
        .map(|o| o.key.kind)
    {
        Some(Kind::Gateway) => 2,
        Some(Kind::VirtualService) => 3,
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

/// The answer for a Gateway that selects no gateway pod at all.
pub(super) fn unselected(
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
    let mut walk = Walk {
        store,
        class: &class,
        port: question.port,
        question,
        hops: Vec::new(),
        findings: Vec::new(),
        unknowns: Vec::new(),
        verdict: Verdict::Open,
    };
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

/// The path of a port that nobody declares.
pub(super) fn undeclared_path(port: u32) -> Vec<Hop> {
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
