//! The reader as its callers see it: texts in; objects, problems and places out.

use super::super::views::View;
use super::super::{FieldPath, Kind, Object, Snapshot};
use super::*;

const GATEWAY: &str = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: external
  namespace: rcmd
spec:
  selector: {istio: ingress}
  servers:
  - port:
      number: 16354
      name: 'tcp'
      protocol: TCP
    hosts:
    - \"*.rcmd\"
";

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: kafka
spec:
  ports:
  - port: 9092
    targetPort: http
  selector:
    app.kubernetes.io/name: kafka
";

fn load(texts: &[(&str, &str)]) -> Loaded {
    let mut loader = Loader::new(ReadOptions::default());
    for (name, text) in texts {
        loader.read(name, *text);
    }
    loader.finish()
}

fn load_one(text: &str) -> Loaded {
    load(&[("x.yaml", text)])
}

fn problem(text: &str) -> String {
    let loaded = load_one(text);
    let [problem] = loaded.problems.as_slice() else {
        panic!("one problem: {:#?}", loaded.problems);
    };
    assert_eq!(loaded.snapshot.coverage.unread_documents, 1);
    render_problem(problem)
}

fn first(snapshot: &Snapshot) -> &Object {
    snapshot.objects().next().unwrap()
}

/// The place of a field as `line:column+width`, with `?` when it is a parent's.
fn at(snapshot: &Snapshot, object: &Object, field: &str) -> String {
    let found = snapshot.locate(object.id, &FieldPath::of(field)).unwrap();
    let mark = if found.exact { "" } else { "?" };
    format!("{}:{}+{}{mark}", found.line, found.column, found.width)
}

fn places(text: &str, fields: &[(&str, &str)]) {
    let loaded = load_one(text);
    assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    let object = first(&loaded.snapshot);
    for (field, place) in fields {
        assert_eq!(at(&loaded.snapshot, object, field), *place, "{field}");
    }
}

#[test]
fn reads_objects_and_counts_the_rest() {
    let loaded = load(&[
        ("a.yaml", &format!("# c\n---\n{GATEWAY}---\n{SERVICE}---\n")),
        ("values.yaml", "replicas: 3\nkind: x\n"),
        (
            "crd.yaml",
            "apiVersion: a/v1\nkind: Foo\nmetadata: {name: x}\n",
        ),
        ("empty.yaml", ""),
    ]);
    assert!(loaded.problems.is_empty());
    assert_eq!(loaded.counts.texts, 4);
    assert_eq!(loaded.counts.objects, 2);
    assert_eq!(loaded.counts.without_objects, ["values.yaml", "empty.yaml"]);
    assert_eq!(
        loaded.counts.other_kinds,
        [(("a/v1".to_owned(), "Foo".to_owned()), 1)].into()
    );
    let gateway = loaded
        .snapshot
        .find(Kind::Gateway, "rcmd", "external")
        .unwrap();
    assert!(gateway.namespace_written);
    let View::Gateway(view) = &gateway.view else {
        panic!()
    };
    assert_eq!(view.spec.servers[0].port.as_ref().unwrap().number, 16354);
    let service = loaded
        .snapshot
        .find(Kind::Service, "default", "kafka")
        .unwrap();
    assert!(!service.namespace_written);
    let notices: Vec<_> = loaded.notices.iter().map(ToString::to_string).collect();
    assert_eq!(notices, ["1 object has no namespace: taken as default"]);
}

#[test]
fn lists_are_unrolled() {
    let text = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: a}
- apiVersion: v1
  kind: Service
  metadata:
    name: b
  spec:
    ports:
    - port: 80
";
    let loaded = load_one(text);
    assert_eq!(loaded.counts.objects, 2);
    let b = loaded.snapshot.find(Kind::Service, "default", "b").unwrap();
    assert_eq!(b.origin.as_ref().unwrap().root, FieldPath::of("items[1]"));
    assert_eq!(at(&loaded.snapshot, b, "spec.ports[0].port"), "13:13+2");
    assert_eq!(at(&loaded.snapshot, b, "spec.ports"), "12:5+5");
    assert_eq!(at(&loaded.snapshot, b, "metadata.labels"), "9:3+8?");
    let a = loaded.snapshot.find(Kind::Service, "default", "a").unwrap();
    assert_eq!(at(&loaded.snapshot, a, "spec.ports"), "4:3+10?");
    assert_eq!(at(&loaded.snapshot, a, "metadata.name"), "6:20+1");
    // A typed list leaves kind and version of its items unsaid.
    let typed = r#"{"apiVersion": "v1", "kind": "ServiceList", "items": [{"metadata": {"name": "a"}},
 {"metadata": {"name": "b", "namespace": "n"}}]}"#;
    let loaded = load_one(typed);
    assert_eq!(loaded.counts.objects, 2);
    let b = loaded.snapshot.find(Kind::Service, "n", "b").unwrap();
    assert_eq!(at(&loaded.snapshot, b, "metadata.name"), "2:24+3");
    let origin = b.origin.as_ref().unwrap();
    let raw = raw_value(&loaded.snapshot.sources()[0], origin).unwrap();
    assert_eq!(raw["metadata"]["name"], "b");
}

#[test]
fn items_of_a_json_list_are_read_one_by_one() {
    let service = |port: &str| {
        format!(r#"{{ "metadata": {{"name": "a"}}, "spec": {{"ports": [{{"port": {port}}}]}}}}"#)
    };
    let list = |items: &[String]| {
        let items = items.join(",\n");
        format!(
            " {{\"kind\": \"ServiceList\", \"apiVersion\": \"v1\", \"items\": [\n{items}\n]}}\n"
        )
    };
    let text = list(&[service("1"), service("2")]);
    let loaded = load_one(&text);
    assert_eq!(
        loaded.notices[0].to_string(),
        "x.yaml:3:3: Service default/a once more, after x.yaml:2:3; the last counts"
    );
    let object = first(&loaded.snapshot);
    let port = FieldPath::of("spec.ports[0].port");
    let location = loaded.snapshot.locate(object.id, &port).unwrap();
    assert_eq!((location.line, location.exact), (3, true));
    // A number that is none hides no other item.
    let text = list(&[service("1e999"), service("2")]);
    assert!(problem(&text).contains("x.yaml:2:"), "{}", problem(&text));
    assert_eq!(load_one(&text).snapshot.len(), 1);
    // What a list does not have is not for this way, and read all the same.
    let text = text.replacen("{", "{\"x\": 1, ", 1).replace("1e999", "1");
    assert_eq!(load_one(&text).snapshot.len(), 1);
    assert!(load_one(&text).problems.is_empty());
}

#[test]
fn places_in_block_style() {
    places(
        GATEWAY,
        &[
            ("spec.servers[0].port.number", "10:15+5"),
            ("spec.servers[0].port.name", "11:13+5"),
            ("spec.servers[0].port", "9:5+4"),
            ("spec.servers[0]", "9:5+4"),
            ("spec.servers", "8:3+7"),
            ("spec.servers[0].hosts[0]", "14:7+8"),
            ("spec.servers[0].hosts[1]", "13:5+5?"),
            ("spec.servers[0].tls.mode", "9:5+4?"),
            ("spec.servers[1]", "8:3+7?"),
            ("spec.selector.istio", "7:21+7"),
            ("spec.selector", "7:3+8"),
            ("spec.selector.app", "7:3+8?"),
            ("status", "1:1+10?"),
            ("", "1:1+10"),
            ("spec", "6:1+4"),
        ],
    );
    let loaded = load_one(GATEWAY);
    let snapshot = &loaded.snapshot;
    let origin = first(snapshot).origin.as_ref().unwrap();
    let field = FieldPath::of("spec.servers[0].port.number");
    let key = locate_key(&snapshot.sources()[0], origin, &field).unwrap();
    assert_eq!((key.line, key.column, key.width), (10, 7, 6));
}

#[test]
fn places_in_windows_files_and_behind_other_documents() {
    let text = format!("\u{feff}# first\n---\na: 1\n---\n{GATEWAY}").replace('\n', "\r\n");
    places(
        &text,
        &[
            ("spec.servers[0].port.number", "14:15+5"),
            ("spec.servers[0].hosts[0]", "18:7+8"),
            ("spec.servers", "12:3+7"),
        ],
    );
    let bom = format!("\u{feff}{SERVICE}");
    places(&bom, &[("apiVersion", "1:13+2"), ("kind", "2:7+7")]);
}

#[test]
fn places_in_flow_style_and_behind_wide_characters() {
    let text = "{apiVersion: v1, kind: Service, metadata: {name: a, labels: {ü: 'é', k: v}}, spec: {ports: [{port: 80}, {port: 81}]}}\n";
    places(
        text,
        &[
            ("metadata.labels.k", "1:73+1"),
            ("metadata.labels.ü", "1:65+3"),
            ("spec.ports[1].port", "1:112+2"),
            ("spec.ports", "1:85+5"),
            ("spec.ports[1]", "1:106+4"),
            ("spec.x", "1:78+4?"),
        ],
    );
}

#[test]
fn places_in_json() {
    let text = "[]";
    assert_eq!(load_one(text).counts.without_objects, ["x.yaml"]);
    let text = "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Service\",\n  \"metadata\": {\"name\": \"ä\", \"labels\": {\"a.b/c\": \"d\"}},\n  \"spec\": {\"ports\": [\n    {\"port\": 80.0, \"name\": null}]}\n}\n";
    places(
        text,
        &[
            ("spec.ports[0].port", "6:14+4"),
            ("spec.ports[0]", "6:6+6"),
            ("spec.ports", "5:12+7"),
            ("spec.selector", "5:3+6?"),
            ("metadata.labels[a.b/c]", "4:49+3"),
            ("status", "2:3+12?"),
        ],
    );
    let two = "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"a\"}} {\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"b\"}}";
    let loaded = load_one(two);
    let b = loaded.snapshot.find(Kind::Namespace, "", "b").unwrap();
    assert_eq!(at(&loaded.snapshot, b, "metadata.name"), "1:121+3");
    assert!(loaded.notices.is_empty());
}

#[test]
fn places_behind_aliases_merges_and_in_block_scalars() {
    let text = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: m
  labels: &l
    a: b
  annotations: *l
base: &base {p: 1, q: {r: 2}}
other:
  <<: *base
  s: 3
data:
  long: |
    first line
    second
  plain: one
    two
  empty: \"\"
";
    places(
        text,
        &[
            ("metadata.annotations", "7:16+2"),
            ("metadata.annotations.a", "7:16+2"),
            ("metadata.annotations.x", "7:16+2?"),
            ("metadata.labels.a", "6:8+1"),
            ("other.p", "10:7+5"),
            ("other.q.r", "10:7+5"),
            ("other.s", "11:6+1"),
            ("other.x", "9:1+5?"),
            ("data.long", "14:5+10"),
            ("data.plain", "16:10+3"),
            ("data.empty", "18:10+2"),
        ],
    );
}

#[test]
fn an_empty_value_is_its_key() {
    let text =
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  selector:\n  ports:\n  -\n";
    let loaded = load_one(&text.replace("  -\n", ""));
    let object = first(&loaded.snapshot);
    assert_eq!(at(&loaded.snapshot, object, "spec.selector"), "6:3+8");
}

#[test]
fn null_is_absent_and_an_integral_float_is_an_integer() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: }\nspec:\n  type: ~\n  ports: [{port: 1e3, nodePort: null, targetPort: 0777}]\n";
    let loaded = load_one(text);
    let View::Service(service) = &first(&loaded.snapshot).view else {
        panic!()
    };
    assert_eq!(service.spec.ports[0].port, 1000);
    assert_eq!(service.spec.ports[0].node_port, None);
    assert_eq!(
        service.spec.ports[0].target_port,
        Some(super::super::views::IntOrString::Int(511))
    );
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let loaded = load_one(&format!("{GATEWAY}---\na: [\n---\n{SERVICE}---foo\n"));
    assert_eq!(loaded.counts.objects, 2);
    let messages: Vec<_> = loaded.problems.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "not YAML: `[` is never closed",
            "kubectl takes no text behind `---`"
        ]
    );
    assert_eq!(loaded.problems[0].place.as_ref().unwrap().line, 16);
    assert_eq!(loaded.snapshot.coverage.unread_documents, 2);
}

#[test]
fn an_asterisk_wants_quotes() {
    let mut loader = Loader::new(ReadOptions::default());
    let text = GATEWAY
        .replace("\"*.rcmd\"", "*.rcmd.testing.mpengine # all")
        .replace("    hosts:\n    - ", "    hosts: \n    - ");
    loader.read("manifests/kafka-gateway.yaml", text);
    assert_eq!(
        render_problem(&loader.finish().problems[0]),
        "\
error: not YAML: `*` begins an alias here
  --> manifests/kafka-gateway.yaml:14:7
   |
14 |     - *.rcmd.testing.mpengine # all
   |       ^ put it in quotes: '*.rcmd.testing.mpengine'
"
    );
}

#[test]
fn a_helm_template_says_how_to_render_it() {
    let text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ include \"gateway.name\" . }}\n---\n{{- if .Values.x }}\na: b\n{{- end }}\n";
    let loaded = load(&[("charts/gateway/templates/service.yaml", text)]);
    let [problem] = loaded.problems.as_slice() else {
        panic!("{:#?}", loaded.problems)
    };
    assert_eq!(
        render_problem(problem),
        "\
error: a Helm template, not a manifest
  --> charts/gateway/templates/service.yaml:4:9
  |
4 |   name: {{ include \"gateway.name\" . }}
  |         ^^
run: helm template charts/gateway | kubectl mesh why-no-listener -f -
"
    );
    assert_eq!(loaded.snapshot.coverage.unread_documents, 2);
    // In quotes it is YAML, but no port.
    let quoted = SERVICE.replace("9092", "\"{{ .Values.port }}\"");
    let told = render_problem(&load(&[("my chart/templates/a.yaml", &quoted)]).problems[0]);
    assert!(
        told.contains("--> my chart/templates/a.yaml:7:12"),
        "{told}"
    );
    assert!(told.contains("helm template 'my chart' | "), "{told}");
    assert!(problem_of_simple_template().contains("= fix: render it with helm template first"));
}

fn problem_of_simple_template() -> String {
    problem("kind: Service\napiVersion: v1\nmetadata:\n  name: {{ .Values.name }}\n")
}

#[test]
fn a_field_that_does_not_fit_has_its_place() {
    assert_eq!(
        problem(&SERVICE.replace("9092", "\"http\"")),
        "\
error: Service kafka: .spec.ports[0].port must be a number, not text
  --> x.yaml:7:11
  |
7 |   - port: \"http\"
  |           ^^^^^^
"
    );
    assert_eq!(
        problem(&SERVICE.replace("name: kafka\n", "name: 1234\n")),
        "\
error: Service without a name: .metadata.name must be text, not a number
  --> x.yaml:4:9
  |
4 |   name: 1234
  |         ^^^^ put it in quotes: '1234'
"
    );
    let told = problem(&SERVICE.replace(
        "name: kafka\nspec",
        "name: kafka\n  labels: {a.b/c: yes}\nspec",
    ));
    assert!(
        told.contains(".metadata.labels[a.b/c] must be text, not true or false"),
        "{told}"
    );
    assert!(told.contains("x.yaml:5:19"), "{told}");
    let told = problem(&SERVICE.replace("9092", "-1"));
    assert!(
        told.contains("must be a number from 0 up, within its range"),
        "{told}"
    );
    let told = problem(&SERVICE.replace("  - port: 9092\n", "  - \n  - port: 1\n"));
    assert!(told.contains("--> x.yaml:"), "{told}");
    let told = problem(&SERVICE.replace("targetPort: http", "targetPort: [1]"));
    assert!(
        told.contains(".targetPort must be a number or a name"),
        "{told}"
    );
}

#[test]
fn an_object_needs_its_name_kind_and_version() {
    let told = problem("apiVersion: v1\nkind: Service\nmetadata:\n  labels: {}\n");
    assert!(
        told.starts_with("error: a Service without a name\n  --> x.yaml:3:1\n"),
        "{told}"
    );
    let told = problem("kind: Service\nmetadata: {name: x}\n");
    assert!(
        told.starts_with("error: an object without `apiVersion`\n"),
        "{told}"
    );
}

#[test]
fn what_is_read_twice_is_told() {
    let loaded = load(&[
        ("a.yaml", SERVICE),
        (
            "b.yaml",
            &format!("---\n{}", SERVICE.replace("9092", "1\n    port: 2")),
        ),
    ]);
    let View::Service(service) = &first(&loaded.snapshot).view else {
        panic!()
    };
    assert_eq!(service.spec.ports[0].port, 2);
    let notices: Vec<_> = loaded.notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        notices,
        [
            "b.yaml:9:5: `port` stands twice in one map; the last counts",
            "b.yaml:2:1: Service default/kafka once more, after a.yaml:1:1; the last counts",
            "1 object has no namespace: taken as default",
        ]
    );
}

/// Each text with the sentence it gets, and its place.
#[test]
fn bad_input_is_told_in_plain_words() {
    for (text, message, place) in [
        (
            "a:\n\tb: 1\n",
            "not YAML: a tab is used for indentation",
            "2:1",
        ),
        (
            "a: \"b
",
            "not YAML: a quote is never closed",
            "1:4",
        ),
        ("a: b: c\n", "not YAML: no key may stand here", "1:5"),
        ("a: [1, 2\n", "not YAML: `[` is never closed", ""),
        ("a: {b: 1\n", "not YAML: `{` is never closed", ""),
        ("a: [1}\n", "not YAML: `[` is closed by `}`", "1:4"),
        ("a: @b\n", "not YAML: no value may begin with `@`", "1:4"),
        ("a: 'b' c\n", "not YAML: text behind a closing quote", "1:8"),
        (
            "a: \"\\q\"\n",
            "not YAML: no such escape in double quotes",
            "",
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            "not YAML: the indentation does not fit",
            "3:",
        ),
        ("a: 1\n  b: 2\n", "not YAML: no key may stand here", "2:"),
        ("a: 1\nb\n", "not YAML: a key without `:`", ""),
        (
            "- a\nb: 1\n",
            "not YAML: the indentation does not fit",
            "2:1",
        ),
        ("a: *\n", "not YAML: `*` begins an alias here", "1:4"),
        ("a: .nan\n", "kubectl takes no endless number", "1:4"),
        (
            "%YAML 1.1
---
a: 1
",
            "kubectl takes no `%` lines",
            "1:1",
        ),
        (
            "a: - b
",
            "not YAML: no list may begin here",
            "1:4",
        ),
        ("{\"a\": 1,}\n", "not JSON: ", "1:9"),
    ] {
        let told = problem(text);
        assert!(
            told.starts_with(&format!("error: {message}")),
            "{text:?}: {told}"
        );
        assert!(
            told.contains(&format!("--> x.yaml:{place}")),
            "{text:?}: {told}"
        );
    }
}

#[test]
fn a_name_cannot_drive_the_terminal() {
    let told = problem("a: \u{1b}[2J@\u{202e}b\n- x\n");
    assert!(
        !told.contains('\u{1b}') && !told.contains('\u{202e}'),
        "{told:?}"
    );
    assert!(told.contains("\\x1b"), "{told}");
}

#[test]
fn a_long_line_is_windowed_round_the_caret() {
    let told = problem(&format!(
        "a: {} @x: \"b\" c: d {}",
        "é ".repeat(200),
        "z".repeat(300)
    ));
    let lines: Vec<_> = told.lines().collect();
    assert!(
        lines[3].starts_with("1 | …") && lines[3].ends_with('…'),
        "{told}"
    );
    assert!(
        lines.iter().all(|line| line.chars().count() < 150),
        "{told}"
    );
}

#[test]
fn thousands_of_problems_stay_cheap() {
    let mut list = String::from("apiVersion: v1\nkind: List\nitems:\n");
    for n in 0..3000 {
        list.push_str(&format!(
            "- {{apiVersion: v1, kind: Service, metadata: {{name: a{n}}}, spec: {{ports: [{{port: x}}]}}}}\n"
        ));
    }
    let loaded = load_one(&list);
    assert_eq!(loaded.problems.len(), 101);
    assert_eq!(loaded.problems[100].message, "2900 more in x.yaml");
    assert_eq!(loaded.snapshot.coverage.unread_documents, 3000);
}

/// A generator of our own: the same texts in every run.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
}

#[test]
fn no_mutation_of_a_text_panics() {
    const PIECES: [&str; 24] = [
        "---\n", "\n", "  ", "\t", "*a", "&a ", "<<: *a", "{", "}", "[", "]", "\"", "'", ": ",
        "- ", "|", "{{", "\u{feff}", "é", "\\", "null", "1e999", "!!int ", "# ",
    ];
    let json = r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":1}]}}]}"#;
    let seeds = [
        GATEWAY.to_owned(),
        format!("{SERVICE}---\na: &a {{b: 1}}\n"),
        json.to_owned(),
    ];
    let fields = [
        "spec.ports[0].port",
        "metadata.labels.x",
        "",
        "spec.servers[0].hosts[0]",
    ];
    let mut random = Xorshift(0x5eed);
    let mut read = 0;
    for round in 0..10_000 {
        let mut text = seeds[round % seeds.len()].clone();
        for _ in 0..=random.below(3) {
            let mut at = random.below(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if random.below(3) == 0 {
                let end = text[at..].char_indices().nth(1 + random.below(6));
                let end = end.map_or(text.len(), |(n, _)| at + n);
                text.replace_range(at..end, "");
            } else {
                text.insert_str(at, PIECES[random.below(PIECES.len())]);
            }
        }
        let loaded = load_one(&text);
        for problem in &loaded.problems {
            assert!(!render_problem(problem).is_empty());
        }
        for object in loaded.snapshot.objects() {
            read += 1;
            let field = FieldPath::of(fields[random.below(fields.len())]);
            assert!(
                loaded.snapshot.locate(object.id, &field).is_some(),
                "{text}"
            );
        }
    }
    assert!(read > 1000, "{read}");
}
