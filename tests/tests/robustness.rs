//! Whatever objects a cluster holds, every gateway is predicted, scanned and repaired: no panic, no endless loop, and
//! the order of the objects changes nothing.
//!
//! `mutations.rs` changes texts as typing does, and most of what it makes no API server would store. Here the objects
//! of the cases and of the scenarios that istiod answered are changed field by field. More of it, from another seed:
//! `ROBUSTNESS=FIRST..END cargo test -p mesh-tests --test robustness`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

use mesh_core::causes::Wish;
use mesh_core::change;
use mesh_core::ledger::{Fate, Ledger};
use mesh_core::predict::store::Store;
use mesh_core::report::{json, predicted};
use mesh_core::snapshot::reader;
use mesh_core::walk::{self, Question, gateway_classes, scan};
use mesh_live::files::Text;
use mesh_tests::binaries::workspace;
use mesh_tests::case;
use mesh_tests::compare::difference;
use mesh_tests::manifests::{documents, loaded};
use mesh_tests::random::Random;
use mesh_tests::watched;
use serde_json::{Value, json};

/// A few seconds' worth.
const SEEDS: Range<u64> = 0..300;

/// Names that clients ask for.
const SNI: &str = "a.example.com";

type World = Vec<Value>;

#[test]
fn changed_objects_are_answered_alike_in_any_order() {
    let worlds = worlds();
    let words = Vocabulary::of(&worlds);
    watched::every(
        seeds(),
        |seed| {
            let world = changed(&worlds, &words, seed);
            let mut texts = texts(&world);
            let first = Answered::of(&texts);
            Random::new(!seed).shuffle(&mut texts);
            let again = Answered::of(&texts);
            assert!(
                first.ledgers == again.ledgers,
                "another order, another ledger"
            );
            for (one, other) in [(&first.config, &again.config), (&first.json, &again.json)] {
                let lines = difference(one, other).unwrap_or_default();
                assert!(lines.is_empty(), "another order, another answer\n{lines}");
            }
        },
        |seed| shown(seed, &changed(&worlds, &words, seed)),
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "for the person who runs the test; no command reads it"
)]
fn seeds() -> Range<u64> {
    let Ok(wanted) = std::env::var("ROBUSTNESS") else {
        return SEEDS;
    };
    let (first, end) = wanted.split_once("..").expect("ROBUSTNESS is FIRST..END");
    first.parse().expect("FIRST is a number")..end.parse().expect("END is a number")
}

/// The objects of every case and of every scenario that istiod answered.
fn worlds() -> Vec<World> {
    let parsed = |texts: Vec<String>| -> World {
        let all = texts.iter().flat_map(|text| documents(text));
        all.filter_map(|document| reader::parse(&document))
            .collect()
    };
    let cases = case::all();
    let mut found: Vec<World> = cases
        .iter()
        .map(|case| parsed(case.texts().into_iter().map(|t| t.text).collect()))
        .collect();
    let scenarios = workspace().join("tests/conformance/scenarios");
    let mut folders: Vec<_> = fs::read_dir(scenarios)
        .unwrap()
        .map(|folder| folder.unwrap().path())
        .collect();
    folders.sort();
    let cluster = |folder: &Path| fs::read_to_string(folder.join("cluster.yaml")).unwrap();
    found.extend(folders.iter().map(|folder| parsed(vec![cluster(folder)])));
    found.retain(|world| !world.is_empty());
    found
}

/// All that is said about a world.
struct Answered {
    config: String,
    ledgers: Vec<Ledger>,
    json: String,
}

impl Answered {
    fn of(texts: &[Text]) -> Self {
        let loaded = loaded(texts);
        let snapshot = &loaded.snapshot;
        let store = Store::new(snapshot);
        let classes = gateway_classes(&store);
        for class in &classes {
            let mut entries = class.prediction.ledger.entries();
            assert!(entries.all(|(_, entry)| entry.fate != Fate::Open));
        }
        let mut scan = scan(&store, &classes, None, &Wish::default());
        for answer in &mut scan.answers {
            let question = Question {
                port: answer.asked.port,
                ..Question::default()
            };
            change::repair(&store, &classes, &question, std::slice::from_mut(answer));
        }
        let mut answers = scan.answers;
        if let Some(port) = answers.first().map(|a| a.asked.port) {
            let question = Question {
                port,
                sni: Some(SNI.to_owned()),
                http_host: Some(SNI.to_owned()),
                ..Question::default()
            };
            answers.extend(walk::ask(&store, &classes, &question));
        }
        Self {
            config: predicted::all(&classes),
            json: json::render_json(&answers, snapshot),
            ledgers: classes.into_iter().map(|c| c.prediction.ledger).collect(),
        }
    }
}

/// One text an object, named for its place in the world: places in it are the same in every order.
fn texts(world: &World) -> Vec<Text> {
    let text = |(n, object): (usize, &Value)| Text {
        name: format!("{n}.json"),
        text: object.to_string(),
    };
    world.iter().enumerate().map(text).collect()
}

/// The failing objects, as a file to run on.
fn shown(seed: u64, world: &World) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("robustness-{seed}"));
    let _ = fs::create_dir_all(&folder);
    for text in texts(world) {
        let _ = fs::write(folder.join(&text.name), &text.text);
    }
    let again = seed + 1;
    format!(
        "seed {seed}, its objects are kept in {}; once more: ROBUSTNESS={seed}..{again}",
        folder.display()
    )
}

/// What stands under each key anywhere, and values that nobody expects.
struct Vocabulary {
    of_key: BTreeMap<String, Vec<Value>>,
    odd: Vec<Value>,
}

impl Vocabulary {
    fn of(worlds: &[World]) -> Self {
        let mut of_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for object in worlds.iter().flatten() {
            for pointer in pointers(object) {
                let key = pointer.rsplit('/').next().unwrap_or_default();
                if let Some(value) = object.pointer(&pointer)
                    && key.parse::<usize>().is_err()
                {
                    let known = of_key.entry(key.to_owned()).or_default();
                    if known.len() < 200 && !known.contains(value) {
                        known.push(value.clone());
                    }
                }
            }
        }
        let odd = vec![
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(1),
            json!(65535),
            json!(65536),
            json!(4_294_967_296_u64),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1.5),
            json!(""),
            json!("*"),
            json!("*."),
            json!("*/*"),
            json!("./*"),
            json!("~"),
            json!("."),
            json!("mesh"),
            json!("/"),
            json!("::"),
            json!("\u{0}"),
            json!("é".repeat(300)),
            json!([]),
            json!({}),
            json!([[[[]]]]),
            json!([null]),
            json!({"": ""}),
            json!("2026-02-30T00:00:00Z"),
            json!("9999-12-31T23:59:60Z"),
        ];
        Self { of_key, odd }
    }
}

/// JSON pointers of all that is inside a value.
fn pointers(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        let mut inner = |key: &str, value: &Value| {
            let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            walk(value, &at, found);
            found.push(at);
        };
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| inner(key, value)),
            Value::Array(items) => {
                for (n, value) in items.iter().enumerate() {
                    inner(&n.to_string(), value);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

/// A world after some changes; every key once, as an API server holds it.
fn changed(worlds: &[World], words: &Vocabulary, seed: u64) -> World {
    let mut random = Random::new(seed);
    let mut world = random.pick(worlds).clone();
    for _ in 0..=random.below(5) {
        change_one(&mut world, words, &mut random);
    }
    let mut keys = BTreeSet::new();
    let key = |o: &Value| {
        let text = |pointer: &str| o.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        let namespace = Some(text("/metadata/namespace")).filter(|n| !n.is_empty());
        let (group, _) = text("/apiVersion").split_once('/').unwrap_or_default();
        [
            group,
            text("/kind"),
            namespace.unwrap_or("default"),
            text("/metadata/name"),
        ]
        .map(str::to_owned)
    };
    world.retain(|object| keys.insert(key(object)));
    world
}

fn change_one(world: &mut World, words: &Vocabulary, random: &mut Random) {
    if world.is_empty() {
        return;
    }
    let n = random.below(world.len());
    let places = pointers(&world[n]);
    if places.is_empty() {
        return;
    }
    let at = random.pick(&places).clone();
    let (parent, last) = at.rsplit_once('/').unwrap_or_default();
    match random.below(9) {
        0 => match world[n].pointer_mut(parent) {
            Some(Value::Object(map)) => {
                map.remove(&last.replace("~1", "/").replace("~0", "~"));
            }
            Some(Value::Array(items)) => {
                items.remove(last.parse().unwrap_or(0));
            }
            _ => {}
        },
        1 => {
            if let Some(Value::Array(items)) = world[n].pointer_mut(parent) {
                let again = items[random.below(items.len())].clone();
                items.insert(random.below(items.len() + 1), again);
            } else {
                let mut again = world[n].clone();
                let name = again["metadata"]["name"].as_str().unwrap_or("x").to_owned();
                if again["metadata"].is_object() {
                    again["metadata"]["name"] = json!(format!("{name}-2"));
                }
                world.push(again);
            }
        }
        2 => {
            let m = random.below(world.len());
            let others = pointers(&world[m]);
            if others.is_empty() {
                return;
            }
            let there = random.pick(&others).clone();
            let (a, b) = (
                world[n].pointer(&at).cloned(),
                world[m].pointer(&there).cloned(),
            );
            put(&mut world[n], &at, b);
            put(&mut world[m], &there, a);
        }
        3 => {
            let value = world[n].pointer(&at).map(retyped);
            put(&mut world[n], &at, value);
        }
        4 => {
            let value = world[n].pointer(&at).map(|v| truncated(v, random));
            put(&mut world[n], &at, value);
        }
        5 => {
            let value = random.pick(&words.odd).clone();
            put(&mut world[n], &at, Some(value));
        }
        6 => {
            world.swap_remove(n);
        }
        // What stands under that key elsewhere: such objects pass for real ones.
        _ => {
            let value = words.of_key.get(last).map(|all| random.pick(all).clone());
            put(&mut world[n], &at, value);
        }
    }
}

fn put(object: &mut Value, at: &str, value: Option<Value>) {
    if let (Some(place), Some(value)) = (object.pointer_mut(at), value) {
        *place = value;
    }
}

fn retyped(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(yes) => json!(yes.to_string()),
        Value::Number(n) => json!(n.to_string()),
        Value::String(text) => text
            .parse::<u64>()
            .map_or_else(|_| json!([text]), |n| json!(n)),
        Value::Array(items) => items.first().cloned().unwrap_or_default(),
        Value::Object(map) => map.values().cloned().collect(),
    }
}

fn truncated(value: &Value, random: &mut Random) -> Value {
    match value {
        Value::String(text) => {
            let length = random.below(text.chars().count() + 1);
            json!(text.chars().take(length).collect::<String>())
        }
        Value::Array(items) => {
            let length = random.below(items.len() + 1);
            json!(items.iter().take(length).collect::<Vec<_>>())
        }
        Value::Object(map) => {
            let length = random.below(map.len() + 1);
            map.clone().into_iter().take(length).collect()
        }
        Value::Number(n) => json!(n.as_u64().unwrap_or(0) / 10),
        other => other.clone(),
    }
}

#[test]
fn most_changes_leave_objects_that_are_read() {
    let worlds = worlds();
    let words = Vocabulary::of(&worlds);
    let (mut read, mut builds, mut told) = (0, 0, 0);
    for seed in 0..200 {
        let world = changed(&worlds, &words, seed);
        assert_eq!(world, changed(&worlds, &words, seed));
        let texts = texts(&world);
        read += usize::from(loaded(&texts).problems.is_empty());
        let answered = Answered::of(&texts);
        builds += usize::from(answered.config.contains("filterChains"));
        told += usize::from(answered.json.contains("\"code\""));
    }
    // Not only the reader is to be tried.
    assert!(read > 60, "only {read} of 200 are read whole");
    assert!(builds > 30, "only {builds} of 200 build a listener");
    assert!(told > 60, "only {told} of 200 have a finding");
}
