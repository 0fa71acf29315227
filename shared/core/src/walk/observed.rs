//! What the Envoys of a proxy's pods hold, laid beside the answer that was predicted: they agree, or it is said how
//! they do not.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{cluster_name, parts};
use super::{Class, Question, ambient, gateway, proxy_ref, sidecar, unread};
use crate::causes::{self, Page, Severity};
use crate::observed::{Envoy, Host, Shape};
use crate::predict::envoy::{own_listener, refused};
use crate::predict::reach::envoy_filters;
use crate::predict::store::Store;
use crate::predict::{Listener, ProxyKind};
use crate::report::pasted;
use crate::report::{
    Answer, Certainty, Command, Finding, Fix, Hop, HopStatus, Mark, PodAnswer, Proof, Unknown,
    Verdict,
};
use crate::snapshot::views::{AsView, Pod};
use crate::snapshot::{FieldPath, Kind, Object, ObjectId};

/// One pod, and what its Envoy holds or why that is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct PodEnvoy {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What it holds; else why it could not be asked, in a few words.
    pub held: Result<Envoy, String>,
}

/// What an answer rests on, after the pods were asked: for the second line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rests {
    /// On Envoys: `in Envoy on 3 of 3 pods`.
    Observed(String),
    /// On the prediction alone, and why no pod was asked.
    NotAsked(String),
}

/// Whether a connection of this answer meets an Envoy of the class.
#[must_use]
pub fn rests_on_envoy(class: &Class, answer: &Answer) -> bool {
    let past = |hop: &Hop| hop.name == "capture" && hop.status == HopStatus::Instead;
    proxy_ref(&class.proxy) == answer.proxy
        && !class.proxy.is_assumed()
        && !ambient::is_of(class)
        && !answer.path.iter().any(past)
}

/// The one port whose listeners decide, where it is one: a gateway's. `None` asks for all listeners.
#[must_use]
pub fn concerned_port(store: &Store<'_>, class: &Class, question: &Question) -> Option<u32> {
    let concerned = Concerned::of(store, class, question);
    let mut ports = concerned.ports.iter().copied();
    ports.next().filter(|_| ports.next().is_none())
}

/// The listeners that decide about a question.
struct Concerned<'c> {
    predicted: Vec<&'c Listener>,
    /// Their ports; empty where a sidecar's listener is known by its name alone.
    ports: BTreeSet<u32>,
}

impl<'c> Concerned<'c> {
    fn of(store: &Store<'_>, class: &'c Class, question: &Question) -> Self {
        let store = store.serving(&class.proxy);
        if let Some(host) = &question.host {
            return Self {
                predicted: sidecar::met(store, class, host, question.port),
                ports: BTreeSet::new(),
            };
        }
        let mut ports = gateway::bound_ports(store, class, question);
        if ports.is_empty()
            && let Some(port) = super::behind_nodes(store, class, question.port)
        {
            let meant = Question {
                port,
                ..question.clone()
            };
            ports = gateway::bound_ports(store, class, &meant);
        }
        if ports.is_empty() {
            ports.insert(question.port);
        }
        let listeners = class.prediction.config.listeners.iter();
        Self {
            predicted: listeners.filter(|l| ports.contains(&l.port)).collect(),
            ports,
        }
    }
}

/// How an Envoy stands to what was predicted for it, the worse the later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// It holds what was predicted; with Envoy's own words where that is a refusal.
    Agrees(Option<String>),
    /// It was not asked.
    Unasked(String),
    /// It has a listener on the port, and none was predicted.
    Unexpected(String),
    /// The listener leads elsewhere.
    Differs(String),
    /// It serves an older version, as it refused the new one or waits for it.
    Old(Option<String>),
    /// It serves what it was sent before, or nothing: it is not connected to istiod.
    Cut { serving: bool },
    /// It is closing the listener.
    Draining,
    /// The listener waits for a part of it.
    Warming,
    /// It was not sent the listener.
    Absent(String),
    /// It refused the listener, in these words.
    Refused(String),
}

impl State {
    /// How the question ends on such a pod.
    fn verdict(&self, predicted: Verdict) -> Verdict {
        match self {
            Self::Agrees(_) | Self::Unasked(_) => predicted,
            // Nothing that was predicted explains it.
            Self::Unexpected(_) => Verdict::Unknown,
            Self::Differs(_) => predicted.max(Verdict::Unknown),
            // There is a listener, whatever becomes of the new one.
            Self::Old(_) | Self::Cut { serving: true } => match predicted {
                Verdict::Missing => Verdict::Diverted,
                other => other.max(Verdict::Diverted),
            },
            Self::Cut { serving: false }
            | Self::Draining
            | Self::Warming
            | Self::Absent(_)
            | Self::Refused(_) => Verdict::Missing,
        }
    }

    /// The first word of a pod's own line.
    fn word(&self, predicted: Verdict) -> &'static str {
        match self {
            Self::Agrees(_) => predicted.word(),
            Self::Unasked(_) => "unknown",
            Self::Unexpected(_) | Self::Differs(_) => "differs",
            Self::Old(_) | Self::Cut { serving: true } => "old",
            Self::Cut { serving: false } | Self::Absent(_) => "absent",
            Self::Draining => "closing",
            Self::Warming => "waiting",
            Self::Refused(_) => "refused",
        }
    }

    /// Behind `port N is closed on M pods: `.
    fn words(&self) -> &'static str {
        match self {
            Self::Agrees(_) => "Envoy holds what is predicted",
            Self::Unasked(_) => "its Envoy was not asked",
            Self::Unexpected(_) => "Envoy has a listener that was not predicted",
            Self::Differs(_) => "Envoy leads elsewhere than predicted",
            Self::Old(_) => "Envoy kept an older listener",
            Self::Cut { .. } => "Envoy has no connection to istiod",
            Self::Draining => "Envoy is closing the listener",
            Self::Warming => "the listener waits for a part of it",
            Self::Absent(_) => "Envoy was not sent the listener",
            Self::Refused(_) => "Envoy refused the listener",
        }
    }
}

/// Completes an answer by what its pods' Envoys hold.
pub fn note_observed(
    store: &Store<'_>,
    class: &Class,
    question: &Question,
    pods: &[PodEnvoy],
    answer: &mut Answer,
) -> Rests {
    let concerned = Concerned::of(store, class, question);
    let static_one = |port: &u32| own_listener(*port).is_some();
    if concerned.predicted.is_empty() && concerned.ports.iter().any(static_one) {
        answer.summary = should(&answer.summary);
        return Rests::NotAsked("istiod sends them no such listener".to_owned());
    }
    let seen: Vec<Seen<'_>> = pods
        .iter()
        .map(|pod| Seen {
            object: store.snapshot.find(Kind::Pod, &pod.namespace, &pod.name),
            state: match &pod.held {
                Ok(envoy) => state(class, &concerned, envoy),
                Err(why) => State::Unasked(why.clone()),
            },
            pod,
        })
        .collect();
    let asked = seen
        .iter()
        .filter(|s| !matches!(s.state, State::Unasked(_)))
        .count();
    if asked == 0 {
        let why = pods.iter().find_map(|pod| pod.held.as_ref().err());
        answer.summary = should(&answer.summary);
        return Rests::NotAsked(why.map_or("none runs".to_owned(), Clone::clone));
    }
    let mut beside = Beside {
        store,
        class,
        question,
        concerned: &concerned,
        seen: &seen,
        predicted: answer.verdict,
    };
    beside.complete(answer);
    Rests::Observed(match (class.proxy.kind, pods) {
        (ProxyKind::Sidecar, [only]) => format!("in Envoy on {}/{}", only.namespace, only.name),
        _ => format!("in Envoy on {asked} of {} pods", pods.len()),
    })
}

/// How one Envoy stands to the prediction.
fn state(class: &Class, concerned: &Concerned<'_>, envoy: &Envoy) -> State {
    let mut worst = State::Agrees(None);
    for listener in &concerned.predicted {
        worst = worst.max(state_of(class, listener, envoy));
    }
    if !concerned.predicted.is_empty() {
        return worst;
    }
    let unexpected = envoy.listeners.iter().find(|(_, held)| {
        let active = held.active.as_ref();
        active.is_some_and(|l| !l.udp && concerned.ports.contains(&l.port))
    });
    unexpected.map_or(worst, |(name, _)| State::Unexpected(name.clone()))
}

fn state_of(class: &Class, listener: &Listener, envoy: &Envoy) -> State {
    let name = || listener.name.clone();
    let cut = envoy.connected() == Some(false);
    let config = &class.prediction.config;
    let refusal = refused(config, listener, &class.proxy);
    let Some(held) = envoy.listeners.get(&listener.name) else {
        return match refusal {
            // What Envoy would not take is not there.
            Some(_) => State::Agrees(None),
            None if cut => State::Cut { serving: false },
            None => State::Absent(name()),
        };
    };
    let Some(active) = &held.active else {
        return match (&held.refused, refusal) {
            (text, Some(_)) => State::Agrees(text.clone()),
            (Some(text), None) => State::Refused(text.clone()),
            (None, None) if held.warming => State::Warming,
            (None, None) => State::Draining,
        };
    };
    if refusal.is_some() {
        return match &held.refused {
            Some(text) => State::Old(Some(text.clone())),
            None => State::Differs(name()),
        };
    }
    let alone = |mut shape: Shape| {
        shape.listeners.retain(|l| l.name == active.name);
        let mut shape = shape.comparable();
        // Endpoints come and go; which there are is told where they are.
        shape.endpoints.clear();
        // A dump of listeners alone says nothing of what they lead to.
        if envoy.clusters.is_empty() {
            shape.clusters.clear();
        }
        if envoy.routes.is_empty() {
            shape.routes.clear();
        }
        shape
    };
    match &held.refused {
        _ if alone(Shape::of(config)) == alone(envoy.shape()) => State::Agrees(None),
        Some(text) => State::Old(Some(text.clone())),
        None if held.warming => State::Old(None),
        None if cut => State::Cut { serving: true },
        None => State::Differs(name()),
    }
}

/// A pod, and how it stands.
struct Seen<'s> {
    pod: &'s PodEnvoy,
    object: Option<&'s Object>,
    state: State,
}

impl Seen<'_> {
    fn node(&self) -> Option<&str> {
        let node = &Pod::of(&self.object?.view)?.spec.node_name;
        Some(node.as_str()).filter(|node| !node.is_empty())
    }

    fn agrees(&self) -> bool {
        matches!(self.state, State::Agrees(_))
    }
}

/// An answer that is being completed.
struct Beside<'s, 'a> {
    store: &'s Store<'a>,
    class: &'s Class,
    question: &'s Question,
    concerned: &'s Concerned<'s>,
    seen: &'s [Seen<'s>],
    predicted: Verdict,
}

impl Beside<'_, '_> {
    fn complete(&mut self, answer: &mut Answer) {
        let asked = || {
            let all = self.seen.iter();
            all.filter(|s| !matches!(s.state, State::Unasked(_)))
        };
        let worst = asked().map(|s| &s.state).max();
        let agree = asked().all(Seen::agrees);
        let everyone = asked().count() == self.seen.len();
        if agree {
            self.agreed(answer);
        } else if let Some(worst) = worst {
            self.disagreed(worst, answer);
        }
        self.proxy_hop(agree && everyone, answer);
        let alike = self.seen.iter().all(|s| same_kind(&s.state, self.first()));
        if !alike {
            self.each_pod(answer);
        }
        self.connects(answer);
    }

    fn first(&self) -> &State {
        static NONE: State = State::Agrees(None);
        self.seen.first().map_or(&NONE, |s| &s.state)
    }

    /// Envoy holds what was predicted: what decides there was seen.
    fn agreed(&self, answer: &mut Answer) {
        if answer.verdict != Verdict::Unknown {
            answer.summary = is(&answer.summary);
        }
        let of_service = |f: &Finding| {
            let object = self.store.snapshot.get(f.primary.object);
            object.is_some_and(|o| o.key.kind == Kind::Service)
        };
        let words: BTreeSet<&String> = self
            .seen
            .iter()
            .filter_map(|s| match &s.state {
                State::Agrees(text) => text.as_ref(),
                _ => None,
            })
            .collect();
        for finding in &mut answer.findings {
            // Where a Service leads, Envoy does not know.
            if finding.severity == Severity::Error && !of_service(finding) {
                finding.certainty = Certainty::Observed;
            }
            if is_refusal(finding) {
                finding
                    .seen
                    .extend(words.iter().map(|text| (*text).clone()));
            }
        }
    }

    fn disagreed(&self, worst: &State, answer: &mut Answer) {
        let ends = |s: &Seen<'_>| s.state.verdict(self.predicted);
        let asked = self
            .seen
            .iter()
            .filter(|s| !matches!(s.state, State::Unasked(_)));
        let verdict = asked.map(ends).max().unwrap_or(self.predicted);
        let such = self.seen.iter().filter(|s| same_kind(&s.state, worst));
        let (such, all) = (such.count(), self.seen.len());
        let on = if such == all {
            String::new()
        } else {
            format!(" on {such} of {all} pods")
        };
        answer.verdict = verdict;
        let ends = match worst.verdict(self.predicted) {
            Verdict::LeadsNowhere => "leads nowhere".to_owned(),
            other => format!("is {}", other.word()),
        };
        answer.summary = format!("{} {ends}{on}: {}", unread::subject(answer), worst.words());
        if let Some(hop) = answer.path.iter_mut().find(|h| h.name == "listener") {
            let shown = hop.lines.first().cloned();
            let shown = shown.filter(|_| hop.status == HopStatus::Ok);
            let words = worst.words();
            hop.status = match verdict {
                Verdict::Unknown => HopStatus::Unknown,
                _ => HopStatus::Broken,
            };
            hop.lines = vec![shown.map_or(words.to_owned(), |shown| format!("{shown}: {words}"))];
        }
        if verdict == Verdict::Missing {
            for name in ["chain", "cluster", "endpoints", "inbound"] {
                for hop in answer.path.iter_mut().filter(|h| h.name == name) {
                    hop.status = HopStatus::NotReached;
                    hop.lines.clear();
                }
            }
        }
        if let Some(clusters) = self.held_instead(worst) {
            if verdict == Verdict::Diverted && such == all {
                let (subject, words) = (unread::subject(answer), worst.words());
                let to = clusters.join(" and ");
                answer.summary = format!("{subject} is diverted to {to}: {words}");
            }
            answer.path.retain(|hop| hop.name != "endpoints");
            for hop in answer.path.iter_mut().filter(|h| h.name == "cluster") {
                hop.status = HopStatus::Instead;
                hop.lines.clone_from(&clusters);
            }
        }
        let mut told: BTreeMap<&State, Vec<&Seen<'_>>> = BTreeMap::new();
        for seen in self.seen.iter().filter(|s| !s.agrees()) {
            told.entry(&seen.state).or_default().push(seen);
        }
        for (state, pods) in told.into_iter().rev() {
            self.tell(state, &pods, answer);
        }
    }

    /// Where the listeners lead that Envoy holds instead, of the first pod that stands so.
    fn held_instead(&self, state: &State) -> Option<Vec<String>> {
        let serves = matches!(
            state,
            State::Old(_) | State::Cut { serving: true } | State::Differs(_) | State::Unexpected(_)
        );
        let pod = self.seen.iter().find(|s| serves && s.state == *state)?;
        let envoy = pod.pod.held.as_ref().ok()?;
        let domain = &self.store.mesh.domain;
        let concerned = |name: &str| {
            let mut predicted = self.concerned.predicted.iter();
            predicted.any(|l| l.name == name) || *state == State::Unexpected(name.to_owned())
        };
        let active = envoy.listeners.values().filter_map(|l| l.active.as_ref());
        let names: BTreeSet<String> = active
            .filter(|l| concerned(&l.name))
            .flat_map(|l| l.filter_chains.iter().chain(&l.default_filter_chain))
            .flat_map(|chain| chain.clusters.keys())
            .map(|cluster| cluster_name(cluster, domain))
            .collect();
        (!names.is_empty()).then(|| names.into_iter().collect())
    }

    /// One finding, or what is open, for all pods that stand alike.
    fn tell(&self, state: &State, pods: &[&Seen<'_>], answer: &mut Answer) {
        match state {
            State::Agrees(_) | State::Unasked(_) => {}
            State::Refused(text) => {
                let page = cause_of(text);
                self.tell_refused(page, text, pods, answer);
            }
            State::Old(text) => {
                let Some(mut finding) = self.finding("ENVOY-OLD-CONFIG", pods, answer) else {
                    return;
                };
                if let Some(text) = text {
                    let code = cause_of(text);
                    finding
                        .so
                        .push(format!("Envoy refused the new one ({code})"));
                    finding.seen.push(text.clone());
                    finding.also_known_as.push(code);
                } else {
                    finding
                        .so
                        .push("Envoy still waits for a part of the new one (ENVOY-WARMING)".into());
                }
                answer.findings.push(finding);
            }
            State::Warming => {
                let missing = self.missing_routes(pods);
                if let Some(mut finding) = self.finding("ENVOY-WARMING", pods, answer) {
                    let lacks = |route| format!("it has no routes {route} yet");
                    finding.so.extend(missing.into_iter().map(lacks));
                    answer.findings.push(finding);
                }
            }
            State::Draining => {
                answer
                    .findings
                    .extend(self.finding("ENVOY-DRAINING", pods, answer));
            }
            State::Cut { .. } => {
                if let Some(mut finding) = self.finding("GW-PROXY-NOT-CONNECTED", pods, answer) {
                    finding
                        .seen
                        .push("rq_active 0 at the cluster xds-grpc".to_owned());
                    answer.findings.push(finding);
                }
            }
            State::Unexpected(name) => self.unexplained(
                &format!("why Envoy has listener {name}, which istiod should not have sent"),
                pods,
                answer,
            ),
            State::Differs(name) => self.unexplained(
                &format!(
                    "why listener {name} leads elsewhere in Envoy than istiod should have sent"
                ),
                pods,
                answer,
            ),
            State::Absent(name) => self.unexplained(
                &format!("why Envoy has no listener {name}, which istiod should have sent"),
                pods,
                answer,
            ),
        }
    }

    fn tell_refused(
        &self,
        code: &'static str,
        text: &str,
        pods: &[&Seen<'_>],
        answer: &mut Answer,
    ) {
        let Some(mut finding) = self.finding(code, pods, answer) else {
            return;
        };
        if code != NACK {
            let so = "istiod has this proxy's listeners as not accepted (ENVOY-NACK)";
            finding.so.insert(0, so.to_owned());
            finding.also_known_as.push(NACK);
        }
        finding.seen.push(text.to_owned());
        let first = pods.first();
        if code == IN_USE
            && let Some(pod) = first.and_then(|s| s.object)
            && Pod::of(&pod.view).is_some_and(|p| p.spec.host_network)
        {
            let node = first.and_then(|s| s.node()).unwrap_or("that node");
            finding.primary.field = FieldPath::of("spec.hostNetwork");
            finding.primary.value = Some("true".to_owned());
            finding.why = format!(
                "each Envoy binds for itself. These pods use their node's network, so any process on {node} can be in the way."
            );
            let port = self.concerned.ports.first().copied();
            let port = port.unwrap_or(self.question.port);
            if node != "that node" {
                answer.commands.push(Command::new([
                    "kubectl",
                    "debug",
                    &format!("node/{node}"),
                    "-it",
                    "--image=busybox",
                    "--profile=sysadmin",
                    &format!("-- chroot /host ss -ltnp 'sport = :{port}'"),
                ]));
            }
        }
        if code == IN_USE {
            finding.fixes.push(by_hand(
                "that process is outside the mesh",
                "find it, stop it, then delete the pod; Envoy does not try again by itself",
            ));
        }
        answer.findings.push(finding);
    }

    /// A finding at the first of these pods.
    fn finding(&self, code: &str, pods: &[&Seen<'_>], answer: &Answer) -> Option<Finding> {
        let page = causes::page(code)?;
        let pod = pods.first().and_then(|s| s.object).map(|o| o.id);
        let others = || answer.path.iter().find_map(|hop| hop.object);
        let object = pod.or(self.class.proxy.object()).or_else(others)?;
        let mut finding = finding(page, object, FieldPath::of("metadata.name"));
        if pods.len() > 1 || (pod.is_none() && !self.seen.is_empty()) {
            let names: Vec<&str> = pods.iter().map(|s| s.pod.name.as_str()).collect();
            finding.so.push(format!("on {}", names.join(", ")));
        }
        Some(finding)
    }

    /// Nothing that was read explains the difference: both sides are named, and what could have made it.
    fn unexplained(&self, what: &str, pods: &[&Seen<'_>], answer: &mut Answer) {
        let names: Vec<&str> = pods.iter().map(|s| s.pod.name.as_str()).collect();
        let filters = envoy_filters(self.store, &self.class.proxy);
        let fix = match filters.as_slice() {
            [] => "compare both; istiod may not have sent its last change yet".to_owned(),
            some => {
                let some: Vec<String> = some.iter().map(|o| o.qualified()).collect();
                let whose = match some.len() {
                    1 => "an EnvoyFilter that reaches this proxy can have made it",
                    _ => "EnvoyFilters that reach this proxy can have made it",
                };
                format!("compare both; {whose}: {}", some.join(", "))
            }
        };
        answer.unknowns.push(Unknown {
            what: format!("{what}, on {}", names.join(", ")),
            fix,
            commands: Vec::new(),
        });
        let Some(first) = pods.first() else { return };
        answer.commands.push(Command::new([
            "kubectl",
            "mesh",
            "why-no-listener",
            "--show diff",
            &format!("--proxy pod/{}", first.pod.name),
            &format!("-n {}", first.pod.namespace),
        ]));
    }

    /// Route configurations that the listener names, and that one of the pods does not have.
    fn missing_routes(&self, pods: &[&Seen<'_>]) -> BTreeSet<String> {
        let envoys = || pods.iter().filter_map(|s| s.pod.held.as_ref().ok());
        let named = self.concerned.predicted.iter().flat_map(|l| l.all_chains());
        let named = named.filter_map(|chain| chain.route.clone());
        let inline = |route: &String| route.starts_with('(');
        named
            .filter(|route| !inline(route) && envoys().any(|e| !e.routes.contains_key(route)))
            .collect()
    }

    /// `3 of 3 ready, in sync`.
    fn proxy_hop(&self, in_sync: bool, answer: &mut Answer) {
        let Some(hop) = answer.path.iter_mut().find(|h| h.name == "proxy") else {
            return;
        };
        let Some(line) = hop.lines.first_mut() else {
            return;
        };
        let ready = |s: &Seen<'_>| {
            let pod = Pod::of(&s.object?.view)?;
            let ready = pod.status.conditions.iter().find(|c| c.r#type == "Ready")?;
            Some(ready.status == "True")
        };
        let known: Vec<bool> = self.seen.iter().filter_map(ready).collect();
        if known.len() == self.seen.len() && !self.class.proxy.is_assumed() {
            let ready = known.iter().filter(|r| **r).count();
            let name = self.class.proxy.qualified();
            *line = format!("{name}, {ready} of {} ready", known.len());
        }
        if in_sync && hop.status == HopStatus::Ok {
            line.push_str(", in sync");
        }
    }

    /// The pods differ: a line for each in the listener's hop, and in JSON.
    fn each_pod(&self, answer: &mut Answer) {
        let predicted = self.predicted;
        let width = |f: &dyn Fn(&Seen<'_>) -> usize| self.seen.iter().map(f).max().unwrap_or(0);
        let words = width(&|s| s.state.word(predicted).len());
        let names = width(&|s| s.pod.name.len());
        let line = |s: &Seen<'_>| {
            let (word, name) = (s.state.word(predicted), &s.pod.name);
            let rest = match (&s.state, s.node()) {
                (State::Unasked(why), _) => why.clone(),
                (_, Some(node)) => format!("on {node}"),
                _ => String::new(),
            };
            let line = format!("{word:<words$}  {name:<names$}  {rest}");
            line.trim_end().to_owned()
        };
        if let Some(hop) = answer.path.iter_mut().find(|h| h.name == "listener") {
            hop.lines = self.seen.iter().map(line).collect();
        }
        answer.pods = self
            .seen
            .iter()
            .map(|s| PodAnswer {
                name: s.pod.name.clone(),
                verdict: match s.state {
                    State::Unasked(_) => Verdict::Unknown,
                    _ => s.state.verdict(predicted),
                },
                detail: match &s.state {
                    State::Unasked(why) => why.clone(),
                    State::Refused(text) => text.clone(),
                    other => other.words().to_owned(),
                },
            })
            .collect();
    }

    /// What Envoy counts at the endpoints: connects that fail.
    fn connects(&self, answer: &mut Answer) {
        let reached = |h: &&mut Hop| {
            h.name == "endpoints" && matches!(h.status, HopStatus::Ok | HopStatus::Instead)
        };
        let hosts: Vec<&Host> = self.hosts().into_iter().map(|(_, host)| host).collect();
        let failed: u64 = hosts.iter().map(|h| h.connect_failures).sum();
        let Some(hop) = answer.path.iter_mut().find(reached) else {
            return;
        };
        if failed == 0 {
            return;
        }
        let tried: u64 = hosts.iter().map(|h| h.connections).sum();
        let words = format!("{failed} of {tried} connects failed");
        match hop.lines.last_mut() {
            Some(line) => {
                line.push_str(", ");
                line.push_str(&words);
            }
            None => hop.lines.push(words),
        }
        let dead = |h: &Host| h.connect_failures > 0 && h.connect_failures == h.connections;
        let every = hosts.iter().all(|h| dead(h));
        if answer.verdict != Verdict::Open || !hosts.iter().any(|h| dead(h)) {
            return;
        }
        if every {
            hop.status = HopStatus::Broken;
            answer.verdict = Verdict::LeadsNowhere;
            let subject = unread::subject(answer);
            answer.summary = format!("{subject} leads nowhere: every connect failed so far");
        }
        // The same endpoint is counted by each pod for itself.
        let mut told: BTreeMap<(ObjectId, &str), BTreeMap<&str, u64>> = BTreeMap::new();
        for (cluster, host) in self.hosts().into_iter().filter(|(_, h)| dead(h)) {
            let pod = self.pod_at(&host.address).map(|id| (id, "status.podIP"));
            let service = || Some((self.service_of(cluster)?, "spec.ports"));
            let own = || Some((self.class.proxy.object()?, "metadata.name"));
            if let Some(at) = pod.or_else(service).or_else(own) {
                let failures = told.entry(at).or_default();
                *failures.entry(&host.address).or_default() += host.connect_failures;
            }
        }
        let Some(page) = causes::page("GW-DST-CONNECT-FAIL") else {
            return;
        };
        for ((object, field), failures) in told {
            let mut finding = finding(page, object, FieldPath::of(field));
            if !every {
                finding.severity = Severity::Warning;
            }
            let counted = failures
                .into_iter()
                .map(|(address, n)| format!("cx_connect_fail {n}, all on {address}"));
            finding.seen.extend(counted);
            answer.findings.push(finding);
        }
    }

    /// The hosts that the TCP chains of the concerned listeners lead to, of every pod. What only passes through has
    /// none of its own.
    fn hosts(&self) -> Vec<(&str, &Host)> {
        let predicted = &self.concerned.predicted;
        let concerned = |name: &str| predicted.iter().any(|p| p.name == name);
        let mut found = Vec::new();
        for envoy in self.seen.iter().filter_map(|s| s.pod.held.as_ref().ok()) {
            let active = envoy.listeners.values().filter_map(|l| l.active.as_ref());
            let clusters: BTreeSet<&String> = active
                .filter(|l| concerned(&l.name) && !l.name.starts_with("virtual"))
                .flat_map(|l| l.filter_chains.iter().chain(&l.default_filter_chain))
                .flat_map(|chain| chain.clusters.keys())
                .collect();
            for cluster in clusters {
                let hosts = envoy.hosts.get(cluster).into_iter().flatten();
                found.extend(hosts.map(|host| (cluster.as_str(), host)));
            }
        }
        found
    }

    /// The object of a cluster's service: the oldest of its host.
    fn service_of(&self, cluster: &str) -> Option<ObjectId> {
        let (_, _, host) = parts(cluster)?;
        let service = self.store.services_named(host).next()?;
        Some(service.object)
    }

    fn pod_at(&self, address: &str) -> Option<ObjectId> {
        let (ip, _) = address.rsplit_once(':')?;
        let ip = ip.trim_start_matches('[').trim_end_matches(']');
        let mut pods = self.store.snapshot.of_kind(Kind::Pod);
        let has = |o: &&Object| {
            Pod::of(&o.view).is_some_and(|p| {
                p.status.pod_ip == ip || p.status.pod_ips.iter().any(|own| own.ip == ip)
            })
        };
        pods.find(has).map(|o| o.id)
    }
}

/// Whether two pods stand alike; Envoy's words may differ.
fn same_kind(a: &State, b: &State) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

const NACK: &str = "ENVOY-NACK";
const IN_USE: &str = "ENVOY-BIND-INUSE";

/// The code of what Envoy's text says, where it says one thing.
fn cause_of(text: &str) -> &'static str {
    let mut codes = pasted::causes(text).into_iter().map(|page| page.code);
    let mut of_envoy = codes.by_ref().filter(|code| code.starts_with("ENVOY-"));
    match (of_envoy.next(), of_envoy.next()) {
        (Some(only), None) => only,
        _ => NACK,
    }
}

/// Whether a finding is about a listener that Envoy would refuse.
fn is_refusal(finding: &Finding) -> bool {
    let own = [finding.page.code];
    let codes = own.iter().chain(&finding.also_known_as);
    codes.into_iter().any(|code| {
        code.starts_with("ENVOY-BIND")
            || code.starts_with("ENVOY-FC")
            || matches!(*code, "ENVOY-DUP-ADDR" | "ENVOY-SNI-PARTIAL")
    })
}

fn finding(page: &'static Page, object: ObjectId, field: FieldPath) -> Finding {
    Finding {
        page,
        severity: page.severity,
        certainty: Certainty::Observed,
        primary: Mark {
            object,
            field,
            value: None,
            label: String::new(),
        },
        remark: None,
        related: Vec::new(),
        why: page.why.to_owned(),
        so: Vec::new(),
        seen: Vec::new(),
        also_known_as: Vec::new(),
        assumes: Vec::new(),
        candidates: Vec::new(),
        no_fix: Some("it is no object's field that is at fault"),
        fixes: Vec::new(),
    }
}

/// What only a person can do.
fn by_hand(why: &str, what: &str) -> Fix {
    Fix {
        title: what.to_owned(),
        proof: Proof::Unproved(why.to_owned()),
        also_changes: Vec::new(),
        own: Vec::new(),
        changes: Vec::new(),
        part_of: None,
    }
}

/// `port 80 will be open` of what was seen.
fn is(summary: &str) -> String {
    let lead = summary.replacen(" will lead ", " leads ", 1);
    lead.replacen(" will be ", " is ", 1)
}

/// The same of what istiod should have made of live objects.
fn should(summary: &str) -> String {
    summary.replacen(" will ", " should ", 1)
}
