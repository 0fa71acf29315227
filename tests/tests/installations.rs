//! Installations of Istio as its own charts make them have no fault: neither bare nor with an application behind the
//! gateway. `tests/cases/installations/NOTICE` says where they come from.

use std::path::{Path, PathBuf};

use mesh_tests::case;
use mesh_tests::compare::none;
use mesh_tests::json;
use mesh_tests::runner::{Ended, Run};

/// An installation, what runs behind it, and the ports that its ingress gateway has then.
const INSTALLATIONS: [(&str, &[&str], &[u32]); 2] = [
    (
        "demo/istio.yaml",
        &["app/web.yaml", "app/tcp.yaml"],
        &[80, 443, 15021, 15090, 15443, 31400],
    ),
    (
        "gateway-chart/gateway.yaml",
        &["app/web.yaml"],
        &[80, 443, 15021, 15090],
    ),
];

fn root() -> PathBuf {
    case::root().join("installations")
}

fn asked(root: &Path, port: Option<u32>, files: &[&str]) -> Ended {
    let port = port.map(|p| p.to_string());
    let mut words: Vec<&str> = port.iter().map(String::as_str).collect();
    for file in files {
        words.extend(["-f", file]);
    }
    words.extend(["-o", "json"]);
    Run::of(words).cwd(root).end()
}

/// What is not as it should be: every answer is open, and nothing is found.
fn faults(what: &str, run: &Ended) -> Vec<String> {
    let answers = json::answers(&run.stdout);
    let mut wrong: Vec<String> = json::codes(&answers)
        .iter()
        .map(|code| format!("{what}: {code}"))
        .collect();
    for answer in &answers {
        if answer["verdict"] != "open" {
            wrong.push(format!("{what}: {}", answer["summary"]));
        }
        for condition in json::list(&answer["assumptions"]) {
            wrong.push(format!("{what}: if {condition}"));
        }
    }
    if run.exit != 0 {
        wrong.push(format!("{what}: exit {}\n{}", run.exit, run.stderr));
    }
    wrong
}

#[test]
fn a_bare_installation_has_no_fault() {
    let mut wrong = Vec::new();
    for (installation, _, _) in INSTALLATIONS {
        let run = asked(&root(), None, &[installation]);
        assert_eq!(json::answers(&run.stdout).len(), 0, "{installation}");
        wrong.extend(faults(installation, &run));
        // The one port that is open before any Gateway is there.
        let run = asked(&root(), Some(15021), &[installation]);
        assert!(!json::answers(&run.stdout).is_empty(), "{installation}");
        wrong.extend(faults(installation, &run));
    }
    none(&wrong);
}

#[test]
fn an_application_behind_an_installation_has_no_fault() {
    let mut wrong = Vec::new();
    for (installation, app, ports) in INSTALLATIONS {
        let files: Vec<&str> = [installation]
            .into_iter()
            .chain(app.iter().copied())
            .collect();
        let scan = asked(&root(), None, &files);
        assert_eq!(
            json::answers(&scan.stdout).len(),
            0,
            "{installation}: {}",
            scan.stdout
        );
        wrong.extend(faults(installation, &scan));
        for port in ports {
            let run = asked(&root(), Some(*port), &files);
            assert!(
                !json::answers(&run.stdout).is_empty(),
                "{installation}: {port}"
            );
            wrong.extend(faults(&format!("{installation}: {port}"), &run));
        }
    }
    none(&wrong);
}
