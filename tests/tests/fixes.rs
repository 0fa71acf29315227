//! A fix does what its proof says: in prediction, and in the files of a person who applies it.

use std::cell::Cell;
use std::fs;
use std::mem::discriminant;
use std::path::Path;
use std::process::{Command, Stdio};

use mesh_core::causes::{Destination, Severity, Wish};
use mesh_core::change::{apply, repair, script};
use mesh_core::ledger::{Entry, Fate};
use mesh_core::predict::ProxyFacts;
use mesh_core::predict::store::Store;
use mesh_core::report::{Answer, Finding, Fix, Proof};
use mesh_core::snapshot::{Change, Kind, Operation, Snapshot};
use mesh_core::walk::{Class, Question, ask, gateway_classes, scan};
use mesh_live::files::Text;
use mesh_tests::case::{self, Case};
use mesh_tests::compare::{difference, none};
use mesh_tests::json;
use mesh_tests::manifests::{documents, joined, loaded};
use mesh_tests::runner::{Ended, Run};
use mesh_tests::scratch::Scratch;
use serde_json::json;

/// The question of a case, without a port for a scan.
fn question(case: &Case) -> Question {
    let text = |flag| case.option(flag).map(str::to_owned);
    let to = case.option("--to").map(|to| {
        let (name, port) = to.split_once(':').expect("SERVICE:PORT");
        let (namespace, service) = name.split_once('/').unwrap_or(("", name));
        Destination {
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            port: port.parse().expect("a number"),
        }
    });
    let word = case.expect.ask.first().filter(|_| case.port().is_some());
    let host = word.and_then(|word| word.rsplit_once(':'));
    Question {
        port: case.port().unwrap_or_default(),
        host: host.map(|(host, _)| host.trim_matches(['[', ']']).to_owned()),
        sni: text("--sni"),
        http_host: text("--http-host"),
        namespace: text("-n"),
        wish: Wish { to },
    }
}

/// What the commands make of a case, before it is printed.
fn judged(case: &Case, store: &Store<'_>, classes: &[Class]) -> Vec<Answer> {
    let mut question = question(case);
    if let Some(to) = question
        .wish
        .to
        .as_mut()
        .filter(|to| to.namespace.is_empty())
    {
        let named = |o: &&mesh_core::snapshot::Object| o.key.name == to.service;
        let found = store.snapshot.of_kind(Kind::Service).find(named);
        found
            .expect("the Service")
            .key
            .namespace
            .clone_into(&mut to.namespace);
    }
    let mut answers = if case.port().is_some() {
        ask(store, classes, &question)
    } else {
        scan(
            store,
            classes,
            question.namespace.as_deref(),
            &question.wish,
        )
        .answers
    };
    for answer in &mut answers {
        question.port = answer.asked.port;
        repair(store, classes, &question, std::slice::from_mut(answer));
    }
    answers
}

/// The sidecar that a connection begins at.
fn sidecar(case: &Case, store: &Store<'_>, proxy: &str) -> Class {
    let namespace = case.option("-n").unwrap_or("default");
    let (_, name) = proxy.split_once('/').expect("KIND/NAME");
    let mut objects = store.snapshot.objects();
    let facts = objects.find_map(|o| {
        let named = o.key.name == name && o.key.namespace == namespace;
        let facts = || ProxyFacts::of_workload(o).or_else(|| ProxyFacts::of_pod(o));
        named.then(facts).flatten()
    });
    Class::of(store, facts.expect("the pods of --proxy"))
}

/// Collects what is wrong with each case that is predicted from all its gateways, or about a connection.
fn for_every_case(wrong: impl Fn(&Case, &Snapshot, &[Class], &[Answer]) -> Vec<String>) {
    let mut failures = Vec::new();
    // A scan asks sidecars too.
    let scans_sidecars = |case: &&Case| {
        let mut found = case.expect.answers.iter().flat_map(|a| &a.findings);
        case.option("--proxy").is_none() && found.any(|f| f.code.starts_with("SC-"))
    };
    for case in case::all().iter().filter(|case| !scans_sidecars(case)) {
        let mut loaded = loaded(&case.texts());
        let version = case.option("--istio-version").map(str::parse);
        loaded.snapshot.istio_version = version.transpose().expect("a version");
        let store = Store::new(&loaded.snapshot);
        let classes = match case.option("--proxy") {
            None => gateway_classes(&store),
            Some(proxy) if question(case).host.is_some() => vec![sidecar(case, &store, proxy)],
            // Only one gateway is asked about, or a scan is of one pod.
            Some(_) => continue,
        };
        let answers = judged(case, &store, &classes);
        let told = wrong(case, &loaded.snapshot, &classes, &answers);
        failures.extend(told.into_iter().map(|w| format!("{}: {w}", case.name)));
    }
    none(&failures);
}

/// Why a finding has no fix that was proved: its cause says so, or what a person has to choose; else nothing could be
/// suggested, as the command says it.
fn why_none(finding: &Finding) -> Option<&str> {
    finding.no_fix.or_else(|| match finding.fixes.first() {
        Some(Fix {
            proof: Proof::Unproved(why),
            ..
        }) => Some(why),
        Some(_) => None,
        None => Some("no change of these objects was found that helps"),
    })
}

#[test]
fn every_error_has_a_fix_or_a_reason_why_not() {
    for_every_case(|case, _, _, answers| {
        let mut wrong = Vec::new();
        // Here everything is asked about; what such a case leaves out is the test of `ignore.rs`.
        if case
            .option("--ignore")
            .or(case.option("--baseline"))
            .is_some()
        {
            return wrong;
        }
        if answers.len() != case.expect.answers.len() {
            return vec![format!("{} answers", answers.len())];
        }
        let found = answers.iter().flat_map(|a| &a.findings);
        let expected = case.expect.answers.iter().flat_map(|a| &a.findings);
        for (finding, expected) in found.zip(expected) {
            let code = finding.page.code;
            if code != expected.code {
                wrong.push(format!("{code} instead of {}", expected.code));
            }
            if finding.severity < Severity::Error {
                continue;
            }
            let conditional = expected.fix.as_deref() == Some("conditional");
            let as_expected = match finding.fixes.first().map(|fix| &fix.proof) {
                Some(Proof::Proved) => !conditional && expected.no_fix.is_none(),
                Some(Proof::Conditional(_)) => conditional && expected.no_fix.is_none(),
                Some(Proof::Unproved(_)) | None => {
                    expected.no_fix.is_some() && expected.no_fix.as_deref() == why_none(finding)
                }
            };
            if !as_expected {
                wrong.push(format!(
                    "{code}: the fix is to be {:?} or none by {:?}, but is {:?}, none by {:?}",
                    expected.fix.as_deref().unwrap_or("proved"),
                    expected.no_fix,
                    finding.fixes.first().map(|fix| (&fix.title, &fix.proof)),
                    why_none(finding),
                ));
            }
        }
        wrong
    });
}

/// What was left out at or around the field of a finding.
fn dropped<'c>(classes: &'c [Class], answer: &Answer, finding: &Finding) -> Vec<&'c Entry> {
    let field = finding.primary.field.to_string();
    let about = |entry: &&Entry| {
        let own = entry.step.field().to_string();
        entry.step.object() == finding.primary.object
            && matches!(entry.fate, Fate::Dropped(_))
            && (own.starts_with(&field) || field.starts_with(&own))
    };
    classes
        .iter()
        .filter(|c| {
            c.proxy.namespace == answer.proxy.namespace && c.proxy.name == answer.proxy.name
        })
        .flat_map(|c| c.prediction.ledger.entries())
        .map(|(_, entry)| entry)
        .filter(about)
        .collect()
}

#[test]
fn a_proved_fix_changes_a_fate() {
    let changed = Cell::new(0);
    for_every_case(|_, snapshot, classes, answers| {
        let mut wrong = Vec::new();
        for answer in answers {
            for finding in &answer.findings {
                let Some(fix) = finding.fixes.first().filter(|f| f.part_of.is_none()) else {
                    continue;
                };
                if matches!(fix.proof, Proof::Unproved(_)) {
                    continue;
                }
                let before = dropped(classes, answer, finding);
                let after = apply(snapshot, &fix.changes).expect("a proved fix can be applied");
                let store = Store::new(&after);
                let classes = gateway_classes(&store);
                let left = dropped(&classes, answer, finding);
                let same = |a: &Entry, b: &Entry| {
                    let (Fate::Dropped(x), Fate::Dropped(y)) = (&a.fate, &b.fate) else {
                        return false;
                    };
                    a.step == b.step && discriminant(x) == discriminant(y)
                };
                let stays = |a: &&&Entry| left.iter().any(|b| same(a, b));
                changed.set(changed.get() + usize::from(!before.is_empty()));
                // A symptom, such as a port that is missing on a Service, has no entry that was dropped.
                if !before.is_empty() && before.iter().all(|a| stays(&a)) {
                    wrong.push(format!(
                        "{}: all stay dropped: {before:?}",
                        finding.page.code
                    ));
                }
            }
        }
        wrong
    });
    let changed = changed.get();
    assert!(changed > 50, "only {changed} of them were looked at");
}

/// `git apply` of a diff in a folder; `None` where there is no git.
fn git_apply(folder: &Path, diff: &str) -> Option<Result<(), String>> {
    use std::io::Write as _;
    let child = Command::new("git")
        .args(["apply", "--whitespace=nowarn"])
        .current_dir(folder)
        .env("GIT_CEILING_DIRECTORIES", folder.parent()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        let note = b"not tested: there is no `git` here\n";
        std::io::stderr().write_all(note).expect("stderr");
        return None;
    };
    let mut stdin = child.stdin.take()?;
    stdin.write_all(diff.as_bytes()).expect("git reads");
    drop(stdin);
    let output = child.wait_with_output().expect("git ends");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() {
        Ok(())
    } else {
        Err(told)
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// The question, about the port that a fix moves to where it does: its title says which.
fn asked_after(case: &Case, answers: &[serde_json::Value]) -> Vec<String> {
    let titles = answers
        .iter()
        .flat_map(|answer| json::list(&answer["findings"]))
        .map(|finding| json::word(&finding["fixes"][0]["title"]).to_owned());
    let moved = titles
        .filter_map(|title| {
            let rest = title.strip_prefix("move to ")?;
            rest.split(',').next().map(str::to_owned)
        })
        .next();
    let mut words = case.expect.ask.clone();
    if let (Some(moved), Some(port)) = (moved, case.port()) {
        for word in words.iter_mut().filter(|w| **w == port.to_string()) {
            word.clone_from(&moved);
        }
    }
    words
}

fn run(words: &[String], more: &[&str], folder: &Path) -> Ended {
    let words = words.iter().map(String::as_str);
    Run::of(words.chain(more.iter().copied())).cwd(folder).end()
}

#[test]
fn an_applied_fix_opens_the_port() {
    let mut wrong = Vec::new();
    let mut applied = 0;
    for case in case::all() {
        let before = json::answers(&case.answered(&["-o", "json"]).stdout);
        let diff = case.ask(&["--fix"]).end();
        let errors = json::list(&serde_json::Value::from(before.clone()))
            .iter()
            .flat_map(|answer| json::list(&answer["findings"]))
            .filter(|f| f["severity"] == "error")
            .count();
        if diff.stdout.is_empty() {
            let reasons = case.expect.answers.iter().flat_map(|a| &a.findings);
            let reasons = reasons.filter(|f| f.no_fix.is_some()).count();
            if reasons < errors {
                wrong.push(format!(
                    "{}: --fix prints nothing\n{}",
                    case.name, diff.stderr
                ));
            }
            continue;
        }
        // What an Envoy held before the fix says nothing of what it holds after it.
        if case.option("--config-dump").is_some() {
            continue;
        }
        let folder = case.name.replace('/', "--");
        let scratch = Scratch::new(env!("CARGO_TARGET_TMPDIR"), &format!("fixes-{folder}"));
        copy(&case.folder, &scratch.path("."));
        match git_apply(&scratch.path(""), &diff.stdout) {
            None => return,
            Some(Ok(())) => applied += 1,
            Some(Err(told)) => {
                wrong.push(format!("{}: {told}\n{}", case.name, diff.stdout));
                continue;
            }
        }
        let words = asked_after(&case, &before);
        let after = run(&words, &["-o", "json"], &scratch.path(""));
        let mut answers = json::answers(&after.stdout);
        // A warning of a scan is no port that was asked for; of one that was, the exit code tells.
        answers.retain(|answer| {
            let findings = json::list(&answer["findings"]);
            findings.is_empty() || findings.iter().any(|f| f["severity"] == "error")
        });
        let closed = answers.iter().filter(|a| a["verdict"] != "open");
        let left: Vec<&str> = closed.map(|a| json::word(&a["summary"])).collect();
        let codes = json::codes(&answers);
        let gone = case.code().is_none_or(|code| !codes.contains(&code));
        // What no change of objects helps is there still.
        let expected = case.expect.answers.iter().flat_map(|a| &a.findings);
        let stays: Vec<&str> = expected
            .filter(|f| f.no_fix.is_some())
            .map(|f| f.code.as_str())
            .collect();
        let only_that = !stays.is_empty() && codes.iter().all(|c| stays.contains(c));
        if ((after.exit != 0 || !left.is_empty()) && !only_that) || !gone {
            wrong.push(format!(
                "{}: exit {}, {left:?}, {codes:?}\n{}",
                case.name, after.exit, diff.stdout
            ));
        }
        let again = run(&words, &["--fix"], &scratch.path(""));
        if !again.stdout.is_empty() || again.exit != after.exit {
            wrong.push(format!("{}: fixed twice\n{}", case.name, again.stdout));
        }
    }
    none(&wrong);
    assert!(applied > 50, "only {applied} fixes were applied");
}

fn named(name: &str) -> Case {
    let mut all = case::all().into_iter();
    all.find(|case| case.name == name)
        .unwrap_or_else(|| panic!("no case {name}"))
}

#[test]
fn another_way_is_taken_by_its_number() {
    let case = named("GW-HTTP-ALL-ROUTES-FILTERED/fires");
    let changes = |diff: &str| -> Vec<String> {
        let lines = diff.lines().skip(2);
        let changed = lines.filter(|l| l.starts_with(['+', '-']));
        changed.map(str::to_owned).collect()
    };
    let first = case.ask(&["--fix"]).end();
    assert_eq!(
        changes(&first.stdout),
        ["-    - port: 8080", "+    - port: 80"]
    );
    assert_eq!(case.ask(&["--fix=1"]).end(), first);
    let second = case.ask(&["--fix=2"]).end();
    assert_eq!(changes(&second.stdout), ["+    - port: 80"]);
}

#[test]
fn a_wished_service_is_found_or_said_to_be_missing() {
    let case = named("questions/which-service");
    let told = |to: &str| case.ask(&["--to", to]).end();
    let found = |to: &str| told(to).stdout.contains("billing.db.svc.cluster.local");
    assert!(found("billing:5432") && found("db/billing:5432"));
    let gone = told("default/billing:5432");
    let sentence =
        "no Service billing in namespace default, but in db: write --to NAMESPACE/SERVICE:PORT";
    assert_eq!((gone.exit, gone.stdout.as_str()), (2, ""));
    assert!(gone.stderr.contains(sentence), "{}", gone.stderr);
    let never = told("payments:5432");
    assert_eq!(never.exit, 2);
    assert!(
        never
            .stderr
            .contains("no Service payments in namespace default\n")
    );
}

#[test]
fn what_came_through_stdin_is_fixed_by_a_script() {
    let case = named("GW-VS-GWNAME/fires-typo");
    let texts: Vec<Text> = case.texts();
    let all: Vec<String> = texts.iter().flat_map(|t| documents(&t.text)).collect();
    let run = Run::of(["4222", "-f", "-", "--fix"])
        .stdin(joined(&all))
        .end();
    let expected = "\
# 1 of 1: VirtualService nats/nats, .spec.gateways[0]
kubectl patch virtualservices.networking.istio.io nats -n nats \\
  --type=json -p '[
  {\"op\":\"replace\",\"path\":\"/spec/gateways/0\",\"value\":\"messaging\"}]'
";
    assert_eq!(difference(expected, &run.stdout), None);
    let text = Run::of(["4222", "-f", "-"]).stdin(joined(&all)).end();
    let last = text.stdout.lines().last().unwrap_or("");
    assert_eq!(
        last,
        "run: kubectl mesh why-no-listener 4222 -f - --fix | sh"
    );
}

/// `output.md`, section 5.
#[test]
fn a_script_begins_with_the_version_it_was_planned_on() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
         "metadata": {"name": "ledger-gateway", "namespace": "payments", "resourceVersion": "812034",
                      "creationTimestamp": "2026-11-19T16:40:03Z"},
         "spec": {"selector": {"istio": "ingressgateway"}, "servers": [
            {"port": {"number": 31400, "name": "tcp", "protocol": "TCP"}, "hosts": ["*"]}]}},
        {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
         "metadata": {"name": "ledger", "namespace": "payments", "resourceVersion": "812035"},
         "spec": {"hosts": ["*"], "gateways": ["ledger-gateway"], "tcp": [
            {"match": [{"port": 31400}], "route": [{"destination": {"host": "ledger"}}]}]}},
        {"apiVersion": "v1", "kind": "Service",
         "metadata": {"name": "istio-ingressgateway", "namespace": "istio-system", "resourceVersion": "7"},
         "spec": {"ports": [{"name": "tcp", "port": 31400}]}},
    ]});
    let loaded = loaded(&[Text {
        name: "-".to_owned(),
        text: list.to_string(),
    }]);
    let snapshot = &loaded.snapshot;
    let replace = |path: &str| Operation::Replace {
        path: path.to_owned(),
        value: json!(31401),
    };
    let patch = |kind, namespace: &str, name: &str, operation| Change::Patch {
        object: snapshot
            .find(kind, namespace, name)
            .expect("it is there")
            .id,
        operations: vec![operation],
    };
    let port = json!({"name": "tcp-31401", "port": 31401, "targetPort": 31401});
    let changes = [
        patch(
            Kind::Gateway,
            "payments",
            "ledger-gateway",
            replace("/spec/servers/0/port/number"),
        ),
        patch(
            Kind::VirtualService,
            "payments",
            "ledger",
            replace("/spec/tcp/0/match/0/port"),
        ),
        patch(
            Kind::Service,
            "istio-system",
            "istio-ingressgateway",
            Operation::Add {
                path: "/spec/ports/-".to_owned(),
                value: port,
            },
        ),
    ];
    let text = script(snapshot, &changes);
    let expected = "\
# 1 of 3: Gateway payments/ledger-gateway, .spec.servers[0].port.number
kubectl patch gateways.networking.istio.io ledger-gateway -n payments \\
  --type=json -p '[
  {\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":\"812034\"},
  {\"op\":\"replace\",\"path\":\"/spec/servers/0/port/number\",\"value\":31401}]'

# 2 of 3: VirtualService payments/ledger, .spec.tcp[0].match[0].port
";
    let begins: String = text.split_inclusive('\n').take(7).collect();
    assert_eq!(difference(expected, &begins), None);
    assert!(text.contains("kubectl patch services istio-ingressgateway -n istio-system"));
}
