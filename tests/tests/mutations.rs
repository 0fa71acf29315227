//! Whatever stands in the files, every question gets an answer: no panic, no endless loop.
//!
//! The manifests of a case are changed at random, as typing, merging and cutting would change them, and asked about.
//! The changes are the same in every run.

use std::fs;
use std::ops::Range;
use std::path::Path;

use mesh_core::ledger::Fate;
use mesh_core::predict::store::Store;
use mesh_core::report::{Basis, FixBody, Layout, json, name, predicted, render_answers, yaml};
use mesh_core::snapshot::Snapshot;
use mesh_core::snapshot::reader::render_problem;
use mesh_core::walk::{Question, ask, gateway_classes};
use mesh_live::files::Text;
use mesh_tests::case::{self, Case};
use mesh_tests::manifests::{documents, joined, loaded};
use mesh_tests::random::Random;
use mesh_tests::watched;

const MUTATIONS: u64 = 10_000;
#[test]
fn ten_thousand_mutations_are_answered() {
    let cases = case::all();
    let texts = askable(&cases);
    let words = vocabulary(&cases);
    watched::every(
        0..MUTATIONS,
        |seed| {
            let (port, mutated) = mutation(&texts, &words, seed);
            answer(seed, port, &mutated);
        },
        |seed| shown(seed, &mutation(&texts, &words, seed).1),
    );
}

/// The failing input, for a person and as files to run on.
fn shown(seed: u64, mutated: &[Text]) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mutation-{seed}"));
    let mut out = format!("mutation {seed}, kept in {}\n", folder.display());
    for (n, text) in mutated.iter().enumerate() {
        let _ = fs::create_dir_all(&folder);
        let _ = fs::write(folder.join(format!("{n}.yaml")), &text.text);
        out += &format!("==> {}\n{}\n", text.name, text.text);
    }
    out
}

/// Loads, predicts, asks, and prints.
fn answer(seed: u64, port: u32, texts: &[Text]) {
    let loaded = loaded(texts);
    for problem in &loaded.problems {
        assert!(!render_problem(problem).contains('\u{1b}'));
    }
    for notice in &loaded.notices {
        let _ = notice.to_string();
    }
    let snapshot = &loaded.snapshot;
    let store = Store::new(snapshot);
    let classes = gateway_classes(&store);
    for class in &classes {
        let mut entries = class.prediction.ledger.entries();
        assert!(entries.all(|(_, entry)| entry.fate != Fate::Open));
    }
    let question = Question {
        port,
        ..Question::default()
    };
    let answers = ask(&store, &classes, &question);
    assert!(!answers.is_empty());
    let basis = Basis {
        line: "predicted from 1 file".to_owned(),
        read: "1 object read from 1 file".to_owned(),
        command: "kubectl mesh why-no-listener".to_owned(),
        ..Basis::default()
    };
    let layout = Layout::default();
    let text = render_answers(&answers, &basis, snapshot, &layout, &|_, _| {
        FixBody::default()
    });
    assert!(!text.contains('\u{1b}'));
    let _ = name::render_names(&answers, snapshot);
    // Reading a document back takes as long as all the rest.
    if seed.is_multiple_of(8) {
        documents_agree(&answers, snapshot);
    }
    let _ = predicted::all(&classes);
}

fn documents_agree(answers: &[mesh_core::report::Answer], snapshot: &Snapshot) {
    let json = json::render_json(answers, snapshot);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let yaml = yaml::render_yaml(answers, snapshot);
    assert_eq!(mesh_core::snapshot::reader::parse(&yaml), Some(value));
}

/// Values to put where others stand: those of all cases, and some that nobody expects.
fn vocabulary(cases: &[Case]) -> Vec<String> {
    let odd = [
        "",
        "''",
        "0",
        "-1",
        "65535",
        "65536",
        "4294967296",
        "1e3",
        "0x1F",
        "~",
        "true",
        "*",
        "'*'",
        "'*.'",
        "./*",
        "'*/*'",
        "'/'",
        "[]",
        "{}",
        "|",
        "&a x",
        "*a",
        "!!binary x",
        "\"\\u0000\"",
        "99999999999999999999",
        ".",
        "..",
        "é",
        "'a b'",
        "mesh",
        "- x",
        "UDP",
        "TLS",
        "HTTPS",
        "PASSTHROUGH",
        "AUTO_PASSTHROUGH",
        "MUTUAL",
        "SIMPLE",
        "2024-01-01T00:00:00Z",
        "None",
        "ExternalName",
    ];
    let mut words: Vec<String> = odd.map(str::to_owned).into();
    for case in cases {
        for text in case.texts() {
            let values = text
                .text
                .lines()
                .filter_map(|line| Some(line.split_once(": ")?.1.to_owned()));
            words.extend(values);
        }
    }
    words.sort();
    words.dedup();
    words
}

/// The cases that ask for a port.
fn askable(cases: &[Case]) -> Vec<(u32, Vec<Text>)> {
    let asks = cases.iter().filter_map(|c| Some((c.port()?, c.texts())));
    asks.collect()
}

/// A case's port and its texts after some changes.
fn mutation(cases: &[(u32, Vec<Text>)], words: &[String], seed: u64) -> (u32, Vec<Text>) {
    let mut random = Random::new(seed);
    let (port, texts) = random.pick(cases);
    let mut texts = texts.clone();
    for _ in 0..=random.below(4) {
        let n = random.below(texts.len());
        let all: Vec<u8> = match random.below(9) {
            0 => flipped(&texts[n].text, &mut random),
            1 => without_line(&texts[n].text, &mut random).into_bytes(),
            2 => with_line_twice(&texts[n].text, &mut random).into_bytes(),
            3 => indented(&texts[n].text, &mut random).into_bytes(),
            4 => {
                let word = random.pick(words).clone();
                with_value(&texts[n].text, &word, &mut random).into_bytes()
            }
            5 => with_values_swapped(&texts[n].text, &mut random).into_bytes(),
            6 => shuffled(&texts[n].text, &mut random).into_bytes(),
            7 => cut(&texts[n].text, &mut random).into_bytes(),
            _ => {
                // A line of another file: what a careless merge leaves.
                let from = texts[random.below(texts.len())].text.clone();
                merged(&texts[n].text, &from, &mut random).into_bytes()
            }
        };
        // As the loader of files hands them on: only text.
        texts[n].text = String::from_utf8_lossy(&all).into_owned();
    }
    (*port, texts)
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A few lines in a row.
fn some_lines(lines: &[&str], random: &mut Random) -> Range<usize> {
    let begin = random.below(lines.len());
    begin..lines.len().min(begin + 1 + random.below(5))
}

fn flipped(text: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = match random.below(3) {
                0 => *byte ^ (1 << random.below(8)),
                1 => *random.pick(b"\t\n\r :-*&!|>'\"%@`{}[],#?~\0"),
                _ => random.below(256) as u8,
            };
        }
    }
    bytes
}

fn without_line(text: &str, random: &mut Random) -> String {
    let mut lines = lines(text);
    let range = some_lines(&lines, random);
    lines.drain(range);
    lines.concat()
}

fn with_line_twice(text: &str, random: &mut Random) -> String {
    let lines = lines(text);
    let range = some_lines(&lines, random);
    let (before, behind) = lines.split_at(range.end);
    [before.concat(), lines[range].concat(), behind.concat()].concat()
}

fn indented(text: &str, random: &mut Random) -> String {
    let lines = lines(text);
    let range = some_lines(&lines, random);
    let how = random.below(4);
    let change = |(n, line): (usize, &&str)| match how {
        _ if !range.contains(&n) => (*line).to_owned(),
        0 => format!("  {line}"),
        1 => format!(" {line}"),
        2 => format!("\t{line}"),
        _ => line.strip_prefix("  ").unwrap_or(line).to_owned(),
    };
    lines.iter().enumerate().map(change).collect()
}

/// Lines that have a value behind their key.
fn keyed(lines: &[&str]) -> Vec<usize> {
    let keyed = |n: &usize| lines[*n].contains(": ");
    (0..lines.len()).filter(keyed).collect()
}

fn with_value(text: &str, value: &str, random: &mut Random) -> String {
    let lines = lines(text);
    let keyed = keyed(&lines);
    let Some(at) = keyed.get(random.below(keyed.len())) else {
        return text.to_owned();
    };
    let change = |(n, line): (usize, &&str)| match line.split_once(": ") {
        Some((key, _)) if n == *at => format!("{key}: {value}\n"),
        _ => (*line).to_owned(),
    };
    lines.iter().enumerate().map(change).collect()
}

fn with_values_swapped(text: &str, random: &mut Random) -> String {
    let lines = lines(text);
    let keyed = keyed(&lines);
    if keyed.is_empty() {
        return text.to_owned();
    }
    let (a, b) = (*random.pick(&keyed), *random.pick(&keyed));
    let value = |n: usize| lines[n].split_once(": ").map_or("\n", |(_, value)| value);
    let change = |(n, line): (usize, &&str)| {
        let key = line.split_once(": ").map_or(*line, |(key, _)| key);
        match n {
            _ if n == a => format!("{key}: {}", value(b)),
            _ if n == b => format!("{key}: {}", value(a)),
            _ => (*line).to_owned(),
        }
    };
    lines.iter().enumerate().map(change).collect()
}

fn shuffled(text: &str, random: &mut Random) -> String {
    let mut documents = documents(text);
    random.shuffle(&mut documents);
    joined(&documents)
}

fn cut(text: &str, random: &mut Random) -> String {
    let end = random.below(text.len() + 1);
    text.chars().take(end).collect()
}

fn merged(text: &str, from: &str, random: &mut Random) -> String {
    let (mut lines, from) = (lines(text), lines(from));
    let range = some_lines(&from, random);
    let at = random.below(lines.len() + 1);
    lines.splice(at..at, from[range].iter().copied());
    lines.concat()
}

#[test]
fn mutations_are_the_same_in_every_run_and_change_something() {
    let cases = case::all();
    let texts = askable(&cases);
    let words = vocabulary(&cases);
    let (mut same, mut whole) = (0, 0);
    for seed in 0..500 {
        let (_, once) = mutation(&texts, &words, seed);
        let (_, again) = mutation(&texts, &words, seed);
        assert_eq!(once, again);
        same += usize::from(texts.iter().any(|(_, texts)| *texts == once));
        whole += usize::from(loaded(&once).problems.is_empty());
    }
    assert!(same < 50, "{same} of 500 change nothing");
    // Not only the parser is to be tried.
    assert!(whole > 150, "only {whole} of 500 can be read");
    assert!(whole < 350, "{whole} of 500 can be read");
}
