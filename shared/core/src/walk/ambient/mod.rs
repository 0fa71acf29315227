//! The way of a connection from a pod in ambient mode: whether it comes to its node's ztunnel, what ztunnel takes the
//! address for, which waypoint it goes through, and what is behind it.
//! After ztunnel `src/proxy/outbound.rs:OutboundConnection.build_request` and `src/state.rs:ProxyState`.

mod endpoints;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use self::endpoints::{facts, pod_of};
use self::target::{Target, Unknown};
use super::sidecar::dialled;
use super::sidecar::why::services_of;
use super::way::Walk;
use super::{Class, Question, proxy_ref};
use crate::causes::{Ambient, Severity, Symptom};
use crate::ledger::{Effect, EntryId, Fate, Reason, Step};
use crate::predict::Endpoint;
use crate::predict::ambient::{self, HBONE_PORT, Unmet};
use crate::predict::store::{Resolution, Service, Store};
use crate::report::{Answer, Asked, Hop, HopStatus, ProxyRef, Verdict};
use crate::snapshot::{Kind, Object, ObjectId};

/// The hops of a connection from a pod in ambient mode, in order.
const HOPS: [&str; 4] = ["capture", "address", "waypoint", "endpoints"];

/// A connection on its way.
struct Way<'w, 'a> {
    walk: Walk<'w, 'a>,
    target: Target<'w>,
    /// The entry of the pod's enrolment.
    enrolment: EntryId,
    /// Where it leads, for the first line: a verb, and what it leads to.
    lead: (&'static str, String),
}

/// Whether a class is one of pods without a sidecar that ambient concerns.
#[must_use]
pub fn is_of(class: &Class) -> bool {
    enrolment(class).is_some()
}

/// What a pod may dial in its own namespace: every TCP port of each Service.
pub(in crate::walk) fn questions(store: &Store<'_>, class: &Class) -> BTreeSet<(u32, String)> {
    let mut found = BTreeSet::new();
    for (object, service) in store.kubernetes_services(&class.proxy.namespace) {
        let ports = service.spec.ports.iter();
        let tcp = ports.filter(|p| !p.protocol.eq_ignore_ascii_case("udp"));
        found.extend(tcp.map(|p| (p.port, object.key.name.clone())));
    }
    found
}

/// The entry that a prediction for a pod in ambient mode begins with.
fn enrolment(class: &Class) -> Option<EntryId> {
    let mut entries = class.prediction.ledger.entries();
    let first = entries.find(|(_, e)| matches!(e.step, Step::Enrolment(_)));
    first.map(|(id, _)| id)
}

/// The answer about a connection from one class of pods in ambient mode; `None` where they are not.
pub(super) fn answer(store: &Store<'_>, class: &Class, question: &Question) -> Option<Answer> {
    let enrolment = enrolment(class)?;
    let host = question.host.as_deref().unwrap_or_default();
    let mut walk = Walk::new(store, class, question, &HOPS);
    let target = Target::of(store, &class.proxy, host);
    for condition in &target.assumes {
        walk.assume(condition.clone());
    }
    let classes = "gateway.networking.k8s.io/GatewayClass";
    if store.snapshot.coverage.kinds_not_read.contains(classes) {
        walk.assume("no GatewayClass says what its waypoints are for".to_owned());
    }
    let lead = ("it leads to", target.with_port(question.port));
    let mut way = Way {
        walk,
        target,
        enrolment,
        lead,
    };
    if way.capture() {
        way.ztunnel();
    } else {
        way.past_ztunnel();
    }
    let state = way.state();
    let mut walk = way.walk;
    walk.not_reached();
    let mut path = walk.hops;
    let past = |h: &Hop| h.name == "capture" && h.status == HopStatus::Instead;
    let past = path.iter().any(past);
    path.retain(|h| !past || h.status != HopStatus::NotReached);
    path.sort_by_key(|h| HOPS.iter().position(|name| *name == h.name));
    Some(Answer {
        proxy: ProxyRef {
            kind: "ztunnel",
            ..proxy_ref(&class.proxy)
        },
        summary: format!("{} {state}", dialled::with_port(host, question.port)),
        asked: Asked {
            port: question.port,
            host: Some(host.to_owned()),
            sni: question.sni.clone(),
        },
        verdict: walk.verdict,
        assumptions: walk.assumptions,
        path,
        findings: walk.findings,
        unknowns: walk.unknowns,
        pods: Vec::new(),
        commands: Vec::new(),
    })
}

impl<'w> Way<'w, '_> {
    /// The first hop: whether the connection comes to ztunnel.
    fn capture(&mut self) -> bool {
        let pod = self.walk.class.proxy.object();
        let fate = self.walk.ledger().get(self.enrolment).map(|e| &e.fate);
        let Some(Fate::Dropped(Reason::Ambient(Unmet::NotEnrolled(why)))) = fate else {
            let line = "goes through its node's ztunnel".to_owned();
            self.walk.ok("capture", pod, vec![line]);
            return true;
        };
        let line = format!("past ztunnel: {}", why.words());
        self.walk
            .hop("capture", HopStatus::Instead, pod, vec![line]);
        self.walk.tell_dropped(self.enrolment);
        false
    }

    /// As if there were no mesh: nodes lead Services' addresses to their pods.
    fn past_ztunnel(&mut self) {
        let port = self.walk.port;
        let place = self.target.with_port(port);
        self.lead = ("it passes on to", place.clone());
        if let Some(service) = self.target.kubernetes_service() {
            let object = Some(service.object);
            let Some(index) = service.ports.iter().position(|p| p.number == port) else {
                let line = format!("{place} ({}), which has no port {port}", named(service));
                let nowhere = Verdict::LeadsNowhere;
                self.walk.broken("endpoints", object, line, nowhere);
                self.weigh();
                return;
            };
            self.lead.1 = format!("{}:{port}", named(service));
            self.endpoints(service, index, false);
        } else if let target::Is::Unknown(Unknown::NoEndpoint(service)) = self.target.is {
            self.nobody(service);
        } else {
            let pod = self.target.pod();
            let line = match pod {
                Some(pod) => format!("{place} ({}), in plaintext", pod.qualified()),
                None => format!("{place}, as it is"),
            };
            self.walk.ok("endpoints", pod.map(|o| o.id), vec![line]);
        }
        if let Some(pod) = self.refuses_plaintext() {
            self.walk.hops.retain(|h| h.name != "endpoints");
            let line = format!("{} takes mutual TLS only", pod.qualified());
            let closed = Verdict::Missing;
            if let Some(finding) = self.walk.findings.first_mut() {
                finding
                    .so
                    .push(format!("{line}, and this comes in plaintext"));
            }
            self.walk.broken("endpoints", Some(pod.id), line, closed);
        }
        self.weigh();
    }

    /// A pod behind the target whose ztunnel closes what comes in plaintext.
    fn refuses_plaintext(&self) -> Option<&'w Object> {
        let store = self.walk.store;
        let port = self.walk.port;
        let (pod, port) = match self.target.kubernetes_service() {
            Some(service) => {
                let port = service.ports.iter().find(|p| p.number == port)?;
                let all = ambient::behind(store, service, port);
                all.iter().find_map(|e| pod_of(store, e))?
            }
            None => (self.target.pod()?, port),
        };
        let facts = facts(pod)?;
        let refuses = ambient::takes_tunnels(store.snapshot, &facts)
            && ambient::is_strict(store, &facts, port);
        refuses.then_some(pod)
    }

    /// Without ztunnel it works, but not as it looks; where the connection does not arrive, it is an error.
    fn weigh(&mut self) {
        if self.walk.verdict != Verdict::Open
            && let Some(finding) = self.walk.findings.first_mut()
        {
            finding.severity = Severity::Error;
        }
    }

    /// What ztunnel does with it.
    fn ztunnel(&mut self) {
        match self.target.is {
            target::Is::Service(service) => self.service(service),
            target::Is::Pod { pod, service } => self.pod(pod, service),
            target::Is::Unknown(why) => self.unknown(why),
        }
    }

    fn dropped(&self, wanted: impl Fn(&Step) -> bool) -> Option<EntryId> {
        let mut entries = self.walk.ledger().entries();
        let found = entries.find(|(_, e)| matches!(e.fate, Fate::Dropped(_)) && wanted(&e.step));
        found.map(|(id, _)| id)
    }

    /// What was decided about an object's waypoint, where it asks for one.
    fn waypoint_of(&self, object: ObjectId) -> Option<(EntryId, Result<ObjectId, &'w Reason>)> {
        let ledger = self.walk.ledger();
        let mut entries = ledger.entries();
        let (id, entry) = entries.find(|(_, e)| e.step == Step::UseWaypoint(object))?;
        match &entry.fate {
            Fate::Effective(Effect::Names(gateway)) => Some((id, Ok(*gateway))),
            Fate::Dropped(reason) => Some((id, Err(reason))),
            _ => None,
        }
    }

    /// To an address of a service.
    /// After ztunnel `src/state.rs:ProxyState.find_upstream`, `:load_balance`.
    fn service(&mut self, service: &'w Service) {
        let port = self.walk.port;
        let object = Some(service.object);
        let name = named(service);
        self.lead = ("it leads to", format!("{name}:{port}"));
        let index = service.ports.iter().position(|p| p.number == port);
        let is = format!("{} is {}", self.target.address, name);
        let of_service = |step: &Step| matches!(step, Step::Address { of } if of.service == service.object && of.host == service.host);
        if let Some(entry) = self.dropped(of_service) {
            let line = format!("{is}, which only a waypoint can resolve");
            self.walk.broken("address", object, line, Verdict::Missing);
            self.tell_unbound(service.object);
            self.walk.tell_dropped(entry);
            return;
        }
        let waypoint = self.waypoint_of(service.object);
        if let Some((_, Ok(gateway))) = waypoint {
            self.walk.ok("address", object, vec![is]);
            self.through_waypoint(service, index, gateway);
            return;
        }
        let passes = service.resolution == Resolution::Passthrough;
        let Some(index) = index.filter(|_| !passes) else {
            if passes {
                self.walk.ok("address", object, vec![is]);
                self.waypoint_is_past(service.object);
                let place = self.target.with_port(port);
                let line = format!("{place} as dialled, in plaintext");
                self.walk.ok("endpoints", None, vec![line]);
                self.lead = ("it passes on to", place);
                let service = service.object;
                self.tell(Ambient::PassedOn { service });
                return;
            }
            let line = format!("{is}, which has no port {port}: ztunnel closes the connection");
            self.walk.broken("address", object, line, Verdict::Missing);
            let service = service.object;
            self.tell(Ambient::NoSuchPort { service });
            return;
        };
        self.walk.ok("address", object, vec![is]);
        self.waypoint_is_past(service.object);
        self.endpoints(service, index, true);
    }

    /// A waypoint that is asked for and not used: the connection goes on without it.
    fn waypoint_is_past(&mut self, object: ObjectId) {
        let Some((_, Err(reason))) = self.waypoint_of(object) else {
            self.no_waypoint(Some(object));
            return;
        };
        let name = self.asked_name(object);
        let line = format!("past {name}: {}", words(reason));
        self.walk
            .hop("waypoint", HopStatus::Instead, None, vec![line]);
        self.tell_unbound(object);
    }

    fn no_waypoint(&mut self, of: Option<ObjectId>) {
        let snapshot = self.walk.store.snapshot;
        let object = of.and_then(|id| snapshot.get(id));
        if let Some(namespace) = object.map(|o| o.key.namespace.as_str())
            && snapshot.find(Kind::Namespace, "", namespace).is_none()
        {
            self.walk
                .assume(format!("Namespace {namespace} asks for no waypoint"));
        }
        let line = "none is asked for".to_owned();
        self.walk.ok("waypoint", None, vec![line]);
    }

    fn tell_unbound(&mut self, object: ObjectId) {
        if let Some((entry, Err(_))) = self.waypoint_of(object) {
            self.walk.tell_dropped(entry);
        }
    }

    fn asked_name(&self, object: ObjectId) -> String {
        let snapshot = self.walk.store.snapshot;
        let object = snapshot.get(object);
        let asked = object.and_then(|o| ambient::asked(snapshot, o));
        asked.map_or_else(String::new, |a| format!("{}/{}", a.namespace, a.name))
    }

    /// Through the waypoint of a service, which decides by address and port.
    /// After istio `core/listener_waypoint.go:ListenerBuilder.buildWaypointInternal`.
    fn through_waypoint(&mut self, service: &'w Service, index: Option<usize>, gateway: ObjectId) {
        let port = self.walk.port;
        let name = self.walk.name_of(gateway);
        let object = self.walk.store.snapshot.get(service.object);
        if object.is_some_and(|o| o.meta.labels.contains_key(ambient::CANARY_LABEL)) {
            let canary = format!("the connection goes through {name}, not its canary");
            self.walk.assume(canary);
        }
        if !self.reaches_waypoint(gateway) {
            return;
        }
        let Some(index) = index else {
            let line = format!("{name} has no filter chain for {port}: it closes the connection");
            self.walk
                .broken("waypoint", Some(gateway), line, Verdict::Missing);
            let service = service.object;
            self.tell(Ambient::NoChain {
                service,
                waypoint: gateway,
            });
            return;
        };
        let of_port = |step: &Step| matches!(step, Step::WaypointPort { of, port } if of.service == service.object && of.host == service.host && *port == index);
        if let Some(entry) = self.dropped(of_port) {
            let line = format!("{name} has no filter chain for {port}: it closes the connection");
            self.walk
                .broken("waypoint", Some(gateway), line, Verdict::Missing);
            self.walk.tell_dropped(entry);
            return;
        }
        self.walk.ok("waypoint", Some(gateway), vec![name.clone()]);
        self.assume_no_route(service, &name);
        self.lead = (
            "it leads to",
            format!("{}:{port} through waypoint {name}", named(service)),
        );
        if service.resolution == Resolution::DynamicDns {
            let host = self.walk.question.host.as_deref().unwrap_or_default();
            let line = format!("{host}, found by DNS for each request");
            self.walk.ok("endpoints", None, vec![line]);
            return;
        }
        if service.resolution == Resolution::Passthrough {
            let line = format!("{} as dialled", self.target.with_port(port));
            self.walk.ok("endpoints", None, vec![line]);
            return;
        }
        self.endpoints(service, index, true);
    }

    /// Whether a pod of the waypoint is ready: its Service has the Gateway's name. istiod makes both; a manifest of the
    /// Gateway says nothing about them.
    /// After ztunnel `src/state.rs:DemandProxyState.fetch_waypoint`.
    fn reaches_waypoint(&mut self, gateway: ObjectId) -> bool {
        let store = self.walk.store;
        let name = self.walk.name_of(gateway);
        let Some(object) = store.snapshot.get(gateway) else {
            return false;
        };
        let (own, domain) = (&object.key, &store.mesh.domain);
        let host = format!("{}.{}.svc.{domain}", own.name, own.namespace);
        let service = store.services_named(&host).find(|s| s.host.is_none());
        let Some(service) = service else {
            self.walk
                .assume(format!("a pod of waypoint {name} is ready"));
            return true;
        };
        let port = service.ports.iter().find(|p| p.number == HBONE_PORT);
        if port.is_some_and(|port| !ambient::behind(store, service, port).is_empty()) {
            return true;
        }
        let line = format!("{name} has no pod that is ready: ztunnel closes the connection");
        self.walk
            .broken("waypoint", Some(gateway), line, Verdict::Missing);
        let service = service.object;
        self.tell(Ambient::NoEndpoint { service });
        false
    }

    /// What a waypoint's routes do is not followed.
    fn assume_no_route(&mut self, service: &Service, waypoint: &str) {
        let store = self.walk.store;
        let mut all = store.virtual_services.iter();
        let routed = all.find(|vs| vs.hosts.contains(&service.hostname));
        if let Some(vs) = routed {
            let name = vs.object.qualified();
            self.walk.assume(format!(
                "VirtualService {name} leads nowhere else at waypoint {waypoint}"
            ));
        }
    }

    /// To a pod's own address: services' waypoints do not see it.
    fn pod(&mut self, pod: &'w Object, headless: Option<&'w Service>) {
        let port = self.walk.port;
        let name = pod.qualified();
        let address = &self.target.address;
        let is = match headless {
            Some(service) => format!("{address} is pod {name}, one of {}", named(service)),
            None => format!("{address} is pod {name}"),
        };
        self.lead = ("it leads to", format!("pod {name}"));
        self.walk.ok("address", Some(pod.id), vec![is]);
        match self.waypoint_of(pod.id) {
            Some((_, Ok(gateway))) => {
                let waypoint = self.walk.name_of(gateway);
                if !self.reaches_waypoint(gateway) {
                    return;
                }
                self.lead.1 = format!("pod {name} through waypoint {waypoint}");
                self.walk.ok("waypoint", Some(gateway), vec![waypoint]);
            }
            Some((_, Err(_))) => self.waypoint_is_past(pod.id),
            None => self.past_services_waypoint(pod, headless),
        }
        let barred = self.barred(pod);
        let line = format!("{} ({name})", self.target.with_port(port));
        if let Some(policies) = barred {
            self.tell_barred(&line, &policies);
            return;
        }
        let endpoint = [Endpoint::Address(self.target.with_port(port))];
        if let Some(pod) = self.refused_by_sidecars(&endpoint) {
            self.tell_refused(pod);
            return;
        }
        let line = format!("{line}, {}", self.transport(pod));
        self.walk.ok("endpoints", Some(pod.id), vec![line]);
        self.assume_allowed(pod);
    }

    /// The waypoint of a service that would have been asked, had the service's address been dialled.
    fn past_services_waypoint(&mut self, pod: &'w Object, headless: Option<&'w Service>) {
        let store = self.walk.store;
        let services = match headless {
            Some(service) => vec![service.object],
            None => {
                let found = services_of(store, pod, self.walk.port);
                found.into_iter().map(|(o, _)| o.id).collect()
            }
        };
        let bound = services.into_iter().find_map(|service| {
            let (_, found) = self.waypoint_of(service)?;
            Some((service, found.ok()?))
        });
        let Some((service, waypoint)) = bound else {
            self.no_waypoint(Some(pod.id));
            return;
        };
        let line = format!("past {}: it is for services", self.walk.name_of(waypoint));
        self.walk
            .hop("waypoint", HopStatus::Instead, Some(waypoint), vec![line]);
        self.tell(Ambient::PodAddress {
            pod: pod.id,
            service,
            waypoint,
        });
    }

    /// A headless Service's name stands for no address.
    fn nobody(&mut self, service: &Service) {
        let line = format!("none: {} has no address", named(service));
        let nowhere = Verdict::LeadsNowhere;
        self.walk
            .broken("endpoints", Some(service.object), line, nowhere);
    }

    /// To an address that ztunnel knows nothing of: it goes on as it is.
    fn unknown(&mut self, why: Unknown<'w>) {
        let place = self.target.with_port(self.walk.port);
        let address = &self.target.address;
        let line = format!("ztunnel knows nothing at {address}");
        self.lead = ("it passes on to", place.clone());
        match why {
            Unknown::NoEndpoint(service) => {
                let object = Some(service.object);
                self.walk.ok("address", object, vec![named(service)]);
                self.no_waypoint(None);
                self.nobody(service);
                let service = service.object;
                self.tell(Ambient::NoEndpoint { service });
                return;
            }
            Unknown::Service(service) => {
                self.walk.ok("address", Some(service.object), vec![line]);
                let of_host = |step: &Step| matches!(step, Step::Address { of } if of.service == service.object && of.host == service.host);
                if let Some(entry) = self.dropped(of_host) {
                    self.walk.tell_dropped(entry);
                }
            }
            Unknown::Nothing => self.walk.ok("address", None, vec![line]),
        }
        let line = "none, as nothing is known".to_owned();
        self.walk.ok("waypoint", None, vec![line]);
        let line = format!("{place} as dialled, in plaintext");
        self.walk.ok("endpoints", None, vec![line]);
    }

    fn tell(&mut self, what: Ambient<'_>) {
        self.walk.tell(self.enrolment, Symptom::Ambient(what));
    }

    /// The state in words, with what it leads to or why it does not.
    fn state(&self) -> String {
        let mut findings = self.walk.findings.iter();
        let error = findings.find(|f| f.severity == Severity::Error);
        let title = error.map(|f| format!(": {}", f.page.title));
        let title = title.unwrap_or_default();
        let (verb, lead) = &self.lead;
        match self.walk.verdict {
            Verdict::Open => format!("will be open: {verb} {lead}"),
            Verdict::Unreachable => format!("will be unreachable{title}"),
            Verdict::LeadsNowhere => format!("will lead nowhere{title}"),
            _ => format!("will be closed{title}"),
        }
    }
}

/// A service as people name it.
fn named(service: &Service) -> String {
    match service.host {
        Some(_) => service.hostname.clone(),
        None => format!("{}/{}", service.namespace, service.sort_name),
    }
}

fn words(reason: &Reason) -> &'static str {
    match reason {
        Reason::Ambient(Unmet::Unbound(why)) => why.words(),
        _ => "it is not bound",
    }
}
