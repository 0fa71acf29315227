//! What a change does to a mesh: each folder of `tests/cases/effects` has a `change/`, laid over the objects of `mesh/`
//! and of its own `live/`. `expect.txt` holds what is printed, `┊` marks stderr; where there is an `expect.md` or an
//! `expect.json`, it is what that format prints.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_tests::binaries::workspace;
use mesh_tests::compare::{blessing, none, with_file};
use mesh_tests::fake_api::{FakeApi, Fault};
use mesh_tests::runner::{Ended, Run};
use mesh_tests::scratch::Scratch;
use mesh_tests::served::served;

const TMP: &str = env!("CARGO_TARGET_TMPDIR");

fn cases() -> PathBuf {
    workspace().join("tests/cases/effects")
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(cases()).unwrap();
    let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "mesh").collect();
    names.sort();
    names
}

fn texts(folder: &Path) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.display().to_string(),
                fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    found.sort();
    found
}

/// Asks about a case; the folder of the kubeconfig is left out of what is printed.
fn ask(case: &str, more: &str, faults: &[(&str, Fault)]) -> Ended {
    let folder = cases().join(case);
    let mut all = texts(&cases().join("mesh"));
    all.extend(texts(&folder.join("live")));
    let all: Vec<(&str, &str)> = all.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    let api = FakeApi::new(served(&all), faults);
    let name = format!("effect-{case}-{}", more.replace([' ', '/'], ""));
    let scratch = Scratch::new(TMP, &name);
    let flag = format!(
        "--kubeconfig {}",
        api.kubeconfig(&scratch.path("")).display()
    );
    let line = format!("{more} -f change --with-cluster {flag}");
    let mut ended = Run::of(line.split_whitespace()).cwd(&folder).end();
    for text in [&mut ended.stdout, &mut ended.stderr] {
        // A long command is broken in front of a flag.
        *text = text.replace(&format!("\\\n       {flag} \\\n       "), "");
        *text = text.replace(&format!(" {flag}"), "");
    }
    ended
}

#[test]
fn every_case_is_told_as_expected() {
    let mut failures = Vec::new();
    let names = names();
    assert!(names.len() >= 8, "{names:?}");
    for case in names {
        let folder = cases().join(&case);
        let ended = ask(&case, "", &[]);
        let mut text = ended.stdout;
        for line in ended.stderr.lines() {
            text.push_str(&format!("┊ {line}\n"));
        }
        text.push_str(&format!("exit {}\n", ended.exit));
        let expected = folder.join("expect.txt");
        if !expected.exists() && !blessing() {
            failures.push(format!(
                "{case} has no expect.txt: BLESS=1 writes it\n{text}"
            ));
            continue;
        }
        let lines = with_file(&expected, &text);
        failures.extend(lines.map(|lines| format!("{case}\n{lines}")));
        for (file, format) in [("expect.md", "markdown"), ("expect.json", "json")] {
            if folder.join(file).exists() {
                let ended = ask(&case, &format!("-o {format}"), &[]);
                let lines = with_file(&folder.join(file), &ended.stdout);
                failures.extend(lines.map(|lines| format!("{case} -o {format}\n{lines}")));
            }
        }
    }
    none(&failures);
}
