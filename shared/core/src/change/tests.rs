//! Edits, diffs and overlays together, on texts and on the case folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::*;
use crate::snapshot::reader::{Loader, ReadOptions, raw_value};
use crate::snapshot::views::{AsView, Gateway};
use crate::snapshot::{Change, Kind, Object, ObjectId, Operation, Snapshot};

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

const JSON: &str = r#"{
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "b"},
            "x": [
                {
                    "y": 1
                }
            ],
            "e": {}
        }
    ]
}
"#;

#[test]
fn json_keeps_its_indentation() {
    let edit = |operation| edit_text(JSON, vec![operation]).unwrap();
    let diff = |operation| {
        let snapshot = load([("m.json", JSON)]);
        let change = patch_of(ObjectId(0), vec![operation]);
        rendered(&snapshot, &[change], 1).concat()
    };
    assert_eq!(
        diff(add("/x/-", json!({"a": 1, "b": []}))),
        "\
--- a/m.json
+++ b/m.json
@@ -11,2 +11,6 @@
                     \"y\": 1
+                },
+                {
+                    \"a\": 1,
+                    \"b\": []
                 }
"
    );
    assert_eq!(
        edit(add("/e/k", json!("v"))),
        JSON.replace("{}", "{\n                \"k\": \"v\"\n            }")
    );
    assert_eq!(
        edit(add("/metadata/labels", json!({"l": "m"}))),
        JSON.replace("\"b\"}", "\"b\", \"labels\": {\"l\": \"m\"}}")
    );
    assert_eq!(
        edit(replace("/x/0/y", json!("é\""))),
        JSON.replace("\"y\": 1", "\"y\": \"é\\\"\"")
    );
    assert_eq!(
        edit(remove("/e")),
        JSON.replace("],\n            \"e\": {}", "]")
    );
    let dense =
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"b"},"x":[1]}"#;
    assert_eq!(
        edit_text(dense, vec![add("/x/0", json!({"y": 2})), remove("/x/1")]).unwrap(),
        dense.replace("[1]", "[{\"y\":2}]")
    );
}

#[test]
fn new_objects_go_where_the_file_can_take_them() {
    let create = |beside| Change::Create {
        kind: Kind::VirtualService,
        object: new_route("r"),
        beside: Some(ObjectId(beside)),
    };
    let single =
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"b"}}"#;
    let snapshot = load([("m/x.json", single)]);
    let diff = rendered(&snapshot, &[create(0)], 3).concat();
    assert!(
        diff.starts_with("--- /dev/null\n+++ b/m/r.yaml\n@@ -0,0 +1,18 @@\n+apiVersion: net"),
        "{diff}"
    );
    let snapshot = load([("m.json", JSON)]);
    let diff = rendered(&snapshot, &[create(0)], 1).concat();
    assert!(
        diff.starts_with(
            "--- a/m.json\n+++ b/m.json\n@@ -14,2 +14,37 @@\n             \"e\": {}\n+        },\n+        {\n+            \"apiVersion\""
        ),
        "{diff}"
    );
    // Texts that end without a line break, with Windows' or with a separator.
    for (end, joint) in [
        ("", "\n---\n"),
        ("\n", "---\n"),
        ("\n---\n", ""),
        ("\n# c\n", "---\n"),
    ] {
        for eol in ["\n", "\r\n"] {
            let text = format!("{HEAD}x:\n  - 1{end}").replace('\n', eol);
            let snapshot = load([("m.yaml", text.as_str())]);
            let diffs = file_diffs(&snapshot, &[create(0), create(0)])
                .unwrap()
                .diffs;
            let new = diffs[0].new.strip_prefix(text.as_str()).unwrap();
            let first = format!("{joint}apiVersion: networking.istio.io/v1\n").replace('\n', eol);
            assert!(new.starts_with(&first), "{new}");
            assert_eq!(new.matches(eol).count(), new.matches('\n').count());
            // Lists are indented as in this file.
            assert!(new.contains("    - destination"), "{new}");
            let mut loader = Loader::new(ReadOptions::default());
            loader.read("m.yaml", diffs[0].new.as_str());
            let loaded = loader.finish();
            assert!(loaded.problems.is_empty());
            let route = loaded
                .snapshot
                .find(Kind::VirtualService, "rcmd", "r")
                .unwrap();
            assert_eq!(value_of(&loaded.snapshot, route.id), new_route("r"));
        }
    }
}

fn value_of(snapshot: &Snapshot, id: ObjectId) -> Value {
    let origin = snapshot.get(id).unwrap().origin.as_ref().unwrap();
    raw_value(snapshot.source(origin.source).unwrap(), origin).unwrap()
}

#[test]
fn what_no_file_can_take_is_told() {
    let text = format!("{HEAD}x: 1\n");
    let snapshot = load([("<stdin>", text.as_str())]);
    let changes = [
        patch_of(ObjectId(0), vec![replace("/x", json!(2))]),
        Change::Create {
            kind: Kind::VirtualService,
            object: new_route("r"),
            beside: Some(ObjectId(0)),
        },
        Change::Create {
            kind: Kind::VirtualService,
            object: new_route("s"),
            beside: None,
        },
    ];
    let told = file_diffs(&snapshot, &changes).unwrap();
    assert!(told.diffs.is_empty());
    assert_eq!(told.without_file, [0, 1, 2]);
    assert_eq!(apply(&snapshot, &changes).unwrap().len(), 3);
}

#[test]
fn aliases_and_merges_cost_more_but_are_never_wrong() {
    let cases = [
        // Behind an alias: the value is written out, the anchor's stays.
        (
            "x: &a {p: 1}\nw:\n  z: *a\n",
            replace("/w/z/p", json!(2)),
            "x: &a {p: 1}\nw:\n  z:\n    p: 2\n",
        ),
        // Merged in: what is written here overrides it.
        (
            "x: &a {p: 1}\nw:\n  <<: *a\n  q: 2\n",
            replace("/w/p", json!(3)),
            "x: &a {p: 1}\nw:\n  <<: *a\n  q: 2\n  p: 3\n",
        ),
        (
            "x: &a {p: 1}\nw:\n  <<: *a\n  q: 2\n",
            remove("/w/p"),
            "x: &a {p: 1}\nw:\n  q: 2\n",
        ),
        // The first of two equal keys would come back.
        (
            "w:\n  p: 1\n  p: 2\n  q: 3\n",
            remove("/w/p"),
            "w:\n  q: 3\n",
        ),
        // Blank lines at the end of a text that keeps them.
        (
            "w:\n  p: |+\n    t\n\nz: 1\n",
            add("/w/q", json!(1)),
            "w:\n  p: \"t\\n\\n\"\n  q: 1\n\nz: 1\n",
        ),
    ];
    for (before, operation, after) in cases {
        let new = edit_text(&format!("{HEAD}{before}"), vec![operation]).unwrap();
        assert_eq!(new, format!("{HEAD}{after}"));
    }
    // Without an enclosing value of its own there is no edit: better none than a wrong one.
    let text = format!("{HEAD}x: &a 1\nw: *a\n");
    let error = edit_text(&text, vec![replace("/x", json!(2))]).unwrap_err();
    assert!(matches!(error, ChangeError::Unwritable { .. }), "{error}");
}

#[test]
fn an_overlay_shares_what_it_does_not_touch() {
    let snapshot = showpiece("section-4-two-causes");
    let gateway = id(&snapshot, Kind::Gateway, "rcmd", "external-test-gateway");
    let port = "/spec/servers/0/port/number";
    let changes = [
        patch_of(gateway, vec![replace(port, json!(9.0))]),
        Change::Create {
            kind: Kind::VirtualService,
            object: new_route("a-first"),
            beside: Some(gateway),
        },
    ];
    let once = apply(&snapshot, &changes).unwrap();
    let view = Gateway::of(&once.get(gateway).unwrap().view).unwrap();
    assert!(format!("{view:?}").contains("number: 9"), "{view:?}");
    assert_eq!(once.len(), snapshot.len() + 1);
    let names: Vec<_> = once
        .of_kind(Kind::VirtualService)
        .map(Object::qualified)
        .collect();
    assert_eq!(names, ["default/external-test-router", "rcmd/a-first"]);
    // A second change starts from the first.
    let created = id(&once, Kind::VirtualService, "rcmd", "a-first");
    let twice = apply(
        &once,
        &[
            patch_of(created, vec![add("/spec/tcp/0/match/0/port", json!(9))]),
            patch_of(gateway, vec![add("/spec/servers/0/port/name", json!("n"))]),
        ],
    )
    .unwrap();
    let patched = |id| twice.get(id).unwrap().patched.as_ref().unwrap();
    assert_eq!(
        patched(created).pointer("/spec/tcp/0/match/0/port"),
        Some(&json!(9))
    );
    assert_eq!(patched(gateway).pointer(port), Some(&json!(9.0)));
    for object in snapshot.objects().filter(|o| o.id != gateway) {
        assert!(std::ptr::eq(object, twice.get(object.id).unwrap()));
    }
    let again = file_diffs(&once, &changes[..1]).unwrap_err();
    assert!(matches!(again, ChangeError::Overlaid { .. }));
}

#[test]
fn changes_that_fit_no_object_are_refused() {
    let snapshot = showpiece("section-4-two-causes");
    let gateway = id(&snapshot, Kind::Gateway, "rcmd", "external-test-gateway");
    let refusal = |operation| {
        let changes = [patch_of(gateway, vec![operation])];
        apply(&snapshot, &changes).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(remove("/spec/servers/1")),
        "Gateway rcmd/external-test-gateway: /spec/servers/1 is not there"
    );
    assert_eq!(
        refusal(replace("/metadata/name", json!("x"))),
        "Gateway rcmd/external-test-gateway: a change cannot give it another kind, namespace or name"
    );
    assert!(refusal(replace("/spec/servers/0/port/number", json!("x"))).contains("port.number"));
    let create = |object: Value| Change::Create {
        kind: Kind::VirtualService,
        object,
        beside: None,
    };
    let mut route = new_route("external-test-router");
    route["metadata"]["namespace"] = json!("default");
    let error = apply(&snapshot, &[create(route.clone())]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "VirtualService default/external-test-router exists already"
    );
    route["metadata"] = json!({"name": "x"});
    let error = apply(&snapshot, &[create(route)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a new VirtualService without `metadata.namespace`"
    );
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }

    fn value(&mut self, like: &Value) -> Value {
        let texts = [
            "a", "*.b", "no", "x: y", "1", "c,d", " e", "ü # f", "g\nh", "'i'", "\"", "{j}", "",
        ];
        match like {
            Value::Number(_) => json!(self.roll(40_000)),
            Value::Bool(was) => json!(!was),
            Value::String(_) => json!(texts[self.roll(texts.len())]),
            other if self.roll(3) == 0 => other.clone(),
            Value::Array(items) => items.iter().rev().map(|item| self.value(item)).collect(),
            Value::Object(map) => {
                let entries = map.iter().filter(|_| self.roll(4) > 0);
                let kept: Vec<_> = entries.map(|(k, v)| (k.clone(), v.clone())).collect();
                kept.into_iter().map(|(k, v)| (k, self.value(&v))).collect()
            }
            Value::Null => Value::Null,
        }
    }

    /// An operation on a random value below `spec`, `data` or the labels.
    fn operation(&mut self, value: &Value) -> Option<Operation> {
        let mut places = Vec::new();
        for start in ["/spec", "/data", "/metadata/labels"] {
            if let Some(value) = value.pointer(start) {
                collect(value, start.to_owned(), &mut places);
            }
        }
        let (path, old) = places.get(self.roll(places.len()))?;
        let holder = path.rsplit_once('/').unwrap().0;
        Some(match (self.roll(6), *old) {
            (0, _) => remove(path),
            (1, Value::Array(items)) => {
                let like = items.first().unwrap_or(&Value::Null);
                let item = self.value(like);
                let at = self.roll(items.len() + 1);
                if self.roll(2) == 0 {
                    add(&format!("{path}/-"), item)
                } else {
                    add(&format!("{path}/{at}"), item)
                }
            }
            (1 | 2, Value::Object(_)) => {
                let any = json!({"k": [{"l": 1, "m": "n"}], "o": {"p": {}}});
                let value = self.value(&any);
                add(&format!("{path}/new~1key"), value)
            }
            (3, _) if value.pointer(holder).is_some_and(Value::is_object) => {
                add(&format!("{holder}/y"), self.value(old))
            }
            (_, old) => replace(path, self.value(old)),
        })
    }
}

fn collect<'v>(value: &'v Value, path: String, places: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{path}/{key}"), places);
            }
        }
        Value::Array(items) => {
            for (n, value) in items.iter().enumerate() {
                collect(value, format!("{path}/{n}"), places);
            }
        }
        _ => {}
    }
    places.push((path, value));
}

fn manifests(path: &Path, found: &mut Vec<String>) {
    for path in folder(path) {
        if path.is_dir() {
            manifests(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "yaml") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// The texts of the cases, and the same in other styles.
fn corpus() -> Vec<String> {
    let mut texts = Vec::new();
    manifests(Path::new(CASES), &mut texts);
    texts.dedup();
    assert!(texts.len() > 100);
    let styles: [fn(&str) -> String; 5] = [
        |text| text.replace('\n', "\r\n"),
        |text| text.trim_end().to_owned(),
        // Lists indented under their keys.
        |text| {
            let snapshot = load([("m.yaml", text)]);
            let objects = snapshot.objects().map(|o| {
                let layout = write::Layout {
                    list: 2,
                    ..write::Layout::default()
                };
                layout.block(&value_of(&snapshot, o.id), 0) + "\n# end\n"
            });
            objects.collect::<Vec<_>>().join("---\n")
        },
        |text| {
            let snapshot = load([("m.yaml", text)]);
            let objects = snapshot.objects().map(|o| value_of(&snapshot, o.id));
            let list =
                json!({"apiVersion": "v1", "kind": "List", "items": objects.collect::<Vec<_>>()});
            serde_json::to_string_pretty(&list).unwrap() + "\n"
        },
        |text| {
            let snapshot = load([("m.yaml", text)]);
            let layout = write::Layout::default();
            let objects = snapshot.objects().map(|o| {
                let value = value_of(&snapshot, o.id);
                let spec = layout.flow(value.get("spec").unwrap_or(&json!({})), None);
                let mut head = value;
                head.as_object_mut().unwrap().remove("spec");
                format!("- {}\n  spec: {spec} # flow\n", layout.block(&head, 2))
            });
            format!(
                "apiVersion: v1\nkind: List\nitems:\n{}",
                objects.collect::<String>()
            )
        },
    ];
    let originals = texts.clone();
    for (n, text) in originals.iter().enumerate() {
        texts.push(styles[n % styles.len()](text));
    }
    texts
}

/// A random change of one or two objects of a text.
fn random_changes(snapshot: &Snapshot, dice: &mut Dice) -> Vec<Change> {
    let mut changes = Vec::new();
    for _ in 0..=dice.roll(2) {
        let object = ObjectId(u32::try_from(dice.roll(snapshot.len())).unwrap());
        if changes
            .iter()
            .any(|c| matches!(c, Change::Patch { object: o, .. } if *o == object))
        {
            continue;
        }
        let mut value = value_of(snapshot, object);
        let mut operations = Vec::new();
        for _ in 0..=dice.roll(3) {
            if let Some(operation) = dice.operation(&value) {
                patch(&mut value, &operation).unwrap();
                operations.push(operation);
            }
        }
        changes.push(patch_of(object, operations));
    }
    changes
}

#[test]
fn an_edited_text_reads_as_the_patched_objects() {
    let mut dice = Dice(4);
    let mut compared = 0;
    for text in corpus() {
        let snapshot = load([("m.yaml", text.as_str())]);
        if snapshot.is_empty() {
            continue;
        }
        for _ in 0..3 {
            let changes = random_changes(&snapshot, &mut dice);
            let diffs = match file_diffs(&snapshot, &changes) {
                Ok(diffs) => diffs.diffs,
                Err(error) => panic!("{error}: {changes:?}\n{text}"),
            };
            let new = diffs.first().map_or(text.as_str(), |diff| &diff.new);
            // What the API server would refuse has no object to compare.
            let Ok(overlay) = apply(&snapshot, &changes) else {
                continue;
            };
            let read = load([("m.yaml", new)]);
            assert_eq!(read.len(), snapshot.len(), "{new}");
            for object in read.objects() {
                let key = &object.key;
                let wanted = overlay.find(key.kind, &key.namespace, &key.name).unwrap();
                let before = value_of(&snapshot, wanted.id);
                let wanted = wanted.patched.as_deref().unwrap_or(&before);
                assert_eq!(
                    &value_of(&read, object.id),
                    wanted,
                    "{changes:?}\n{text}\n{new}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 1000, "{compared}");
}

/// Runs a program that a machine may lack.
fn run(program: &str, arguments: &[&str], directory: &Path, input: &str) -> Option<String> {
    use std::io::Write;
    let child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CEILING_DIRECTORIES", directory.parent().unwrap())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        let note = format!("not tested: there is no `{program}` here\n");
        std::io::stderr().write_all(note.as_bytes()).unwrap();
        return None;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{program}: {}\n{input}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mesh-core-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn git_and_patch_take_the_diffs() {
    let scratch = Scratch::new("diffs");
    let mut dice = Dice(7);
    let texts = corpus();
    for n in 0..100 {
        let text = &texts[dice.roll(texts.len())];
        let name = ["m.yaml", "./a b/m.yaml", "ü/./m.yaml", "q\"/m.yaml"][n % 4];
        let snapshot = load([(name, text.as_str())]);
        if snapshot.is_empty() {
            continue;
        }
        let mut changes = random_changes(&snapshot, &mut dice);
        if n % 5 == 0 {
            changes.push(Change::Create {
                kind: Kind::VirtualService,
                object: new_route("one-more"),
                beside: Some(ObjectId(0)),
            });
        }
        let diffs = file_diffs(&snapshot, &changes).unwrap().diffs;
        let Some(diff) = diffs.first() else { continue };
        assert_eq!(diff.reach(), Reach::Here);
        let path = scratch.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let tool: (&str, &[&str]) = if n % 3 == 0 {
            ("patch", &["-p1", "--binary", "--fuzz=0"])
        } else {
            ("git", &["apply", "--whitespace=nowarn"])
        };
        if run(tool.0, tool.1, &scratch.0, &diff.render(1 + n % 3)).is_none() {
            continue;
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            diff.new,
            "{}",
            diff.render(1)
        );
    }
}

#[test]
fn git_takes_paths_that_lead_out_of_the_directory() {
    let scratch = Scratch::new("paths");
    let below = scratch.0.join("below");
    fs::create_dir_all(&below).unwrap();
    let file = scratch.0.join("m.yaml");
    let absolute = file.to_str().unwrap();
    for name in ["../m.yaml", absolute] {
        let text = format!("{HEAD}x: 1\n");
        fs::write(&file, &text).unwrap();
        let snapshot = load([(name, text.as_str())]);
        let change = patch_of(ObjectId(0), vec![replace("/x", json!(2))]);
        let diffs = file_diffs(&snapshot, &[change]).unwrap();
        let command = diffs.command().unwrap();
        let words: Vec<_> = command.split(' ').collect();
        if run(words[0], &words[1..], &below, &diffs.diffs[0].render(3)).is_some() {
            assert_eq!(fs::read_to_string(&file).unwrap(), diffs.diffs[0].new);
        }
    }
}

/// The way back, for operations whose result shows where they came from.
fn inverse(value: &Value, operation: &Operation) -> Option<Operation> {
    let path = operation.path();
    let old = value.pointer(path);
    let (holder, last) = path.rsplit_once('/')?;
    let holder_value = value.pointer(holder)?;
    match (operation, old) {
        (Operation::Add { .. }, _) if holder_value.is_array() => {
            let end = holder_value.as_array()?.len();
            let at = if last == "-" { end } else { last.parse().ok()? };
            Some(remove(&format!("{holder}/{at}")))
        }
        (Operation::Add { .. }, None) => Some(remove(path)),
        (Operation::Add { value, .. } | Operation::Replace { value, .. }, Some(old))
            if old.is_number() && value.is_number() =>
        {
            Some(replace(path, old.clone()))
        }
        _ => None,
    }
}

#[test]
fn there_and_back_gives_the_same_bytes() {
    let mut dice = Dice(11);
    let mut returned = 0;
    for text in corpus() {
        let snapshot = load([("m.yaml", text.as_str())]);
        for object in snapshot.objects() {
            let value = value_of(&snapshot, object.id);
            let Some(operation) = dice.operation(&value) else {
                continue;
            };
            let Some(back) = inverse(&value, &operation) else {
                continue;
            };
            let there = [patch_of(object.id, vec![operation])];
            let there = file_diffs(&snapshot, &there).unwrap().diffs;
            let Some(there) = there.first() else { continue };
            let read = load([("m.yaml", there.new.as_str())]);
            let key = &object.key;
            let Some(same) = read.find(key.kind, &key.namespace, &key.name) else {
                continue;
            };
            let back = file_diffs(&read, &[patch_of(same.id, vec![back])]).unwrap();
            // 5.0 comes back as 5, the same number.
            let plain = |text: &str| text.replace(".0\n", "\n");
            assert_eq!(
                plain(&back.diffs[0].new),
                plain(&text),
                "{}",
                there.render(3)
            );
            returned += 1;
        }
    }
    assert!(returned > 100, "{returned}");
}
