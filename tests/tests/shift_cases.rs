//! `kubectl mesh shift` on files: one folder of `cases/shift` a form and a refusal.
//!
//! A folder holds `cmd`, which is JSON (`{"args": […], "exit": 0, "stdin": "FILE"}`), manifests, and what is printed:
//! `stdout.txt` and `stderr.txt`. `BLESS=1` writes those two anew.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mesh_core::change;
use mesh_core::plan::shift::{Ask, Request, plan};
use mesh_core::predict::store::Store;
use mesh_core::snapshot::Snapshot;
use mesh_core::snapshot::reader::{Loader, ReadOptions};
use mesh_core::walk::gateway_classes;
use mesh_live::examples::examples;
use mesh_live::io::Io;
use mesh_tests::compare::{none, with_file};
use mesh_tests::random::Random;
use mesh_tests::runner::Run;
use mesh_tests::scratch::Scratch;
use serde::Deserialize;

#[derive(Deserialize)]
struct Command {
    args: Vec<String>,
    exit: u8,
    stdin: Option<String>,
}

struct Ended {
    exit: u8,
    stdout: String,
    stderr: String,
}

fn cases() -> Vec<(PathBuf, Command)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/shift");
    let mut folders: Vec<PathBuf> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() > 60, "{}", folders.len());
    folders
        .into_iter()
        .map(|folder| {
            let text = fs::read_to_string(folder.join("cmd")).unwrap();
            let command = serde_json::from_str(&text).unwrap();
            (folder, command)
        })
        .collect()
}

fn run(folder: &Path, args: &[String], stdin: Option<&String>) -> Ended {
    let stdin = stdin.map_or_else(Vec::new, |file| fs::read(folder.join(file)).unwrap());
    let (mut io, captured) = Io::captured(stdin);
    io.cwd = folder.to_owned();
    let args = args.iter().map(OsString::from).collect();
    let exit = shift::run(args, &mut io).code();
    Ended {
        exit,
        stdout: captured.stdout(),
        stderr: captured.stderr(),
    }
}

#[test]
fn every_case_prints_what_stands_beside_it() {
    let mut failures = Vec::new();
    for (folder, command) in cases() {
        let ended = run(&folder, &command.args, command.stdin.as_ref());
        let name = folder.file_name().unwrap().display();
        if ended.exit != command.exit {
            failures.push(format!(
                "{name}: exit {} and not {}\n{}",
                ended.exit, command.exit, ended.stderr
            ));
        }
        for (file, found) in [("stdout.txt", &ended.stdout), ("stderr.txt", &ended.stderr)] {
            if let Some(difference) = with_file(&folder.join(file), found) {
                failures.push(format!("{name}, {file}:\n{difference}"));
            }
        }
    }
    none(&failures);
}

#[test]
fn a_refusal_writes_nothing_and_ends_in_a_command_that_works() {
    let mut failures = Vec::new();
    for (folder, command) in cases() {
        let ended = run(&folder, &command.args, command.stdin.as_ref());
        let name = folder.file_name().unwrap().display();
        let machine = command.args.iter().any(|arg| arg == "-o");
        if ended.exit != 0 && ended.stderr.contains("nothing written") && !machine {
            assert_eq!(ended.stdout, "", "{name}");
        }
        if ended.stderr.starts_with("✗ refused") && !ended.stderr.contains("\nrun: ") {
            failures.push(format!("{name}: no command"));
        }
        // What follows `run:` and `or, …:`, without those words.
        let text: String = ended
            .stderr
            .lines()
            .map(|line| match line.find("kubectl mesh ") {
                Some(at) if line.starts_with("run: ") || line.starts_with("or, ") => &line[at..],
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        for args in examples(&text, "kubectl mesh shift") {
            let next = run(&folder, &args, command.stdin.as_ref());
            let offered = next.stderr.contains("error: ");
            if next.exit == 2 && offered && !name.to_string().contains("not-read") {
                failures.push(format!("{name}: {args:?} does not work:\n{}", next.stderr));
            }
            if args == command.args {
                failures.push(format!("{name}: {args:?} is what was refused"));
            }
        }
    }
    none(&failures);
}

fn load(texts: &[(String, String)]) -> Snapshot {
    let mut loader = Loader::new(ReadOptions::default());
    for (name, text) in texts {
        loader.read(name, text.as_str());
    }
    loader.finish().snapshot
}

/// Plans, applies the diff to the texts, and tells whether anything was to do; `None` for a refusal.
fn shifted(texts: &mut [(String, String)], set: &[(String, u32)]) -> Option<bool> {
    let snapshot = load(texts);
    let store = Store::new(&snapshot);
    let request = Request {
        target: "tcp-echo".to_owned(),
        ask: Ask::Set(set.to_vec()),
        ..Request::default()
    };
    let plan = plan(&store, &gateway_classes(&store), &request).ok()?;
    let diffs = change::file_diffs(&snapshot, &plan.changes).unwrap();
    assert!(diffs.without_file.is_empty());
    for diff in diffs.diffs {
        let text = texts
            .iter_mut()
            .find(|(name, _)| *name == diff.path)
            .unwrap();
        assert_eq!(*text.1, *diff.old);
        text.1 = diff.new;
    }
    Some(!plan.unchanged())
}

/// A route to some versions, in one of the ways people write it.
fn route(random: &mut Random, weights: &[u32]) -> String {
    let block = ["tcp", "http"][random.below(2)];
    let mut text = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: r\n  namespace: echo\nspec:\n  \
         hosts: ['*']\n  gateways: [ingress]\n  {block}:\n  - route:\n"
    );
    for (n, weight) in weights.iter().enumerate() {
        let comment = ["", "   # why", "\t# tab"][random.below(3)];
        let port = if block == "tcp" { 9000 } else { 8000 };
        text.push_str(&match random.below(3) {
            0 => format!(
                "    - weight: {weight}{comment}\n      destination: {{host: tcp-echo, subset: v{n}, port: {{number: {port}}}}}\n"
            ),
            1 => format!(
                "    # {n}\n    - destination:\n        host: tcp-echo\n        subset: v{n}\n        port:\n          \
                 number: {port}\n      weight: {weight}{comment}\n"
            ),
            _ => format!(
                "    - {{destination: {{host: tcp-echo, subset: v{n}, port: {{number: {port}}}}}, weight: {weight}}}{comment}\n"
            ),
        });
    }
    text
}

fn mesh(count: usize) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/shift");
    let mut text = fs::read_to_string(root.join("mesh.yaml")).unwrap();
    text.push_str(
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: echo}\nspec:\n  \
         host: tcp-echo\n  subsets:\n",
    );
    for n in 0..count {
        text.push_str(&format!("  - {{name: v{n}, labels: {{version: v{n}}}}}\n"));
    }
    for n in 0..count {
        text.push_str(&format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: v{n}, namespace: echo}}\nspec:\n  template:\n    \
             metadata: {{labels: {{app: tcp-echo, version: v{n}}}}}\n"
        ));
    }
    text
}

#[test]
fn a_shift_and_the_shift_back_give_the_files_back_and_a_second_one_does_nothing() {
    let mut random = Random::new(5);
    let mut changed = 0;
    for _ in 0..150 {
        let count = 2 + random.below(3);
        let some = |random: &mut Random| {
            let mut left = 100;
            let mut weights: Vec<u32> = (1..count)
                .map(|_| {
                    let weight = u32::try_from(random.below(left as usize + 1)).unwrap();
                    left -= weight;
                    weight
                })
                .collect();
            weights.push(left);
            weights
        };
        let named = |weights: &[u32]| -> Vec<(String, u32)> {
            let all = weights.iter().enumerate();
            all.map(|(n, w)| (format!("v{n}"), *w)).collect()
        };
        let (before, after) = (some(&mut random), some(&mut random));
        let text = route(&mut random, &before);
        let mut texts = [
            ("route.yaml".to_owned(), text.clone()),
            ("mesh.yaml".to_owned(), mesh(count)),
        ];
        let did = shifted(&mut texts, &named(&after));
        assert_eq!(did, Some(before != after), "{before:?} {after:?}\n{text}");
        changed += usize::from(before != after);
        assert_eq!(
            shifted(&mut texts, &named(&after)),
            Some(false),
            "{}",
            texts[0].1
        );
        assert_eq!(shifted(&mut texts, &named(&before)), Some(before != after));
        assert_eq!(texts[0].1, text);
    }
    assert!(changed > 100, "{changed}");
}

/// The blocks of a page between fences of a language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let fence = format!("```{language}\n");
    page.split(fence.as_str())
        .skip(1)
        .map(|rest| rest.split("```\n").next().unwrap())
        .collect()
}

#[test]
fn the_tutorial_prints_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/tutorial-tcp-echo.md")).unwrap();
    let mut scratch = Scratch::new(env!("CARGO_TARGET_TMPDIR"), "tutorial-tcp-echo");
    for file in ["ingressgateway.yaml", "tcp-echo.yaml"] {
        let text = fs::read(root.join("examples/tcp-echo").join(file)).unwrap();
        scratch = scratch.with(&format!("mesh/{file}"), text);
    }
    scratch = scratch.with("mesh/traffic.yaml", blocks(&page, "yaml")[0]);
    let folder = scratch.path("");
    // A repository of its own, or git would look for the files in the one around it.
    git(&folder, &["init", "-q", "."], "");
    let mut seen = 0;
    for block in blocks(&page, "console") {
        let (command, said) = block.strip_prefix("$ ").unwrap().split_once('\n').unwrap();
        let (command, applied) = match command.strip_suffix(" | git apply") {
            Some(command) => (command, true),
            None => (command, false),
        };
        let mut words = command.split(' ').skip(2).map(str::to_owned);
        let ended = match words.next().unwrap().as_str() {
            "shift" => run(&folder, &words.collect::<Vec<_>>(), None),
            _ => {
                let words: Vec<String> = words.collect();
                let run = Run::of(words.iter().map(String::as_str)).cwd(&folder).end();
                Ended {
                    exit: run.exit,
                    stdout: run.stdout,
                    stderr: run.stderr,
                }
            }
        };
        if applied {
            assert_eq!((ended.stderr.as_str(), said), ("", ""), "{command}");
            git(&folder, &["apply"], &ended.stdout);
        } else {
            let either = [
                format!("{}{}", ended.stderr, ended.stdout),
                format!("{}{}", ended.stdout, ended.stderr),
            ];
            assert!(
                either.iter().any(|text| text == said),
                "{command}\n{either:?}"
            );
        }
        seen += 1;
    }
    assert!(seen > 8, "{seen}");
}

fn git(folder: &Path, args: &[&str], stdin: &str) {
    let mut child = std::process::Command::new("git")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "git {args:?}\n{stdin}");
}
