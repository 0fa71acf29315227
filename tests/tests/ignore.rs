//! What is ignored is not told, and changes nothing else.

use std::fs;

use mesh_tests::case::{self, Case};
use mesh_tests::compare::none;
use mesh_tests::json;
use mesh_tests::runner::Ended;
use mesh_tests::scratch::Scratch;

fn two_causes() -> Case {
    let name = "showpieces/section-4-two-causes";
    case::all().into_iter().find(|c| c.name == name).unwrap()
}

/// What each answer says of its port.
fn verdicts(run: &Ended) -> Vec<String> {
    json::answers(&run.stdout)
        .iter()
        .map(|answer| format!("{} {}", answer["asked"]["port"], answer["verdict"]))
        .collect()
}

/// A run whose own output is its baseline says nothing, and every port stands as before.
#[test]
fn a_run_is_its_own_baseline() {
    let scratch = Scratch::new(env!("CARGO_TARGET_TMPDIR"), "baselines");
    let mut failures = Vec::new();
    let own =
        |case: &Case| case.option("--baseline").is_none() && case.option("--fail-on").is_none();
    for (n, case) in case::all().iter().filter(|case| own(case)).enumerate() {
        let first = case.answered(&["-o", "json"]);
        let file = scratch.path(&format!("{n}.json"));
        fs::write(&file, &first.stdout).unwrap();
        let again = case
            .ask(&["-o", "json", "--baseline", file.to_str().unwrap()])
            .end();
        let left = json::answers(&again.stdout);
        let codes = json::codes(&left);
        if !codes.is_empty() {
            failures.push(format!("{}: still {codes:?}", case.name));
        }
        if case.port().is_none() {
            continue;
        }
        if verdicts(&again) != verdicts(&first) {
            failures.push(format!("{}: {:?}", case.name, verdicts(&again)));
        }
        let closed = left.iter().any(|answer| answer["verdict"] != "open");
        let exit = if first.exit == 2 { 2 } else { u8::from(closed) };
        if again.exit != exit {
            failures.push(format!("{}: exit {}", case.name, again.exit));
        }
    }
    none(&failures);
}

/// Of two causes that must both go one is ignored: the other's fix still opens the port.
#[test]
fn what_is_left_has_a_fix_of_its_own() {
    let case = two_causes();
    let whole = case.ask(&["--fix"]).end();
    let left = case
        .ask(&["--ignore", "GW-PORT-NOT-ON-SERVICE", "--fix"])
        .end();
    assert_eq!((left.exit, &left.stdout), (whole.exit, &whole.stdout));
    let run = case
        .ask(&["--ignore", "GW-PORT-NOT-ON-SERVICE", "-o", "json"])
        .end();
    let answers = json::answers(&run.stdout);
    assert_eq!(json::codes(&answers), ["GW-VS-GWNAME"]);
    let fix = &answers[0]["findings"][0]["fixes"][0];
    assert_eq!(fix["proof"]["status"], "proved");
    assert!(fix["partOf"].is_null(), "{fix}");
    assert_eq!(json::list(&fix["changes"]).len(), 2, "{fix}");
}

#[test]
fn everything_ignored_leaves_nothing_to_fix() {
    let all = [
        "--ignore",
        "GW-PORT-NOT-ON-SERVICE",
        "--ignore",
        "GW-VS-GWNAME",
    ];
    let run = two_causes().ask(&[&all[..], &["--fix"]].concat()).end();
    assert_eq!((run.exit, run.stdout.as_str()), (1, ""));
    assert_eq!(run.stderr, "nothing to fix: 2 ignored\n");
}

#[test]
fn a_scan_without_anything_left_is_fine_and_does_not_say_that_all_is_open() {
    let scan = |more: &str| {
        let case = two_causes();
        let scratch = Scratch::new(env!("CARGO_TARGET_TMPDIR"), &format!("scan{}", more.len()));
        let texts = case.texts().into_iter();
        let scratch = texts.fold(scratch, |s, text| s.with(&text.name, text.text));
        scratch.ask(&format!("-f manifests/ {more}"))
    };
    let one = scan("--ignore GW-VS-GWNAME");
    assert_eq!(one.exit, 1);
    assert!(
        one.stdout.contains("no Service port leads"),
        "{}",
        one.stdout
    );
    assert!(
        one.stderr
            .contains("1 problem in 1 port of 1 gateway; 1 fix proved; 1 ignored\n"),
        "{}",
        one.stderr
    );
    let none = scan("--ignore GW-VS-GWNAME --ignore GW-PORT-NOT-ON-SERVICE");
    assert_eq!((none.exit, none.stdout.as_str()), (0, ""));
    assert_eq!(none.stderr, "✓ 1 port, no problem but 2 ignored\n");
    let quiet =
        scan("-q --ignore GW-VS-GWNAME --ignore GW-PORT-NOT-ON-SERVICE --ignore GW-VS-NONE");
    assert_eq!(
        (quiet.exit, quiet.stdout + &quiet.stderr),
        (0, String::new())
    );
}

const GATEWAY: &str = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: cache
  namespace: edge
  annotations:
    kubectl-mesh/ignore: |
      ANNOTATION
spec:
  selector:
    app: edge
  servers:
  - port:
      number: 6379
      name: tcp-cache
      protocol: TCP
    hosts:
    - '*'
";

fn annotated(name: &str, lines: &str) -> Ended {
    let text = GATEWAY.replace("ANNOTATION", &lines.replace('\n', "\n      "));
    Scratch::new(env!("CARGO_TARGET_TMPDIR"), name)
        .with("mesh/gateway.yaml", text)
        .ask("-f mesh")
}

#[test]
fn an_annotation_says_why_or_does_not_count() {
    let run = annotated("reason", "GW-VS-NONE: next week");
    assert_eq!((run.exit, run.stdout.as_str()), (0, ""));
    assert!(run.stderr.contains("1 ignored"), "{}", run.stderr);

    let run = annotated("no-reason", "GW-VS-NONE");
    assert_eq!(run.exit, 1);
    let said = "warning: kubectl-mesh/ignore of Gateway edge/cache does not count: say why, as in \
                `GW-VS-NONE: planned for next week`\n";
    assert!(run.stderr.starts_with(said), "{}", run.stderr);

    let run = annotated("typo", "GW-VS-NNE: next week");
    assert_eq!(run.exit, 1);
    let said = "does not count: no cause has the code GW-VS-NNE; the nearest is GW-VS-NONE\n";
    assert!(run.stderr.contains(said), "{}", run.stderr);
}

#[test]
fn an_annotation_that_ignores_nothing_is_told_when_all_was_asked() {
    let run = annotated("unused", "GW-VS-NONE: next week\nGW-DST-SUBSET: of old");
    let said = "warning: kubectl-mesh/ignore of Gateway edge/cache ignores nothing: GW-DST-SUBSET is not found there\n";
    assert!(run.stderr.starts_with(said), "{}", run.stderr);
    let text = GATEWAY.replace("ANNOTATION", "GW-DST-SUBSET: of old");
    let scratch =
        Scratch::new(env!("CARGO_TARGET_TMPDIR"), "unused-port").with("mesh/gateway.yaml", text);
    let run = scratch.ask("6379 -f mesh");
    assert!(!run.stderr.contains("ignores nothing"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_ignored_is_told() {
    let scratch = Scratch::new(env!("CARGO_TARGET_TMPDIR"), "bad-ignores")
        .with("mesh/gateway.yaml", GATEWAY)
        .with("mesh/another.yaml", "")
        .with("known.json", "{\"a\": 1}\n");
    for (line, said) in [
        ("--ignore GW-VS-NNE", "the nearest is GW-VS-NONE"),
        (
            "--ignore GW-VS-NONE=edge/cache",
            "an object is written KIND/NAMESPACE/NAME",
        ),
        (
            "--ignore GW-VS-NONE=gat/edge/cache",
            "no kind is called gat",
        ),
        ("--baseline none.json", "no file or directory none.json"),
        (
            "--baseline mesh/gateway.yaml",
            "does not hold what -o json prints",
        ),
        ("--baseline known.json", "does not hold what -o json prints"),
        ("--baseline mesh", "mesh is no file"),
    ] {
        let run = scratch.ask(&format!("-f mesh {line}"));
        assert_eq!((run.exit, run.stdout.as_str()), (2, ""), "{line}");
        assert!(
            run.stderr.starts_with("error: ") && run.stderr.contains(said),
            "{line}: {}",
            run.stderr
        );
    }
}

#[test]
fn a_baseline_that_grew_old_is_told() {
    let case = two_causes();
    let all = case.answered(&["-o", "json"]).stdout;
    let fixed = Scratch::new(env!("CARGO_TARGET_TMPDIR"), "old-baseline")
        .with(
            "mesh/gateway.yaml",
            GATEWAY.replace("ANNOTATION", "GW-VS-NONE: next week"),
        )
        .with("known.json", all);
    let run = fixed.ask("-f mesh --baseline known.json");
    assert_eq!(run.exit, 0);
    let said = "warning: 2 findings of the baseline are gone: write it anew\n";
    assert!(run.stderr.starts_with(said), "{}", run.stderr);
}
