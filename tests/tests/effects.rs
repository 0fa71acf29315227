//! What a change does to a mesh: each folder of `tests/cases/effects` has a `change/`, laid over the objects of `mesh/`
//! and of its own `live/`. `expect.txt` holds what is printed, `┊` marks stderr; where there is an `effect.md` or an
//! `effect.json`, it is what that format prints.

use std::fs;
use std::path::PathBuf;

use mesh_tests::binaries::workspace;
use mesh_tests::compare::{blessing, none, with_file};
use mesh_tests::fake_api::{FakeApi, Fault};
use mesh_tests::runner::{Ended, Run};
use mesh_tests::scratch::Scratch;
use mesh_tests::served::{served, texts};

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

/// Asks about a case; the folder of the kubeconfig is left out of what is printed.
fn ask(case: &str, more: &str, faults: &[(&str, Fault)]) -> Ended {
    let folder = cases().join(case);
    let mut all = texts(&cases().join("mesh"));
    all.extend(texts(&folder.join("live")));
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
        for (file, format) in [("effect.md", "markdown"), ("effect.json", "json")] {
            if folder.join(file).exists() {
                let ended = ask(&case, &format!("-o {format}"), &[]);
                let lines = with_file(&folder.join(file), &ended.stdout);
                failures.extend(lines.map(|lines| format!("{case} -o {format}\n{lines}")));
            }
        }
    }
    none(&failures);
}

/// With a port it is that port's answer, over the cluster: the files are the cause, so they have the fix.
#[test]
fn with_a_port_it_is_that_port_after_the_change() {
    for (case, question, first) in [
        (
            "a-new-port-opens",
            "31401",
            "✓ port 31401 will be open: it leads to data/redis:6379",
        ),
        (
            "a-service-port-is-removed",
            "31400",
            "✗ port 31400 will be unreachable: no Service port leads to this listener",
        ),
        (
            "a-service-entry-captures",
            "10.96.9.9:5701 --proxy pod/redis-0 -n data",
            "✗ 10.96.9.9:5701 will be diverted to db.example.com:5701",
        ),
    ] {
        let ended = ask(case, question, &[]);
        let mut lines = ended.stdout.lines();
        let verdict = lines.next().unwrap_or_default();
        assert!(verdict.starts_with(first), "{case}: {}", ended.stdout);
        let basis = "  predicted from 1 file over cluster test, Istio 1.31";
        assert_eq!(lines.next(), Some(basis), "{case}");
        assert_eq!(u8::from(first.starts_with('✗')), ended.exit, "{case}");
    }
}

/// A fix is of the file, although the object has more than the file says.
#[test]
fn the_fix_of_a_change_is_a_diff_of_its_files() {
    let ended = ask("a-subset-is-removed", "--fix", &[]);
    assert!(
        ended.stdout.starts_with("--- a/change/change.yaml\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("\n+  - name: v2\n"),
        "{}",
        ended.stdout
    );
    assert_eq!((ended.stderr.as_str(), ended.exit), ("", 1));
    let nothing = ask("a-weight-changes", "--fix", &[]);
    assert_eq!(nothing.stdout, "");
    assert_eq!(
        (nothing.stderr.as_str(), nothing.exit),
        ("nothing to fix\n", 0)
    );
}

#[test]
fn what_may_not_be_read_is_a_condition_of_the_effect() {
    let faults = [("/apis/security.istio.io", Fault::Forbidden)];
    let ended = ask("a-new-port-opens", "", &faults);
    let told = "\n  if what anna may not read changes nothing\n";
    assert!(ended.stdout.contains(told), "{}", ended.stdout);
    assert!(ended.stderr.contains("not read: "), "{}", ended.stderr);
}

#[test]
fn what_is_no_effect_has_no_markdown() {
    for line in ["31400 -o markdown", "--proxy pod/redis-0"] {
        let ended = ask("a-new-port-opens", line, &[]);
        assert_eq!((ended.stdout.as_str(), ended.exit), ("", 2), "{line}");
    }
}

/// The document shows what the program says: an effect is the same in each format.
#[test]
fn yaml_is_the_json() {
    let json = ask("a-weight-changes", "-o json", &[]).stdout;
    let yaml = ask("a-weight-changes", "-o yaml", &[]).stdout;
    assert_eq!(yaml, mesh_core::report::yaml::from_json(&json));
}
