//! What the webhook refuses: objects with mistakes, judged here and by istiod's own validation.

use std::collections::BTreeMap;
use std::io::Write;

use mesh_core::admission;
use mesh_core::causes;
use mesh_core::snapshot::reader::{Loader, ReadOptions};
use serde_json::{Value, json};

use crate::generate;
use crate::oracle::Oracle;
use crate::random::Random;
use crate::scenario::Scenario;

/// How many objects are asked about at once.
const BATCH: usize = 50;

/// How many differences are shown.
const SHOWN: usize = 20;

/// The kinds that are judged.
const KINDS: [&str; 4] = [
    "Gateway",
    "VirtualService",
    "DestinationRule",
    "ServiceEntry",
];

/// Texts that stand in the place of others.
const TEXTS: [&str; 44] = [
    "",
    "*",
    ".",
    "~",
    "/",
    "./a",
    "*/*",
    "a/b/c",
    "a",
    "a.b",
    "A.b",
    "a.1",
    "1.a",
    "a.b.",
    "a..b",
    "-a.b",
    "a-.b",
    "a_b.c",
    "*a.b",
    "*-a.b",
    "*.a.b",
    "a.*.b",
    "a*.b",
    "*.",
    "**",
    "*.1",
    "mesh",
    "./*.a.b",
    "~/a.b",
    "x_y/a.b",
    "ns/a.b",
    "ns/gw",
    "1.2.3.4",
    "1.2.3.04",
    "::1",
    "fe80::1%eth0",
    "10.0.0.0/8",
    "10.0.0.0/33",
    "unix:///run/a.sock",
    "unix://@a",
    "unix://a/",
    "outbound_.80_._.a.b",
    "outbound_.80",
    "udp",
];

const NUMBERS: [i64; 7] = [0, 1, 80, 65535, 65536, 100_000, 31400];

/// Fields that are left as they are: the schema knows these words, so that istiod's own code could not read another;
/// and what is not judged here: regular expressions, faults, redirects, rewrites, traffic policies.
const APART: [&str; 8] = [
    "mode",
    "resolution",
    "location",
    "regex",
    "fault",
    "redirect",
    "rewrite",
    "trafficPolicy",
];

/// Compares the verdicts about `count` objects; true when all are the same.
pub(crate) fn compare(
    oracle: &Oracle,
    seed: u64,
    count: usize,
    out: &mut dyn Write,
) -> Result<bool, String> {
    let io = |e: std::io::Error| e.to_string();
    let mut random = Random::new(seed);
    let (mut compared, mut refused, mut unreadable, mut wrong) = (0, 0, 0, 0);
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut scenario_seed = seed;
    while compared < count {
        let scenario = with_mistakes(scenario_seed, &mut random);
        scenario_seed = scenario_seed.wrapping_add(1);
        for (object, said) in ask(oracle, &scenario) {
            let Ok(said) = said else {
                unreadable += 1;
                continue;
            };
            let Some(own) = judged(&object) else {
                unreadable += 1;
                continue;
            };
            compared += 1;
            refused += usize::from(said.is_some());
            for code in &own {
                *codes.entry(code).or_default() += 1;
            }
            if own.is_empty() == said.is_none() {
                continue;
            }
            wrong += 1;
            if wrong <= SHOWN {
                let said = said.as_deref().unwrap_or("accepted");
                writeln!(out, "istiod    {said}\npredicted {own:?}\n{object:#}\n").map_err(io)?;
            }
        }
    }
    writeln!(
        out,
        "{compared} objects compared with istiod's validation, {refused} of them refused there; {wrong} judged \
         otherwise; {unreadable} could not be read"
    )
    .map_err(io)?;
    for (code, n) in codes {
        writeln!(out, "{n:>7}  {code}").map_err(io)?;
    }
    Ok(wrong == 0)
}

/// The codes of the rules that an object breaks; `None` when it cannot be read.
fn judged(object: &Value) -> Option<Vec<&'static str>> {
    let mut loader = Loader::new(ReadOptions::default());
    loader.read("object.json", object.to_string());
    let loaded = loader.finish();
    let read = loaded.snapshot.objects().next()?;
    let broken = admission::check(read);
    Some(broken.iter().map(|v| causes::code(v.rule)).collect())
}

/// Why istiod refuses an object, if it does; or that it could not be read.
type Verdict = Result<Option<String>, String>;

/// What istiod says of each object of the four kinds.
fn ask(oracle: &Oracle, scenario: &Scenario) -> Vec<(Value, Verdict)> {
    let judged = |o: &&Value| KINDS.iter().any(|kind| o["kind"] == *kind);
    let verdict = |object: &Value, rejected: &[String]| {
        let name = format!(
            "{} {}/{}: ",
            object["kind"].as_str().unwrap_or_default(),
            object["metadata"]["namespace"].as_str().unwrap_or_default(),
            object["metadata"]["name"].as_str().unwrap_or_default()
        );
        let found = rejected.iter().find_map(|r| r.strip_prefix(&name));
        found.map(str::to_owned)
    };
    let objects: Vec<&Value> = scenario.objects.iter().filter(judged).collect();
    if let Ok(rejected) = oracle.refuses(scenario) {
        return objects
            .into_iter()
            .map(|o| (o.clone(), Ok(verdict(o, &rejected))))
            .collect();
    }
    // One of them cannot be read: then each is asked about alone.
    let rest: Vec<Value> = scenario
        .objects
        .iter()
        .filter(|o| !judged(o))
        .cloned()
        .collect();
    let alone = |object: &Value| {
        let mut scenario = scenario.clone();
        scenario.objects.clone_from(&rest);
        scenario.objects.push(object.clone());
        oracle.refuses(&scenario).map(|r| verdict(object, &r))
    };
    objects.into_iter().map(|o| (o.clone(), alone(o))).collect()
}

/// A scenario's pod, and its objects of the four kinds many times over, each with a few mistakes.
fn with_mistakes(seed: u64, random: &mut Random) -> Scenario {
    let mut scenario = generate::scenario(seed);
    let pool: Vec<Value> = scenario
        .objects
        .iter()
        .filter(|o| KINDS.iter().any(|kind| o["kind"] == *kind))
        .cloned()
        .collect();
    scenario.objects.retain(|o| o["kind"] == "Pod");
    if pool.is_empty() {
        return scenario;
    }
    for n in 0..BATCH {
        let mut object = random.pick(&pool).clone();
        let named = if random.chance(3) { "x.y" } else { "o" };
        object["metadata"]["name"] = json!(format!("{named}{n}"));
        for _ in 0..random.between(0, 2) {
            mistake(&mut object["spec"], random);
        }
        scenario.objects.push(object);
    }
    scenario
}

/// One field removed, doubled or replaced, at any depth.
fn mistake(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let key = random.pick(&keys);
            if random.chance(12) {
                map.remove(key);
            } else if let Some(inner) = map.get_mut(key)
                && !APART.contains(&key.as_str())
            {
                mistake(inner, random);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let n = random.between(0, items.len() - 1);
            match random.below(10) {
                0 => items.clear(),
                1 => drop(items.remove(n)),
                2 => items.push(items[n].clone()),
                _ => mistake(&mut items[n], random),
            }
        }
        Value::String(text) => (*random.pick(&TEXTS)).clone_into(text),
        Value::Number(_) => *value = json!(random.pick(&NUMBERS)),
        _ => {}
    }
}
