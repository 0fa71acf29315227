//! What must hold for every case, whatever it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use mesh_core::causes::{PAGES, page};
use mesh_core::ledger::Fate;
use mesh_core::predict::RouteAction;
use mesh_core::predict::store::Store;
use mesh_core::walk::{Class, gateway_classes};
use mesh_tests::case::{self, Case, is_code};
use mesh_tests::compare::{difference, none, stripped};
use mesh_tests::json;
use mesh_tests::manifests::{documents, joined, loaded};
use mesh_tests::random::Random;
use mesh_tests::runner::{Ended, Run};
use unicode_width::UnicodeWidthStr;

/// Collects what is wrong with each case.
fn for_every_case(wrong: impl Fn(&Case) -> Vec<String>) {
    let told = |case: &Case| {
        let name = case.name.clone();
        wrong(case).into_iter().map(move |w| format!("{name}: {w}"))
    };
    let failures: Vec<String> = case::all().iter().flat_map(told).collect();
    none(&failures);
}

#[test]
fn every_code_fires_and_is_silent_and_has_a_page() {
    let cases: BTreeSet<String> = case::all().into_iter().map(|case| case.name).collect();
    let mut failures = Vec::new();
    for entry in fs::read_dir(case::root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !is_code(&name) {
            continue;
        }
        for half in ["fires", "silent"] {
            if !cases.contains(&format!("{name}/{half}")) {
                failures.push(format!("{name} has no case {half}"));
            }
        }
        if page(&name).is_none() {
            failures.push(format!("{name} has no page"));
        }
    }
    none(&failures);
}

#[test]
fn a_case_fires_its_own_code_or_nothing_at_all() {
    for_every_case(|case| {
        let Some(code) = case.code() else {
            return Vec::new();
        };
        let run = case.answered(&["-o", "json"]);
        let answers = json::answers(&run.stdout);
        let codes = json::codes(&answers);
        if !case.is_silent() {
            let fired = codes.contains(&code);
            return if fired {
                vec![]
            } else {
                vec![format!("only {codes:?}")]
            };
        }
        let mut wrong: Vec<String> = codes.iter().map(|code| format!("finds {code}")).collect();
        for answer in &answers {
            if answer["verdict"] != "open" {
                wrong.push(format!("is {}", answer["verdict"]));
            }
        }
        // A scan answers only where there is something to tell.
        if answers.is_empty() && !case.asks_all() {
            wrong.push("has no answer".to_owned());
        }
        wrong
    });
}

/// All documents of a case as one text, asked about through stdin; without places, as these differ.
fn asked_by_stdin(case: &Case, documents: &[String], format: &str) -> String {
    let mut args = case.ask_without_files();
    args.extend(["-f", "-", "-o", format]);
    let run = Run::of(args)
        .cwd(&case.folder)
        .stdin(joined(documents))
        .end();
    let mut answers = json::answers(&run.stdout);
    answers.iter_mut().for_each(json::without_places);
    format!("exit {}\n{:#}", run.exit, serde_json::Value::from(answers))
}

/// The answer to a case as its files stand, without places.
fn as_files(case: &Case) -> String {
    let run = case.answered(&["-o", "json"]);
    let mut answers = json::answers(&run.stdout);
    answers.iter_mut().for_each(json::without_places);
    format!("exit {}\n{:#}", run.exit, serde_json::Value::from(answers))
}

#[test]
fn the_order_of_objects_changes_nothing() {
    for_every_case(|case| {
        let mut all: Vec<String> = case
            .texts()
            .iter()
            .flat_map(|t| documents(&t.text))
            .collect();
        let first = as_files(case);
        let mut random = Random::new(16354);
        let mut wrong = Vec::new();
        for _ in 0..4 {
            random.shuffle(&mut all);
            let lines = difference(&first, &asked_by_stdin(case, &all, "json"));
            wrong.extend(lines.map(|lines| format!("another order, another answer\n{lines}")));
        }
        all.reverse();
        wrong
    });
}

#[test]
fn one_stream_of_documents_is_answered_like_the_files() {
    for_every_case(|case| {
        let all: Vec<String> = case
            .texts()
            .iter()
            .flat_map(|t| documents(&t.text))
            .collect();
        let lines = difference(&as_files(case), &asked_by_stdin(case, &all, "json"));
        lines.into_iter().collect()
    });
}

/// Calls back for every predicted gateway of every case.
fn for_every_class(wrong: impl Fn(&Class) -> Vec<String>) {
    for_every_case(|case| {
        let loaded = loaded(&case.texts());
        let store = Store::new(&loaded.snapshot);
        gateway_classes(&store).iter().flat_map(&wrong).collect()
    });
}

#[test]
fn every_decision_has_a_fate() {
    for_every_class(|class| {
        let entries = class.prediction.ledger.entries();
        let open = entries.filter(|(_, entry)| entry.fate == Fate::Open);
        open.map(|(_, entry)| format!("left open: {entry:?}"))
            .collect()
    });
}

#[test]
fn what_displaces_another_takes_effect_itself() {
    for_every_class(|class| {
        let ledger = &class.prediction.ledger;
        let mut wrong = Vec::new();
        for (_, entry) in ledger.entries() {
            let Fate::Displaced { by } = entry.fate else {
                continue;
            };
            match ledger.get(by).map(|by| &by.fate) {
                Some(Fate::Effective(_)) => {}
                other => wrong.push(format!("displaced by one that is {other:?}: {entry:?}")),
            }
        }
        wrong
    });
}

#[test]
fn everything_built_has_an_origin() {
    for_every_class(|class| {
        let config = &class.prediction.config;
        let effective = |id| {
            let entry = class.prediction.ledger.get(id);
            matches!(entry.map(|e| &e.fate), Some(Fate::Effective(_)))
        };
        let mut wrong = Vec::new();
        for listener in &config.listeners {
            if listener.chains.is_empty() {
                wrong.push(format!("{} has no chain", listener.name));
            }
            for chain in &listener.chains {
                if !effective(chain.origin) {
                    wrong.push(format!(
                        "{}: a chain without origin: {chain:?}",
                        listener.name
                    ));
                }
                if chain.clause.is_some_and(|clause| !effective(clause)) {
                    wrong.push(format!(
                        "{}: a chain without clause: {chain:?}",
                        listener.name
                    ));
                }
                if let Some(route) = &chain.route
                    && !config.routes.contains_key(route)
                {
                    wrong.push(format!("{}: no route {route}", listener.name));
                }
            }
        }
        for route in config
            .routes
            .values()
            .flatten()
            .flat_map(|host| &host.routes)
        {
            if !effective(route.clause) {
                wrong.push(format!("a route without clause: {route:?}"));
            }
        }
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for listener in &config.listeners {
            for chain in &listener.chains {
                named.extend(chain.clusters.iter().map(|(name, _)| name.as_str()));
            }
        }
        for route in config
            .routes
            .values()
            .flatten()
            .flat_map(|host| &host.routes)
        {
            if let RouteAction::Clusters(clusters) = &route.action {
                named.extend(clusters.iter().map(|(name, _)| name.as_str()));
            }
        }
        for name in config.clusters.keys() {
            if !named.contains(name.as_str()) {
                wrong.push(format!("nothing leads to the cluster {name}"));
            }
        }
        wrong
    });
}

const FORMATS: [&[&str]; 5] = [
    &[],
    &["-o", "wide"],
    &["-o", "json"],
    &["-o", "yaml"],
    &["-o", "name"],
];

#[test]
fn the_exit_code_is_the_same_in_every_format() {
    for_every_case(|case| {
        let runs = FORMATS.map(|format| case.answered(format));
        let exits: Vec<u8> = runs.iter().map(|run| run.exit).collect();
        let same = exits.iter().all(|exit| *exit == case.expect.exit);
        if same {
            vec![]
        } else {
            vec![format!("{exits:?}")]
        }
    });
}

#[test]
fn yaml_says_the_same_as_json() {
    for_every_case(|case| {
        let json = case.answered(&["-o", "json"]);
        let yaml = case.answered(&["-o", "yaml"]);
        let read = mesh_core::snapshot::reader::parse(&yaml.stdout);
        let lines = difference(
            &format!("{:#}", serde_json::Value::from(json::answers(&json.stdout))),
            &format!("{:#}", read.unwrap_or_default()),
        );
        lines.into_iter().collect()
    });
}

#[test]
fn names_are_one_a_line_without_repeats() {
    for_every_case(|case| {
        let run = case.answered(&["-o", "name"]);
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for line in run.stdout.lines() {
            *seen.entry(line).or_default() += 1;
        }
        let wrong = |(line, count): (&str, usize)| {
            let name = line.split_once('/').is_some_and(|(kind, name)| {
                !kind.is_empty() && !name.is_empty() && !line.contains(' ')
            });
            (!name || count > 1).then(|| format!("{count} × {line}"))
        };
        let mut wrong: Vec<String> = seen.into_iter().filter_map(wrong).collect();
        let json = case.answered(&["-o", "json"]);
        let findings = !json::codes(&json::answers(&json.stdout)).is_empty();
        if findings == run.stdout.is_empty() {
            wrong.push(format!("findings: {findings}, names: {:?}", run.stdout));
        }
        wrong
    });
}

#[test]
fn nothing_changes_from_run_to_run() {
    for_every_case(|case| {
        let again = |format: &[&str]| case.ask(format).end() != case.answered(format);
        let differ = FORMATS.into_iter().filter(|format| again(format));
        differ.map(|format| format!("{format:?} differs")).collect()
    });
}

fn has_escapes(run: &Ended) -> bool {
    run.stdout.contains('\u{1b}') || run.stderr.contains('\u{1b}')
}

/// Both streams, for comparing.
fn both(run: &Ended) -> String {
    format!("exit {}\n{}\n{}", run.exit, run.stdout, run.stderr)
}

#[test]
fn without_colour_there_are_no_escapes() {
    for_every_case(|case| {
        let runs = [
            ("no terminal", case.ask(&[])),
            ("--color=never", case.ask(&["--color=never"]).on_terminal()),
            (
                "NO_COLOR",
                case.ask(&[])
                    .on_terminal()
                    .env(|env| env.no_color = Some("1".to_owned())),
            ),
            (
                "TERM=dumb",
                case.ask(&[])
                    .on_terminal()
                    .env(|env| env.term = Some("dumb".to_owned())),
            ),
            ("-o json", case.ask(&["-o", "json", "--color=always"])),
            ("-o yaml", case.ask(&["-o", "yaml", "--color=always"])),
            ("-o name", case.ask(&["-o", "name", "--color=always"])),
        ];
        let runs = runs.into_iter().map(|(how, run)| (how, run.end()));
        let coloured = runs.filter(|(how, run)| {
            // The summary on stderr is text, also beside a document.
            if how.starts_with("-o") {
                run.stdout.contains('\u{1b}')
            } else {
                has_escapes(run)
            }
        });
        coloured
            .map(|(how, _)| format!("coloured: {how}"))
            .collect()
    });
}

/// A `run:` line repeats what was typed, so an argument more makes another line.
fn before_commands(text: &str) -> &str {
    text.split("\nrun: ").next().unwrap_or("")
}

#[test]
fn colour_changes_no_letter() {
    for_every_case(|case| {
        let plain = case.answered(&[]);
        let bare = |env: &mut mesh_live::io::Env| env.no_color = Some("1".to_owned());
        let force = |env: &mut mesh_live::io::Env| env.clicolor_force = Some("1".to_owned());
        let person = case.ask(&[]).on_terminal().env(bare).end();
        let mut wrong = Vec::new();
        for (how, plain, run) in [
            ("CLICOLOR_FORCE", &plain, case.ask(&[]).env(force)),
            ("a terminal", &person, case.ask(&[]).on_terminal()),
        ] {
            let run = run.end();
            if !plain.stdout.is_empty() && !run.stdout.contains('\u{1b}') {
                wrong.push(format!("{how}: no colour"));
            }
            let stripped = Ended {
                stdout: stripped(&run.stdout),
                stderr: stripped(&run.stderr),
                ..run
            };
            let lines = difference(&both(plain), &both(&stripped));
            wrong.extend(lines.map(|lines| format!("{how}\n{lines}")));
        }
        let always = stripped(&case.ask(&["--color=always"]).end().stdout);
        let lines = difference(before_commands(&plain.stdout), before_commands(&always));
        wrong.extend(lines.map(|lines| format!("--color=always\n{lines}")));
        wrong
    });
}

/// Lines of an excerpt or of a diff show a file as it is.
fn shown_as_it_is(line: &str) -> bool {
    let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    after_number == "|" || after_number.starts_with("| ") || line.starts_with(['+', '-', '@'])
}

fn ascii(env: &mut mesh_live::io::Env) {
    env.lc_all = Some("C".to_owned());
}

#[test]
fn without_utf_8_all_is_ascii() {
    for_every_case(|case| {
        let run = case.ask(&[]).on_terminal().env(ascii).end();
        let text = stripped(&run.stdout) + &stripped(&run.stderr);
        let wrong = |line: &&str| !line.is_ascii() && !shown_as_it_is(line);
        text.lines().filter(wrong).map(str::to_owned).collect()
    });
}

/// A line that is too long and could have been broken at a space.
fn too_long(line: &str, width: usize) -> bool {
    let words = line.split_whitespace().count();
    line.width() > width && words > 2 && !shown_as_it_is(line)
}

/// The lines of `= why` and its like, with those that hang under them.
fn prose(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut within = false;
    for line in text.lines() {
        within = line.starts_with("   = ") || (within && line.starts_with("     "));
        if within {
            lines.push(line);
        }
    }
    lines
}

#[test]
fn prose_keeps_within_its_width() {
    for_every_case(|case| {
        let plain = case.answered(&[]);
        let person = case.ask(&["--color=never"]).on_terminal().end();
        let mut wrong = Vec::new();
        for line in prose(&plain.stdout)
            .into_iter()
            .chain(prose(&person.stdout))
        {
            if too_long(line, 80) {
                wrong.push(format!("{} columns: {line}", line.width()));
            }
        }
        for line in plain.stdout.lines().filter(|line| too_long(line, 100)) {
            wrong.push(format!("{} columns: {line}", line.width()));
        }
        wrong
    });
}

#[test]
fn lines_do_not_end_in_blanks() {
    for_every_case(|case| {
        let run = case.answered(&[]);
        let text = run.stdout + &run.stderr;
        let blank = text
            .lines()
            .filter(|l| l.ends_with([' ', '\t']) && !shown_as_it_is(l));
        blank.map(|line| format!("{line:?}")).collect()
    });
}

#[test]
fn a_first_line_is_one_sentence_of_one_line() {
    for_every_case(|case| {
        if case.port().is_none() {
            return vec![]; // A table.
        }
        let run = case.answered(&[]);
        let first = run.stdout.lines().next().unwrap_or("");
        let mut wrong = String::new();
        if !first.starts_with(['✓', '✗', '?']) {
            let _ = write!(wrong, "no glyph: {first}");
        }
        if first.ends_with('.') {
            let _ = write!(wrong, "a full stop: {first}");
        }
        if too_long(first, 80) && first.width() > 100 {
            let _ = write!(wrong, "{} columns: {first}", first.width());
        }
        if wrong.is_empty() {
            vec![]
        } else {
            vec![wrong]
        }
    });
}

#[test]
fn every_page_can_be_explained() {
    let mut failures = Vec::new();
    for page in PAGES {
        let plain = Run::of(["--explain", page.code]).end();
        let coloured = Run::of(["--explain", page.code, "--color=always"]).end();
        let bare = Run::of(["--explain", page.code]).env(ascii).end();
        if plain.exit != 0 || !plain.stdout.contains(page.code) || has_escapes(&plain) {
            failures.push(format!("{}\n{}", page.code, both(&plain)));
        }
        if let Some(lines) = difference(&plain.stdout, &stripped(&coloured.stdout)) {
            failures.push(format!("{}: colour\n{lines}", page.code));
        }
        for line in bare.stdout.lines().filter(|line| !line.is_ascii()) {
            failures.push(format!("{}: no ASCII: {line}", page.code));
        }
    }
    none(&failures);
}
