//! What is wrong around sidecars, without a question: ports that another one holds, and pods that a catch-all takes the
//! connections of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::capture::{Captured, Rules};
use super::{answer, walk, why};
use crate::causes::{Severity, Wish};
use crate::ledger::{EntryId, Fate, Reason, Served, Step};
use crate::predict::envoy::refused;
use crate::predict::store::{Registry, Resolution, Service, Store};
use crate::predict::{
    Network, Outlooks, ProxyFacts, ProxyKind, UNSPECIFIED, UNSPECIFIED_V6, predict_inbound,
};
use crate::report::Answer;
use crate::snapshot::views::{AsView, Pod};
use crate::snapshot::{Kind, ObjectId};
use crate::walk::{Class, Question, ambient};

/// Something that is wrong around sidecars.
#[derive(Clone, Debug)]
pub struct Around {
    /// The question that shows it.
    pub question: Question,
    /// Its answer, for the first sidecar that it is wrong for.
    pub answer: Answer,
    /// That sidecar, and what it would be sent.
    pub class: Arc<Class>,
    /// How many sidecars it is wrong for.
    pub sidecars: u32,
}

/// How many clients are asked about what is wrong at the pod that they reach: the first may be that pod itself, or
/// not know it.
const CLIENTS: u32 = 3;

/// Addresses that stand for any other one: RFC 5737 and RFC 3849 keep them for documentation.
const SOME_IPV4: &str = "192.0.2.1";
const SOME_IPV6: &str = "2001:db8::1";

impl Around {
    /// With how many sidecars are concerned besides.
    fn in_full(mut self, store: &Store<'_>) -> Self {
        let own = store.serving(&self.class.proxy);
        self.answer = ambient::answer(own, &self.class, &self.question)
            .unwrap_or_else(|| answer(store, &self.class, &self.question));
        self.weigh();
        self
    }

    /// What takes connections to addresses that nobody is known to dial works, but not as it looks.
    fn weigh(&mut self) {
        let host = self.question.host.as_deref();
        if !matches!(host, Some(SOME_IPV4 | SOME_IPV6)) {
            return;
        }
        for finding in &mut self.answer.findings {
            finding.severity = finding.severity.min(Severity::Warning);
        }
    }
}

/// A fault: its code, and where it is.
type Fault = (&'static str, ObjectId, String);

/// What is asked: a port, and a name or an address.
type Asked = (u32, String);

/// What is wrong around sidecars: each fault once, at the first sidecar that has it. Those that look at the mesh alike,
/// and of which the same is redirected, are asked about once. `servers`: the sidecars whose own ports are asked about.
#[must_use]
pub fn around(
    store: &Store<'_>,
    clients: &[ProxyFacts],
    servers: &[ProxyFacts],
    wish: &Wish,
) -> Vec<Around> {
    let outlooks = Outlooks::new(store);
    let mut groups: BTreeMap<_, (&ProxyFacts, u32)> = BTreeMap::new();
    for proxy in clients.iter().filter(|p| p.kind == ProxyKind::Sidecar) {
        let key = (outlooks.of(proxy), proxy.captured(), proxy.host_network);
        let known = groups.entry(key).or_insert((proxy, 0));
        known.1 = known.1.saturating_add(proxy.replicas);
    }
    let of_mesh = OfMesh {
        services: by_object(store),
        dialled: pod_ports(store),
    };
    let mut left_out = left_out(store, servers);
    let mut asked = 0;
    let mut found: BTreeMap<Fault, Around> = BTreeMap::new();
    for (proxy, replicas) in groups.into_values() {
        let class = Arc::new(Class::of(store, proxy.clone()));
        let own = store.serving(proxy);
        let mut told = BTreeSet::new();
        let all = if ambient::is_of(&class) {
            ambient::questions(own, &class)
        } else {
            questions(own, &class, &of_mesh)
        };
        for about in all {
            let Some((fault, around)) = ask(store, &class, about, wish) else {
                continue;
            };
            if told.insert(fault.clone()) {
                let known = found.entry(fault).or_insert_with(|| around.in_full(store));
                known.sidecars = known.sidecars.saturating_add(replicas);
            }
        }
        // What is wrong at the far end is the same for all clients.
        asked += 1;
        if asked <= CLIENTS {
            left_out.retain(|about| {
                let Some((fault, around)) = ask(store, &class, about.clone(), wish) else {
                    return true;
                };
                found.entry(fault).or_insert_with(|| around.in_full(store));
                false
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

/// A question, if its answer is an error.
fn ask(
    store: &Store<'_>,
    class: &Arc<Class>,
    (port, host): Asked,
    wish: &Wish,
) -> Option<(Fault, Around)> {
    let question = Question {
        port,
        host: Some(host),
        wish: wish.clone(),
        ..Question::default()
    };
    let answer = ambient::answer(store.serving(&class.proxy), class, &question)
        .unwrap_or_else(|| walk(store, class, &question, false));
    let mut errors = answer.findings.iter();
    let first = errors.find(|f| f.severity == Severity::Error)?;
    let field = first.primary.field.to_string();
    let fault = (first.page.code, first.primary.object, field);
    let around = Around {
        question,
        answer,
        class: class.clone(),
        sidecars: 0,
    };
    Some((fault, around))
}

/// What is the same for every sidecar.
struct OfMesh<'s> {
    // Only looked up.
    services: HashMap<(ObjectId, Option<usize>), &'s Service>,
    dialled: BTreeMap<u32, BTreeSet<String>>,
}

impl OfMesh<'_> {
    /// A port of a service, as it is asked for.
    fn port(&self, of: Served, index: usize) -> Option<Asked> {
        let service = self.services.get(&(of.service, of.host))?;
        let port = service.ports.get(index)?;
        Some((port.number, service.hostname.clone()))
    }
}

fn by_object<'s>(store: &'s Store<'_>) -> HashMap<(ObjectId, Option<usize>), &'s Service> {
    let services = store.views().flat_map(|view| &view.services);
    services.map(|s| ((s.object, s.host), s)).collect()
}

/// Ports of Services that were left out at the pods that they lead to.
fn left_out(store: &Store<'_>, proxies: &[ProxyFacts]) -> BTreeSet<Asked> {
    let mut found = BTreeSet::new();
    for proxy in proxies.iter().filter(|p| p.kind == ProxyKind::Sidecar) {
        let own = store.serving(proxy);
        for (_, entry) in predict_inbound(store, proxy).ledger.entries() {
            if let Step::Inbound { service, index } | Step::ServicePort { service, index } =
                entry.step
                && let Fate::Dropped(
                    Reason::ReservedPort { .. }
                    | Reason::InboundTaken { .. }
                    | Reason::TargetPortRepeated { .. }
                    | Reason::IngressListed { .. },
                ) = entry.fate
            {
                let mut services = own.kubernetes_services(&proxy.namespace);
                let view = services.find(|(object, _)| object.id == service);
                let hosts = own.services.iter().filter(|s| s.object == service);
                let port = view.and_then(|(_, s)| Some(s.spec.ports.get(index)?.port));
                found.extend(hosts.filter_map(|s| Some((port?, s.hostname.clone()))));
            }
        }
    }
    found
}

/// The addresses of pods behind each port that Services with an address lead to, or that their containers declare.
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
    // Pods that no Service leads to are dialled by their address.
    let pods = store.snapshot.of_kind(Kind::Pod);
    for view in pods.filter_map(|pod| Pod::of(&pod.view)) {
        let ip = &view.status.pod_ip;
        let declared = view.spec.containers.iter().flat_map(|c| &c.ports);
        for port in declared.filter(|_| !ip.is_empty()) {
            let ips = found.entry(port.container_port).or_default();
            if ips.len() < 2 {
                ips.insert(ip.clone());
            }
        }
    }
    found
}

/// The questions that are worth asking for a sidecar, by port.
fn questions(store: &Store<'_>, class: &Class, of_mesh: &OfMesh<'_>) -> BTreeSet<Asked> {
    let mut found = BTreeSet::new();
    let config = &class.prediction.config;
    let listening: BTreeSet<(u32, &str)> = config
        .listeners
        .iter()
        .map(|l| (l.port, l.address.as_str()))
        .collect();
    for listener in &config.listeners {
        if refused(config, listener, &class.proxy).is_some() {
            // Whose listener it is: its own name asks for it.
            let mut origins = listener.all_chains().map(|chain| chain.origin);
            let name = origins.find_map(|origin| hostname(store, class, origin));
            found.extend(name.map(|name| (listener.port, name)));
            continue;
        }
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
        if !everywhere || !listener.redirected_only {
            continue;
        }
        let ips = of_mesh.dialled.get(&listener.port).into_iter().flatten();
        let mut others = ips.filter(|ip| {
            !class.proxy.ips.contains(ip) && !listening.contains(&(listener.port, ip.as_str()))
        });
        if !leads_off {
            // A network may hold the address of a pod.
            let networks: Vec<Network> = listener
                .all_chains()
                .flat_map(|chain| &chain.matches.prefix_ranges)
                .filter_map(|range| range.parse().ok())
                .collect();
            let holds = |ip: &&String| {
                let read = ip.parse::<IpAddr>();
                read.is_ok_and(|ip| networks.iter().any(|network| network.holds(ip)))
            };
            let held = others.find(holds);
            found.extend(held.map(|ip| (listener.port, ip.clone())));
            continue;
        }
        let other = others.next();
        // Where no pod is known that it takes connections of, it still takes those to any other address.
        let any = if listener.address == UNSPECIFIED {
            SOME_IPV4
        } else {
            SOME_IPV6
        };
        let asked = other.map_or_else(|| any.to_owned(), Clone::clone);
        found.insert((listener.port, asked));
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
        if lost {
            found.extend(of_mesh.port(*of, *port));
        }
    }
    found.extend(past_envoy(store, &class.proxy));
    found
}

/// Of what annotations keep from the proxy: for each reason the first port of a Service in each namespace.
fn past_envoy(store: &Store<'_>, proxy: &ProxyFacts) -> Vec<Asked> {
    let object = proxy.object().and_then(|id| store.snapshot.get(id));
    let rules = object.and_then(Rules::of);
    let Some(rules) = rules.filter(|_| !proxy.captured().is_empty()) else {
        return Vec::new();
    };
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    let services = store.services.iter();
    for service in services.filter(|s| s.registry == Registry::Kubernetes) {
        let address = service.addresses.iter().find_map(|a| a.parse().ok());
        for port in &service.ports {
            if let Captured::No(why) = rules.outbound(proxy, address, port.number)
                && told.insert((why.words(port.number), &service.namespace))
            {
                found.push((port.number, service.hostname.clone()));
            }
        }
    }
    found
}

fn served<'s>(store: &'s Store<'_>, of: Served) -> Option<&'s Service> {
    let mut services = store.services.iter();
    services.find(|s| s.object == of.service && s.host == of.host)
}

/// The name of the service that a chain is for.
fn hostname(store: &Store<'_>, class: &Class, origin: EntryId) -> Option<String> {
    match &class.prediction.ledger.get(origin)?.step {
        Step::Put { of, .. } | Step::Instance { of, .. } => {
            served(store, *of).map(|s| s.hostname.clone())
        }
        _ => None,
    }
}
