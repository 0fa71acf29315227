//! Each rule at its edges: what is refused, and the nearest that is not. `conformance --admission` compares many more
//! with istiod's own validation.

use super::{Gate, Rule, Violation, check, violations};
use crate::snapshot::Snapshot;
use crate::snapshot::reader::{Loader, ReadOptions};

fn read(kind: &str, metadata: &str, spec: &str) -> Snapshot {
    let mut loader = Loader::new(ReadOptions::default());
    let text = format!(
        "apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{namespace: app, {metadata}}}\nspec: {spec}\n"
    );
    loader.read("object.yaml", text);
    let loaded = loader.finish();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    loaded.snapshot
}

/// The rules that an object breaks, with their fields.
fn broken(kind: &str, spec: &str) -> Vec<(Rule, String)> {
    let snapshot = read(kind, "name: o", spec);
    let object = snapshot.objects().next().unwrap();
    let told = |v: Violation| (v.rule, v.field.to_string());
    check(object).into_iter().map(told).collect()
}

fn one(kind: &str, spec: &str) -> Option<(Rule, String)> {
    let mut found = broken(kind, spec);
    assert!(found.len() < 2, "{spec}: {found:?}");
    found.pop()
}

fn server(port: &str, rest: &str) -> String {
    format!("{{servers: [{{port: {port}, hosts: ['*'], {rest}}}]}}")
}

const TCP: &str = "{number: 1, name: a, protocol: TCP}";

#[test]
fn names_of_gateways_are_labels() {
    for (name, fine) in [("a-b", true), ("A", true), ("a.b", false)] {
        let snapshot = read("Gateway", &format!("name: {name}"), &server(TCP, ""));
        let found = check(snapshot.objects().next().unwrap());
        assert_eq!(found.is_empty(), fine, "{name}: {found:?}");
    }
}

#[test]
fn servers_have_hosts_and_ports() {
    for (spec, rule, field) in [
        ("{}", Rule::NoServer, ".spec.servers"),
        (
            "{servers: [{port: {number: 1, name: a, protocol: TCP}}]}",
            Rule::NoHosts,
            ".spec.servers[0].hosts",
        ),
        (
            "{servers: [{hosts: ['*']}]}",
            Rule::ServerPort,
            ".spec.servers[0].port",
        ),
    ] {
        assert_eq!(one("Gateway", spec), Some((rule, field.to_owned())));
    }
    for (port, field) in [
        ("{number: 0, name: a, protocol: TCP}", "number"),
        ("{number: 65536, name: a, protocol: TCP}", "number"),
        ("{number: 65535, protocol: TCP}", "name"),
        ("{number: 1, name: a}", "protocol"),
        ("{number: 1, name: a, protocol: SSH}", "protocol"),
        (
            "{number: 1, name: a, protocol: TCP, targetPort: 2}",
            "targetPort",
        ),
    ] {
        let field = format!(".spec.servers[0].port.{field}");
        let found = one("Gateway", &server(port, ""));
        assert_eq!(found, Some((Rule::ServerPort, field)), "{port}");
    }
    for port in [TCP, "{number: 65535, name: a, protocol: udp}"] {
        assert_eq!(one("Gateway", &server(port, "")), None, "{port}");
    }
}

#[test]
fn hosts_of_servers() {
    for (host, fine) in [
        ("*", true),
        ("*/*", true),
        ("./*.a.com", true),
        ("A.com", true),
        ("1.2.3.4", true),
        ("a", false),
        ("::1", false),
        ("*a.com", false),
        ("*-a.com", false),
        ("a.*.com", false),
        ("~/a.com", false),
        ("x_y/a.com", false),
        ("a.com.", true),
        ("a.1", false),
    ] {
        let spec = format!("{{servers: [{{port: {TCP}, hosts: ['{host}']}}]}}");
        let found = one("Gateway", &spec);
        assert_eq!(found.is_none(), fine, "{host}: {found:?}");
    }
}

#[test]
fn port_names_are_unique_and_numbers_need_not_be() {
    let spec = |second: &str| {
        format!("{{servers: [{{port: {TCP}, hosts: ['*']}}, {{port: {second}, hosts: ['*']}}]}}")
    };
    let same = one("Gateway", &spec("{number: 2, name: a, protocol: TCP}"));
    let field = ".spec.servers[1].port.name".to_owned();
    assert_eq!(same, Some((Rule::PortNameTwice, field)));
    let number = one("Gateway", &spec("{number: 1, name: b, protocol: HTTP}"));
    assert_eq!(number, None);
}

#[test]
fn tls_goes_with_the_protocol() {
    let port = |protocol: &str| format!("{{number: 1, name: a, protocol: {protocol}}}");
    let files = "serverCertificate: a, privateKey: b";
    for (protocol, tls, rule) in [
        ("TLS", "", Some(Rule::TlsRequired)),
        ("HTTPS", "", Some(Rule::TlsRequired)),
        ("TLS", "tls: {}", None),
        ("TCP", "tls: {}", Some(Rule::TlsOnPlain)),
        ("HTTP", "tls: {httpsRedirect: true}", None),
        (
            "HTTP",
            "tls: {mode: SIMPLE, credentialName: a}",
            Some(Rule::TlsOnPlain),
        ),
        ("TLS", "tls: {mode: SIMPLE}", Some(Rule::TlsSettings)),
        ("TLS", "tls: {mode: simple}", Some(Rule::TlsSettings)),
        ("TLS", "tls: {mode: SIMPLE, credentialName: a}", None),
        ("TLS", "tls: {mode: MUTUAL, credentialName: a}", None),
        (
            "TLS",
            &format!("tls: {{mode: MUTUAL, {files}}}"),
            Some(Rule::TlsSettings),
        ),
        (
            "TLS",
            &format!("tls: {{mode: MUTUAL, caCertificates: c, {files}}}"),
            None,
        ),
        (
            "TLS",
            &format!("tls: {{mode: SIMPLE, credentialName: a, {files}}}"),
            Some(Rule::TlsSettings),
        ),
        (
            "TLS",
            "tls: {mode: ISTIO_MUTUAL, credentialName: a}",
            Some(Rule::TlsSettings),
        ),
        ("TLS", "tls: {mode: ISTIO_MUTUAL}", None),
    ] {
        let found = one("Gateway", &server(&port(protocol), tls));
        assert_eq!(found.map(|(rule, _)| rule), rule, "{protocol} {tls}");
    }
}

#[test]
fn a_bind_is_an_address_or_a_socket() {
    for (number, bind, fine) in [
        (1, "10.0.0.1", true),
        (1, "'::'", true),
        (1, "a.com", false),
        (0, "unix:///run/a", true),
        (0, "unix://@a", true),
        (0, "unix://a", false),
        (1, "unix:///run/a", false),
    ] {
        let port = format!("{{number: {number}, name: a, protocol: TCP}}");
        let found = one("Gateway", &server(&port, &format!("bind: {bind}")));
        assert_eq!(found.is_none(), fine, "{bind}: {found:?}");
    }
}

const ROUTE: &str = "tcp: [{route: [{destination: {host: a}}]}]";

#[test]
fn hosts_of_virtual_services() {
    for (gateways, hosts, fine) in [
        ("[gw]", "['*']", true),
        ("[gw, mesh]", "['*']", false),
        ("[]", "['*']", false),
        ("[gw]", "['*.a.com', '*.com']", false),
        ("[gw]", "[a.com, b.com]", true),
        ("[gw]", "[a.com, a.com]", false),
        ("[gw]", "['a_b.com']", false),
        ("[gw]", "['::1']", true),
        ("[gw]", "['*a.com']", true),
    ] {
        let spec = format!("{{hosts: {hosts}, gateways: {gateways}, {ROUTE}}}");
        let found = one("VirtualService", &spec);
        assert_eq!(found.is_none(), fine, "{spec}: {found:?}");
    }
}

#[test]
fn the_first_name_without_a_namespace_ends_the_check() {
    for (gateways, field) in [
        ("[app/gw]", None),
        ("[./gw]", Some(".spec.gateways[0]")),
        ("[app/a.b]", Some(".spec.gateways[0]")),
        ("[gw, './gw']", None),
        ("[app/gw, './gw']", Some(".spec.gateways[1]")),
        ("[gw.app.svc.cluster.local]", None),
        ("['g w']", Some(".spec.gateways[0]")),
    ] {
        let spec = format!("{{hosts: ['*'], gateways: {gateways}, {ROUTE}}}");
        let found = one("VirtualService", &spec).map(|(_, field)| field);
        assert_eq!(found.as_deref(), field, "{gateways}");
    }
}

#[test]
fn rules_of_virtual_services() {
    let tls = |m: &str, route: &str| format!("tls: [{{match: [{m}], route: [{route}]}}]");
    let to = "{destination: {host: a}}";
    let sni = "{sniHosts: [a.com]}";
    for (rules, rule) in [
        (String::new(), Some(Rule::Empty)),
        ("tcp: [{}]".to_owned(), Some(Rule::Tcp)),
        (tls(sni, to), None),
        (tls(sni, ""), Some(Rule::Tls)),
        (tls("", to), Some(Rule::Tls)),
        (tls("{port: 1}", to), Some(Rule::Tls)),
        (tls("{sniHosts: [b.com]}", to), Some(Rule::Tls)),
        (tls("{sniHosts: [A.com]}", to), Some(Rule::Tls)),
        (tls("{sniHosts: [a.com, a.com]}", to), None),
        ("http: [{}]".to_owned(), Some(Rule::Http)),
        ("http: [{delegate: {name: b}}]".to_owned(), None),
        (
            format!("http: [{{delegate: {{name: b}}, route: [{to}]}}]"),
            Some(Rule::Http),
        ),
        (
            format!("http: [{{redirect: {{uri: /}}, route: [{to}]}}]"),
            Some(Rule::Http),
        ),
        ("http: [{directResponse: {status: 200}}]".to_owned(), None),
    ] {
        let spec = format!("{{hosts: [a.com], gateways: [gw], {rules}}}");
        let found = one("VirtualService", &spec).map(|(rule, _)| rule);
        assert_eq!(found, rule, "{rules}");
    }
}

#[test]
fn a_delegate_has_http_rules_only() {
    let http = "http: [{route: [{destination: {host: a}}]}]";
    assert_eq!(one("VirtualService", &format!("{{{http}}}")), None);
    for more in ["gateways: [gw]", ROUTE] {
        let found = one("VirtualService", &format!("{{{http}, {more}}}"));
        assert_eq!(found, Some((Rule::Empty, ".spec.hosts".to_owned())));
    }
}

#[test]
fn weights_and_destinations() {
    for (route, rule) in [
        ("{destination: {host: a}}", None),
        ("{destination: {host: a}, weight: 0}", None),
        (
            "{destination: {host: a}}, {destination: {host: b}}",
            Some(Rule::Weight),
        ),
        (
            "{destination: {host: a}, weight: 3}, {destination: {host: b}}",
            None,
        ),
        ("{destination: {host: a}, weight: -1}", Some(Rule::Weight)),
        ("{destination: {host: '*'}}", Some(Rule::Destination)),
        ("{destination: {}}", Some(Rule::Destination)),
        (
            "{destination: {host: a, subset: v.1}}",
            Some(Rule::Destination),
        ),
        (
            "{destination: {host: a, port: {number: 0}}}",
            Some(Rule::Destination),
        ),
        ("{destination: {host: '*.a'}}", None),
    ] {
        let spec = format!("{{hosts: [a.com], gateways: [gw], tcp: [{{route: [{route}]}}]}}");
        let found = one("VirtualService", &spec).map(|(rule, _)| rule);
        assert_eq!(found, rule, "{route}");
    }
}

#[test]
fn export_to_names_namespaces() {
    for (names, fine) in [
        ("['.']", true),
        ("['*']", true),
        ("['.', b]", true),
        ("['~']", false),
        ("['.', app]", false),
        ("['*', b]", false),
        ("['a.b']", false),
    ] {
        let spec = format!("{{hosts: [a.com], {ROUTE}, exportTo: {names}}}");
        let found = one("VirtualService", &spec);
        assert_eq!(found.is_none(), fine, "{names}: {found:?}");
        let entry = format!(
            "{{hosts: [a.com], resolution: DNS, ports: [{{number: 1, name: a}}], exportTo: {names}}}"
        );
        let found = one("ServiceEntry", &entry);
        assert_eq!(found.is_none(), fine || names == "['~']", "{names}");
    }
}

#[test]
fn destination_rules_and_service_entries() {
    for (kind, spec, fine) in [
        (
            "DestinationRule",
            "{host: a, subsets: [{name: a}, {name: b}]}",
            true,
        ),
        (
            "DestinationRule",
            "{host: a, subsets: [{name: a}, {name: a}]}",
            false,
        ),
        ("DestinationRule", "{subsets: [{name: a}]}", false),
        (
            "DestinationRule",
            "{host: a, exportTo: [b], workloadSelector: {matchLabels: {a: b}}}",
            false,
        ),
        (
            "DestinationRule",
            "{host: a, exportTo: ['.'], workloadSelector: {matchLabels: {a: b}}}",
            true,
        ),
        ("ServiceEntry", "{hosts: ['*'], resolution: DNS}", false),
        (
            "ServiceEntry",
            "{hosts: ['*.a.com'], resolution: DNS}",
            false,
        ),
        (
            "ServiceEntry",
            "{hosts: ['*.a.com'], resolution: NONE}",
            true,
        ),
        (
            "ServiceEntry",
            "{hosts: [a.com], endpoints: [{address: 10.0.0.1}]}",
            false,
        ),
        (
            "ServiceEntry",
            "{hosts: [a.com], resolution: STATIC, endpoints: [{address: 10.0.0.1}]}",
            true,
        ),
        (
            "ServiceEntry",
            "{hosts: [a.com], resolution: STATIC, endpoints: [{address: b.com}]}",
            false,
        ),
        (
            "ServiceEntry",
            "{hosts: [a.com, b.com], resolution: DNS, ports: [{number: 1, name: a, protocol: TCP}]}",
            false,
        ),
        (
            "ServiceEntry",
            "{hosts: [a.com, b.com], resolution: DNS, ports: [{number: 1, name: a, protocol: TLS}]}",
            true,
        ),
    ] {
        let found = one(kind, spec);
        assert_eq!(found.is_none(), fine, "{spec}: {found:?}");
    }
}

#[test]
fn the_schema_refuses_what_is_absent_and_the_webhook_what_is_empty() {
    for (port, gate) in [
        ("{number: 1, protocol: TCP}", Gate::Schema),
        ("{number: 1, protocol: TCP, name: ''}", Gate::Webhook),
        ("{number: 0, protocol: TCP, name: a}", Gate::Webhook),
        ("{protocol: TCP, name: a}", Gate::Schema),
    ] {
        let snapshot = read("Gateway", "name: o", &server(port, ""));
        let object = snapshot.objects().next().unwrap();
        let found = check(object);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].gate(&snapshot, object), gate, "{port}");
    }
}

#[test]
fn what_is_stored_is_refused_no_more() {
    for (metadata, refused) in [
        ("name: o", true),
        ("name: o, creationTimestamp: '2026-01-01T00:00:00Z'", false),
        ("name: o, creationTimestamp: null", true),
    ] {
        let snapshot = read("Gateway", metadata, "{}");
        let object = snapshot.objects().next().unwrap();
        assert_eq!(!violations(object).is_empty(), refused, "{metadata}");
        assert!(!check(object).is_empty());
    }
}
