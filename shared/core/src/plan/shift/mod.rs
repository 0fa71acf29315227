//! Moving weights between the destinations of one rule: which rule is meant, what it would become, and the proof.
//!
//! ```text
//! request ─► rules that it could mean ─► the one that is really used ─► percentages ─► changes ─► proof
//!                │                             │                            │            │
//!                └► unclear: a list            └► refused, with what to do instead ◄─────┘
//! ```

mod changes;
mod group;
mod proof;
mod target;
mod work;

use super::route::{self, Left, RuleRef, Uses};
use super::weights::WeightError;
use crate::ledger::{Block, Reason};
use crate::predict::store::{Store, VirtualService};
use crate::report::Proof;
use crate::snapshot::{Change, ObjectKey};
use crate::walk::Class;
use group::{groups, proxies, ready};
use target::named;
use work::Work;

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
        /// The port to ask about: what the Gateway declares, or what the rule names.
        port: Option<u32>,
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
        .declared_virtual_service(rule.object)
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

fn candidate(
    store: &Store<'_>,
    classes: &[Class],
    rule: RuleRef,
    uses: &Uses,
) -> Option<Candidate> {
    let vs = store.declared_virtual_service(rule.object)?;
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
