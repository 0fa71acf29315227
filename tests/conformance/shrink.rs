//! Makes a scenario smaller as long as prediction and istiod still differ.

use serde_json::Value;

use crate::compare::{Difference, compare, predict};
use crate::oracle::{Oracle, Said};
use crate::scenario::Scenario;

/// So many candidates are asked at a time.
const BATCH: usize = 12;

/// What a scenario comes to.
pub(crate) enum Outcome {
    /// All levels agree.
    Agrees,
    /// They do not; with istiod's answer.
    Differs(Value, Difference),
    /// No comparison is possible.
    Invalid(String),
}

/// Compares one scenario with what istiod said.
pub(crate) fn judge(scenario: &Scenario, said: &Said) -> Outcome {
    let (answer, rejected) = match said {
        Said::Answer(answer, rejected) => (answer, rejected),
        Said::Unreadable(why) => return Outcome::Invalid(why.clone()),
    };
    if let Some(first) = rejected.first().filter(|_| !scenario.bypass) {
        return Outcome::Invalid(first.clone());
    }
    match predict(&scenario.cluster(), &scenario.pod) {
        Err(why) => Outcome::Invalid(why),
        Ok(predicted) => match compare(answer, &predicted) {
            None => Outcome::Agrees,
            Some(difference) => Outcome::Differs(answer.clone(), difference),
        },
    }
}

/// The smallest scenario found, with istiod's answer to it and the difference.
pub(crate) fn shrink(
    oracle: &Oracle,
    scenario: Scenario,
    answer: Value,
    difference: Difference,
) -> (Scenario, Value, Difference) {
    let mut last = (answer, difference);
    let smallest = reduce(scenario, BATCH, &mut |candidates| {
        let said = oracle.ask(candidates);
        let found = candidates.iter().zip(&said).enumerate().find_map(
            |(n, (candidate, said))| match judge(candidate, said) {
                Outcome::Differs(answer, difference) if difference.level == last.1.level => {
                    Some((n, answer, difference))
                }
                _ => None,
            },
        )?;
        last = (found.1, found.2);
        Some(found.0)
    });
    (smallest, last.0, last.1)
}

/// A smaller scenario of which the same words are true: reasons and traps that it is kept for. Only the prediction is
/// asked.
pub(crate) fn shrink_keeping(scenario: Scenario, holds: &dyn Fn(&Scenario) -> bool) -> Scenario {
    reduce(scenario, 1, &mut |candidates| {
        candidates.iter().position(holds)
    })
}

/// So often a candidate is asked that should be answered in two ways.
const TWO_WAYS: usize = 8;

/// The smallest scenario found that istiod's own code still answers in two ways.
pub(crate) fn shrink_unsettled(oracle: &Oracle, scenario: Scenario) -> Scenario {
    reduce(scenario, 1, &mut |candidates| {
        candidates.iter().position(|candidate| {
            let said = oracle.ask(&vec![candidate.clone(); TWO_WAYS]);
            let agrees = said
                .iter()
                .filter(|s| matches!(judge(candidate, s), Outcome::Agrees))
                .count();
            let differs = said
                .iter()
                .filter(|s| matches!(judge(candidate, s), Outcome::Differs(..)))
                .count();
            agrees > 0 && differs > 0
        })
    })
}

/// Leaves out what can be left out; `accept` says which of several candidates will do.
fn reduce(
    scenario: Scenario,
    batch: usize,
    accept: &mut dyn FnMut(&[Scenario]) -> Option<usize>,
) -> Scenario {
    let mut best = scenario;
    // Whole objects: halves, quarters, and so on to single ones.
    let mut size = best.objects.len() / 2;
    while size > 0 {
        let mut start = 0;
        while start < best.objects.len() {
            let (at, candidates): (Vec<usize>, Vec<Scenario>) = (start..best.objects.len())
                .step_by(size)
                .take(batch)
                .filter_map(|at| without_objects(&best, at, size).map(|s| (at, s)))
                .filter(|(_, s)| is_consistent(&best, s))
                .unzip();
            match accept(&candidates) {
                Some(n) => {
                    best = candidates[n].clone();
                    start = at[n];
                }
                None => start += size * batch,
            }
        }
        size /= 2;
    }
    // Then parts of objects.
    loop {
        let before = best.clone();
        let mut start = 0;
        loop {
            let places = places(&best);
            if start >= places.len() {
                break;
            }
            let candidates: Vec<Scenario> = places
                .iter()
                .skip(start)
                .take(batch)
                .map(|place| without(&best, place))
                .collect();
            match accept(&candidates) {
                Some(n) => {
                    best = candidates[n].clone();
                    start += n;
                }
                None => start += batch,
            }
        }
        if best == before {
            return best;
        }
    }
}

fn without_objects(scenario: &Scenario, at: usize, size: usize) -> Option<Scenario> {
    let mut smaller = scenario.clone();
    let mut n = 0;
    let proxy = |o: &Value| {
        o["kind"] == "Pod"
            && scenario.pod
                == format!(
                    "{}/{}",
                    o["metadata"]["namespace"].as_str().unwrap_or_default(),
                    o["metadata"]["name"].as_str().unwrap_or_default()
                )
    };
    smaller.objects.retain(|o| {
        n += 1;
        proxy(o) || n <= at || n > at + size
    });
    (smaller.objects.len() < scenario.objects.len()).then_some(smaller)
}

/// Whether every pod that a slice names is there, otherwise istiod waits for it; and every slice of a Service that is
/// there, otherwise the prediction takes the objects for files from before there are pods.
fn is_consistent(before: &Scenario, scenario: &Scenario) -> bool {
    let names = |o: &Value, key: &str| {
        (
            o[key]["namespace"].as_str().unwrap_or_default().to_owned(),
            o[key]["name"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let pods: Vec<_> = scenario
        .objects
        .iter()
        .filter(|o| o["kind"] == "Pod")
        .map(|o| names(o, "metadata"))
        .collect();
    let slices = |scenario: &Scenario| -> Vec<Value> {
        let found = scenario
            .objects
            .iter()
            .filter(|o| o["kind"] == "EndpointSlice");
        found.cloned().collect()
    };
    let has_service = |slice: &Value| {
        scenario.objects.iter().any(|s| {
            s["kind"] == "Service"
                && s["metadata"]["name"]
                    == slice["metadata"]["labels"]["kubernetes.io/service-name"]
                && s["metadata"]["namespace"] == slice["metadata"]["namespace"]
        })
    };
    let now = slices(scenario);
    let whole = slices(before)
        .iter()
        .all(|s| now.contains(s) == has_service(s));
    whole
        && scenario
            .objects
            .iter()
            .filter(|o| o["kind"] == "EndpointSlice")
            .filter_map(|o| o["endpoints"].as_array())
            .flatten()
            .filter(|e| e.get("targetRef").is_some())
            .all(|e| pods.contains(&names(e, "targetRef")))
}

/// A part of an object that can be left out: the object's index and the way to the part.
type Place = (usize, Vec<Step>);

#[derive(Clone)]
enum Step {
    Key(String),
    Index(usize),
}

/// Fields that the API server demands or writes itself.
const KEPT: [&str; 30] = [
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "creationTimestamp",
    "spec",
    "status",
    "podIP",
    "podIPs",
    "args",
    "image",
    "type",
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "sessionAffinity",
    "targetPort",
    "protocol",
    "number",
    "hosts",
    "host",
    "destination",
    "addressType",
    "conditions",
    "targetRef",
    "containers",
    "ip",
    "addresses",
];

fn places(scenario: &Scenario) -> Vec<Place> {
    let mut found = Vec::new();
    for (n, object) in scenario.objects.iter().enumerate() {
        let mut path = Vec::new();
        walk(object, &mut path, &mut |path| {
            found.push((n, path.to_vec()));
        });
    }
    found
}

fn walk(value: &Value, path: &mut Vec<Step>, found: &mut dyn FnMut(&[Step])) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                path.push(Step::Key(key.clone()));
                let demanded = KEPT.contains(&key.as_str())
                    || (key == "port"
                        && !path.iter().any(
                            |s| matches!(s, Step::Key(k) if k == "match" || k == "destination"),
                        ));
                if !demanded {
                    found(path);
                }
                walk(inner, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (n, inner) in items.iter().enumerate() {
                path.push(Step::Index(n));
                let arguments = path.iter().any(|s| {
                    matches!(s, Step::Key(k) if ["args", "clusterIPs", "ipFamilies", "podIPs", "containers", "addresses", "conditions"].contains(&k.as_str()))
                });
                if !arguments {
                    found(path);
                }
                walk(inner, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

fn without(scenario: &Scenario, place: &Place) -> Scenario {
    let mut smaller = scenario.clone();
    let (object, path) = place;
    if let (Some(mut at), Some((last, way))) = (smaller.objects.get_mut(*object), path.split_last())
    {
        for step in way {
            at = match step {
                Step::Key(key) => &mut at[key.as_str()],
                Step::Index(n) => &mut at[*n],
            };
        }
        match (last, at) {
            (Step::Key(key), Value::Object(map)) => {
                map.remove(key);
            }
            (Step::Index(n), Value::Array(items)) if *n < items.len() => {
                items.remove(*n);
            }
            _ => {}
        }
    }
    smaller
}
