//! Moving weights between the destinations of one rule: which rule is meant, what it would become, and the proof.
//!
//! ```text
//! request ─► rules that it could mean ─► the one that is really used ─► percentages ─► changes ─► proof
//!                │                             │                            │            │
//!                └► unclear: a list            └► refused, with what to do instead ◄─────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::prove::{difference, leads};
use super::route::{self, Left, RuleRef, Uses};
use super::weights::{self, Move, WeightError};
use crate::change::apply;
use crate::ledger::{Block, Reason};
use crate::predict::hosts::{is_subset, resolve_short_name};
use crate::predict::store::{Service, Store, VirtualService};
use crate::predict::{
    Endpoint, ProxyFacts, Reached, WORKLOAD_KINDS, reached, selects, workload_spec,
};
use crate::report::Proof;
use crate::snapshot::views::{AsView, Destination, DestinationRule, Labels, PortSelector};
use crate::snapshot::{Change, Kind, ObjectKey, Operation, Snapshot};
use crate::walk::{Class, gateway_classes};

/// The label that a new subset goes by.
const VERSION: &str = "version";

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// A host, a Service (`NAME`, `NAMESPACE/NAME`), or `virtualservice/NAME`.
    pub target: String,
    /// Where names without a namespace are looked up, and the only namespace that is meant; without it any.
    pub namespace: Option<String>,
    /// Only rules for this port, as the Gateway declares it.
    pub port: Option<u32>,
    /// Only rules for this server name.
    pub sni: Option<String>,
    /// Only this rule: its block, if it was said, and its number.
    pub rule: Option<(Option<Block>, usize)>,
    /// The weights.
    pub ask: Ask,
    /// Subsets that are missing are added to the DestinationRule in force.
    pub create_subsets: bool,
    /// Destinations without a ready endpoint may get more.
    pub allow_empty: bool,
}

/// The weights that are asked for; destinations are named by subset or by host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// These get so many per cent, the others keep theirs.
    Set(Vec<(String, u32)>),
    /// This one gets so many per cent more.
    By {
        /// Per cent.
        percent: u32,
        /// Who gets it.
        to: String,
    },
    /// This one gets everything.
    AllTo(String),
    /// The two are exchanged.
    Swap,
}

impl Default for Ask {
    fn default() -> Self {
        Self::Set(Vec::new())
    }
}

/// A rule that could be meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The rule.
    pub rule: RuleRef,
    /// Its VirtualService.
    pub key: ObjectKey,
    /// The declared ports it is used for; without any use those that it names.
    pub ports: Vec<u32>,
    /// Its destinations with what they have.
    pub rows: Vec<Row>,
    /// What its stored weights are, if they are not the percentages.
    pub written: Vec<Option<i32>>,
    /// Whether any proxy uses it.
    pub used: bool,
    /// The rule that comes first, when it is never used because of that.
    pub shadowed_by: Option<String>,
}

/// Why the question cannot be answered as it was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Unclear {
    /// Nothing is named so.
    Unknown {
        /// What could be named instead: Services and hosts that rules lead to.
        known: Vec<String>,
        /// A VirtualService has the name.
        virtual_service: bool,
    },
    /// Rules are named so, but none is for that port, server name or number.
    NoneLeft(Vec<Candidate>),
    /// Several rules are named so.
    Several(Vec<Candidate>),
    /// Several destinations of the rule are named so.
    Destination {
        /// As it was asked.
        name: String,
        /// Names that mean one each.
        labels: Vec<String>,
    },
    /// The changes do not fit the objects: a fault in this program or in the text.
    Unfit(String),
}

/// How many pods are behind a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Pods were read.
    Pods {
        /// Ready ones.
        ready: u32,
        /// All.
        all: u32,
    },
    /// So many replicas are written; whether they are ready, no file says.
    Replicas(u32),
    /// There is no cluster.
    None(Reason),
}

impl Ready {
    /// Whether there is, or will be, anything to connect to.
    #[must_use]
    pub const fn any(&self) -> bool {
        match self {
            Self::Pods { ready, .. } => *ready > 0,
            Self::Replicas(count) => *count > 0,
            Self::None(_) => false,
        }
    }

    const fn rank(&self) -> (u8, u32) {
        match self {
            Self::None(_) => (0, 0),
            Self::Pods { ready, .. } => (1, *ready),
            Self::Replicas(count) => (1, *count),
        }
    }
}

/// One destination before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// As people name it: the subset, else the host, as much of it as is needed.
    pub label: String,
    /// Host as resolved.
    pub host: String,
    /// Subset; empty without.
    pub subset: String,
    /// Service port, if it is written.
    pub port: Option<u32>,
    /// Per cent that it has.
    pub now: u32,
    /// Per cent that it gets.
    pub after: u32,
    /// What is behind it.
    pub ready: Ready,
}

/// A gateway that uses the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many pods.
    pub pods: u32,
    /// Nothing was read of it.
    pub assumed: bool,
}

/// What would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The rule.
    pub rule: RuleRef,
    /// Its VirtualService.
    pub key: ObjectKey,
    /// The declared ports it is used for.
    pub ports: Vec<u32>,
    /// The destinations, in the order of the rule.
    pub rows: Vec<Row>,
    /// Gateways that use the rule.
    pub gateways: Vec<Reach>,
    /// Sidecars that it is for; they are not predicted.
    pub sidecars: u32,
    /// Whether what the destinations get is known: not for a refusal that came before the arithmetic.
    pub decided: bool,
    /// What to write, in order; empty when it stands already.
    pub changes: Vec<Change>,
    /// Whether every gateway then holds exactly these weights and nothing else differs.
    pub proof: Proof,
    /// What else opens: nothing of it was there before.
    pub added: Vec<String>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether everything stands as asked.
    #[must_use]
    pub fn unchanged(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether open connections are closed by the change: routes of HTTP are exchanged without.
    #[must_use]
    pub fn cuts(&self) -> bool {
        self.rule.block != Block::Http
    }
}

/// Why nothing is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// No proxy uses the rule.
    NotUsed {
        /// The rule that comes first, with its VirtualService.
        shadowed_by: Option<(RuleRef, ObjectKey)>,
        /// Why, in words.
        why: String,
    },
    /// A subset that no DestinationRule in force defines.
    UnknownSubset {
        /// As it was asked.
        name: String,
        /// Host of the service.
        host: String,
        /// Those that are defined.
        known: Vec<String>,
        /// Pods of the service have the label that such a subset would go by.
        creatable: bool,
    },
    /// A destination that leads nowhere.
    LeadsNowhere {
        /// Its label.
        name: String,
        /// Why, in words.
        why: String,
    },
    /// Destinations without a ready endpoint would get more.
    Empty(Vec<String>),
    /// The arithmetic has no result.
    Weights {
        /// Why.
        error: WeightError,
        /// Percentages near to it, by label.
        instead: Vec<(String, u32)>,
    },
    /// The prediction afterwards is not what was asked.
    Unproved(String),
}

/// How planning ends when there is no plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// The question is unclear.
    Unclear(Unclear),
    /// Refused, with the plan as far as it got.
    Refused(Refusal, Box<Plan>),
}

impl From<Unclear> for Stop {
    fn from(unclear: Unclear) -> Self {
        Self::Unclear(unclear)
    }
}

/// The rules that a request means, with what they have now: for a status.
///
/// # Errors
/// When nothing is named so.
pub fn find(
    store: &Store<'_>,
    classes: &[Class],
    request: &Request,
) -> Result<Vec<Candidate>, Unclear> {
    let found = named(store, classes, request)?;
    Ok(found
        .iter()
        .filter_map(|(rule, uses)| candidate(store, classes, *rule, uses))
        .collect())
}

/// Plans a shift and proves it.
///
/// # Errors
/// When it is unclear what is meant, or when the change is refused.
pub fn plan(store: &Store<'_>, classes: &[Class], request: &Request) -> Result<Plan, Stop> {
    let found = named(store, classes, request)?;
    let list = |found: &[(RuleRef, Uses)]| -> Vec<Candidate> {
        let candidates = found.iter();
        candidates
            .filter_map(|(rule, uses)| candidate(store, classes, *rule, uses))
            .collect()
    };
    let used: Vec<(RuleRef, Uses)> = found.iter().filter(|(_, u)| u.any()).cloned().collect();
    let chosen = match (used.as_slice(), found.as_slice()) {
        ([one], _) | ([], [one]) => one,
        ([], several) => return Err(Unclear::Several(list(several)).into()),
        (several, _) => return Err(Unclear::Several(list(several)).into()),
    };
    let (rule, uses) = chosen;
    let vs = store
        .virtual_service(rule.object)
        .ok_or_else(|| Unclear::Unfit("the VirtualService is gone".to_owned()))?;
    let mut work = Work {
        store,
        classes,
        request,
        vs,
        rule: *rule,
        uses: uses.clone(),
        groups: groups(store, vs, *rule),
        notes: shadowed_notes(store, *rule, &found),
    };
    work.plan()
}

/// The rules that a request means, each with its uses.
fn named(
    store: &Store<'_>,
    classes: &[Class],
    request: &Request,
) -> Result<Vec<(RuleRef, Uses)>, Unclear> {
    let target = Target::of(request, &store.mesh.domain);
    let all = route::all(store);
    let named: Vec<(RuleRef, Uses)> = all
        .iter()
        .filter(|rule| {
            let vs = store.virtual_service(rule.object);
            vs.is_some_and(|vs| target.means(store, vs, **rule))
        })
        .map(|rule| (*rule, route::uses(store, classes, *rule)))
        .collect();
    if named.is_empty() {
        return Err(unknown(store, &all, request));
    }
    let left: Vec<(RuleRef, Uses)> = named
        .iter()
        .filter(|(rule, uses)| narrowed(store, request, *rule, uses))
        .cloned()
        .collect();
    if left.is_empty() {
        let candidates = named.iter();
        return Err(Unclear::NoneLeft(
            candidates
                .filter_map(|(rule, uses)| candidate(store, classes, *rule, uses))
                .collect(),
        ));
    }
    Ok(left)
}

/// A target as it was typed, ready to be compared.
enum Target<'r> {
    VirtualService {
        name: &'r str,
        namespace: Option<&'r str>,
    },
    Word {
        word: &'r str,
        /// Full names that it could mean.
        hosts: Vec<String>,
        /// Any service with this name.
        name: Option<&'r str>,
        namespace: Option<&'r str>,
    },
}

impl<'r> Target<'r> {
    fn of(request: &'r Request, domain: &str) -> Self {
        let namespace = request.namespace.as_deref();
        let text = request.target.as_str();
        let (kind, rest) = text.split_once('/').unwrap_or(("", text));
        let word = match kind.to_ascii_lowercase().as_str() {
            "vs"
            | "virtualservice"
            | "virtualservices"
            | "virtualservice.networking.istio.io"
            | "virtualservices.networking.istio.io" => {
                return Self::VirtualService {
                    name: rest,
                    namespace,
                };
            }
            "svc" | "service" | "services" => rest,
            _ => text,
        };
        let mut hosts = vec![word.to_owned()];
        let mut name = None;
        match (word.split_once('/'), namespace) {
            (Some((namespace, service)), _) => {
                hosts = vec![format!("{service}.{namespace}.svc.{domain}")];
            }
            (None, Some(namespace)) if !word.contains('.') => {
                hosts.push(format!("{word}.{namespace}.svc.{domain}"));
            }
            (None, None) if !word.contains('.') => name = Some(word),
            _ => {
                hosts.push(format!("{word}.svc.{domain}"));
                hosts.push(format!("{word}.{domain}"));
            }
        }
        Self::Word {
            word,
            hosts,
            name,
            namespace,
        }
    }

    fn means(&self, store: &Store<'_>, vs: &VirtualService<'_>, rule: RuleRef) -> bool {
        match self {
            Self::VirtualService { name, namespace } => {
                vs.object.key.name == *name && namespace.is_none_or(|ns| ns == vs.namespace())
            }
            Self::Word {
                word,
                hosts,
                name,
                namespace,
            } => {
                let domain = &store.mesh.domain;
                let service = |host: &str| {
                    let short = host.strip_suffix(&format!(".svc.{domain}"));
                    let short = short.and_then(|h| h.split_once('.')).map(|(n, _)| n);
                    hosts.iter().any(|h| h == host) || (name.is_some() && short == *name)
                };
                let leads = route::destinations(vs, rule).iter().any(|d| {
                    service(&resolve_short_name(
                        &d.destination.host,
                        vs.namespace(),
                        domain,
                    ))
                });
                let covers = |host: &String| {
                    service(host) || (host != "*" && host.starts_with('*') && is_subset(word, host))
                };
                let own = namespace.is_none_or(|ns| ns == vs.namespace());
                leads
                    || (own
                        && (vs.hosts.iter().any(covers)
                            || route::written_names(vs, rule).iter().any(covers)))
            }
        }
    }
}

fn narrowed(store: &Store<'_>, request: &Request, rule: RuleRef, uses: &Uses) -> bool {
    let Some(vs) = store.virtual_service(rule.object) else {
        return false;
    };
    let by_number = request
        .rule
        .is_none_or(|(block, index)| block.is_none_or(|b| b == rule.block) && index == rule.index);
    let by_port = request.port.is_none_or(|port| {
        let used = uses.ports();
        if used.is_empty() {
            let written = route::written_ports(vs, rule);
            written.is_empty() || written.contains(&port)
        } else {
            used.contains(&port)
        }
    });
    let by_name = request.sni.as_ref().is_none_or(|sni| {
        let names = route::written_names(vs, rule);
        let names = if names.is_empty() {
            vs.hosts.clone()
        } else {
            names
        };
        names.iter().any(|name| is_subset(sni, name))
    });
    by_number && by_port && by_name
}

/// Nothing is named so: what is?
fn unknown(store: &Store<'_>, all: &[RuleRef], request: &Request) -> Unclear {
    let mut known = BTreeSet::new();
    let mine = |ns: &str| request.namespace.as_deref().is_none_or(|own| own == ns);
    for rule in all {
        let Some(vs) = store
            .virtual_service(rule.object)
            .filter(|vs| mine(vs.namespace()))
        else {
            continue;
        };
        for destination in route::destinations(vs, *rule) {
            let host = &destination.destination.host;
            let host = resolve_short_name(host, vs.namespace(), &store.mesh.domain);
            known.insert(short_host(&host, vs.namespace(), &store.mesh.domain));
        }
    }
    let name = request.target.as_str();
    Unclear::Unknown {
        known: known.into_iter().collect(),
        virtual_service: store
            .virtual_services
            .iter()
            .any(|vs| vs.object.key.name == name && mine(vs.namespace())),
    }
}

fn candidate(
    store: &Store<'_>,
    classes: &[Class],
    rule: RuleRef,
    uses: &Uses,
) -> Option<Candidate> {
    let vs = store.virtual_service(rule.object)?;
    let groups = groups(store, vs, rule);
    let ports = uses.ports();
    let ports = if ports.is_empty() {
        route::written_ports(vs, rule)
    } else {
        ports
    };
    let proxies = proxies(classes, uses, vs);
    Some(Candidate {
        rule,
        key: vs.object.key.clone(),
        ports: ports.into_iter().collect(),
        rows: groups
            .iter()
            .map(|g| g.row(g.now, ready(store, &proxies, vs, rule, &g.destination)))
            .collect(),
        written: written(vs, rule),
        used: uses.any(),
        shadowed_by: shadowed_by(uses).and_then(|first| {
            let key = &store.snapshot.get(first.object)?.key;
            Some(rule_name(first, key, rule))
        }),
    })
}

/// `tcp[0]`, with the VirtualService when it is another one.
fn rule_name(rule: RuleRef, key: &ObjectKey, seen_from: RuleRef) -> String {
    if rule.object == seen_from.object {
        rule.name()
    } else {
        format!("{} of {key}", rule.name())
    }
}

fn shadowed_by(uses: &Uses) -> Option<RuleRef> {
    uses.left_out.iter().find_map(|(_, left)| match left {
        Left::Shadowed(first) => Some(*first),
        Left::Reason(_) => None,
    })
}

/// Rules for the same target that never get a connection because of this one.
fn shadowed_notes(store: &Store<'_>, rule: RuleRef, found: &[(RuleRef, Uses)]) -> Vec<String> {
    found
        .iter()
        .filter(|(other, uses)| *other != rule && !uses.any() && shadowed_by(uses) == Some(rule))
        .filter_map(|(other, _)| {
            let key = &store.snapshot.get(other.object)?.key;
            let name = rule_name(*other, key, rule);
            Some(format!("{name} is never used: {} comes first", rule.name()))
        })
        .collect()
}

fn written(vs: &VirtualService<'_>, rule: RuleRef) -> Vec<Option<i32>> {
    route::destinations(vs, rule)
        .iter()
        .map(|d| d.weight)
        .collect()
}

/// Destinations of a rule that are the same: one, as a rule.
#[derive(Clone, Debug)]
struct Group {
    destination: Destination,
    host: String,
    /// Places in the rule; none for a new one.
    places: Vec<usize>,
    /// What each place has.
    shares: Vec<u32>,
    now: u32,
    label: String,
}

impl Group {
    fn row(&self, after: u32, ready: Ready) -> Row {
        Row {
            label: self.label.clone(),
            host: self.host.clone(),
            subset: self.destination.subset.clone(),
            port: self.destination.port.as_ref().map(|p| p.number),
            now: self.now,
            after,
            ready,
        }
    }
}

fn groups(store: &Store<'_>, vs: &VirtualService<'_>, rule: RuleRef) -> Vec<Group> {
    let route = route::destinations(vs, rule);
    let shares = weights::effective(&written(vs, rule));
    let mut groups: Vec<Group> = Vec::new();
    for (n, (destination, share)) in route.iter().zip(shares).enumerate() {
        let destination = &destination.destination;
        let host = resolve_short_name(&destination.host, vs.namespace(), &store.mesh.domain);
        let same = |g: &&mut Group| {
            g.host == host
                && g.destination.subset == destination.subset
                && g.destination.port == destination.port
        };
        if let Some(group) = groups.iter_mut().find(same) {
            group.places.push(n);
            group.shares.push(share);
            group.now += share;
            continue;
        }
        groups.push(Group {
            destination: destination.clone(),
            host: host.into_owned(),
            places: vec![n],
            shares: vec![share],
            now: share,
            label: String::new(),
        });
    }
    label(&mut groups, vs.namespace(), &store.mesh.domain);
    groups
}

/// A host as people write it from a namespace: the Service's name, with its namespace when that is another.
fn short_host(host: &str, namespace: &str, domain: &str) -> String {
    let parts = host
        .strip_suffix(&format!(".svc.{domain}"))
        .and_then(|h| h.split_once('.'));
    match parts {
        Some((name, ns)) if ns == namespace => name.to_owned(),
        Some((name, ns)) => format!("{name}.{ns}"),
        None => host.to_owned(),
    }
}

/// Gives each destination the shortest name that means no other.
fn label(groups: &mut [Group], namespace: &str, domain: &str) {
    let forms = |g: &Group| -> Vec<String> {
        let host = short_host(&g.host, namespace, domain);
        let subset = &g.destination.subset;
        let port = g.destination.port.as_ref().map_or(0, |p| p.number);
        let whole = if subset.is_empty() {
            host.clone()
        } else {
            format!("{host}/{subset}")
        };
        let short = if subset.is_empty() {
            host
        } else {
            subset.clone()
        };
        vec![short, whole.clone(), format!("{whole}:{port}")]
    };
    let all: Vec<Vec<String>> = groups.iter().map(forms).collect();
    for (n, group) in groups.iter_mut().enumerate() {
        let unique = |level: usize| {
            let own = all.get(n).and_then(|f| f.get(level));
            let same = all.iter().filter(|f| f.get(level) == own).count();
            own.filter(|_| same == 1).cloned()
        };
        let last = all.get(n).and_then(|f| f.last()).cloned();
        group.label = (0..3).find_map(unique).or(last).unwrap_or_default();
    }
}

/// The proxies that a rule's destinations are looked up for, with the declared number of the server.
fn proxies(classes: &[Class], uses: &Uses, vs: &VirtualService<'_>) -> Vec<(ProxyFacts, u32)> {
    let mut found: Vec<(ProxyFacts, u32)> = uses
        .gateways
        .iter()
        .filter_map(|(n, ports)| {
            let class = classes.get(*n)?;
            Some((class.proxy.clone(), ports.first().copied().unwrap_or(0)))
        })
        .collect();
    if uses.sidecars > 0 || found.is_empty() {
        found.push((route::some_sidecar(vs), 0));
    }
    found
}

/// What is behind a destination, for the proxy that sees least of it.
fn ready(
    store: &Store<'_>,
    proxies: &[(ProxyFacts, u32)],
    vs: &VirtualService<'_>,
    rule: RuleRef,
    destination: &Destination,
) -> Ready {
    let one = |(proxy, declared): &(ProxyFacts, u32)| {
        let reached = reached(store, proxy, vs, rule.block, destination, *declared);
        match reached.cluster {
            Err(reason) => Ready::None(reason),
            Ok((cluster, all)) => {
                let written = cluster
                    .endpoints
                    .iter()
                    .any(|e| matches!(e, Endpoint::Replicas { .. }));
                if written {
                    Ready::Replicas(cluster.endpoint_count())
                } else {
                    Ready::Pods {
                        ready: cluster.endpoint_count(),
                        all,
                    }
                }
            }
        }
    };
    proxies
        .iter()
        .map(one)
        .min_by_key(Ready::rank)
        .unwrap_or(Ready::Replicas(0))
}

/// What stands for a reason in a sentence about a destination.
fn reason_words(reason: &Reason) -> String {
    match reason {
        Reason::UnknownHost { host } => format!("no Service is named {host}"),
        Reason::NotVisible { host } => format!("{host} is not exported to that namespace"),
        Reason::PortAbsent { host, port } => format!("{host} has no port {port}"),
        Reason::PortUnclear { host, port } => {
            format!("{host} has several ports, and none is {port}")
        }
        Reason::SubsetUndefined { subset, .. } => format!("subset {subset} is not defined"),
        Reason::EmptyHost => "it has no host".to_owned(),
        Reason::PortMismatch { declared, .. } => {
            format!("its match.port is not {declared}, the Gateway's number")
        }
        Reason::GatewayMismatch { .. } => "its match.gateways leaves the Gateway out".to_owned(),
        Reason::EmptyRoute => "it has no destinations".to_owned(),
        Reason::ZeroSum => "no destination has a weight above 0".to_owned(),
        Reason::NoMatch => "a tls rule without match is never used".to_owned(),
        Reason::NotExported => "its exportTo leaves the gateway's namespace out".to_owned(),
        Reason::HostMismatch => "its hosts and the Gateway's have none in common".to_owned(),
        Reason::HostNamespace { .. } => {
            "the Gateway keeps the host for another namespace".to_owned()
        }
        Reason::NoBlock { needed } => {
            format!("the Gateway's server takes {} rules", needed.field())
        }
        Reason::NoHosts => "its VirtualService has no hosts".to_owned(),
        Reason::SourceMismatch { .. } => "it is for other proxies".to_owned(),
        _ => "no Gateway server takes it".to_owned(),
    }
}

/// One request for one rule.
struct Work<'w, 'a> {
    store: &'w Store<'a>,
    classes: &'w [Class],
    request: &'w Request,
    vs: &'w VirtualService<'a>,
    rule: RuleRef,
    uses: Uses,
    groups: Vec<Group>,
    notes: Vec<String>,
}

impl Work<'_, '_> {
    fn plan(&mut self) -> Result<Plan, Stop> {
        let zero = |(_, left): &(usize, Left)| *left == Left::Reason(Reason::ZeroSum);
        if !self.uses.any() && !self.uses.left_out.iter().any(zero) {
            return Err(self.not_used());
        }
        let by = self.by()?;
        let now: Vec<u32> = self.groups.iter().map(|g| g.now).collect();
        let after = match weights::moved(&now, &by) {
            Ok(after) => after,
            Err(error) => return Err(self.no_weights(error, &now, &by)),
        };
        let idle = matches!(by, Move::By { percent: 0, .. });
        self.written_notes();
        let subsets = self.subsets(&after)?;
        let mut changes = subsets;
        if !idle {
            changes.extend(self.patch(&after));
        }
        if changes.is_empty() {
            let proxies = proxies(self.classes, &self.uses, self.vs);
            return Ok(self.draft(self.store, self.vs, &proxies, &after, changes));
        }
        self.prove(&after, changes)
    }

    /// The move, its destinations by number; new ones are added to the groups.
    fn by(&mut self) -> Result<Move, Stop> {
        Ok(match &self.request.ask {
            Ask::Swap => Move::Swap,
            Ask::AllTo(name) => Move::AllTo(self.group(name)?),
            Ask::By { percent, to } => Move::By {
                percent: *percent,
                to: self.group(to)?,
            },
            Ask::Set(set) => {
                let mut numbered: Vec<(usize, u32)> = Vec::new();
                for (name, percent) in set {
                    if *percent == 0 && self.lookup(name)?.is_none() {
                        continue;
                    }
                    let n = self.group(name)?;
                    // Named twice, the last one counts, as for flags.
                    numbered.retain(|(m, _)| *m != n);
                    numbered.push((n, *percent));
                }
                Move::Set(numbered)
            }
        })
    }

    fn group(&mut self, name: &str) -> Result<usize, Stop> {
        match self.lookup(name)? {
            Some(n) => Ok(n),
            None => self.new_group(name),
        }
    }

    /// The destination with a name: its label, its subset, or its host.
    fn lookup(&self, name: &str) -> Result<Option<usize>, Unclear> {
        let domain = &self.store.mesh.domain;
        let host = |g: &Group| {
            let short = short_host(&g.host, self.vs.namespace(), domain);
            let first = short.split('.').next().unwrap_or_default();
            g.host == name || g.destination.host == name || short == name || first == name
        };
        let ways: [&dyn Fn(&Group) -> bool; 3] = [
            &|g| g.label == name,
            &|g| g.destination.subset == name,
            &|g| host(g),
        ];
        for way in ways {
            let found: Vec<usize> = (0..)
                .zip(&self.groups)
                .filter(|(_, g)| way(g))
                .map(|(n, _)| n)
                .collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok(Some(*one)),
                several => {
                    let labels = several.iter().filter_map(|n| self.groups.get(*n));
                    return Err(Unclear::Destination {
                        name: name.to_owned(),
                        labels: labels.map(|g| g.label.clone()).collect(),
                    });
                }
            }
        }
        Ok(None)
    }

    /// A destination that the rule does not have yet: another subset of its host, or another Service beside it.
    fn new_group(&mut self, name: &str) -> Result<usize, Stop> {
        let (host, subset) = match name.split_once('/') {
            Some((host, subset)) => (Some(host), subset),
            None => (None, name),
        };
        let mut like: Vec<Group> = Vec::new();
        for group in &self.groups {
            let short = short_host(&group.host, self.vs.namespace(), &self.store.mesh.domain);
            let named = host.is_none_or(|h| h == short || h == group.host);
            if named && !like.iter().any(|g| g.host == group.host) {
                like.push(group.clone());
            }
        }
        let by_subset = self.groups.iter().any(|g| !g.destination.subset.is_empty());
        let mut destination = match like.as_slice() {
            [one] => one.destination.clone(),
            [] => return Err(self.refused(self.unknown_subset(name, "", &[]), &[])),
            several => {
                let labels = several.iter().map(|g| {
                    let ns = self.vs.namespace();
                    format!(
                        "{}/{subset}",
                        short_host(&g.host, ns, &self.store.mesh.domain)
                    )
                });
                return Err(Unclear::Destination {
                    name: name.to_owned(),
                    labels: labels.collect(),
                }
                .into());
            }
        };
        destination.subset = subset.to_owned();
        let proxies = proxies(self.classes, &self.uses, self.vs);
        let undefined = |d: &Destination| {
            let found = ready(self.store, &proxies, self.vs, self.rule, d);
            matches!(found, Ready::None(Reason::SubsetUndefined { .. }))
        };
        if undefined(&destination) && !by_subset && !self.request.create_subsets {
            let mut other = destination.clone();
            other.host = name.to_owned();
            other.subset.clear();
            let found = ready(self.store, &proxies, self.vs, self.rule, &other);
            if !matches!(found, Ready::None(_)) {
                destination = other;
            }
        }
        // Said before the arithmetic: the sum would be wrong only because of the wrong name.
        if undefined(&destination) && !self.request.create_subsets {
            let host = like.first().map_or("", |g| g.host.as_str());
            return Err(self.refused(self.unknown_subset(subset, host, &proxies), &[]));
        }
        let domain = &self.store.mesh.domain;
        let host = resolve_short_name(&destination.host, self.vs.namespace(), domain).into_owned();
        self.groups.push(Group {
            destination,
            host,
            places: Vec::new(),
            shares: Vec::new(),
            now: 0,
            label: String::new(),
        });
        label(&mut self.groups, self.vs.namespace(), domain);
        Ok(self.groups.len() - 1)
    }

    /// The changes of DestinationRules for subsets that are missing.
    fn subsets(&mut self, after: &[u32]) -> Result<Vec<Change>, Stop> {
        let proxies = proxies(self.classes, &self.uses, self.vs);
        let mut changes: Vec<Change> = Vec::new();
        let groups = self.groups.clone();
        let shares = after;
        for (group, after) in groups.iter().zip(after) {
            if *after == 0 {
                continue;
            }
            let missing = proxies.iter().find_map(|(proxy, declared)| {
                let (vs, block) = (self.vs, self.rule.block);
                let found = reached(self.store, proxy, vs, block, &group.destination, *declared);
                let undefined = matches!(found.cluster, Err(Reason::SubsetUndefined { .. }));
                undefined.then_some((proxy, found))
            });
            let Some((proxy, found)) = missing else {
                continue;
            };
            let service = self.service(&group.host, proxy, &found);
            let Some(service) = service.filter(|_| self.request.create_subsets) else {
                if *after > group.now {
                    return Err(self.refused(
                        self.unknown_subset(&group.destination.subset, &group.host, &proxies),
                        shares,
                    ));
                }
                continue;
            };
            let subset = group.destination.subset.as_str();
            if !versions(self.store.snapshot, &service).contains(subset) {
                return Err(
                    self.refused(self.unknown_subset(subset, &group.host, &proxies), shares)
                );
            }
            self.create_subset(&service, proxy, subset, &mut changes);
        }
        Ok(changes)
    }

    fn service(&self, host: &str, proxy: &ProxyFacts, found: &Reached) -> Option<Service> {
        let service = self.store.service(host, &proxy.namespace)?;
        (Some(service.object) == found.service).then(|| service.into_owned())
    }

    fn create_subset(
        &mut self,
        service: &Service,
        proxy: &ProxyFacts,
        subset: &str,
        changes: &mut Vec<Change>,
    ) {
        let item = json!({"name": subset, "labels": {VERSION: subset}});
        let in_force = self
            .store
            .destination_rule(service, &proxy.namespace, &proxy.labels)
            .and_then(|rule| rule.objects.first())
            .and_then(|id| self.store.snapshot.get(*id));
        if let Some(object) = in_force {
            self.notes
                .push(format!("subset {subset} is added to {}", object.key));
            let spec = DestinationRule::of(&object.view).map(|v| &v.spec);
            let started = changes.iter_mut().find_map(|change| match change {
                Change::Patch {
                    object: id,
                    operations,
                } if *id == object.id => Some(operations),
                _ => None,
            });
            let empty = spec.is_none_or(|s| s.subsets.is_empty()) && started.is_none();
            let operation = if empty {
                Operation::Add {
                    path: "/spec/subsets".to_owned(),
                    value: json!([item]),
                }
            } else {
                Operation::Add {
                    path: "/spec/subsets/-".to_owned(),
                    value: item,
                }
            };
            match started {
                Some(operations) => operations.push(operation),
                None => changes.push(Change::Patch {
                    object: object.id,
                    operations: vec![operation],
                }),
            }
            return;
        }
        let started = changes.iter_mut().find_map(|change| match change {
            Change::Create { object, .. }
                if object.pointer("/spec/host") == Some(&json!(service.hostname)) =>
            {
                object
                    .pointer_mut("/spec/subsets")
                    .and_then(Value::as_array_mut)
            }
            _ => None,
        });
        if let Some(subsets) = started {
            subsets.push(item);
            return;
        }
        let short = service.hostname.split('.').next().unwrap_or_default();
        let namespace = service.namespace.as_str();
        let taken = |name: &str| {
            let snapshot = self.store.snapshot;
            snapshot
                .find(Kind::DestinationRule, namespace, name)
                .is_some()
        };
        let name = if taken(short) {
            format!("{short}-subsets")
        } else {
            short.to_owned()
        };
        self.notes.push(format!(
            "subset {subset} is defined by a new DestinationRule {namespace}/{name}: none was in force"
        ));
        changes.push(Change::Create {
            kind: Kind::DestinationRule,
            object: json!({
                "apiVersion": "networking.istio.io/v1",
                "kind": "DestinationRule",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"host": service.hostname, "subsets": [item]},
            }),
            beside: Some(self.rule.object),
        });
    }

    /// The change of the VirtualService: only the weights that differ, and new destinations behind the others.
    fn patch(&self, after: &[u32]) -> Option<Change> {
        let written = written(self.vs, self.rule);
        let mut wanted: BTreeMap<usize, u32> = BTreeMap::new();
        let mut new = Vec::new();
        for (group, share) in self.groups.iter().zip(after) {
            for (place, share) in group
                .places
                .iter()
                .zip(weights::spread(*share, &group.shares))
            {
                wanted.insert(*place, share);
            }
            if group.places.is_empty() && *share > 0 {
                new.push((group, *share));
            }
        }
        let wanted: Vec<u32> = wanted.into_values().collect();
        if new.is_empty() && weights::stand_already(&written, &wanted) {
            return None;
        }
        let route = self.rule.route().pointer();
        let mut operations = Vec::new();
        for (n, (old, new)) in written.iter().zip(wanted).enumerate() {
            let path = format!("{route}/{n}/weight");
            let value = json!(new);
            match old {
                Some(old) if u32::try_from(*old) == Ok(new) => {}
                Some(_) => operations.push(Operation::Replace { path, value }),
                None if new == 0 => {}
                None => operations.push(Operation::Add { path, value }),
            }
        }
        for (group, share) in new {
            operations.push(Operation::Add {
                path: format!("{route}/-"),
                value: written_destination(&group.destination, share),
            });
        }
        (!operations.is_empty()).then_some(Change::Patch {
            object: self.rule.object,
            operations,
        })
    }

    /// What a reader of the file would not see.
    fn written_notes(&mut self) {
        let written = written(self.vs, self.rule);
        if written.len() > 1 {
            let sum: i64 = written.iter().map(|w| i64::from(w.unwrap_or(0))).sum();
            let omitted = written.iter().filter(|w| w.is_none()).count();
            if omitted > 0 {
                self.notes
                    .push("a weight that is left out counts as 0".to_owned());
            }
            if sum != 100 {
                self.notes.push(format!(
                    "the written weights add up to {sum}: NOW is what they come to"
                ));
            }
        }
        for group in self.groups.iter().filter(|g| g.places.len() > 1) {
            self.notes.push(format!(
                "{} stands {} times in the rule: its share is spread over them as before",
                group.label,
                group.places.len()
            ));
        }
    }

    /// The plan without a proof, as it would be over this store.
    fn draft(
        &self,
        store: &Store<'_>,
        vs: &VirtualService<'_>,
        proxies: &[(ProxyFacts, u32)],
        after: &[u32],
        changes: Vec<Change>,
    ) -> Plan {
        let rows = self.groups.iter().enumerate().map(|(n, group)| {
            let share = after.get(n).copied().unwrap_or(group.now);
            group.row(
                share,
                ready(store, proxies, vs, self.rule, &group.destination),
            )
        });
        let gateways = self.uses.gateways.iter().filter_map(|(n, _)| {
            let proxy = &self.classes.get(*n)?.proxy;
            Some(Reach {
                namespace: proxy.namespace.clone(),
                name: proxy.name.clone(),
                pods: proxy.replicas,
                assumed: proxy.is_assumed(),
            })
        });
        let ports = self.uses.ports();
        let ports = if ports.is_empty() {
            route::written_ports(self.vs, self.rule)
        } else {
            ports
        };
        Plan {
            rule: self.rule,
            key: self.vs.object.key.clone(),
            ports: ports.into_iter().collect(),
            rows: rows.collect(),
            gateways: gateways.collect(),
            sidecars: self.uses.sidecars,
            decided: !after.is_empty(),
            changes,
            proof: Proof::Unproved(String::new()),
            added: Vec::new(),
            notes: self.notes.clone(),
        }
    }

    /// A refusal with the plan as far as it got: without percentages when it came before them.
    fn refused(&self, refusal: Refusal, after: &[u32]) -> Stop {
        let proxies = proxies(self.classes, &self.uses, self.vs);
        let plan = self.draft(self.store, self.vs, &proxies, after, Vec::new());
        Stop::Refused(refusal, Box::new(plan))
    }

    fn not_used(&self) -> Stop {
        let first = shadowed_by(&self.uses).and_then(|first| {
            let key = self.store.snapshot.get(first.object)?.key.clone();
            Some((first, key))
        });
        let reason = self.uses.left_out.iter().find_map(|(_, left)| match left {
            Left::Reason(reason) => Some(reason_words(reason)),
            Left::Shadowed(_) => None,
        });
        let why = match (&first, reason) {
            (Some((first, key)), _) => {
                format!("{} comes first", rule_name(*first, key, self.rule))
            }
            (None, Some(reason)) => reason,
            (None, None) => "no Gateway that was read is named by it".to_owned(),
        };
        let refusal = Refusal::NotUsed {
            shadowed_by: first,
            why,
        };
        self.refused(refusal, &[])
    }

    fn no_weights(&self, error: WeightError, now: &[u32], by: &Move) -> Stop {
        let instead = match by {
            Move::Set(set) => {
                let near = weights::nearest(now, set);
                let labels = self.groups.iter().map(|g| g.label.clone());
                labels.zip(near).collect()
            }
            _ => Vec::new(),
        };
        let mut asked = Vec::new();
        if let Move::Set(set) = by {
            asked = now.to_vec();
            for (n, percent) in set {
                if let Some(share) = asked.get_mut(*n) {
                    *share = *percent;
                }
            }
        }
        self.refused(Refusal::Weights { error, instead }, &asked)
    }

    fn unknown_subset(&self, name: &str, host: &str, proxies: &[(ProxyFacts, u32)]) -> Refusal {
        let facts = proxies.first().map(|(proxy, _)| proxy);
        let service = facts.and_then(|proxy| {
            let service = self.store.service(host, &proxy.namespace)?;
            Some((proxy, service.into_owned()))
        });
        let known = service.as_ref().and_then(|(proxy, service)| {
            let rule = self
                .store
                .destination_rule(service, &proxy.namespace, &proxy.labels)?;
            Some(rule.subsets.iter().map(|s| s.name.clone()).collect())
        });
        Refusal::UnknownSubset {
            name: name.to_owned(),
            known: known.unwrap_or_default(),
            creatable: service
                .as_ref()
                .is_some_and(|(_, service)| versions(self.store.snapshot, service).contains(name)),
            host: short_host(host, self.vs.namespace(), &self.store.mesh.domain),
        }
    }

    /// Applies every prefix of the changes to a copy and predicts again.
    fn prove(&mut self, after: &[u32], changes: Vec<Change>) -> Result<Plan, Stop> {
        let unfit = |error: crate::change::ChangeError| Unclear::Unfit(error.to_string());
        for n in 1..changes.len() {
            let part = changes.get(..n).unwrap_or_default();
            let overlay = apply(self.store.snapshot, part).map_err(unfit)?;
            let store = Store::new(&overlay);
            let found = difference(self.classes, &gateway_classes(&store), self.rule);
            if let Some(what) = found.disturbed.first() {
                let what = format!("{what} would change after {n} of {}", changes.len());
                return Err(self.refused(Refusal::Unproved(what), after));
            }
        }
        let overlay: Snapshot = apply(self.store.snapshot, &changes).map_err(unfit)?;
        let store = Store::new(&overlay);
        let classes = gateway_classes(&store);
        self.uses = route::uses(&store, &classes, self.rule);
        if !self.uses.any() {
            return Err(self.not_used());
        }
        let Some(vs) = store.virtual_service(self.rule.object) else {
            return Err(Unclear::Unfit("the VirtualService is gone".to_owned()).into());
        };
        let proxies = proxies(&classes, &self.uses, vs);
        let mut plan = self.draft(&store, vs, &proxies, after, changes);
        for row in plan.rows.iter().filter(|row| row.after > row.now) {
            if let Ready::None(reason) = &row.ready
                && !matches!(reason, Reason::NoEndpoints { .. })
            {
                let refusal = Refusal::LeadsNowhere {
                    name: row.label.clone(),
                    why: reason_words(reason),
                };
                return Err(Stop::Refused(refusal, Box::new(plan)));
            }
        }
        let empty = |more: bool| -> Vec<String> {
            plan.rows
                .iter()
                .filter(|row| row.after > 0 && !row.ready.any() && (row.after > row.now) == more)
                .map(|row| row.label.clone())
                .collect()
        };
        let (gains, keeps) = (empty(true), empty(false));
        if !gains.is_empty() && !self.request.allow_empty {
            return Err(Stop::Refused(Refusal::Empty(gains), Box::new(plan)));
        }
        let with_more = gains
            .into_iter()
            .map(|name| format!("{name} has no ready endpoint"));
        plan.notes.extend(with_more);
        let kept = keeps.into_iter();
        plan.notes
            .extend(kept.map(|name| format!("{name} keeps a share and has no ready endpoint")));
        plan.notes.extend(self.elsewhere());

        let found = difference(self.classes, &classes, self.rule);
        if let Some(what) = found.disturbed.first() {
            let refusal = Refusal::Unproved(format!("{what} would change too"));
            return Err(Stop::Refused(refusal, Box::new(plan)));
        }
        for (n, ports) in &self.uses.gateways {
            let Some(class) = classes.get(*n) else {
                continue;
            };
            let declared = ports.first().copied().unwrap_or(0);
            let asked = self.asked(&store, vs, &class.proxy, declared, after);
            if !leads(class, self.rule)
                .iter()
                .all(|held| as_asked(held, &asked))
            {
                let name = class.proxy.qualified();
                let refusal = Refusal::Unproved(format!("{name} would hold other weights"));
                return Err(Stop::Refused(refusal, Box::new(plan)));
            }
        }
        plan.added = found.added.into_iter().collect();
        plan.proof = self.proof(&plan);
        Ok(plan)
    }

    /// What each cluster should get on a gateway.
    fn asked(
        &self,
        store: &Store<'_>,
        vs: &VirtualService<'_>,
        proxy: &ProxyFacts,
        declared: u32,
        after: &[u32],
    ) -> BTreeMap<String, u32> {
        let mut asked: BTreeMap<String, u32> = BTreeMap::new();
        for (group, share) in self
            .groups
            .iter()
            .zip(after)
            .filter(|(_, share)| **share > 0)
        {
            let block = self.rule.block;
            let reached = reached(store, proxy, vs, block, &group.destination, declared);
            *asked.entry(reached.name).or_default() += share;
        }
        asked
    }

    /// Gateways where another rule comes first.
    fn elsewhere(&self) -> Vec<String> {
        let left = self.uses.left_out.iter();
        left.filter_map(|(n, left)| {
            let Left::Shadowed(first) = left else {
                return None;
            };
            let gateway = self.classes.get(*n)?.proxy.qualified();
            let key = &self.store.snapshot.get(first.object)?.key;
            let first = rule_name(*first, key, self.rule);
            Some(format!(
                "on {gateway} {first} comes first: nothing changes there"
            ))
        })
        .collect()
    }

    fn proof(&self, plan: &Plan) -> Proof {
        if plan.gateways.is_empty() {
            return Proof::Unproved("sidecars are not predicted".to_owned());
        }
        let mut assumptions = Vec::new();
        if plan.sidecars > 0 {
            assumptions.push("the sidecars do the same (not predicted)".to_owned());
        }
        if plan.gateways.iter().all(|g| g.assumed) {
            assumptions.push("such a gateway exists".to_owned());
        }
        if self.store.snapshot.coverage.unread_documents > 0 {
            assumptions.push("the documents not read change nothing".to_owned());
        }
        if assumptions.is_empty() {
            Proof::Proved
        } else {
            Proof::Conditional(assumptions)
        }
    }
}

/// Weights in the proportion that was asked for, to the last cluster.
fn as_asked(held: &BTreeMap<String, u32>, asked: &BTreeMap<String, u32>) -> bool {
    let sum: u64 = held.values().map(|w| u64::from(*w)).sum();
    held.len() == asked.len()
        && held.iter().all(|(name, weight)| {
            asked
                .get(name)
                .is_some_and(|share| u64::from(*weight) * 100 == u64::from(*share) * sum)
        })
}

fn written_destination(destination: &Destination, weight: u32) -> Value {
    let mut inner = json!({"host": destination.host});
    if let (Some(PortSelector { number }), Some(map)) = (&destination.port, inner.as_object_mut()) {
        map.insert("port".to_owned(), json!({"number": number}));
    }
    if let (false, Some(map)) = (destination.subset.is_empty(), inner.as_object_mut()) {
        map.insert("subset".to_owned(), json!(destination.subset));
    }
    json!({"destination": inner, "weight": weight})
}

/// The values of the version label among the pods and templates that a service selects.
fn versions(snapshot: &Snapshot, service: &Service) -> BTreeSet<String> {
    let version = |labels: &Labels| {
        let chosen = !service.selector.is_empty() && selects(&service.selector, labels);
        labels.get(VERSION).filter(|_| chosen).cloned()
    };
    let here = |namespace: &str| namespace == service.namespace;
    let pods = snapshot
        .of_kind(Kind::Pod)
        .filter(|o| here(&o.key.namespace))
        .filter_map(|o| version(&o.meta.labels));
    let templates = WORKLOAD_KINDS
        .into_iter()
        .flat_map(|kind| snapshot.of_kind(kind))
        .filter(|o| here(&o.key.namespace))
        .filter_map(|o| version(&workload_spec(o)?.template.metadata.labels));
    pods.chain(templates).collect()
}
