//! `conformance --fixes`: of a random scenario with a closed port our first proved fix is applied, and istiod is asked
//! what it builds then.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;

use mesh_core::causes::{Severity, Wish};
use mesh_core::change::{patch, repair};
use mesh_core::predict::envoy;
use mesh_core::predict::store::Store;
use mesh_core::report::{Proof, Verdict};
use mesh_core::snapshot::{Change, Snapshot};
use mesh_core::walk::{Question, ask, gateway_classes, scan};
use serde_json::{Value, json};

use crate::compare::{LEVELS, compare, predict};
use crate::generate;
use crate::oracle::{Oracle, Said};
use crate::scenario::Scenario;
use crate::shrink::{Outcome, judge, shrink_keeping};

/// A change that is said to open a port.
struct Trial {
    /// The port that is open afterwards.
    port: u32,
    /// The gateway, as `namespace/name`.
    gateway: (String, String),
    /// The finding's code and the fix's title.
    what: String,
    /// The cluster with the change.
    changed: Scenario,
    /// Listeners that Envoy refused before: they did not exist there.
    refused: BTreeSet<String>,
}

/// What came of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    /// No port is closed.
    AllOpen,
    /// No finding has a fix that is proved.
    NoFix,
    /// The best fix is proved under conditions.
    Conditional,
    /// istiod could not be asked, or does not agree before the change.
    NotTried,
    /// The port opens, and all that was there is there.
    Opened,
    /// The port does not open.
    Closed,
    /// Something else is gone or leads elsewhere.
    Disturbs,
    /// istiod builds something else than is predicted.
    Disagrees,
    /// Istio's webhook refuses the change.
    Refused,
}

impl Came {
    const ALL: [(Self, &'static str); 9] = [
        (Self::AllOpen, "no port is closed"),
        (Self::NoFix, "no fix is proved"),
        (Self::Conditional, "a fix is proved under conditions"),
        (Self::NotTried, "not compared"),
        (Self::Opened, "opened as promised, nothing disturbed"),
        (Self::Closed, "did not open"),
        (Self::Disturbs, "disturbed something else"),
        (Self::Disagrees, "istiod builds something else"),
        (Self::Refused, "the webhook refuses the change"),
    ];

    const fn fails(self) -> bool {
        matches!(
            self,
            Self::Closed | Self::Disturbs | Self::Disagrees | Self::Refused
        )
    }
}

/// So many reasons for no fix are shown.
const SHOWN: usize = 40;

/// Tries the seeds; whether every fix did what was promised.
pub(crate) fn run(
    oracle: &Oracle,
    seeds: &[u64],
    shrink: usize,
    dir: &Path,
    out: &mut dyn Write,
) -> Result<bool, String> {
    let mut counts: BTreeMap<Came, usize> = BTreeMap::new();
    let mut without: BTreeMap<String, usize> = BTreeMap::new();
    let mut failed: Vec<(u64, Scenario, Came)> = Vec::new();
    for seeds in seeds.chunks(100) {
        let mut scenarios: Vec<Scenario> =
            seeds.iter().map(|seed| generate::scenario(*seed)).collect();
        let mut said = oracle.ask(&scenarios);
        crate::take_out_refused(oracle, &mut scenarios, &mut said);
        for ((seed, scenario), (came, why)) in seeds
            .iter()
            .zip(&scenarios)
            .zip(tried(oracle, &scenarios, &said))
        {
            let came = settled(oracle, scenario, came);
            *counts.entry(came).or_default() += 1;
            if came == Came::NoFix {
                *without.entry(why).or_default() += 1;
            }
            if came.fails() {
                failed.push((*seed, scenario.clone(), came));
            }
        }
    }
    let io = |e: std::io::Error| e.to_string();
    writeln!(
        out,
        "the first proved fix of a closed port, asked of istiod:"
    )
    .map_err(io)?;
    for (came, words) in Came::ALL {
        let n = counts.get(&came).copied().unwrap_or(0);
        writeln!(out, "{n:>7}  {words}").map_err(io)?;
    }
    let mut without: Vec<(String, usize)> = without.into_iter().collect();
    without.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    writeln!(out, "\nwithout a proved fix, by the first finding:").map_err(io)?;
    for (why, n) in without.iter().take(SHOWN) {
        writeln!(out, "{n:>7}  {why}").map_err(io)?;
    }
    for (seed, scenario, came) in failed.iter().take(shrink) {
        keep(oracle, *seed, scenario, *came, dir, out)?;
    }
    Ok(failed.is_empty())
}

/// A failure counts when istiod's own code, asked again, says the same each time.
fn settled(oracle: &Oracle, scenario: &Scenario, came: Came) -> Came {
    if !came.fails() {
        return came;
    }
    let again = vec![scenario.clone(); TRIES];
    let all = tried(oracle, &again, &oracle.ask(&again));
    if all.iter().all(|(now, _)| *now == came) {
        came
    } else {
        Came::NotTried
    }
}

/// How often a failing scenario is asked again, before and after the change.
const TRIES: usize = 12;

fn keep(
    oracle: &Oracle,
    seed: u64,
    scenario: &Scenario,
    came: Came,
    dir: &Path,
    out: &mut dyn Write,
) -> Result<(), String> {
    let again = |s: &Scenario| {
        let all = std::slice::from_ref(s);
        tried(oracle, all, &oracle.ask(all)).pop()
    };
    let small = shrink_keeping(scenario.clone(), &|s| {
        again(s).is_some_and(|(now, _)| now == came)
    });
    let (_, words) = again(&small).unwrap_or((came, String::new()));
    let dir = dir.join(format!("fix-{seed}"));
    let io = |e: std::io::Error| e.to_string();
    small.write(&dir, None).map_err(io)?;
    if let Ok(trial) = trial(&small) {
        trial
            .changed
            .write(&dir.join("changed"), None)
            .map_err(io)?;
    }
    let words = format!("seed {seed}: {came:?}\n{words}");
    fs::write(dir.join("difference.txt"), &words).map_err(io)?;
    writeln!(out, "\n{words}  {}", dir.display()).map_err(io)
}

/// Each scenario's outcome, in words as well. Asked for all changed clusters at a time.
fn tried(oracle: &Oracle, scenarios: &[Scenario], said: &[Said]) -> Vec<(Came, String)> {
    let trials: Vec<Result<Trial, (Came, String)>> = scenarios
        .iter()
        .zip(said)
        .map(|(scenario, said)| match judge(scenario, said) {
            Outcome::Agrees => trial(scenario),
            _ => Err((Came::NotTried, String::new())),
        })
        .collect();
    let changed: Vec<Scenario> = trials.iter().flatten().map(|t| t.changed.clone()).collect();
    let mut after = oracle.ask(&changed).into_iter();
    trials
        .into_iter()
        .zip(said)
        .map(|(trial, before)| match trial {
            Err(came) => came,
            Ok(trial) => {
                let (came, why) = match after.next() {
                    Some(after) => outcome(&trial, before, &after),
                    None => (Came::NotTried, String::new()),
                };
                let words = format!("  {} at port {}\n  {why}\n", trial.what, trial.port);
                (came, words)
            }
        })
        .collect()
}

fn outcome(trial: &Trial, before: &Said, after: &Said) -> (Came, String) {
    let (Said::Answer(old, refused), Said::Answer(new, refused_now)) = (before, after) else {
        return (Came::NotTried, String::new());
    };
    // Where the webhook is off, an object that it would refuse is there already.
    let new_refusal = refused_now.iter().find(|r| !refused.contains(r));
    if let Some(refusal) = new_refusal.filter(|_| !trial.changed.bypass) {
        return (Came::Refused, refusal.clone());
    }
    let predicted = match predict(&trial.changed.cluster(), &trial.changed.pod) {
        Ok(predicted) => predicted,
        Err(why) => return (Came::Disagrees, why),
    };
    if let Some(difference) = compare(new, &predicted) {
        let words = format!(
            "{} differ\n  istiod    {}\n  predicted {}",
            LEVELS[difference.level], difference.istiod, difference.predicted
        );
        return (Came::Disagrees, words);
    }
    if let Some(words) = disturbed(old, new, &trial.refused) {
        return (Came::Disturbs, words);
    }
    let store = Store::new(&predicted.snapshot);
    let classes = gateway_classes(&store);
    let question = Question {
        port: trial.port,
        ..Question::default()
    };
    let opened = ask(&store, &classes, &question).iter().any(|answer| {
        let gateway = (answer.proxy.namespace.clone(), answer.proxy.name.clone());
        gateway == trial.gateway && answer.verdict == Verdict::Open
    });
    if opened {
        (Came::Opened, String::new())
    } else {
        (Came::Closed, "the port is still closed".to_owned())
    }
}

/// The first closed port with a proved fix.
fn trial(scenario: &Scenario) -> Result<Trial, (Came, String)> {
    let Ok(predicted) = predict(&scenario.cluster(), &scenario.pod) else {
        return Err((Came::NotTried, String::new()));
    };
    let snapshot = &predicted.snapshot;
    let store = Store::new(snapshot);
    let classes = gateway_classes(&store);
    let mut closed = scan(&store, &classes, None, &Wish::default()).answers;
    closed.retain(|answer| answer.verdict != Verdict::Open);
    if closed.is_empty() {
        return Err((Came::AllOpen, String::new()));
    }
    let class = &predicted.class;
    let refused = envoy::refusals(&class.prediction.config, &class.proxy);
    let mut conditional = false;
    for answer in &mut closed {
        let question = Question {
            port: answer.asked.port,
            ..Question::default()
        };
        repair(&store, &classes, &question, std::slice::from_mut(answer));
        for finding in &answer.findings {
            let proved = |f: &&mesh_core::report::Fix| {
                f.proof == Proof::Proved && f.part_of.is_none() && !f.changes.is_empty()
            };
            let Some(fix) = finding.fixes.iter().find(proved) else {
                let under = |f: &mesh_core::report::Fix| matches!(f.proof, Proof::Conditional(_));
                conditional |= finding.fixes.iter().any(under);
                continue;
            };
            let Some(changed) = apply(scenario, snapshot, &fix.changes) else {
                return Err((Came::NotTried, String::new()));
            };
            let chosen = finding
                .candidates
                .iter()
                .find(|c| fix.title.starts_with(&c.title));
            return Ok(Trial {
                port: chosen.and_then(|c| c.opens).unwrap_or(question.port),
                gateway: (answer.proxy.namespace.clone(), answer.proxy.name.clone()),
                what: format!("{}: {}", finding.page.code, fix.title),
                changed,
                refused: refused.keys().cloned().collect(),
            });
        }
    }
    if conditional {
        return Err((Came::Conditional, String::new()));
    }
    let findings = closed.iter().flat_map(|a| &a.findings);
    let first = findings
        .clone()
        .find(|f| f.severity == Severity::Error)
        .or(findings.clone().next());
    let why = first.map(|f| {
        let unproved = f.fixes.first().map(|fix| match &fix.proof {
            Proof::Unproved(why) => why.clone(),
            _ => String::new(),
        });
        let why = unproved.or(f.no_fix.map(str::to_owned));
        format!("{}: {}", f.page.code, why.unwrap_or_default())
    });
    Err((Came::NoFix, why.unwrap_or_default()))
}

/// As the API server would store it: a new object is the youngest, and a Service port has its defaults.
fn apply(scenario: &Scenario, snapshot: &Snapshot, changes: &[Change]) -> Option<Scenario> {
    let mut changed = scenario.clone();
    for change in changes {
        match change {
            Change::Create { object, .. } => {
                let mut object = object.clone();
                object["metadata"]["creationTimestamp"] = json!("2026-06-01T00:00:00Z");
                changed.objects.push(object);
            }
            Change::Patch { object, operations } => {
                let key = &snapshot.get(*object)?.key;
                let stored = changed.objects.iter_mut().find(|o| {
                    let text = |pointer: &str| o.pointer(pointer).and_then(Value::as_str);
                    text("/kind") == Some(&key.kind.to_string())
                        && text("/metadata/namespace") == Some(&key.namespace)
                        && text("/metadata/name") == Some(&key.name)
                })?;
                for operation in operations {
                    patch(stored, operation).ok()?;
                }
                if stored["kind"] == "Service" {
                    for port in stored.pointer_mut("/spec/ports")?.as_array_mut()? {
                        if port.get("protocol").is_none() {
                            port["protocol"] = json!("TCP");
                        }
                        if port.get("targetPort").is_none() {
                            port["targetPort"] = port["port"].clone();
                        }
                    }
                }
            }
        }
    }
    Some(changed)
}

/// What istiod built and does not any more, or what leads elsewhere. What led nowhere may be led somewhere, and what
/// Envoy refused was not there.
fn disturbed(old: &Value, new: &Value, refused: &BTreeSet<String>) -> Option<String> {
    let items = |value: &Value, key: &str| -> Vec<Value> {
        value[key].as_array().cloned().unwrap_or_default()
    };
    let works = |clusters: &Value| {
        let names = clusters.as_object().into_iter().flatten();
        names.into_iter().all(|(name, _)| {
            let by_itself = old["clusters"][name]
                .as_str()
                .is_some_and(|kind| kind.contains("dynamic") || kind == "ORIGINAL_DST");
            by_itself || !items(&old["endpoints"], name).is_empty()
        })
    };
    let mut words = String::new();
    let mut routes_used = BTreeSet::new();
    for listener in items(old, "listeners") {
        let name = listener["name"].as_str().unwrap_or_default();
        if refused.contains(name) {
            continue;
        }
        let Some(now) = items(new, "listeners")
            .into_iter()
            .find(|l| l["name"] == name)
        else {
            let _ = write!(words, "listener {name} is gone; ");
            continue;
        };
        for chain in items(&listener, "filterChains") {
            routes_used.extend(chain["route"].as_str().map(str::to_owned));
            let same = |c: &&Value| {
                ["sni", "terminatesTls", "applicationProtocols"]
                    .iter()
                    .all(|k| c.get(*k) == chain.get(*k))
            };
            let chains = items(&now, "filterChains");
            match chains.iter().find(same) {
                None => {
                    let _ = write!(words, "a chain of {name} is gone: {chain}; ");
                }
                Some(now)
                    if now.get("route") != chain.get("route")
                        || (now.get("clusters") != chain.get("clusters")
                            && works(&chain["clusters"])) =>
                {
                    let _ = write!(words, "a chain of {name} leads elsewhere: {now}; ");
                }
                Some(_) => {}
            }
        }
    }
    let routes = old["routes"].as_object().into_iter().flatten();
    for (name, hosts) in routes.filter(|(name, _)| routes_used.contains(*name)) {
        for host in hosts.as_array().into_iter().flatten() {
            let routes = items(host, "routes");
            if routes.is_empty() || !routes.iter().all(|r| works(&r["clusters"])) {
                continue;
            }
            for domain in items(host, "domains") {
                let now = new["routes"][name]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|h| items(h, "domains").contains(&domain));
                if now.is_none_or(|now| items(now, "routes") != routes) {
                    let _ = write!(words, "requests for {domain} at {name} go elsewhere; ");
                }
            }
        }
    }
    for (name, kind) in old["clusters"].as_object().into_iter().flatten() {
        if new["clusters"].get(name) != Some(kind) {
            let _ = write!(words, "cluster {name} is gone or another; ");
            continue;
        }
        let endpoints = items(&old["endpoints"], name);
        if !endpoints.is_empty() && endpoints != items(&new["endpoints"], name) {
            let _ = write!(words, "cluster {name} has other endpoints; ");
        }
    }
    (!words.is_empty()).then_some(words)
}
