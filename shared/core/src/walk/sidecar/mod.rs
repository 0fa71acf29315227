//! The way of a connection from a pod with a sidecar: whether it comes to Envoy, which listener, chain and cluster
//! take it, and what becomes of it at its far end.

mod arrive;
mod capture;
mod chance;
pub(super) mod dialled;
mod envoy;
mod gateway;
pub(super) mod inbound;
mod outbound;
mod scan;
mod shared;
pub(super) mod why;

pub use scan::{Around, around};

use self::capture::{Captured, Rules};
use self::dialled::{Dialled, Meant};
use super::way::Walk;
use super::{Class, Question, proxy_ref};
use crate::causes::{Ambient, Severity, Symptom, Uncaptured};
use crate::ledger::{EntryId, Reason, Step};
use crate::predict::Listener;
use crate::predict::ProxyFacts;
use crate::predict::ambient::service_waypoint;
use crate::predict::envoy::refused;
use crate::predict::store::Store;
use crate::predict::version::Release;
use crate::predict::{Injection, injection};
use crate::report::{Answer, Asked, Hop, HopStatus, Unknown, Verdict};
use crate::snapshot::{Kind, Object, ObjectId};

/// The hops of a connection from a sidecar, in order.
const HOPS: [&str; 6] = [
    "capture",
    "listener",
    "chain",
    "cluster",
    "endpoints",
    "inbound",
];

/// The first release whose listeners of sidecars are taken to be those that are predicted; of older ones only what
/// `predict::features` has is known.
const STUDIED_SINCE: Release = Release(1, 24, 0);

/// A connection on its way.
struct Way<'w, 'a> {
    walk: Walk<'w, 'a>,
    /// The views of all istiods: the far end may have another one.
    views: &'w Store<'a>,
    dialled: Dialled<'w>,
    /// The entry of what every sidecar has.
    rest: EntryId,
    /// Where it leads, for the first line: a verb, and what it leads to.
    lead: Option<(&'static str, String)>,
    /// The object that takes the connection, where it is for another one.
    taken_by: Option<ObjectId>,
    /// The finding about why there is no listener of its own: how bad that is the rest of the way tells.
    none: Option<usize>,
    /// The hops in the gateway that it is sent to, where it is.
    beyond: Vec<Hop>,
    /// Whether to say how many sidecars are concerned.
    counts: bool,
    /// Why istiod itself may decide one way or the other, where it may.
    undetermined: Option<&'static str>,
    /// The listener that Envoy does not take, though istiod sends it. That is an error, wherever the connection goes: the
    /// proxy keeps what it had, or has none.
    refused: Option<String>,
    /// Why the connection does not come to what it is for is told already.
    explained: bool,
}

/// The answer about a connection from one class of sidecars. `views`: of all istiods.
pub(super) fn answer(views: &Store<'_>, class: &Class, question: &Question) -> Answer {
    walk(views, class, question, true)
}

/// The same. `counts`: with how many other sidecars are concerned, for which all of them are looked at.
fn walk(views: &Store<'_>, class: &Class, question: &Question, counts: bool) -> Answer {
    let store = views.serving(&class.proxy);
    let host = question.host.as_deref().unwrap_or_default();
    let mut walk = Walk::new(store, class, question, &HOPS);
    let mut entries = class.prediction.ledger.entries();
    let rest = entries.find(|(_, e)| matches!(e.step, Step::Fallback(_)));
    let Some((rest, _)) = rest else {
        let line = "istiod sends this proxy no listener".to_owned();
        walk.broken("listener", None, line.clone(), Verdict::Missing);
        walk.not_reached();
        return finish(walk, &format!("will be closed: {line}"), Vec::new());
    };
    let dialled = dialled::dial(store, &class.proxy, host, question.port);
    let mut assumptions: Vec<String> = dialled.assumption.iter().cloned().collect();
    assumptions.extend(unstudied(store, &class.proxy));
    let mut way = Way {
        walk,
        views,
        dialled,
        rest,
        lead: None,
        taken_by: None,
        none: None,
        beyond: Vec::new(),
        counts,
        undetermined: None,
        refused: None,
        explained: false,
    };
    if !way.capture() {
        way.bypass();
    } else if !way.by_chance() {
        way.outbound();
        way.won_by_age();
        way.tell_past_waypoint();
    }
    way.weigh();
    let state = way.state();
    let mut walk = way.walk;
    walk.not_reached();
    let mut answer = finish(walk, &state, assumptions);
    answer.path.extend(way.beyond);
    answer
}

/// The listeners that a connection meets: the one that istiod means for it, and where Envoy does not take that one,
/// what takes the connection instead.
pub(super) fn met<'c>(
    store: &Store<'_>,
    class: &'c Class,
    host: &str,
    port: u32,
) -> Vec<&'c Listener> {
    let (config, proxy) = (&class.prediction.config, &class.proxy);
    let address = dialled::dial(store, proxy, host, port).address;
    let there = |l: &Listener| refused(config, l, proxy).is_none();
    let sent = envoy::listener(config, proxy, &address, port, &|_| true);
    let taking = envoy::listener(config, proxy, &address, port, &there);
    let mut found: Vec<&Listener> = sent.into_iter().map(|(l, _)| l).collect();
    found.extend(taking.map(|(l, _)| l));
    found.dedup_by(|a, b| a.name == b.name);
    found
}

/// What an answer about an older Istio rests on: of what it sends to sidecars no more is predicted than what
/// `predict::features` has.
fn unstudied(store: &Store<'_>, proxy: &ProxyFacts) -> Option<String> {
    let istiod = store.istiod_of(proxy);
    (istiod.version.release() < STUDIED_SINCE).then(|| {
        format!(
            "Istio {} differs from {STUDIED_SINCE} for sidecars in ExternalName Services alone",
            istiod.version
        )
    })
}

fn finish(walk: Walk<'_, '_>, state: &str, mut assumptions: Vec<String>) -> Answer {
    let question = walk.question;
    let host = question.host.clone().unwrap_or_default();
    for condition in &walk.assumptions {
        if !assumptions.contains(condition) {
            assumptions.push(condition.clone());
        }
    }
    let not_read = &walk.store.snapshot.coverage.kinds_not_read;
    if not_read.contains("networking.istio.io/EnvoyFilter") {
        assumptions.push("no EnvoyFilter changes these listeners".to_owned());
    }
    assumptions.extend(walk.store.conditions(&walk.class.proxy));
    let instead = walk.hops.iter().any(|h| h.status == HopStatus::Instead);
    let mut path = walk.hops;
    // Where another way is taken the hops of the wanted one are no news.
    path.retain(|h| !instead || h.status != HopStatus::NotReached);
    path.sort_by_key(|h| HOPS.iter().position(|name| *name == h.name));
    Answer {
        proxy: proxy_ref(&walk.class.proxy),
        summary: format!("{} {state}", dialled::with_port(&host, question.port)),
        asked: Asked {
            port: question.port,
            host: Some(host),
            sni: question.sni.clone(),
        },
        verdict: walk.verdict,
        assumptions,
        path,
        findings: walk.findings,
        unknowns: walk.unknowns,
        pods: Vec::new(),
        commands: Vec::new(),
    }
}

impl<'w> Way<'w, '_> {
    /// Host and port as asked for, by address.
    fn place(&self) -> String {
        self.dialled.with_port(self.walk.port)
    }

    /// The first hop: whether the connection comes to Envoy.
    fn capture(&mut self) -> bool {
        let proxy = &self.walk.class.proxy;
        let object = proxy
            .object()
            .and_then(|id| self.walk.store.snapshot.get(id));
        let has_proxy = object.and_then(|o| capture::has_proxy(self.walk.store.snapshot, o));
        let rules = object.and_then(Rules::of);
        let why = match has_proxy {
            Some(Err(why)) => Captured::No(why),
            _ if self.is_bound() => {
                let line = "Envoy listens there itself".to_owned();
                self.walk.ok("capture", object.map(|o| o.id), vec![line]);
                return true;
            }
            _ if proxy.metadata.not_intercepted => Captured::No(Uncaptured::ModeNone),
            _ => rules.as_ref().map_or(Captured::Yes, |rules| {
                rules.outbound(proxy, self.dialled.ip(), self.walk.port)
            }),
        };
        let id = object.map(|o| o.id);
        match why {
            Captured::Yes if has_proxy.is_none() => {
                let name = object.map_or_else(String::new, |o| o.key.namespace.clone());
                let store = self.walk.store;
                let own_template =
                    object.is_some_and(|o| injection(store.snapshot, o) == Injection::OwnTemplate);
                let (line, fix) = if own_template {
                    (
                        "if it gets a sidecar: its template is not Istio's own".to_owned(),
                        "ask again with the pod that was made: its containers show it".to_owned(),
                    )
                } else {
                    (
                        format!("if it gets a sidecar: namespace {name} is not in the files"),
                        format!("add Namespace {name} to the files: its labels decide"),
                    )
                };
                self.walk.hop("capture", HopStatus::Unknown, id, vec![line]);
                self.walk.unknowns.push(Unknown {
                    what: format!("whether {} gets a sidecar", proxy.qualified()),
                    fix,
                    commands: Vec::new(),
                });
                true
            }
            Captured::Yes => {
                self.walk
                    .ok("capture", id, vec!["goes through Envoy".to_owned()]);
                // One of several containers may have opened it.
                if let Some((why, false)) = rules.and_then(|r| r.as_proxy()) {
                    let symptom = Symptom::Uncaptured {
                        why,
                        annotation: None,
                        address: self.dialled.ip(),
                    };
                    if let Some(finding) = self.walk.tell(self.rest, symptom) {
                        let others = "what the pod's other containers open goes through Envoy";
                        finding.so.push(others.to_owned());
                    }
                }
                true
            }
            Captured::ByAddress => {
                let line = "the address decides, and no object has it".to_owned();
                self.walk.hop("capture", HopStatus::Unknown, id, vec![line]);
                self.walk.unknowns.push(Unknown {
                    what: "whether the connection is redirected to the proxy".to_owned(),
                    fix: "ask with the IP address: the pod's annotations go by it".to_owned(),
                    commands: Vec::new(),
                });
                true
            }
            Captured::No(why) => {
                let line = format!("past Envoy: {}", why.words(self.walk.port));
                self.walk.hop("capture", HopStatus::Instead, id, vec![line]);
                if why == Uncaptured::OwnAddress && self.tell_own_address() {
                    return false;
                }
                let annotation = rules.and_then(|rules| rules.annotated(why));
                let annotation = annotation.as_deref();
                let symptom = Symptom::Uncaptured {
                    why,
                    annotation,
                    address: self.dialled.ip(),
                };
                if self.walk.tell(self.rest, symptom).is_some() {
                    self.none = Some(self.walk.findings.len().saturating_sub(1));
                }
                false
            }
        }
    }

    /// A service whose waypoint is for clients in ambient mode: this one goes past it.
    fn tell_past_waypoint(&mut self) {
        let Meant::Service(service) = self.dialled.meant else {
            return;
        };
        let bound = service_waypoint(self.walk.store, service.object);
        if let Some(Ok(waypoint)) = bound
            && self.walk.verdict == Verdict::Open
        {
            let (service, waypoint) = (service.object, waypoint.id);
            let what = Ambient::PastWaypoint { service, waypoint };
            self.walk.tell(self.rest, Symptom::Ambient(what));
        }
    }

    /// A pod that calls itself behind a headless Service: istiod left that listener out, as it would never be used.
    fn tell_own_address(&mut self) -> bool {
        let Some(entry) = self.meant_entry(|reason| matches!(reason, Reason::OwnAddress)) else {
            return false;
        };
        let Some(finding) = self.walk.tell_dropped(entry) else {
            return false;
        };
        finding
            .so
            .push("a pod's calls to itself are not redirected (SC-CAP-LOOPBACK)".to_owned());
        finding.also_known_as.push("SC-CAP-LOOPBACK");
        self.none = Some(self.walk.findings.len().saturating_sub(1));
        true
    }

    /// How bad it is to have no listener: an error where the connection does not arrive, else it works, but not as it
    /// looks.
    fn weigh(&mut self) {
        let arrives = matches!(self.walk.verdict, Verdict::Open | Verdict::Unknown);
        let Some(finding) = self.none.and_then(|n| self.walk.findings.get_mut(n)) else {
            return;
        };
        finding.severity = match finding.severity {
            Severity::Error if arrives => Severity::Warning,
            Severity::Info | Severity::Warning if !arrives => Severity::Error,
            same => same,
        };
    }

    /// The state in words, with what it leads to or why it does not.
    fn state(&self) -> String {
        let error = self
            .walk
            .findings
            .iter()
            .find(|f| f.severity == Severity::Error);
        let title = error.map(|f| format!(": {}", f.page.title));
        let title = title.unwrap_or_default();
        let (verb, lead) = match &self.lead {
            Some((verb, lead)) => (*verb, lead.as_str()),
            None => ("it leads", "on"),
        };
        match self.walk.verdict {
            Verdict::Open => format!("will be open: {verb} {lead}"),
            Verdict::Unknown => {
                let why = self.undetermined;
                format!("is {}", why.unwrap_or("unknown: what decides was not read"))
            }
            Verdict::Diverted => {
                let by = self
                    .taken_by
                    .and_then(|id| self.walk.store.snapshot.get(id));
                let by = by.map(|o| format!(" by {}", o.key)).unwrap_or_default();
                format!("will be diverted to {lead}{by}")
            }
            Verdict::LeadsNowhere => format!("will lead nowhere{title}"),
            Verdict::Unreachable => format!("will be unreachable{title}"),
            Verdict::Missing => format!("will be closed{title}"),
        }
    }

    /// The pod of a Service that is dialled by its own address, and the Services with an address that select it.
    fn pod_services(&self) -> Vec<(&'w Object, u32)> {
        let Some(pod) = self.dialled.meant.pod() else {
            return Vec::new();
        };
        why::services_of(self.walk.store, pod, self.walk.port)
    }

    /// Whether the destination is a pod that was asked for by its own address.
    fn is_pod_address(&self) -> bool {
        matches!(self.dialled.meant, Meant::Pod(o) if o.key.kind == Kind::Pod)
    }
}
