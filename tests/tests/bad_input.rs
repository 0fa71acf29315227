//! What cannot be read is told, and hides nothing else.

use std::fs;

use mesh_tests::json;
use mesh_tests::runner::Ended;
use mesh_tests::scratch::Scratch;

const GATEWAY: &str = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: cache
  namespace: edge
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

const ROUTE: &str = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: cache
  namespace: edge
spec:
  hosts:
  - '*'
  gateways:
  - cache
  tcp:
  - route:
    - destination:
        host: cache.edge.svc.cluster.local
        port:
          number: 6379
";

const EDGE: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: edge
  namespace: edge
spec:
  selector:
    app: edge
  ports:
  - name: tcp-cache
    port: 6379
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: edge
  namespace: edge
spec:
  selector:
    matchLabels:
      app: edge
  template:
    metadata:
      annotations:
        inject.istio.io/templates: gateway
      labels:
        app: edge
    spec:
      containers:
      - name: istio-proxy
        image: auto
";

const CACHE: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: cache
  namespace: edge
spec:
  selector:
    app: cache
  ports:
  - name: tcp
    port: 6379
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: cache
  namespace: edge
spec:
  selector:
    matchLabels:
      app: cache
  template:
    metadata:
      labels:
        app: cache
    spec:
      containers:
      - name: cache
        image: cache
        ports:
        - containerPort: 6379
";

/// The mesh above in four files below `mesh/`: port 6379 is open.
fn mesh(name: &str) -> Scratch {
    Scratch::new(env!("CARGO_TARGET_TMPDIR"), &format!("bad-input-{name}"))
        .with("mesh/gateway.yaml", GATEWAY)
        .with("mesh/route.yaml", ROUTE)
        .with("mesh/edge.yaml", EDGE)
        .with("mesh/cache.yaml", CACHE)
}

/// The four files in one text.
fn stream() -> String {
    [GATEWAY, ROUTE, EDGE, CACHE].join("---\n")
}

#[track_caller]
fn is(run: &Ended, exit: u8, verdict: &str) {
    assert_eq!(run.exit, exit, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.starts_with(verdict), "{}", run.stdout);
}

#[track_caller]
fn is_open(run: &Ended, exit: u8) {
    is(run, exit, "✓ port 6379 will be open");
}

#[track_caller]
fn tells(run: &Ended, line: &str) {
    let told = run.stderr.lines().any(|l| l == line);
    assert!(told, "not told: {line}\non stderr:\n{}", run.stderr);
}

#[test]
fn the_mesh_of_these_tests_is_open_and_calm() {
    let run = mesh("calm").ask("6379 -f mesh");
    is_open(&run, 0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_broken_document_hides_no_other() {
    let broken = GATEWAY
        .replace("'*'", "*.example.org")
        .replace("cache", "other");
    let mesh = mesh("document").with("mesh/edge.yaml", format!("{EDGE}---\n{broken}---\n{CACHE}"));
    let run = mesh.ask("6379 -f mesh");
    is_open(&run, 2);
    tells(&run, "error: not YAML: `*` begins an alias here");
    let line = EDGE.lines().count() + 1 + broken.lines().count();
    tells(&run, &format!("  --> mesh/edge.yaml:{line}:7"));
    let second = run.stdout.lines().nth(1).unwrap();
    assert!(second.ends_with(", 1 document not read"), "{second}");
    assert_eq!(
        json::answers(&mesh.ask("6379 -f mesh -o json").stdout).len(),
        1
    );
}

#[test]
fn each_broken_document_of_a_text_is_told() {
    let run = mesh("documents")
        .with("mesh/a.yaml", "a: [1\n---\nb: 'x\n---\nc: 1: 2\n")
        .ask("6379 -f mesh");
    is_open(&run, 2);
    for line in 1..=3 {
        let place = format!("  --> mesh/a.yaml:{}:", 2 * line - 1);
        assert!(run.stderr.contains(&place), "{place}\n{}", run.stderr);
    }
    assert!(
        run.stdout.contains(", 3 documents not read"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_tab_is_shown_where_it_stands() {
    for (text, place) in [
        ("a:\n\tb: c\n", "2:1"),
        ("a:\n  b: c\n\td: e\n", "3:1"),
        ("a:\n  b: c\n  \td: e\n", "3:3"),
    ] {
        let run = mesh("tab").with("mesh/a.yaml", text).ask("6379 -f mesh");
        is_open(&run, 2);
        tells(&run, "error: not YAML: a tab is used for indentation");
        tells(&run, &format!("  --> mesh/a.yaml:{place}"));
    }
}

#[test]
fn a_helm_template_is_known_by_its_text() {
    let template = EDGE.replace("name: edge", "name: {{ include \"edge.name\" . }}");
    let mesh = mesh("helm").with("chart/templates/service.yaml", template);
    let run = mesh.ask("6379 -f mesh -f chart/templates/service.yaml");
    is_open(&run, 2);
    tells(&run, "error: a Helm template, not a manifest");
    tells(&run, "  --> chart/templates/service.yaml:4:9");
    tells(
        &run,
        "run: helm template chart | kubectl mesh why-no-listener -f -",
    );
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
}

#[test]
fn a_helm_template_that_is_yaml_is_known_too() {
    let template = EDGE.replace("port: 6379", "port: {{ .Values.port }}");
    let run = mesh("helm-value")
        .with("mesh/a.yaml", template)
        .ask("6379 -f mesh");
    is_open(&run, 2);
    tells(&run, "error: a Helm template, not a manifest");
    tells(&run, "  = fix: render it with helm template first");
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_told() {
    let mesh = mesh("dangling");
    std::os::unix::fs::symlink("nowhere", mesh.path("mesh/lost.yaml")).unwrap();
    let run = mesh.ask("6379 -f mesh");
    is_open(&run, 2);
    tells(&run, "error: no file or directory mesh/lost.yaml");
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt;

    let mesh = mesh("forbidden")
        .with("mesh/closed.yaml", GATEWAY)
        .with("mesh/locked/a.yaml", GATEWAY);
    for path in ["mesh/closed.yaml", "mesh/locked"] {
        fs::set_permissions(mesh.path(path), fs::Permissions::from_mode(0o000)).unwrap();
    }
    // Root may read everything.
    let root = fs::read(mesh.path("mesh/closed.yaml")).is_ok();
    let run = mesh.ask("6379 -R -f mesh");
    fs::set_permissions(mesh.path("mesh/locked"), fs::Permissions::from_mode(0o755)).unwrap();
    if root {
        return;
    }
    is_open(&run, 2);
    tells(&run, "error: no permission to read mesh/closed.yaml");
    tells(&run, "error: no permission to read mesh/locked");
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_ends() {
    let mesh = mesh("loop");
    std::os::unix::fs::symlink(".", mesh.path("mesh/again")).unwrap();
    let run = mesh.ask("6379 -R -f mesh");
    is_open(&run, 0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_binary_file_by_name_is_told_and_in_a_folder_skipped() {
    let mesh = mesh("binary").with("mesh/image.yaml", [0x89, b'P', 0, 0xff, 1]);
    let run = mesh.ask("6379 -f mesh");
    is_open(&run, 0);
    let run = mesh.ask("6379 -f mesh -f mesh/image.yaml");
    is_open(&run, 2);
    tells(&run, "error: mesh/image.yaml holds no text");
}

#[test]
fn utf_16_is_told_by_its_name() {
    let wide: Vec<u8> = [0xfeff_u16]
        .into_iter()
        .chain(GATEWAY.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let run = mesh("utf-16")
        .with("mesh/wide.yaml", wide)
        .ask("6379 -f mesh");
    is_open(&run, 2);
    tells(&run, "error: mesh/wide.yaml holds no text: it is UTF-16");
    tells(&run, "  = fix: save it as UTF-8");
}

#[test]
fn a_missing_path_is_told() {
    let run = mesh("missing").ask("6379 -f mesh -f mehs");
    is_open(&run, 2);
    tells(&run, "error: no file or directory mehs");
}

#[test]
fn nothing_but_a_missing_path_is_no_calm_answer() {
    let run = mesh("nothing").ask("6379 -f mehs -o json");
    assert_eq!(run.exit, 2, "{}{}", run.stdout, run.stderr);
    tells(&run, "error: no file or directory mehs");
    // One document, whatever happened.
    assert_eq!(json::answers(&run.stdout).len(), 1);
}

#[test]
fn a_folder_without_manifests_is_told() {
    let mesh = mesh("folder")
        .with("notes/a.txt", "x")
        .with("deep/er/a.yaml", GATEWAY);
    let run = mesh.ask("6379 -f mesh -f notes");
    is_open(&run, 2);
    tells(&run, "error: no *.yaml, *.yml or *.json in notes");
    let run = mesh.ask("6379 -f mesh -f deep");
    is_open(&run, 2);
    tells(&run, "  = fix: add -R to read its subdirectories too");
}

#[test]
fn files_without_objects_are_counted_and_change_nothing() {
    let run = mesh("values")
        .with("mesh/empty.yaml", "")
        .with("mesh/comment.yaml", "# nothing yet\n---\n---\n")
        .with("mesh/values.yaml", "replicas: 2\nservice:\n  port: 6379\n")
        .with("mesh/list.json", "[1, 2]\n")
        .ask("6379 -f mesh");
    is_open(&run, 0);
    let told = "4 files without Kubernetes objects skipped: \
                mesh/comment.yaml, mesh/empty.yaml, mesh/list.json and 1 more";
    assert_eq!(run.stderr.trim_end(), told);
}

#[test]
fn unknown_kinds_are_counted_and_change_nothing() {
    let other = "apiVersion: example.org/v1\nkind: Widget\nmetadata:\n  name: a\n---\n\
                 apiVersion: v1\nkind: Event\nmetadata:\n  name: a\n---\n\
                 apiVersion: v1\nkind: Event\nmetadata:\n  name: b\n";
    let mesh = mesh("kinds").with("mesh/other.yaml", other);
    let run = mesh.ask("6379 -f mesh");
    is_open(&run, 0);
    let told = "3 objects of kinds that decide nothing here skipped: Widget, Event\n";
    let sorted = "3 objects of kinds that decide nothing here skipped: Event, Widget\n";
    assert!(
        [told, sorted].contains(&run.stderr.as_str()),
        "{}",
        run.stderr
    );
    assert_eq!(mesh.ask("6379 -f mesh -q").stderr, "");
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  labels: [x]\nstringData:\n";
    let whole = format!("{secret}  key: hunter2\n");
    let broken = format!("{secret}  key: \"hunter2\n");
    let json = "{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": 7}, \
                \"data\": {\"key\": \"hunter2\"}}";
    for text in [&whole, &broken, json] {
        let run = mesh("secret")
            .with("mesh/secret.yaml", text)
            .ask("6379 -f mesh");
        is_open(&run, 2);
        assert!(run.stderr.contains("mesh/secret.yaml"), "{}", run.stderr);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
        assert!(!run.stderr.contains(" | "), "{}", run.stderr);
    }
}

#[test]
fn of_two_like_objects_the_last_wins() {
    let other = ROUTE.replace("number: 6379", "number: 6380");
    let mesh = mesh("twice").with("mesh/z.yaml", &other);
    let run = mesh.ask("6379 -f mesh");
    is(&run, 1, "✗ port 6379");
    assert!(
        run.stderr.starts_with(
            "warning: mesh/z.yaml:1:1: VirtualService edge/cache once more, \
             after mesh/route.yaml:1:1; the last counts\n"
        ),
        "{}",
        run.stderr
    );
    let run = mesh.ask("6379 -f mesh/z.yaml -f mesh");
    is_open(&run, 0);
}

#[test]
fn another_version_of_an_api_is_the_same_object() {
    let other = ROUTE.replace("istio.io/v1", "istio.io/v1beta1");
    let run = mesh("versions")
        .with("mesh/z.yaml", other)
        .ask("6379 -f mesh");
    is_open(&run, 0);
    assert!(run.stderr.contains("once more"), "{}", run.stderr);
}

#[test]
fn a_field_of_a_wrong_type_is_told_with_its_place() {
    for (wrong, sentence, line, column) in [
        (
            GATEWAY.replace("6379", "many").replace("cache", "other"),
            "error: Gateway other: .spec.servers[0].port.number must be",
            11,
            15,
        ),
        (
            GATEWAY
                .replace("    app: edge", "  - app")
                .replace("cache", "other"),
            "error: Gateway other: .spec.selector must be a map",
            7,
            3,
        ),
        (
            CACHE
                .replace("port: 6379", "port: []")
                .replace("name: cache", "name: other"),
            "error: Service other: .spec.ports[0].port must be a number",
            11,
            5,
        ),
    ] {
        let run = mesh("type")
            .with("mesh/wrong.yaml", wrong)
            .ask("6379 -f mesh");
        is_open(&run, 2);
        let told = run.stderr.lines().any(|l| l.starts_with(sentence));
        assert!(told, "not told: {sentence}\n{}", run.stderr);
        tells(&run, &format!("  --> mesh/wrong.yaml:{line}:{column}"));
    }
}

#[test]
fn an_object_without_a_name_is_told() {
    let nameless = GATEWAY.replace("  name: cache\n", "");
    let run = mesh("nameless")
        .with("mesh/a.yaml", nameless)
        .ask("6379 -f mesh");
    is_open(&run, 2);
    tells(&run, "error: a Gateway without a name");
}

/// A YAML text as JSON, as `kubectl get -o json` prints it.
fn as_json(text: &str) -> String {
    let value = mesh_core::snapshot::reader::parse(text).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn json_is_read() {
    let mesh = mesh("json").with("mesh/route.json", as_json(ROUTE));
    fs::remove_file(mesh.path("mesh/route.yaml")).unwrap();
    let run = mesh.ask("6379 -f mesh");
    is_open(&run, 0);
    let broken = as_json(&GATEWAY.replace("cache", "other")).replace("\"spec\":", "\"spec\"");
    let run = mesh.with("mesh/broken.json", broken).ask("6379 -f mesh");
    is_open(&run, 2);
    assert!(
        run.stderr.starts_with("error: not JSON: "),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("  --> mesh/broken.json:"),
        "{}",
        run.stderr
    );
}

fn indented(text: &str) -> String {
    let lines: String = text.lines().map(|line| format!("  {line}\n")).collect();
    lines.replacen("  ", "- ", 1)
}

#[test]
fn the_items_of_a_list_are_objects() {
    let yaml = format!(
        "apiVersion: v1\nkind: List\nitems:\n{}{}",
        indented(GATEWAY),
        indented(ROUTE)
    );
    for (name, text) in [("all.json", as_json(&yaml)), ("all.yaml", yaml)] {
        let mesh = Scratch::new(
            env!("CARGO_TARGET_TMPDIR"),
            &format!("bad-input-list-{name}"),
        )
        .with(name, &text)
        .with("edge.yaml", EDGE)
        .with("cache.yaml", CACHE);
        let run = mesh.ask("6379 -f .");
        is_open(&run, 0);
        // One broken item hides no other.
        let wrong = text.replacen("cache.edge.svc.cluster.local", "#", 1);
        let wrong = wrong.replace("\"#\"", "{}").replace("host: #", "host: {}");
        let run = mesh.with(name, wrong).ask("6379 -f .");
        is(&run, 2, "✗ port 6379");
        assert!(
            run.stderr.starts_with(
                "error: VirtualService cache: .spec.tcp[0].route[0].destination.host must be text,"
            ),
            "{}",
            run.stderr
        );
        assert!(
            run.stdout.contains(&format!("  --> ./{name}:")),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn standard_input_is_read() {
    let mesh = mesh("stdin");
    let run = mesh.run("6379 -f -").stdin(stream()).end();
    is_open(&run, 0);
    assert!(
        run.stdout.contains("predicted from 1 file,"),
        "{}",
        run.stdout
    );
    // Beside files, and once.
    let run = mesh
        .run("6379 -f - -f mesh/edge.yaml -f -")
        .stdin(stream())
        .end();
    is_open(&run, 0);
    let run = mesh
        .run("6379 -f -")
        .stdin(stream().replace("'*'", "*.a"))
        .end();
    assert_eq!(run.exit, 2);
    assert!(run.stderr.contains("  --> <stdin>:15:7"), "{}", run.stderr);
}

#[test]
fn nothing_on_standard_input_is_told() {
    let run = mesh("silence").run("6379 -f -").end();
    is(&run, 1, "✗ port 6379 will be closed");
    assert!(
        run.stderr
            .starts_with("1 file without Kubernetes objects skipped: <stdin>\n"),
        "{}",
        run.stderr
    );
}

#[test]
fn directories_are_walked_on_demand() {
    let mesh = mesh("deep").with("mesh/deeper/still/route.yaml", ROUTE);
    fs::remove_file(mesh.path("mesh/route.yaml")).unwrap();
    is(&mesh.ask("6379 -f mesh"), 1, "✗ port 6379 will be closed");
    let run = mesh.ask("6379 -R -f mesh");
    is_open(&run, 0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_file_that_is_named_twice_is_read_once() {
    let run = mesh("again").ask("6379 -f mesh -f mesh/route.yaml -f mesh");
    is_open(&run, 0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_gateway_of_another_api_is_not_istios() {
    let other = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n  \
                 name: cache\n  namespace: edge\nspec:\n  gatewayClassName: istio\n  listeners:\n  \
                 - name: tcp\n    port: 6379\n    protocol: TCP\n";
    let mesh = mesh("gateways").with("mesh/zz.yaml", other);
    // It does not stand in for Istio's of the same name, nor make a second one.
    let run = mesh.ask("6379 -f mesh");
    is_open(&run, 0);
    assert_eq!(
        run.stderr,
        "1 object of kinds that decide nothing here skipped: Gateway\n"
    );
    fs::remove_file(mesh.path("mesh/gateway.yaml")).unwrap();
    let run = mesh.ask("6379 -f mesh");
    is(&run, 1, "✗ port 6379");
}

#[test]
fn windows_files_are_read() {
    let text = format!("\u{feff}{}", stream()).replace('\n', "\r\n");
    let mesh = Scratch::new(env!("CARGO_TARGET_TMPDIR"), "bad-input-windows");
    let mesh = mesh.with("all.yaml", &text);
    let run = mesh.ask("6379 -f all.yaml");
    is_open(&run, 0);
    assert_eq!(run.stderr, "");
    let wrong = text.replacen("- cache\r\n", "- cahce\r\n", 1);
    let run = mesh.with("all.yaml", wrong).ask("6379 -f all.yaml");
    is(&run, 1, "✗ port 6379");
    assert!(!run.stdout.contains('\r'), "{:?}", run.stdout);
    let line = GATEWAY.lines().count() + 1 + 10;
    assert!(
        run.stdout.contains(&format!("  --> all.yaml:{line}:5\n")),
        "{}",
        run.stdout
    );
}

#[test]
fn an_empty_document_between_others_is_nothing() {
    let text = stream().replace("---\n", "---\n\n---\n# x\n---\nnull\n---\n");
    let run = mesh("gaps").run("6379 -f -").stdin(text).end();
    is_open(&run, 0);
}

#[test]
fn aliases_that_explode_end() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let above = format!("*a{}, ", n - 1).repeat(10);
        bomb += &format!("a{n}: &a{n} [{}]\n", above.trim_end_matches(", "));
    }
    let run = mesh("bomb")
        .with("mesh/bomb.yaml", bomb)
        .ask("6379 -f mesh");
    is_open(&run, 2);
    tells(&run, "error: its aliases (`*`) repeat too much");
}

#[test]
fn nesting_without_end_ends() {
    let deep = format!("a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let run = mesh("nested")
        .with("mesh/deep.yaml", deep)
        .ask("6379 -f mesh");
    is_open(&run, 2);
    assert!(
        run.stderr.starts_with("error: nested deeper than"),
        "{}",
        run.stderr
    );
    let deep = format!(
        "{{\"a\": {}{}}}\n",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let run = mesh("nested-json")
        .with("mesh/deep.json", deep)
        .ask("6379 -f mesh");
    is_open(&run, 2);
}

#[test]
fn a_name_cannot_drive_the_terminal() {
    let evil = GATEWAY.replace("name: cache", "name: \"ca\\e[2Jche\"");
    let run = mesh("evil")
        .with("mesh/gateway.yaml", evil)
        .ask("6379 -f mesh");
    assert!(!run.stdout.contains('\u{1b}'), "{:?}", run.stdout);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    let evil = "a: \u{1b}[2J[1\n";
    let run = mesh("evil-line")
        .with("mesh/evil.yaml", evil)
        .ask("6379 -f mesh");
    is_open(&run, 2);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
}

#[test]
fn quiet_keeps_errors() {
    let run = mesh("quiet")
        .with("mesh/a.yaml", "a: [1\n")
        .ask("6379 -q -f mesh");
    is_open(&run, 2);
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
}

#[test]
fn wrong_arguments_are_told_on_stderr_alone() {
    for line in [
        "6379",
        "0 -f mesh",
        "6379 -f mesh -o xml",
        "--explain GW-NO-SUCH",
    ] {
        let run = mesh("arguments").ask(line);
        assert_eq!(run.exit, 2, "{line}");
        assert_eq!(run.stdout, "", "{line}");
        assert!(run.stderr.starts_with("error: "), "{line}: {}", run.stderr);
    }
}
