//! `expose-tcp` on files: every refusal and every form, to the letter; and what must hold for all plans.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_core::change::apply;
use mesh_core::plan::expose::{Options, Wanted, plan};
use mesh_core::predict::routers;
use mesh_core::predict::store::Store;
use mesh_core::snapshot::Snapshot;
use mesh_core::walk::Class;
use mesh_live::files::Text;
use mesh_live::io::Io;
use mesh_tests::compare::{none, with_file};
use mesh_tests::manifests::loaded;
use mesh_tests::random::Random;
use mesh_tests::runner::Run;
use mesh_tests::scratch::Scratch;
use serde::Deserialize;

/// An `expect.json`.
#[derive(Deserialize)]
struct Expect {
    /// The arguments; paths are relative to the folder.
    ask: Vec<String>,
    /// The exit code.
    exit: u8,
}

struct Case {
    name: String,
    folder: PathBuf,
    expect: Expect,
}

struct Ended {
    exit: u8,
    stdout: String,
    stderr: String,
}

fn run(args: &[String], folder: &Path) -> Ended {
    let (mut io, captured) = Io::captured("");
    io.cwd = folder.to_owned();
    let exit = expose_tcp::run(args.iter().map(Into::into).collect(), &mut io);
    Ended {
        exit: exit.code(),
        stdout: captured.stdout(),
        stderr: captured.stderr(),
    }
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/expose-tcp");
    let mut cases: Vec<Case> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("expect.json").exists())
        .map(|folder| {
            let text = fs::read_to_string(folder.join("expect.json")).unwrap();
            Case {
                name: folder.file_name().unwrap().to_string_lossy().into_owned(),
                expect: serde_json::from_str(&text).unwrap(),
                folder,
            }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() > 60, "only {} cases", cases.len());
    cases
}

#[test]
fn every_case_reads_as_expected_to_the_letter() {
    let mut failures = Vec::new();
    for case in cases() {
        let ended = run(&case.expect.ask, &case.folder);
        if ended.exit != case.expect.exit {
            failures.push(format!(
                "{}: exit {}, not {}\n{}{}",
                case.name, ended.exit, case.expect.exit, ended.stdout, ended.stderr
            ));
        }
        for (file, text) in [
            ("expect.txt", &ended.stdout),
            ("expect.stderr.txt", &ended.stderr),
        ] {
            let lines = with_file(&case.folder.join(file), text);
            failures.extend(lines.map(|lines| format!("{}/{file}\n{lines}", case.name)));
        }
    }
    none(&failures);
}

/// The manifests of a case, by path.
fn manifests(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let root = folder.join("manifests");
    fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.strip_prefix(folder).unwrap().to_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect()
}

/// A copy of a case's manifests, in a folder of its own.
fn copy(case: &Case, name: &str) -> Scratch {
    manifests(&case.folder).into_iter().fold(
        Scratch::new(env!("CARGO_TARGET_TMPDIR"), &format!("expose/{name}")),
        |scratch, (path, content)| scratch.with(&path.to_string_lossy(), content),
    )
}

/// Hands a diff to git, as a person would.
fn git_apply(diff: &str, folder: &Path) {
    let patch = folder.join("the.diff");
    fs::write(&patch, diff).unwrap();
    let applied = Command::new("git")
        .args(["apply", "--whitespace=nowarn", "the.diff"])
        // A folder of a repository would have its files looked for from the repository's root.
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap())
        .current_dir(folder)
        .output()
        .unwrap();
    fs::remove_file(&patch).unwrap();
    assert!(
        applied.status.success(),
        "{}\n{diff}",
        String::from_utf8_lossy(&applied.stderr)
    );
}

/// Plans, applies, plans again, takes back: what is wrong, if anything. `None` where nothing was planned.
fn there_and_back(ask: &[String], folder: &Path) -> Option<Result<(), String>> {
    let before = manifests(folder);
    let planned = run(ask, folder);
    if !planned.stdout.starts_with("--- ") {
        return None;
    }
    git_apply(&planned.stdout, folder);
    let again = run(ask, folder);
    let elsewhere = planned.stdout.contains("\n# kubectl patch");
    if !elsewhere && (again.exit != 0 || !again.stdout.is_empty()) {
        return Some(Err(format!(
            "not unchanged: {}{}",
            again.stdout, again.stderr
        )));
    }
    let remove: Vec<String> = ask.iter().cloned().chain(["--remove".to_owned()]).collect();
    let removed = run(&remove, folder);
    if removed.stdout.is_empty() {
        return Some(Err(format!("not taken back: {}", removed.stderr)));
    }
    git_apply(&removed.stdout, folder);
    let after = manifests(folder);
    Some(if after == before {
        Ok(())
    } else {
        Err(format!("other files than before: {:?}", after.keys()))
    })
}

#[test]
fn a_plan_applied_is_unchanged_and_its_removal_gives_the_files_back() {
    let mut failures = Vec::new();
    let mut tried = 0;
    // An exposure that stands half before is taken back whole; a name that a port got stays.
    let others = [
        "half-done",
        "unnamed-port",
        "only-routes",
        "only-service",
        "half-read",
    ];
    for case in cases() {
        let ask = &case.expect.ask;
        if others.contains(&case.name.as_str()) || ask.iter().any(|a| a == "--remove") {
            continue;
        }
        let scratch = copy(&case, &case.name);
        match there_and_back(ask, &scratch.path("")) {
            None => {}
            Some(Ok(())) => tried += 1,
            Some(Err(what)) => failures.push(format!("{}: {what}", case.name)),
        }
    }
    none(&failures);
    assert!(tried > 15, "only {tried} plans");
}

#[test]
fn the_same_holds_for_any_port() {
    let cases = cases();
    let case = cases
        .iter()
        .find(|case| case.name == "older-gateway")
        .unwrap();
    let scratch = copy(case, "any-port");
    let mut random = Random::new(7);
    let mut failures = Vec::new();
    let mut planned = 0;
    for round in 0..80 {
        let number = if round % 2 == 0 {
            1 + random.below(65535)
        } else {
            1 + random.below(1200)
        };
        let line = format!("kafka-broker0 --port {number} -n rcmd -f manifests/");
        let ask: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match there_and_back(&ask, &scratch.path("")) {
            None => {}
            Some(Ok(())) => planned += 1,
            Some(Err(what)) => failures.push(format!("{number}: {what}")),
        }
    }
    none(&failures);
    assert!(planned > 60, "only {planned} plans");
}

/// Listener, chain and clusters of every gateway, one a line.
fn open_ways(snapshot: &Snapshot) -> Vec<String> {
    let store = Store::new(snapshot);
    let mut ways = Vec::new();
    for proxy in routers(snapshot) {
        let class = Class::of(&store, proxy);
        for listener in &class.prediction.config.listeners {
            for chain in &listener.chains {
                let place = format!(
                    "{} {} {:?}",
                    class.proxy.qualified(),
                    listener.name,
                    chain.sni
                );
                ways.push(format!("{place} {:?} {:?}", chain.clusters, chain.route));
            }
        }
    }
    ways
}

/// Independent of the plan's own proof: nothing that was open is missing after any prefix.
#[test]
fn no_prefix_of_a_plan_takes_anything_away() {
    let mut prefixes = 0;
    for case in cases() {
        let texts: Vec<Text> = manifests(&case.folder)
            .into_iter()
            .map(|(path, content)| Text {
                name: path.to_string_lossy().into_owned(),
                text: String::from_utf8(content).unwrap(),
            })
            .collect();
        let snapshot = loaded(&texts).snapshot;
        let before = open_ways(&snapshot);
        for number in [16354, 9094, 31400, 500, 8443] {
            let wanted = Wanted {
                number,
                namespace: "rcmd".to_owned(),
                service: "kafka-broker0".to_owned(),
                port: None,
            };
            let Ok(plan) = plan(&snapshot, &[wanted], &Options::default()) else {
                continue;
            };
            let changes = plan.changes(None);
            for count in 1..=changes.len() {
                let now = apply(&snapshot, &changes[..count]).unwrap();
                let after = open_ways(&now);
                for way in &before {
                    assert!(after.contains(way), "{}: {way} after {count}", case.name);
                }
                prefixes += 1;
            }
        }
    }
    assert!(prefixes > 300, "only {prefixes} prefixes");
}

/// Runs one line of a tutorial in the folder, as a shell would.
fn typed(line: &str, folder: &Path) -> String {
    let (line, applied) = match line.strip_suffix(" | git apply") {
        Some(line) => (line, true),
        None => (line, false),
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    let args = |from: usize| {
        words[from..]
            .iter()
            .map(|w| (*w).to_owned())
            .collect::<Vec<_>>()
    };
    let ended = match words.as_slice() {
        ["kubectl", "mesh", "expose-tcp", ..] => run(&args(3), folder),
        ["kubectl", "mesh", "why-no-listener", rest @ ..] => {
            let ended = Run::of(rest.iter().copied()).cwd(folder).end();
            Ended {
                exit: ended.exit,
                stdout: ended.stdout,
                stderr: ended.stderr,
            }
        }
        ["cp", "-r", from, to] => {
            fs::create_dir_all(folder.join(to)).unwrap();
            for (name, content) in files(&folder.join(from)) {
                fs::write(folder.join(to).join(name), content).unwrap();
            }
            return String::new();
        }
        ["diff", "-r", a, b] => {
            assert_eq!(files(&folder.join(a)), files(&folder.join(b)), "{line}");
            return String::new();
        }
        other => panic!("a tutorial cannot say {other:?}"),
    };
    if applied {
        git_apply(&ended.stdout, folder);
        return ended.stderr;
    }
    ended.stderr + &ended.stdout
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_tutorial_says_what_the_commands_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scratch = files(&root.join("examples/kafka-new")).into_iter().fold(
        Scratch::new(env!("CARGO_TARGET_TMPDIR"), "expose/tutorial"),
        |scratch, (name, content)| scratch.with(&format!("examples/kafka-new/{name}"), content),
    );
    let page = root.join("docs/tutorial-kafka.md");
    let mut replayed = String::new();
    let mut console = false;
    for line in fs::read_to_string(&page).unwrap().lines() {
        if let Some(command) = line.strip_prefix("$ ").filter(|_| console) {
            let output = typed(command, &scratch.path(""));
            replayed.push_str(&format!("{line}\n{output}"));
            continue;
        }
        if line.starts_with("```") {
            console = line == "```console";
        } else if console {
            continue;
        }
        replayed.push_str(&format!("{line}\n"));
    }
    none(&Vec::from_iter(with_file(&page, &replayed)));
}
