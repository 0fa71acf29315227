//! Edits, diffs and overlays together, on texts and on the case folders.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::snapshot::reader::{Loader, ReadOptions};
use crate::snapshot::{Change, Kind, ObjectId, Operation, Snapshot};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases");

fn load<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Snapshot {
    let mut loader = Loader::new(ReadOptions::default());
    for (name, text) in texts {
        loader.read(name, text);
    }
    loader.finish().snapshot
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn showpiece(section: &str) -> Snapshot {
    let manifests = Path::new(CASES).join("showpieces").join(section);
    let mut loader = Loader::new(ReadOptions::default());
    for file in folder(&manifests.join("manifests")) {
        let name = format!("manifests/{}", file.file_name().unwrap().to_str().unwrap());
        loader.read(&name, fs::read_to_string(file).unwrap());
    }
    loader.finish().snapshot
}

fn id(snapshot: &Snapshot, kind: Kind, namespace: &str, name: &str) -> ObjectId {
    snapshot.find(kind, namespace, name).unwrap().id
}

fn add(path: &str, value: Value) -> Operation {
    let path = path.to_owned();
    Operation::Add { path, value }
}

fn replace(path: &str, value: Value) -> Operation {
    let path = path.to_owned();
    Operation::Replace { path, value }
}

fn remove(path: &str) -> Operation {
    let path = path.to_owned();
    Operation::Remove { path }
}

fn patch_of(object: ObjectId, operations: Vec<Operation>) -> Change {
    Change::Patch { object, operations }
}

fn rendered(snapshot: &Snapshot, changes: &[Change], context: usize) -> Vec<String> {
    let diffs = file_diffs(snapshot, changes).unwrap().diffs;
    diffs.iter().map(|diff| diff.render(context)).collect()
}

fn new_route(name: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "rcmd"},
        "spec": {
            "hosts": ["*.rcmd.testing.mpengine"],
            "gateways": ["external-test-gateway"],
            "tcp": [{
                "match": [{"port": 16354}],
                "route": [{"destination": {
                    "host": "kafka-broker0.rcmd.svc.cluster.local", "port": {"number": 9092},
                }}],
            }],
        },
    })
}

#[test]
fn section_1_adds_a_route_behind_its_gateway() {
    let snapshot = showpiece("section-1-closed");
    let gateway = id(&snapshot, Kind::Gateway, "rcmd", "external-test-gateway");
    let change = Change::Create {
        kind: Kind::VirtualService,
        object: new_route("kafka-broker0-16354"),
        beside: Some(gateway),
    };
    assert_eq!(
        rendered(&snapshot, &[change], 1),
        ["\
--- a/manifests/kafka-gateway.yaml
+++ b/manifests/kafka-gateway.yaml
@@ -15 +15,20 @@ spec:
       protocol: TCP
+---
+apiVersion: networking.istio.io/v1
+kind: VirtualService
+metadata:
+  name: kafka-broker0-16354
+  namespace: rcmd
+spec:
+  hosts:
+  - '*.rcmd.testing.mpengine'
+  gateways:
+  - external-test-gateway
+  tcp:
+  - match:
+    - port: 16354
+    route:
+    - destination:
+        host: kafka-broker0.rcmd.svc.cluster.local
+        port:
+          number: 9092
"]
    );
}

#[test]
fn section_4_changes_a_service_and_a_route() {
    let snapshot = showpiece("section-4-two-causes");
    let service = id(
        &snapshot,
        Kind::Service,
        "istio-system",
        "istio-ingressgateway-external",
    );
    let route = id(
        &snapshot,
        Kind::VirtualService,
        "default",
        "external-test-router",
    );
    let port = json!({"name": "tcp-16354", "port": 16354, "targetPort": 16354});
    let changes = [
        patch_of(service, vec![add("/spec/ports/-", port)]),
        patch_of(
            route,
            vec![replace(
                "/spec/gateways/0",
                json!("rcmd/external-test-gateway"),
            )],
        ),
    ];
    assert_eq!(
        rendered(&snapshot, &changes, 1),
        [
            "\
--- a/manifests/ingressgateway.yaml
+++ b/manifests/ingressgateway.yaml
@@ -15,2 +15,5 @@ spec:
     targetPort: 8080
+  - name: tcp-16354
+    port: 16354
+    targetPort: 16354
 ---
",
            "\
--- a/manifests/kafka-route.yaml
+++ b/manifests/kafka-route.yaml
@@ -9,3 +9,3 @@ spec:
   gateways:
-  - external-test-gateway
+  - rcmd/external-test-gateway
   tcp:
"
        ]
    );
}

/// An object of some kind around a text: edits are about the text only.
fn edit_text(text: &str, operations: Vec<Operation>) -> Result<String, ChangeError> {
    let snapshot = load([("m.yaml", text)]);
    let first = snapshot.objects().next().expect(text).id;
    let changes = [patch_of(first, operations)];
    apply(&snapshot, &changes)?;
    let mut diffs = file_diffs(&snapshot, &changes)?.diffs;
    Ok(diffs.pop().map_or_else(|| text.to_owned(), |diff| diff.new))
}

const HEAD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n";

#[track_caller]
fn edits_to(before: &str, operation: Operation, after: &str) {
    let text = format!("{HEAD}{before}");
    let new = edit_text(&text, vec![operation.clone()]).unwrap();
    assert_eq!(new, format!("{HEAD}{after}"), "{operation:?}");
    // The same with Windows line breaks, as an item of a list, and without the last line break.
    let crlf = edit_text(&text.replace('\n', "\r\n"), vec![operation.clone()]).unwrap();
    assert_eq!(crlf, new.replace('\n', "\r\n"));
    if let Some(text) = text.strip_suffix('\n') {
        let bare = edit_text(text, vec![operation.clone()]).unwrap();
        assert_eq!(bare.trim_end(), new.trim_end());
    }
    let within = |text: &str| {
        let deeper = text.replace('\n', "\n  ");
        format!(
            "kind: List\napiVersion: v1\nitems:\n- {}\n",
            deeper.trim_end()
        )
    };
    let list = edit_text(&within(&text), vec![operation]).unwrap();
    assert_eq!(list, within(&new));
}

#[test]
fn a_scalar_is_replaced_where_it_stands() {
    let cases = [
        (
            "x:\n  a: 1 # one\n  b: 2\n",
            "/x/a",
            json!(3),
            "x:\n  a: 3 # one\n  b: 2\n",
        ),
        ("x: 'q' # c\n", "/x", json!("r s"), "x: 'r s' # c\n"),
        ("x: \"q\"\n", "/x", json!("r"), "x: \"r\"\n"),
        ("x: \"q\"\n", "/x", json!(1), "x: 1\n"),
        ("x: 1\n", "/x", json!("1"), "x: '1'\n"),
        ("x:   y   # c\n", "/x", json!("no"), "x:   'no'   # c\n"),
        ("x: # c\ny: 1\n", "/x", json!(1), "x: 1 # c\ny: 1\n"),
        ("x:\ny: 1\n", "/x", json!(1), "x: 1\ny: 1\n"),
        (
            "x: |\n  a\n  b\n# c\ny: 1\n",
            "/x",
            json!(1),
            "x: 1\n# c\ny: 1\n",
        ),
        (
            "x:\n- a\n# c\n-   b # d\n",
            "/x/1",
            json!("e"),
            "x:\n- a\n# c\n-   e # d\n",
        ),
        (
            "x: {a: 1, b: [2, 3]}\n",
            "/x/b/0",
            json!("a,b"),
            "x: {a: 1, b: ['a,b', 3]}\n",
        ),
        (
            "x:\n- - a\n  - b\n",
            "/x/0/0",
            json!("c"),
            "x:\n- - c\n  - b\n",
        ),
        (
            "x:\n  a:\n    b: 1 # c\n# d\n",
            "/x/a",
            json!(1),
            "x:\n  a: 1\n# d\n",
        ),
        (
            "x:\n  - a\n  - b: 1\n    c: 2\n",
            "/x/1",
            json!("d"),
            "x:\n  - a\n  - d\n",
        ),
    ];
    for (before, path, value, after) in cases {
        edits_to(before, replace(path, value), after);
    }
}

#[test]
fn a_map_or_list_is_replaced_as_a_whole() {
    let cases = [
        (
            "x: 1 # c\ny: 2\n",
            "/x",
            json!({"a": 1}),
            "x: # c\n  a: 1\ny: 2\n",
        ),
        (
            "x: 1\ny: 2\n",
            "/x",
            json!(["a", "b"]),
            "x:\n- a\n- b\ny: 2\n",
        ),
        (
            "x: {} # c\ny: 2\n",
            "/x",
            json!({"a": 1}),
            "x: # c\n  a: 1\ny: 2\n",
        ),
        (
            "x: {a: 1} # c\n",
            "/x",
            json!({"b": [2]}),
            "x: {b: [2]} # c\n",
        ),
        (
            "x: # c\n  a: 1\n  # d\ny: 2\n",
            "/x",
            json!({"b": 1}),
            "x: # c\n  b: 1\n  # d\ny: 2\n",
        ),
        (
            "x:\n- a\n- b\ny: 2\n",
            "/x",
            json!({"b": 1}),
            "x:\n  b: 1\ny: 2\n",
        ),
        ("x:\n  - a\ny: 2\n", "/x", json!(["b"]), "x:\n  - b\ny: 2\n"),
        (
            "x:\n    a: 1\ny: 2\n",
            "/x",
            json!({"b": {"c": 1}}),
            "x:\n    b:\n        c: 1\ny: 2\n",
        ),
        (
            "x:\n- a: 1\n  b: 2\n- c\n",
            "/x/0",
            json!({"d": 1, "e": 2}),
            "x:\n- d: 1\n  e: 2\n- c\n",
        ),
        (
            "x:\n- a # z\n- c\n",
            "/x/0",
            json!({"d": 1}),
            "x:\n- d: 1 # z\n- c\n",
        ),
        ("x:\n  a:\n  - 1\n", "/x", json!([]), "x: []\n"),
    ];
    for (before, path, value, after) in cases {
        edits_to(before, replace(path, value), after);
    }
}

#[test]
fn a_key_goes_behind_the_last_of_its_map() {
    let cases = [
        (
            "x:\n  a: 1\n\n# next\ny: 2\n",
            "/x/b",
            json!(2),
            "x:\n  a: 1\n  b: 2\n\n# next\ny: 2\n",
        ),
        (
            "x:\n  a: |\n    t\n\n# next\ny: 2\n",
            "/x/b",
            json!(2),
            "x:\n  a: |\n    t\n  b: 2\n\n# next\ny: 2\n",
        ),
        (
            "x:\n    a: {b: 1} # c\ny: 2\n",
            "/x/c",
            json!({"d": 1}),
            "x:\n    a: {b: 1} # c\n    c:\n        d: 1\ny: 2\n",
        ),
        (
            "x:\n  - a: 1\n    b:\n      - 2\n  - c\n",
            "/x/0/d",
            json!(["e"]),
            "x:\n  - a: 1\n    b:\n      - 2\n    d:\n      - e\n  - c\n",
        ),
        ("x: {}\ny: 1\n", "/x/a", json!(1), "x:\n  a: 1\ny: 1\n"),
        (
            "x: {a: 1}\n",
            "/x/b",
            json!({"c": [1]}),
            "x: {a: 1, b: {c: [1]}}\n",
        ),
        ("x: [{}]\n", "/x/0/b", json!(1), "x: [{b: 1}]\n"),
        ("x:\n  a: 1\n", "/x/a", json!(2), "x:\n  a: 2\n"),
        ("x:\n  a:\n", "/x/b", json!(2), "x:\n  a:\n  b: 2\n"),
        ("x:\n  a: 1\n", "/z", json!("*"), "x:\n  a: 1\nz: '*'\n"),
    ];
    for (before, path, value, after) in cases {
        edits_to(before, add(path, value), after);
    }
}

#[test]
fn an_item_goes_where_the_index_says() {
    let cases = [
        (
            "x:\n- a\n\n# next\ny: 1\n",
            "/x/-",
            json!("b"),
            "x:\n- a\n- b\n\n# next\ny: 1\n",
        ),
        (
            "x:\n  - a: 1\n    b: 2\ny: 1\n",
            "/x/-",
            json!({"c": 3, "d": [4]}),
            "x:\n  - a: 1\n    b: 2\n  - c: 3\n    d:\n      - 4\ny: 1\n",
        ),
        (
            "x:\n# list\n- a\n# b's\n# own\n- b\n",
            "/x/1",
            json!("c"),
            "x:\n# list\n- a\n- c\n# b's\n# own\n- b\n",
        ),
        (
            "x:\n# list\n- a\n- b\n",
            "/x/0",
            json!("c"),
            "x:\n# list\n- c\n- a\n- b\n",
        ),
        (
            "x:\n- - a\n  - b\n",
            "/x/0/0",
            json!("c"),
            "x:\n- - c\n  - a\n  - b\n",
        ),
        (
            "x:\n-   a: 1\n    b: 2\n",
            "/x/-",
            json!({"c": 1, "d": 2}),
            "x:\n-   a: 1\n    b: 2\n-   c: 1\n    d: 2\n",
        ),
        (
            "x: []\n",
            "/x/-",
            json!({"c": 1, "d": 2}),
            "x:\n- c: 1\n  d: 2\n",
        ),
        ("x: [a, b] # c\n", "/x/-", json!("d"), "x: [a, b, d] # c\n"),
        ("x: [a, b]\n", "/x/0", json!(1), "x: [1, a, b]\n"),
        (
            "x: [\n  a,\n  b\n]\n",
            "/x/-",
            json!("d"),
            "x: [\n  a,\n  b,\n  d\n]\n",
        ),
        (
            "x: [\n  a,\n  b\n]\n",
            "/x/1",
            json!("d"),
            "x: [\n  a,\n  d,\n  b\n]\n",
        ),
        ("x:\n-\n- a\n", "/x/1", json!("d"), "x:\n-\n- d\n- a\n"),
    ];
    for (before, path, value, after) in cases {
        edits_to(before, add(path, value), after);
    }
}

#[test]
fn removing_takes_the_lines_of_the_value() {
    let cases = [
        ("x:\n  a: 1 # c\n  b: 2\n", "/x/a", "x:\n  b: 2\n"),
        (
            "x:\n  a: 1\n  b:\n  - c\n  - d # e\n# f\ny: 1\n",
            "/x/b",
            "x:\n  a: 1\n# f\ny: 1\n",
        ),
        ("x:\n  a: 1 # c\ny: 2\n", "/x/a", "x: {}\ny: 2\n"),
        ("x: # c\n- a\n", "/x/0", "x: [] # c\n"),
        ("x:\n- a: 1\n  b: 2\n- c\n", "/x/0/a", "x:\n- b: 2\n- c\n"),
        ("x:\n- a: 1\n  b: 2\n- c\n", "/x/0/b", "x:\n- a: 1\n- c\n"),
        ("x:\n- a: 1\n  b: 2\n- c\n", "/x/0", "x:\n- c\n"),
        ("x:\n- a\n- b: 1\n  c: 2\n", "/x/1", "x:\n- a\n"),
        ("x:\n- - a\n  - b\n", "/x/0/0", "x:\n- - b\n"),
        ("x: {a: 1, b: 2, c: 3}\n", "/x/a", "x: {b: 2, c: 3}\n"),
        ("x: {a: 1, b: 2, c: 3}\n", "/x/c", "x: {a: 1, b: 2}\n"),
        ("x: {a: [1]}\n", "/x/a/0", "x: {a: []}\n"),
        ("x: [1, 2]\n", "/x/1", "x: [1]\n"),
        ("w: 1\nx: |\n  a\n\ny: 1\n", "/x", "w: 1\n\ny: 1\n"),
    ];
    for (before, path, after) in cases {
        edits_to(before, remove(path), after);
    }
}
