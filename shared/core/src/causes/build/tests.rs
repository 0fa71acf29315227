//! What is suggested, on the case folders and on small meshes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::causes::{Candidate, Destination, Severity, Wish};
use crate::change::repair;
use crate::predict::store::Store;
use crate::predict::{ProxyFacts, pod_spec};
use crate::report::{Answer, Fix, Proof};
use crate::snapshot::reader::{Loader, ReadOptions, raw_value};
use crate::snapshot::{Change, Operation, Snapshot};
use crate::walk::{Class, Question, ask, gateway_classes, scan};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases");

/// Codes of gateways without a change that helps; of connections their cases say it.
const WITHOUT: &[&str] = &[
    "VAL-DR",
    "VAL-GW-NAME",
    "VAL-GW-TLS-REQUIRED",
    "VAL-SE",
    "ENVOY-PROXY-PROTOCOL",
    "ENVOYFILTER-REMOVE",
    "GW-CRED-CA",
    "GW-CRED-DENIED",
    "GW-CRED-INVALID",
    "GW-CRED-MISSING",
    "GW-H3-NO-UDP",
    "GW-HTTP-AFTER-CATCHALL",
    "GW-HTTP-DELEGATE-CONFLICT",
    "GW-PORT-NOT-DECLARED",
    "GW-RES-IGNORED",
    "GW-SEL-NS-SCOPED",
    "GW-SRV-DUP-HOST-GHOST",
    "GW-TCP-SHADOWED",
    "GW-UDP-IS-TCP",
    "NET-NODEPORT-CONFUSION",
];

/// The ingress gateway of the small meshes: its Service has ports 80 and 5000.
const GATEWAY: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: edge}
spec:
  selector: {istio: ingress}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: tcp, port: 5000}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: edge}
spec:
  template:
    metadata: {labels: {istio: ingress, pod-template-hash: abc}}
    spec: {containers: [{name: istio-proxy, args: [proxy, router]}]}
---
"#;

fn snapshot(text: &str) -> Snapshot {
    let mut loader = Loader::new(ReadOptions::default());
    loader.read("mesh.yaml", text);
    let loaded = loader.finish();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    loaded.snapshot
}

/// A Gateway `app/gw` whose servers are in flow style.
fn gateway(servers: &str) -> String {
    format!(
        "{GATEWAY}apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: gw, namespace: app}}\nspec: \
         {{selector: {{istio: ingress}}, servers: [{servers}]}}\n---\n"
    )
}

const TCP: &str = "{port: {number: 5000, name: tcp, protocol: TCP}, hosts: ['*']}";

/// A Service with these ports, and pods behind it.
fn service(namespace: &str, name: &str, ports: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{selector: {{app: \
         {name}}}, ports: [{ports}]}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, \
         namespace: {namespace}}}\nspec: {{template: {{metadata: {{labels: {{app: {name}, version: v1}}}}, spec: \
         {{containers: [{{name: app}}]}}}}}}\n---\n"
    )
}

/// A VirtualService `app/NAME` with this spec.
fn route(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: app}}\nspec: \
         {spec}\n---\n"
    )
}

/// A VirtualService that was stored while the webhook was off.
fn stored_route(name: &str, spec: &str) -> String {
    route(
        &format!("{name}, creationTimestamp: '2026-06-11T09:05:17Z'"),
        spec,
    )
}

fn answers(snapshot: &Snapshot, question: &Question) -> Vec<Answer> {
    let store = Store::new(snapshot);
    let classes = gateway_classes(&store);
    answers_of(&store, &classes, question)
}

/// The answer about a connection from a pod or workload, as `--proxy KIND/NAME` names it.
fn answers_from(snapshot: &Snapshot, proxy: &str, question: &Question) -> Vec<Answer> {
    let store = Store::new(snapshot);
    let (_, name) = proxy.split_once('/').unwrap();
    let namespace = question.namespace.as_deref().unwrap_or("default");
    let mut objects = snapshot.objects();
    let object = objects
        .find(|o| o.key.name == name && o.key.namespace == namespace && pod_spec(o).is_some())
        .unwrap_or_else(|| panic!("no {proxy} in {namespace}"));
    let facts = ProxyFacts::of_workload(object).or_else(|| ProxyFacts::of_pod(object));
    let class = Class::of(&store, facts.unwrap());
    answers_of(&store, &[class], question)
}

fn answers_of(store: &Store<'_>, classes: &[Class], question: &Question) -> Vec<Answer> {
    let mut answers = ask(store, classes, question);
    repair(store, classes, question, &mut answers);
    answers
}

/// What is suggested for a code when a port is asked for.
fn suggested(text: &str, port: u32, code: &str, wish: Wish) -> Vec<Candidate> {
    let snapshot = snapshot(text);
    let question = Question {
        port,
        wish,
        ..Question::default()
    };
    let answers = answers(&snapshot, &question);
    let codes: Vec<&str> = answers
        .iter()
        .flat_map(|a| &a.findings)
        .map(|f| f.page.code)
        .collect();
    let finding = answers
        .iter()
        .flat_map(|a| &a.findings)
        .find(|f| f.page.code == code);
    let candidates = finding
        .unwrap_or_else(|| panic!("{code} is not among {codes:?}"))
        .candidates
        .clone();
    for candidate in &candidates {
        resolves(&snapshot, code, candidate);
    }
    candidates
}

/// The only candidate.
fn one(text: &str, port: u32, code: &str) -> Candidate {
    let mut all = suggested(text, port, code, Wish::default());
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The operations of a candidate, with the object's kind and name.
fn changes(text: &str, candidate: &Candidate) -> Value {
    let snapshot = snapshot(text);
    let each = candidate.changes.iter().map(|change| match change {
        Change::Patch { object, operations } => {
            let key = &snapshot.get(*object).unwrap().key;
            let operations: Vec<Value> = operations.iter().map(Operation::json).collect();
            json!([format!("{} {}", key.kind, key.name), operations])
        }
        Change::Create { object, .. } => object.clone(),
    });
    each.collect()
}

/// Whether every pointer leads to something in the object as written, after the operations before it.
fn resolves(snapshot: &Snapshot, code: &str, candidate: &Candidate) {
    assert!(!candidate.changes.is_empty(), "{code}");
    for change in &candidate.changes {
        let (object, operations) = match change {
            Change::Create { kind, object, .. } => {
                assert_eq!(object.pointer("/kind"), Some(&json!(kind.name())), "{code}");
                let name = object
                    .pointer("/metadata/name")
                    .and_then(Value::as_str)
                    .unwrap();
                let namespace = object
                    .pointer("/metadata/namespace")
                    .and_then(Value::as_str)
                    .unwrap();
                assert!(
                    snapshot.find(*kind, namespace, name).is_none(),
                    "{code}: {name} is taken"
                );
                continue;
            }
            Change::Patch { object, operations } => (snapshot.get(*object).unwrap(), operations),
        };
        assert!(!operations.is_empty(), "{code}");
        let origin = object.origin.as_ref().unwrap();
        let mut value = raw_value(snapshot.source(origin.source).unwrap(), origin).unwrap();
        for operation in operations {
            let at = format!("{code}: {operation:?}");
            match operation {
                Operation::Add { path, .. } => {
                    let (parent, last) = path.rsplit_once('/').unwrap();
                    match value.pointer(parent) {
                        Some(Value::Object(map)) => {
                            let key = last.replace("~1", "/").replace("~0", "~");
                            assert!(
                                map.get(&key).is_none_or(|v| v.is_null()
                                    || *v == json!([])
                                    || *v == json!("")
                                    || *v == json!({})),
                                "{at}"
                            );
                        }
                        Some(Value::Array(items)) => assert!(
                            last == "-" || last.parse::<usize>().unwrap() <= items.len(),
                            "{at}"
                        ),
                        other => panic!("{at}: {other:?}"),
                    }
                }
                Operation::Replace { path, value: new } => {
                    assert_ne!(
                        value.pointer(path).unwrap_or_else(|| panic!("{at}")),
                        new,
                        "{at}"
                    );
                }
                Operation::Remove { path } => assert!(value.pointer(path).is_some(), "{at}"),
            }
            crate::change::patch(&mut value, operation).unwrap_or_else(|e| panic!("{at}: {e}"));
        }
    }
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_case_that_fires_is_mended() {
    let mut mended = BTreeSet::new();
    let cases = folder(Path::new(CASES));
    let all = cases.iter().filter(|c| c.is_dir()).flat_map(|c| folder(c));
    let is_fires = |path: &PathBuf| {
        let name = path.file_name().and_then(|n| n.to_str());
        // Further ones of gateways are about other ways to the same cause.
        let of_sidecar = path.to_str().is_some_and(|p| p.contains("/SC-"));
        name.is_some_and(|n| n == "fires" || (of_sidecar && n.starts_with("fires-")))
    };
    for fires in all.filter(is_fires) {
        let case = fires.parent().unwrap();
        let expected = fs::read_to_string(fires.join("expect.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let code = case.file_name().unwrap().to_str().unwrap();
        let mut loader = Loader::new(ReadOptions::default());
        for file in folder(&fires.join("manifests")) {
            loader.read(file.to_str().unwrap(), fs::read_to_string(&file).unwrap());
        }
        let mut snapshot = loader.finish().snapshot;
        let arguments: Vec<&str> = expected["ask"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let (host, port) = match arguments[0].rsplit_once(':') {
            Some((host, port)) => (Some(host.trim_matches(['[', ']']).to_owned()), port),
            None => (None, arguments[0]),
        };
        let Ok(port) = port.parse() else {
            continue;
        };
        // What only Envoy shows no change of objects was found to mend.
        if arguments.contains(&"--config-dump") {
            continue;
        }
        let option = |flag: &str| {
            let mut pairs = arguments.windows(2);
            pairs.find(|w| w[0] == flag).map(|w| w[1].to_owned())
        };
        let question = Question {
            port,
            host,
            sni: option("--sni"),
            http_host: option("--http-host"),
            namespace: option("-n"),
            ..Question::default()
        };
        snapshot.istio_version = option("--istio-version").map(|v| v.parse().unwrap());
        let answers = match option("--proxy") {
            Some(proxy) => answers_from(&snapshot, &proxy, &question),
            None => answers(&snapshot, &question),
        };
        let findings: Vec<_> = answers
            .iter()
            .flat_map(|a| &a.findings)
            .filter(|f| f.page.code == code)
            .collect();
        assert!(!findings.is_empty(), "{code} does not fire");
        for finding in findings {
            if question.host.is_some() && finding.severity < Severity::Error {
                // The connection arrives all the same: nothing is tried.
                assert!(finding.fixes.is_empty(), "{code}");
                continue;
            }
            let is_proved = |fix: &Fix| matches!(fix.proof, Proof::Proved | Proof::Conditional(_));
            let told = expected["answers"][0]["findings"].as_array().unwrap();
            let excused = told
                .iter()
                .any(|f| f["code"] == code && f["no_fix"].is_string());
            if question.host.is_some() && excused {
                assert!(!finding.fixes.iter().any(is_proved), "{code}");
                continue;
            }
            if WITHOUT.contains(&code) {
                assert!(
                    finding.candidates.is_empty() && finding.no_fix.is_some(),
                    "{code}"
                );
                continue;
            }
            assert!(!finding.candidates.is_empty(), "{code}");
            for candidate in &finding.candidates {
                assert!(
                    !candidate.title.is_empty() && !candidate.title.ends_with('.'),
                    "{code}"
                );
                resolves(&snapshot, code, candidate);
            }
            let proved = finding.fixes.iter().any(is_proved);
            assert!(proved, "{code}: {:?}", finding.fixes);
            mended.insert(code.to_owned());
        }
    }
    assert!(mended.len() > 35, "{mended:?}");
}

#[test]
fn the_only_port_is_taken_and_said() {
    let text = gateway(TCP)
        + &service(
            "app",
            "db",
            "{name: tcp, port: 5432}, {name: http, port: 80}",
        );
    let candidate = one(&text, 5000, "GW-VS-NONE");
    assert_eq!(
        candidate.because.as_deref(),
        Some("db:5432 is the only TCP port in app")
    );
    assert_eq!(
        changes(&text, &candidate),
        json!([{
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "db-5000", "namespace": "app"},
            "spec": {
                "hosts": ["*"],
                "gateways": ["gw"],
                "tcp": [{
                    "match": [{"port": 5000}],
                    "route": [{"destination": {"host": "db.app.svc.cluster.local", "port": {"number": 5432}}}]
                }]
            }
        }])
    );
}

#[test]
fn among_several_the_number_decides_else_a_person() {
    let two = gateway(TCP)
        + &service("app", "a", "{name: tcp, port: 1}")
        + &service("app", "b", "{name: tcp, port: 2}");
    let candidate = one(&two, 5000, "GW-VS-NONE");
    let choice = candidate.choice.unwrap();
    assert_eq!(
        (choice.question, choice.ways),
        (
            "which Service?",
            vec!["app/a:1".to_owned(), "app/b:2".to_owned()]
        )
    );

    let numbered = two.clone() + &service("app", "c", "{name: tcp, port: 5000}");
    let candidate = one(&numbered, 5000, "GW-VS-NONE");
    assert_eq!(
        candidate.because.as_deref(),
        Some("c:5000 is the only one in app with port 5000")
    );

    let targeted = two.clone() + &service("app", "d", "{name: tcp, port: 3, targetPort: 5000}");
    let candidate = one(&targeted, 5000, "GW-VS-NONE");
    assert_eq!(
        candidate.because.as_deref(),
        Some("d:3 is the only one in app with targetPort 5000")
    );

    let to = Destination {
        namespace: "app".to_owned(),
        service: "b".to_owned(),
        port: 2,
    };
    let wished = suggested(&two, 5000, "GW-VS-NONE", Wish { to: Some(to) });
    let name = changes(&two, &wished[0])[0]["metadata"]["name"].clone();
    assert_eq!((name, &wished[0].choice), (json!("b-5000"), &None));
}

#[test]
fn without_a_service_nearby_all_namespaces_are_searched() {
    let far = gateway(TCP) + &service("data", "db", "{name: tcp, port: 5432}");
    let candidate = one(&far, 5000, "GW-VS-NONE");
    assert_eq!(
        candidate.because.as_deref(),
        Some("db:5432 is the only TCP port of all that was read")
    );
    assert_eq!(
        suggested(&gateway(TCP), 5000, "GW-VS-NONE", Wish::default()),
        vec![]
    );
}

#[test]
fn a_headless_twin_is_not_a_choice() {
    let twin = "apiVersion: v1\nkind: Service\nmetadata: {name: db-headless, namespace: app}\nspec: {clusterIP: None, \
                selector: {app: db}, ports: [{name: tcp, port: 5432}]}\n---\n";
    let text = gateway(TCP) + &service("app", "db", "{name: tcp, port: 5432}") + twin;
    assert_eq!(
        changes(&text, &one(&text, 5000, "GW-VS-NONE"))[0]["metadata"]["name"],
        "db-5000"
    );
}

#[test]
fn rules_are_of_the_kind_that_the_server_takes() {
    let db = service("app", "db", "{name: tls, port: 5432}");
    let server = "{port: {number: 5000, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [x/a.com, y/b.com]}";
    let text = gateway(server) + &db;
    let created = changes(&text, &one(&text, 5000, "GW-VS-NONE"))[0].clone();
    assert_eq!(created["metadata"]["namespace"], "x");
    assert_eq!(created["spec"]["gateways"], json!(["app/gw"]));
    assert_eq!(
        created["spec"]["tls"][0]["match"],
        json!([{"port": 5000, "sniHosts": ["a.com"]}])
    );

    let web = service(
        "app",
        "web",
        "{name: http, port: 8080}, {name: tcp, port: 9}",
    );
    let text =
        gateway("{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.com, ./*.com]}") + &web;
    let created = changes(&text, &one(&text, 80, "GW-HTTP-NO-VS"))[0].clone();
    assert_eq!(created["spec"]["hosts"], json!(["*.com"]));
    let destination = json!({"host": "web.app.svc.cluster.local", "port": {"number": 8080}});
    assert_eq!(
        created["spec"]["http"],
        json!([{"route": [{"destination": destination}]}])
    );
}

#[test]
fn a_match_that_others_need_gets_another_beside_it() {
    let db = service("app", "db", "{name: tcp, port: 5432}");
    let rule =
        "tcp: [{match: [{port: 5432}], route: [{destination: {host: db, port: {number: 5432}}}]}]";
    let own =
        gateway(TCP) + &db + &route("r", &format!("{{hosts: ['*'], gateways: [gw], {rule}}}"));
    let titles = |text: &str| -> Vec<String> {
        let all = suggested(text, 5000, "GW-TCP-PORT-MATCH", Wish::default());
        all.into_iter().map(|c| c.title).collect()
    };
    let (write, add) = (
        "write the Gateway's number in match.port",
        "add a match with the Gateway's number",
    );
    assert_eq!(titles(&own), [write, add]);

    let meshed = gateway(TCP)
        + &db
        + &route(
            "r",
            &format!("{{hosts: ['a.com'], gateways: [mesh, gw], {rule}}}"),
        );
    assert_eq!(titles(&meshed), [add, write]);
    let first = suggested(&meshed, 5000, "GW-TCP-PORT-MATCH", Wish::default()).remove(0);
    let added = json!([{"op": "add", "path": "/spec/tcp/0/match/-", "value": {"port": 5000, "gateways": ["gw"]}}]);
    assert_eq!(
        changes(&meshed, &first),
        json!([["VirtualService r", added]])
    );
}

#[test]
fn a_moved_server_takes_its_routes_along_and_leaves_the_others() {
    let two = "{port: {number: 5000, name: a, protocol: TCP}, hosts: [a.com]}, \
               {port: {number: 5000, name: b, protocol: TCP}, hosts: [b.com]}";
    let db = service("app", "db", "{name: tcp, port: 5432}");
    let to = "route: [{destination: {host: db, port: {number: 5432}}}]";
    let rule = |host: &str| {
        format!("{{hosts: [{host}], gateways: [gw], tcp: [{{match: [{{port: 5000}}], {to}}}]}}")
    };
    let apart = gateway(two) + &db + &route("a", &rule("a.com")) + &route("b", &rule("b.com"));
    let candidate = one(&apart, 5000, "GW-SRV-L4-DUP");
    assert_eq!(
        (candidate.opens, candidate.title.as_str()),
        (Some(5001), "move to 5001, the next free port")
    );
    assert_eq!(
        changes(&apart, &candidate),
        json!([
            ["Gateway gw", [{"op": "replace", "path": "/spec/servers/1/port/number", "value": 5001}]],
            ["VirtualService b", [{"op": "replace", "path": "/spec/tcp/0/match/0/port", "value": 5001}]],
            ["Service ingress", [{"op": "add", "path": "/spec/ports/-",
                "value": {"name": "tcp-5001", "port": 5001, "targetPort": 5001}}]],
        ])
    );
    let shared = gateway(two) + &db + &route("both", &rule("a.com, b.com"));
    let moved = changes(&shared, &one(&shared, 5000, "GW-SRV-L4-DUP"));
    let added = json!([{"op": "add", "path": "/spec/tcp/0/match/-", "value": {"port": 5001}}]);
    assert_eq!(moved[1], json!(["VirtualService both", added]));
}

#[test]
fn a_lone_port_without_name_gets_one() {
    let text = gateway("{port: {number: 7000, name: tcp, protocol: TCP}, hosts: ['*']}").replace(
        "  - {name: http, port: 80, targetPort: 8080}\n  - {name: tcp, port: 5000}",
        "  - {port: 80}",
    ) + &service("app", "db", "{name: tcp, port: 5432}")
        + &route(
            "r",
            "{hosts: ['*'], gateways: [gw], tcp: [{route: [{destination: {host: db}}]}]}",
        );
    assert_eq!(
        changes(&text, &one(&text, 7000, "GW-PORT-NOT-ON-SERVICE")),
        json!([["Service ingress", [
            {"op": "add", "path": "/spec/ports/0/name", "value": "port-80"},
            {"op": "add", "path": "/spec/ports/-", "value": {"name": "tcp-7000", "port": 7000, "targetPort": 7000}},
        ]]])
    );
}

#[test]
fn a_subset_is_defined_where_pods_have_its_version() {
    let text = gateway(TCP)
        + &service("app", "db", "{name: tcp, port: 5432}")
        + &route(
            "r",
            "{hosts: ['*'], gateways: [gw], tcp: [{route: [{destination: {host: db, subset: v1}}]}]}",
        );
    let first = suggested(&text, 5000, "GW-DST-SUBSET", Wish::default()).remove(0);
    assert_eq!(
        changes(&text, &first),
        json!([{
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": "db", "namespace": "app"},
            "spec": {
                "host": "db.app.svc.cluster.local",
                "subsets": [{"name": "v1", "labels": {"version": "v1"}}]
            }
        }])
    );
}

#[test]
fn a_selector_becomes_the_fewest_labels_that_last() {
    let text = gateway(TCP).replace(
        "{selector: {istio: ingress}, servers",
        "{selector: {app: gone}, servers",
    );
    let second = text.clone()
        + "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: other, namespace: edge}\nspec:\n  template:\n    \
           metadata: {labels: {istio: other}}\n    spec: {containers: [{name: istio-proxy, args: [proxy, router]}]}\n";
    for text in [text, second] {
        let all = changes(&text, &one(&text, 5000, "GW-SEL-MISMATCH"));
        let value = all[0][1][0]["value"]["istio"].clone();
        assert!(value == "ingress" || value == "other", "{all}");
    }
}

#[test]
fn a_host_with_its_namespace_alone_is_written_in_full() {
    let text = gateway(TCP)
        + &service("data", "db", "{name: tcp, port: 5432}")
        + &route(
            "r",
            "{hosts: ['*'], gateways: [gw], tcp: [{route: [{destination: {host: db.data, port: {number: 5432}}}]}]}",
        );
    let candidate = one(&text, 5000, "GW-DST-UNKNOWN-HOST");
    assert_eq!(
        candidate.title,
        "write the host in full: db.data.svc.cluster.local"
    );

    let external = text.replace("host: db.data,", "host: db.example.com,");
    assert_eq!(
        suggested(&external, 5000, "GW-DST-UNKNOWN-HOST", Wish::default()),
        vec![]
    );
}

#[test]
fn a_port_that_could_be_several_is_asked_for() {
    let text = gateway(TCP)
        + &service(
            "app",
            "db",
            "{name: tcp-a, port: 1}, {name: tcp-b, port: 2}, {name: http, port: 3}",
        )
        + &route(
            "r",
            "{hosts: ['*'], gateways: [gw], tcp: [{route: [{destination: {host: db, port: {number: 9}}}]}]}",
        );
    let choice = one(&text, 5000, "GW-DST-PORT-ABSENT").choice.unwrap();
    assert_eq!(
        (choice.question, choice.ways),
        (
            "which port?",
            vec!["app/db:1".to_owned(), "app/db:2".to_owned()]
        )
    );
}

#[test]
fn the_wrong_label_of_a_selector_is_replaced() {
    let text = gateway(TCP)
        + &service("app", "db", "{name: tcp, port: 5432}").replacen(
            "selector: {app: db}",
            "selector: {app: dbb, version: v1}",
            1,
        )
        + &route(
            "r",
            "{hosts: ['*'], gateways: [gw], tcp: [{route: [{destination: {host: db}}]}]}",
        );
    let mended = changes(&text, &one(&text, 5000, "GW-DST-NO-ENDPOINTS"));
    assert_eq!(
        mended,
        json!([["Service db", [{"op": "replace", "path": "/spec/selector/app", "value": "db"}]]])
    );
}

#[test]
fn names_are_slips_by_two_letters_at_most() {
    assert_eq!(super::slip("kafka-gateway", "kafka-gatway"), Some(1));
    assert_eq!(super::slip("kafka", "kafka"), None);
    assert_eq!(super::slip("kafka", "redis"), None);
    assert_eq!(super::slip("v1", "v2"), None, "too short to tell");
}

/// Codes of findings, with the titles of what is proved.
fn proved(text: &str, port: u32) -> Vec<(&'static str, Vec<String>)> {
    let snapshot = snapshot(text);
    let question = Question {
        port,
        ..Question::default()
    };
    let answers = answers(&snapshot, &question);
    let findings = answers.iter().flat_map(|a| &a.findings);
    let each = findings.map(|f| {
        for candidate in &f.candidates {
            resolves(&snapshot, f.page.code, candidate);
        }
        let sure = f
            .fixes
            .iter()
            .filter(|fix| !matches!(fix.proof, Proof::Unproved(_)));
        (f.page.code, sure.map(|fix| fix.title.clone()).collect())
    });
    each.collect()
}

#[test]
fn http_routes_are_mended() {
    let http = gateway("{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.com]}")
        + &service("app", "web", "{name: http, port: 8080}");
    let to = "route: [{destination: {host: web, port: {number: 8080}}}]";
    for (spec, code, title) in [
        (
            format!(
                "{{hosts: [a.com], gateways: [gw], http: [{{match: [{{port: 8080}}], {to}}}]}}"
            ),
            "GW-HTTP-ALL-ROUTES-FILTERED",
            "write the Gateway's number in match.port",
        ),
        (
            format!(
                "{{hosts: [a.com], gateways: [gw], http: [{{match: [{{gateways: [mesh]}}], {to}}}]}}"
            ),
            "GW-HTTP-ALL-ROUTES-FILTERED",
            "add the Gateway to match.gateways",
        ),
        (
            format!(
                "{{hosts: [a.com], gateways: [gw], http: [{{match: [{{sourceNamespace: x}}], {to}}}]}}"
            ),
            "GW-HTTP-ALL-ROUTES-FILTERED",
            "add a match for the Gateway",
        ),
        (
            format!(
                "{{hosts: [a.com], gateways: [gw], http: [{{match: [{{uri: {{prefix: /}}, sourceLabels: {{a: b}}}}], {to}}}]}}"
            ),
            "GW-HTTP-ALL-ROUTES-FILTERED",
            "match whatever the client is",
        ),
        (
            format!("{{hosts: [a.com], gateways: [gw], tcp: [{{{to}}}]}}"),
            "GW-HTTP-L4-ONLY-VS",
            "add an `http` rule",
        ),
    ] {
        let text = http.clone() + &route("r", &spec);
        let found = proved(&text, 80);
        let has = found
            .iter()
            .any(|(c, titles)| *c == code && titles.iter().any(|t| t == title));
        assert!(has, "{spec}: {found:?}");
    }
}

#[test]
fn delegates_are_mended() {
    let http = gateway("{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.com]}")
        + &service("app", "web", "{name: http, port: 8080}")
        + &route(
            "root",
            "{hosts: [a.com], gateways: [gw], http: [{delegate: {name: shop-pages}}]}",
        );
    let rule = "http: [{route: [{destination: {host: web, port: {number: 8080}}}]}]";
    for (delegate, title) in [
        (
            route("shop-page", &format!("{{{rule}}}")),
            "write the delegate's name",
        ),
        (
            route("shop-pages", &format!("{{exportTo: [edge], {rule}}}")),
            "export it to app too",
        ),
        (
            route("shop-pages", &format!("{{{rule}}}"))
                .replace("namespace: app", "namespace: shop"),
            "name the delegate's namespace",
        ),
    ] {
        let candidate = one(&(http.clone() + &delegate), 80, "GW-HTTP-DELEGATE-MISSING");
        assert_eq!(candidate.title, title);
    }
}

#[test]
fn two_service_ports_with_one_target_get_two() {
    let text = gateway("{port: {number: 5001, name: tcp, protocol: TCP}, hosts: ['*']}").replace(
        "{name: tcp, port: 5000}",
        "{name: tcp, port: 5000}\n  - {name: tcp-2, port: 5001, targetPort: 5000}",
    ) + &service("app", "db", "{name: tcp, port: 5432}")
        + &route(
            "r",
            "{hosts: ['*'], gateways: [gw], tcp: [{route: [{destination: {host: db, port: {number: 5432}}}]}]}",
        );
    let found = proved(&text, 5001);
    assert!(!found.is_empty(), "{found:?}");
    for (code, titles) in found {
        assert!(!titles.is_empty(), "{code}");
    }
}

#[test]
fn a_destination_without_a_host_gets_one() {
    for destination in ["{}", "{port: {number: 1}}"] {
        let text = gateway(TCP)
            + &service("app", "db", "{name: tcp, port: 5432}")
            + &stored_route(
                "r",
                &format!(
                    "{{hosts: ['*'], gateways: [gw], tcp: [{{route: [{{destination: {destination}}}]}}]}}"
                ),
            );
        let found = proved(&text, 5000);
        assert_eq!(
            found,
            [("GW-DST-EMPTY-HOST", vec!["lead to app/db:5432".to_owned()])]
        );
    }
}

#[test]
fn a_scan_tells_every_manifest_that_is_refused_once() {
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: other, namespace: app}\nspec: \
                {host: other, subsets: [{name: ''}]}\n---\n";
    let text = gateway("")
        + &service("app", "db", "{name: tcp, port: 5432}")
        + &route("r", "{hosts: ['*'], gateways: [gw], tcp: [{}]}")
        + rule;
    let snapshot = snapshot(&text);
    let store = Store::new(&snapshot);
    let classes = gateway_classes(&store);
    let scan = scan(&store, &classes, None, &Wish::default());
    let findings = scan.answers.iter().flat_map(|a| &a.findings);
    let mut codes: Vec<&str> = findings.map(|f| f.page.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["VAL-DR", "VAL-GW-NO-SERVER", "VAL-VS-TCP"]);
}

#[test]
fn an_edit_that_would_be_refused_is_not_proved() {
    let to = "tcp: [{route: [{destination: {host: db, port: {number: 5432}}}]}]";
    let base = service("app", "db", "{name: tcp, port: 5432}")
        + &route("r", &format!("{{hosts: ['*'], gateways: [gw], {to}}}"));
    let other = "{port: {number: 6000, name: tcp, protocol: TCP}, hosts: ['*']}";
    let stored = |servers: &str| {
        gateway(servers).replace(
            "name: gw,",
            "name: gw, creationTimestamp: '2026-06-11T09:05:17Z',",
        ) + &base
    };
    let fine = stored(&format!("{{hosts: ['*']}}, {other}"));
    let titles = |text: &str| {
        let question = Question {
            port: 5000,
            ..Question::default()
        };
        let answers = answers(&snapshot(text), &question);
        let fixes = answers
            .iter()
            .flat_map(|a| &a.findings)
            .flat_map(|f| &f.fixes);
        fixes.map(|f| format!("{:?}", f.proof)).collect::<Vec<_>>()
    };
    assert_eq!(titles(&fine), ["Proved"]);
    let twice = stored(&format!(
        "{{hosts: ['*']}}, {other}, {}",
        other.replace("6000", "6001")
    ));
    let said = "app/gw would be refused: .spec.servers[2].port.name, another server's port is called tcp too (VAL-GW-PORTNAME-DUP)";
    assert_eq!(titles(&twice), [format!("Unproved({said:?})")]);
}

#[test]
fn hosts_of_a_delegate_stay_away() {
    let text = gateway(TCP)
        + &service("app", "db", "{name: tcp, port: 5432}")
        + &stored_route(
            "inner",
            "{gateways: [gw], tcp: [{route: [{destination: {host: db}}]}]}",
        )
        + &route(
            "root",
            "{hosts: [b.com], gateways: [mesh], http: [{delegate: {name: inner}}]}",
        );
    let candidate = one(&text, 5000, "GW-VS-HOSTS-EMPTY");
    assert_eq!(candidate.title, "add this VirtualService");
}

#[test]
fn names_of_gateways_are_corrected() {
    let to = "tcp: [{route: [{destination: {host: db, port: {number: 5432}}}]}]";
    let base = gateway("{port: {number: 5000, name: tcp, protocol: TCP}, hosts: ['*']}")
        .replace("name: gw,", "name: databases,")
        + &service("app", "db", "{name: tcp, port: 5432}");
    for (name, title, value) in [
        ("databses", "write the Gateway's name", "databases"),
        ("edge/databases", "write the Gateway's name", "databases"),
    ] {
        let text =
            base.clone() + &route("r", &format!("{{hosts: ['*'], gateways: [{name}], {to}}}"));
        let candidate = one(&text, 5000, "GW-VS-GWNAME");
        assert_eq!(candidate.title, title);
        assert_eq!(changes(&text, &candidate)[0][1][0]["value"], value);
    }
}

#[test]
fn an_old_number_that_no_one_may_bind_leads_higher() {
    let text = gateway("{port: {number: 389, name: tcp, protocol: TCP}, hosts: ['*']}").replace(
        "{name: istio-proxy, args: [proxy, router]}",
        "{name: istio-proxy, args: [proxy, router], env: [{name: ISTIO_META_UNPRIVILEGED_POD, value: 'true'}]}",
    ) + &service("app", "db", "{name: tcp, port: 5432}")
        + &route("r", "{hosts: ['*'], gateways: [gw], tcp: [{route: [{destination: {host: db, port: {number: 5432}}}]}]}");
    let item = json!({"name": "tcp-389", "port": 389, "targetPort": 8389});
    assert_eq!(
        changes(&text, &one(&text, 389, "GW-PORT-PRIVILEGED")),
        json!([["Service ingress", [{"op": "add", "path": "/spec/ports/-", "value": item}]]])
    );
}

#[test]
fn a_share_is_not_given_to_the_other_subset() {
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: db, namespace: app}\nspec: \
                {host: db, subsets: [{name: v1, labels: {version: v1}}]}\n---\n";
    let text = gateway(TCP)
        + &service("app", "db", "{name: tcp, port: 5432}")
        + rule
        + &route(
            "r",
            "{hosts: ['*'], gateways: [gw], tcp: [{route: [\
             {destination: {host: db, subset: v1}, weight: 80}, {destination: {host: db, subset: v2}, weight: 20}]}]}",
        );
    let candidate = one(&text, 5000, "GW-DST-SUBSET");
    assert_eq!(
        candidate.title,
        "leave the subset out: every endpoint takes part"
    );
}

/// The webhook holds server names against the hosts as they are written.
#[test]
fn a_short_host_is_written_in_full_beside_its_server_name() {
    let text = gateway(
        "{port: {number: 5000, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: ['*.local']}",
    ) + &service("app", "db", "{name: tls, port: 5000}")
        + &route(
            "r",
            "{hosts: [db], gateways: [gw], tcp: [{route: [{destination: {host: db, port: {number: 5000}}}]}]}",
        );
    let candidate = one(&text, 5000, "GW-PASS-NO-TLS-BLOCK");
    let written = changes(&text, &candidate).to_string();
    assert!(
        written.contains(r#""sniHosts":["db.app.svc.cluster.local"]"#),
        "{written}"
    );
    assert!(
        written.contains(
            r#"{"op":"replace","path":"/spec/hosts/0","value":"db.app.svc.cluster.local"}"#
        ),
        "{written}"
    );
}
