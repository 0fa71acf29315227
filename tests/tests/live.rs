//! The same answers from an API server as from files, and what is said when it does not answer.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use mesh_core::snapshot::reader::parse;
use mesh_live::cluster::DECIDING;
use mesh_tests::binaries::workspace;
use mesh_tests::fake_api::{FakeApi, Fault, kubeconfig, objects};
use mesh_tests::runner::{Ended, Run};
use mesh_tests::scratch::Scratch;
use serde_json::{Value, json};

const TMP: &str = env!("CARGO_TARGET_TMPDIR");

fn folder(name: &str) -> Scratch {
    Scratch::new(TMP, &format!("live-{name}"))
}

fn ask(line: &str, kubeconfig: &Path) -> Ended {
    let kubeconfig = kubeconfig.display().to_string();
    let flags = ["--kubeconfig", kubeconfig.as_str()];
    Run::of(line.split_whitespace().chain(flags)).end()
}

/// The text of every scenario that istiod answered, by its folder.
fn scenarios() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for kind in ["scenarios", "sidecars"] {
        let root = workspace().join("tests/conformance").join(kind);
        for entry in fs::read_dir(&root).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{kind}-{}", path.file_name().unwrap().display());
            let text = fs::read_to_string(path.join("cluster.yaml")).unwrap();
            // An API server gives every object in the version that is asked for, and this is asked for first.
            let text = text.replace("istio.io/v1beta1", "istio.io/v1");
            found.push((
                name,
                text.replace("networking.istio.io/v1alpha3", "networking.istio.io/v1"),
            ));
        }
    }
    found.sort();
    found
}

/// Without what only files have: places, and diffs instead of patches.
fn without_places(json: &str) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("source");
                map.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_str(json).unwrap();
    strip(&mut value);
    value
}

#[test]
fn listeners_are_the_same_as_from_files() {
    for (name, text) in scenarios().into_iter().step_by(3) {
        let api = FakeApi::new(objects(&[("cluster.yaml", &text)]), &[]);
        let folder = folder(&name).with("cluster.yaml", &text);
        let live = ask("--predicted -o json", &api.kubeconfig(&folder.path("")));
        let files = folder.ask("--predicted -o json -f cluster.yaml");
        assert_eq!(live.stderr, "", "{name}");
        // Files may leave a gateway out; a cluster that has none has none.
        if !files.stdout.contains("(assumed)") {
            assert_eq!(live.stdout, files.stdout, "{name}");
        }
    }
}

#[test]
fn a_scan_finds_the_same_as_in_files() {
    for (name, text) in scenarios().into_iter().step_by(7) {
        let api = FakeApi::new(objects(&[("cluster.yaml", &text)]), &[]);
        let folder = folder(&format!("scan-{name}")).with("cluster.yaml", &text);
        let live = ask("-o json", &api.kubeconfig(&folder.path("")));
        let files = folder.ask("-o json -f cluster.yaml");
        if !files.stdout.contains("(assumed)") {
            let (live, files) = (without_places(&live.stdout), without_places(&files.stdout));
            assert_eq!(live, files, "{name}");
        }
    }
}

/// The objects of a folder of manifests, with what Kubernetes adds: a slice with one endpoint for each Service.
fn folder_of_objects(folder: &str) -> Vec<Value> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(workspace().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            texts.push((
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            ));
        }
    }
    texts.sort();
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    let mut found = objects(&texts);
    let services = found.iter().filter(|object| object["kind"] == "Service");
    let slices: Vec<Value> = services.map(slice).collect();
    found.extend(slices);
    found
}

fn slice(service: &Value) -> Value {
    let (name, namespace) = (
        &service["metadata"]["name"],
        &service["metadata"]["namespace"],
    );
    let ports = service["spec"]["ports"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let port = |port: Value| json!({"name": port["name"], "port": port["port"], "protocol": "TCP"});
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": ports.into_iter().map(port).collect::<Vec<Value>>(),
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}}]})
}

/// The objects of the README's example.
fn kafka() -> Vec<Value> {
    folder_of_objects("examples/kafka")
}

#[test]
fn each_list_is_asked_for_once_and_a_secret_never() {
    let api = FakeApi::new(kafka(), &[]);
    let folder = folder("asked");
    let _ = ask("16354", &api.kubeconfig(&folder.path("")));
    let asked = api.asked();
    let mut once = asked.clone();
    once.dedup();
    assert_eq!(asked, once);
    let lists = |path: &&String| path.contains("/secrets") || path.contains("/v1/configmaps");
    assert_eq!(asked.iter().find(lists), None);
    let cached = |path: &&String| !path.contains("resourceVersion=0");
    assert_eq!(asked.iter().find(cached), None);
}

#[test]
fn an_open_port_needs_only_the_pods_behind_it() {
    let pods = |folder: &str, name: &str| -> Vec<String> {
        let mut objects = folder_of_objects(folder);
        objects.push(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "other", "namespace": "elsewhere"}, "spec": {"containers": []}}));
        let api = FakeApi::new(objects, &[]);
        let scratch = crate::folder(name);
        let _ = ask("16354", &api.kubeconfig(&scratch.path("")));
        let asked = api.asked().into_iter();
        let pods = asked.filter_map(|path| Some(path.split_once("/pods?")?.0.to_owned()));
        pods.collect()
    };
    // The gateway by its labels, and the namespaces of the gateway and of the broker.
    assert_eq!(
        pods("examples/kafka-fixed", "pods-open"),
        [
            "/api/v1/namespaces/istio-system",
            "/api/v1/namespaces/rcmd",
            "/api/v1"
        ]
    );
    // A fix must disturb no pod anywhere: then all are read, once.
    let closed = pods("examples/kafka", "pods-closed");
    assert_eq!(closed.iter().filter(|path| *path == "/api/v1").count(), 2);
}

#[test]
fn a_certificate_is_asked_for_by_name_and_its_data_never_read() {
    let secrets = "/api/v1/namespaces/istio-system/secrets";
    for (case, fault, missing) in [
        ("fires", None, true),
        ("fires", Some(Fault::Forbidden), false),
        ("silent", None, false),
    ] {
        let faults: Vec<(&str, Fault)> = fault.into_iter().map(|f| (secrets, f)).collect();
        let manifests = format!("tests/cases/GW-CRED-MISSING/{case}/manifests");
        let api = FakeApi::new(folder_of_objects(&manifests), &faults);
        let folder = folder(&format!("certificate-{case}-{}", faults.len()));
        let ended = ask("443 -o json", &api.kubeconfig(&folder.path("")));
        assert_eq!(
            ended.stdout.contains("GW-CRED-MISSING"),
            missing,
            "{}",
            ended.stdout
        );
        assert!(!ended.stdout.contains("c2VjcmV0"));
        let asked = api.asked();
        let of_secrets: Vec<&String> = asked.iter().filter(|a| a.contains("/secrets")).collect();
        assert_eq!(
            of_secrets,
            [&format!("{secrets}/shop-cert?resourceVersion=0")]
        );
    }
}

#[test]
fn what_the_api_server_does_instead_of_answering_is_told_with_exit_code_2() {
    for (n, (fault, told, why)) in [
        (
            Fault::Status(401),
            "does not take these credentials",
            "401, log in again",
        ),
        (
            Fault::Status(500),
            "could not list services",
            "500, as the test wants it",
        ),
        (Fault::Cut, "broke off at list services", ""),
        (
            Fault::Page,
            "broke off at list services",
            "the answer is no list of objects",
        ),
        (
            Fault::Slow(Duration::from_secs(20)),
            "does not answer",
            "no answer in time",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let api = FakeApi::new(kafka(), &[("/api/v1/services", fault.clone())]);
        let folder = folder(&format!("fault-{n}"));
        let ended = ask(
            "16354 --request-timeout 300ms",
            &api.kubeconfig(&folder.path("")),
        );
        assert_eq!(ended.exit, 2, "{fault:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{fault:?}");
        let url = &api.url;
        let first = format!("error: cluster test {told}\n  = why: {url}: ");
        assert!(
            ended.stderr.starts_with(&first),
            "{fault:?}: {}",
            ended.stderr
        );
        assert!(ended.stderr.contains(why), "{fault:?}: {}", ended.stderr);
        let last = "(context test)\nrun: kubectl cluster-info --context test\n\
            or, without a cluster: kubectl mesh why-no-listener 16354 -f manifests/\n";
        assert!(ended.stderr.ends_with(last), "{fault:?}: {}", ended.stderr);
    }
}

#[test]
fn a_cluster_that_cannot_be_asked_is_told_with_exit_code_2() {
    let folder = folder("unreachable").with("broken.yaml", "clusters: [");
    // Nothing listens where nobody ever bound.
    let config = kubeconfig(&folder.path(""), "http://127.0.0.1:1");
    let config = config.display().to_string();
    for (line, told) in [
        (
            format!("--kubeconfig {config}"),
            "error: cluster test does not answer\n  = why: http://127.0.0.1:1: connection refused",
        ),
        (
            format!("--kubeconfig {config} --context prod"),
            "no context prod in the kubeconfig; there is only test",
        ),
        (
            format!("--kubeconfig {config} --cluster prod"),
            "no cluster prod in the kubeconfig; there is only test",
        ),
        (
            format!("--kubeconfig {config} --user bob"),
            "no user bob in the kubeconfig; there is only anna",
        ),
        (
            "--kubeconfig gone.yaml".to_owned(),
            "no kubeconfig file gone.yaml",
        ),
        (
            format!("--kubeconfig {}", folder.path("broken.yaml").display()),
            "broken.yaml cannot be read: ",
        ),
    ] {
        let ended = folder.ask(&format!("16354 {line} --request-timeout 2s"));
        assert_eq!(ended.exit, 2, "{line}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
        assert!(ended.stderr.contains(told), "{line}: {}", ended.stderr);
    }
}

#[test]
fn older_versions_of_a_kind_are_read_too() {
    let folder = folder("older");
    let of = |faults: &[(&str, Fault)]| {
        let api = FakeApi::new(kafka(), faults);
        ask("16354", &api.kubeconfig(&folder.path(""))).stdout
    };
    let missing = |path| (path, Fault::Status(404));
    assert_eq!(
        of(&[
            missing("/apis/networking.istio.io/v1/"),
            missing("/apis/networking.istio.io/v1beta1/"),
        ]),
        of(&[])
    );
}

#[test]
fn what_may_not_be_read_is_unknown_and_never_absent() {
    let unknown =
        |what: &str| format!("? port 16354 is unknown: anna may not list {what} in all namespaces");
    let closed =
        || "✗ port 16354 should be closed: no VirtualService is bound to its Gateway".to_owned();
    for (path, first, told) in [
        (
            "/apis/networking.istio.io/v1/virtualservices",
            unknown("VirtualServices"),
            "? route forbidden: list virtualservices in all namespaces",
        ),
        (
            "/apis/networking.istio.io/v1/gateways",
            unknown("Gateways"),
            "? gateway forbidden: list gateways in all namespaces",
        ),
        // What is wrong for sure stays, beside what is unknown.
        (
            "/api/v1/services",
            closed(),
            "? service forbidden: list services in istio-system",
        ),
        // A fix is only as sure as what it was tried on.
        (
            "/api/v1/pods",
            closed(),
            "what anna may not read changes nothing): add this VirtualService.",
        ),
    ] {
        let faults = [
            (path, Fault::Forbidden),
            ("/api/v1/namespaces/", Fault::Forbidden),
            ("/apis/networking.istio.io/v1/namespaces/", Fault::Forbidden),
        ];
        let api = FakeApi::new(kafka(), &faults);
        let name = path.rsplit('/').next().unwrap();
        let folder = folder(&format!("forbidden-{name}"));
        let ended = ask("16354", &api.kubeconfig(&folder.path("")));
        assert_eq!(ended.exit, 1, "{name}");
        assert_eq!(ended.stdout.lines().next(), Some(first.as_str()), "{name}");
        let words: Vec<&str> = ended.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(told), "{name}: {}", ended.stdout);
        let not_read = format!("not read: configmaps, {name} (forbidden)");
        assert!(ended.stderr.contains(&not_read), "{name}: {}", ended.stderr);
    }
}

#[test]
fn without_pods_a_gateway_is_not_absent() {
    // Gateways and Services may be listed, nothing else.
    let forbidden = [
        "/api/v1/pods",
        "/api/v1/namespaces",
        "/apis/apps/",
        "/apis/discovery.k8s.io/",
        "/apis/networking.istio.io/v1/virtualservices",
        "/apis/networking.istio.io/v1/namespaces",
    ];
    let faults = forbidden.map(|path| (path, Fault::Forbidden));
    let api = FakeApi::new(kafka(), &faults);
    let folder = folder("only-gateways");
    let ended = ask("16354", &api.kubeconfig(&folder.path("")));
    let first = "? port 16354 is unknown: anna may not list Pods in all namespaces";
    assert_eq!(ended.stdout.lines().next(), Some(first), "{}", ended.stdout);
    assert!(!ended.stdout.contains("in the files"), "{}", ended.stdout);
}

#[test]
fn rights_in_one_namespace_go_as_far_as_they_go() {
    // Its own namespace and istiod's may be read, no list of all of them.
    let faults: Vec<(String, Fault)> = ["/api/v1", "/apis/networking.istio.io/v1"]
        .iter()
        .flat_map(|root| {
            ["services", "pods", "gateways", "virtualservices"]
                .map(|kind| (format!("{root}/{kind}"), Fault::Forbidden))
        })
        .collect();
    let faults: Vec<(&str, Fault)> = faults
        .iter()
        .map(|(p, f)| (p.as_str(), f.clone()))
        .collect();
    let api = FakeApi::new(kafka(), &faults);
    let folder = folder("one-namespace");
    let ended = ask("16354 -n rcmd", &api.kubeconfig(&folder.path("")));
    let first = "? port 16354 is unknown: anna may not list VirtualServices in all namespaces";
    assert_eq!(ended.stdout.lines().next(), Some(first));
    let service = "  ✓ service    istio-system/istio-ingressgateway-external  16354 → 16354";
    assert!(ended.stdout.contains(service), "{}", ended.stdout);
    let outside = "virtualservices outside of istio-system and rcmd";
    assert!(ended.stderr.contains(outside), "{}", ended.stderr);
}

/// The rules of the README's ClusterRole: group, resources, verbs.
fn rules() -> Vec<(String, Vec<String>, Vec<String>)> {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let role = readme
        .split("```yaml\n")
        .find(|block| block.contains("kind: ClusterRole"));
    let role = role.and_then(|block| block.split("```").next()).unwrap();
    let role = parse(role).unwrap();
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        let all = rule[key].as_array().unwrap();
        all.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let rules = role["rules"].as_array().unwrap();
    rules
        .iter()
        .map(|rule| {
            let group = texts(rule, "apiGroups").remove(0);
            (group, texts(rule, "resources"), texts(rule, "verbs"))
        })
        .collect()
}

#[test]
fn the_readme_lists_the_rights_that_are_used() {
    let mut listed = BTreeSet::new();
    for (group, resources, verbs) in rules() {
        for resource in resources {
            listed.extend(
                verbs
                    .iter()
                    .map(|verb| (group.clone(), resource.clone(), verb.clone())),
            );
        }
    }
    let all = DECIDING
        .iter()
        .map(|kind| (kind.group(), kind.plural(), "list"));
    let named = [
        ("", "configmaps", "get"),
        ("", "secrets", "get"),
        ("", "pods/portforward", "get"),
        ("", "pods/portforward", "create"),
    ];
    let own = |(group, resource, verb): (&str, &str, &str)| {
        (group.to_owned(), resource.to_owned(), verb.to_owned())
    };
    let used: BTreeSet<_> = all.chain(named).map(own).collect();
    assert_eq!(listed, used);
}

#[test]
fn pods_that_may_not_be_asked_are_told_in_the_second_line() {
    let objects = folder_of_objects("tests/cases/ENVOY-BIND-INUSE/silent/manifests");
    let pods = "/api/v1/namespaces/istio-system/pods/";
    let api = FakeApi::new(objects, &[(pods, Fault::Forbidden)]);
    let folder = folder("port-forward");
    let ended = ask("9000", &api.kubeconfig(&folder.path("")));
    let lines: Vec<&str> = ended.stdout.lines().take(2).collect();
    assert_eq!(
        lines,
        [
            "✓ port 9000 should be open: it leads to data/mq:5672",
            "  predicted from live objects; pods not asked: anna may not port-forward"
        ],
        "{}",
        ended.stderr
    );
    assert!(!ended.stdout.contains("in sync"), "{}", ended.stdout);
}

#[test]
fn a_dump_beside_a_cluster_is_what_its_pod_holds() {
    let case = workspace().join("tests/cases/ENVOY-BIND-INUSE/fires");
    let api = FakeApi::new(
        folder_of_objects("tests/cases/ENVOY-BIND-INUSE/fires/manifests"),
        &[],
    );
    let folder = folder("dump-beside");
    let dump = case.join("dumps/7x2mq.json").display().to_string();
    let line = format!("9000 -o json --config-dump {dump}");
    let ended = ask(&line, &api.kubeconfig(&folder.path("")));
    let answers: Value = serde_json::from_str(&ended.stdout).unwrap();
    let verdicts: Vec<&Value> = (0..3).map(|n| &answers[0]["pods"][n]["verdict"]).collect();
    assert_eq!(verdicts, ["unknown", "missing", "unknown"]);
    let finding = &answers[0]["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["certainty"]),
        (&json!("ENVOY-BIND-INUSE"), &json!("observed"))
    );
}

#[test]
fn a_dump_that_is_of_no_pod_here_is_refused() {
    let case = workspace().join("tests/cases/ENVOY-BIND-INUSE/fires");
    let dump = case.join("dumps/7x2mq.json").display().to_string();
    let folder = folder("dump-of-none").with("x.json", "{}");
    let files = workspace().join("examples/kafka").display().to_string();
    for (file, told) in [
        (dump.as_str(), "is of no pod that this answer is about"),
        ("x.json", "x.json says nothing"),
        ("gone.json", "--config-dump: "),
    ] {
        let ended = folder.ask(&format!("16354 -f {files} --config-dump {file}"));
        assert_eq!((ended.exit, ended.stdout.as_str()), (2, ""), "{file}");
        assert!(ended.stderr.contains(told), "{file}: {}", ended.stderr);
    }
}

#[test]
fn a_watch_ends_when_the_port_opens_or_the_time_is_over() {
    let folder = folder("watch");
    let open = FakeApi::new(folder_of_objects("examples/kafka-fixed"), &[]);
    let ended = ask("16354 --watch", &open.kubeconfig(&folder.path("")));
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    let closed = FakeApi::new(kafka(), &[]);
    let ended = ask(
        "16354 --watch --timeout 1s",
        &closed.kubeconfig(&folder.path("")),
    );
    assert_eq!(ended.exit, 1);
    assert!(
        ended.stdout.contains("error[GW-VS-NONE]"),
        "{}",
        ended.stdout
    );
    let nothing = kubeconfig(&folder.path(""), "http://127.0.0.1:1");
    assert_eq!(ask("16354 --watch", &nothing).exit, 2);
}
