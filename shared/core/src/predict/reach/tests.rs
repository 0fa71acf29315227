//! What stands in the way, on small meshes.

use super::*;
use crate::predict::{ProxyFacts, routers};
use crate::snapshot::reader::{Loader, ReadOptions};
use crate::snapshot::views::{AsView, Gateway};
use crate::snapshot::{Kind, Snapshot};

const GATEWAY: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: edge}
spec:
  template:
    metadata: {labels: {app: edge, istio: edge}}
    spec:
      containers:
      - {name: istio-proxy, args: [proxy, router], ports: [{name: mqtt, containerPort: 1883}]}
---
";

fn snapshot(text: &str) -> Snapshot {
    let mut loader = Loader::new(ReadOptions::default());
    loader.read("mesh.yaml", format!("{GATEWAY}{text}"));
    let loaded = loader.finish();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    loaded.snapshot
}

fn with<T>(text: &str, asked: impl Fn(&Store<'_>, &ProxyFacts) -> T) -> T {
    let snapshot = snapshot(text);
    let store = Store::new(&snapshot);
    let proxies = routers(&snapshot);
    asked(&store, proxies.first().unwrap())
}

fn policy(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: \
         {namespace}}}\nspec: {spec}\n---\n"
    )
}

/// What policies come to, in a word.
fn of(policies: &[String], port: u32, http: bool) -> &'static str {
    with(&policies.concat(), |store, proxy| {
        match access(store, proxy, port, http) {
            Access::Open => "open",
            Access::Depends(_) => "depends",
            Access::Barred(Barrier::Denied { .. }) => "denied",
            Access::Barred(_) => "not allowed",
        }
    })
}

#[test]
fn without_a_policy_everybody_is_let_in() {
    assert_eq!(of(&[], 1883, false), "open");
    let elsewhere = [
        policy("other", "nothing", "{}"),
        policy(
            "edge",
            "others",
            "{selector: {matchLabels: {istio: other}}}",
        ),
        policy(
            "edge",
            "gateway-api",
            "{targetRefs: [{kind: Gateway, name: edge}]}",
        ),
    ];
    assert_eq!(of(&elsewhere, 1883, false), "open");
}

#[test]
fn what_istiod_does_not_watch_decides_nothing() {
    let mesh = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: \
                'discoverySelectors: [{matchLabels: {mesh: member}}]'}\n---\napiVersion: v1\nkind: \
                Namespace\nmetadata: {name: edge}\n---\n";
    let nothing = policy("edge", "nothing", "{}");
    assert_eq!(of(&[mesh.to_owned(), nothing.clone()], 1883, false), "open");
    let member = mesh.replace("{name: edge}", "{name: edge, labels: {mesh: member}}");
    assert_eq!(of(&[member, nothing], 1883, false), "not allowed");
}

#[test]
fn an_allow_policy_refuses_the_rest() {
    for namespace in ["edge", "istio-system"] {
        assert_eq!(
            of(&[policy(namespace, "nothing", "{}")], 1883, false),
            "not allowed"
        );
    }
    let port = |p: u32| {
        policy(
            "edge",
            "port",
            &format!("{{rules: [{{to: [{{operation: {{ports: ['{p}']}}}}]}}]}}"),
        )
    };
    assert_eq!(of(&[port(1883)], 1883, false), "open");
    assert_eq!(of(&[port(1884)], 1883, false), "not allowed");
    assert_eq!(
        of(&[port(1883), policy("edge", "nothing", "{}")], 1883, false),
        "open"
    );
    let all = "{rules: [{}]}";
    assert_eq!(of(&[policy("edge", "all", all)], 1883, false), "open");
    let someone = "{rules: [{from: [{source: {ipBlocks: [192.0.2.0/24]}}]}]}";
    assert_eq!(
        of(&[policy("edge", "someone", someone)], 1883, false),
        "depends"
    );
}

#[test]
fn conditions_about_http_never_allow_tcp_and_always_deny_it() {
    let paths = "rules: [{to: [{operation: {paths: ['/api']}}]}]";
    let allow = policy("edge", "paths", &format!("{{{paths}}}"));
    let deny = policy("edge", "paths", &format!("{{action: DENY, {paths}}}"));
    assert_eq!(of(std::slice::from_ref(&allow), 1883, false), "not allowed");
    assert_eq!(of(&[allow], 1883, true), "depends");
    assert_eq!(of(std::slice::from_ref(&deny), 1883, false), "denied");
    assert_eq!(of(&[deny], 1883, true), "depends");
    // A rule is left out as a whole, also where another part of it would match.
    let mixed = "{rules: [{to: [{operation: {ports: ['1883']}}, {operation: {methods: [GET]}}]}]}";
    assert_eq!(
        of(&[policy("edge", "mixed", mixed)], 1883, false),
        "not allowed"
    );
    let claims =
        "{action: DENY, rules: [{when: [{key: 'request.auth.claims[iss]', values: [x]}]}]}";
    assert_eq!(
        of(&[policy("edge", "claims", claims)], 1883, false),
        "denied"
    );
}

#[test]
fn a_deny_rule_for_another_port_denies_nothing() {
    let deny = "{action: DENY, rules: [{to: [{operation: {notPorts: ['1883']}}]}]}";
    assert_eq!(of(&[policy("edge", "others", deny)], 1883, false), "open");
    assert_eq!(of(&[policy("edge", "others", deny)], 1884, false), "denied");
    let mine = "{action: AUDIT, rules: [{}]}";
    assert_eq!(of(&[policy("edge", "audit", mine)], 1883, false), "open");
}

#[test]
fn what_is_only_tried_out_decides_nothing() {
    let tried = policy("edge", "nothing", "{}").replace(
        "namespace: edge}",
        "namespace: edge, annotations: {istio.io/dry-run: 'true'}}",
    );
    assert!(tried.contains("dry-run"));
    assert_eq!(of(&[tried], 1883, false), "open");
}

fn network(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: a, namespace: edge}}\nspec: {spec}\n---\n"
    )
}

#[test]
fn a_network_policy_counts_the_ports_of_pods() {
    let barred = |spec: &str| {
        with(&network(spec), |store, proxy| {
            barred_by_network(store, proxy, 1883).is_some()
        })
    };
    let rules = |ports: &str| format!("{{podSelector: {{}}, ingress: [{{ports: [{ports}]}}]}}");
    assert!(barred("{podSelector: {}, policyTypes: [Ingress]}"));
    assert!(barred(&rules("{port: 80}")));
    assert!(barred(&rules("{port: 1883, protocol: UDP}")));
    assert!(!barred(&rules("{port: 1883}")));
    assert!(!barred(&rules("{port: mqtt, protocol: TCP}")));
    assert!(!barred(&rules("{port: 1000, endPort: 2000}")));
    assert!(!barred(&rules("{protocol: TCP}")));
    assert!(!barred("{podSelector: {}, ingress: [{}]}"));
    assert!(!barred("{podSelector: {}, policyTypes: [Egress]}"));
    assert!(!barred("{podSelector: {matchLabels: {app: other}}}"));
    assert!(!barred(
        "{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [edge]}]}}"
    ));
    assert!(barred(
        "{podSelector: {matchExpressions: [{key: app, operator: Exists}]}}"
    ));
}

fn server(tls: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: a, namespace: app}}\nspec: {{selector: \
         {{istio: edge}}, servers: [{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: ['*'], tls: \
         {{{tls}}}}}]}}\n---\n"
    )
}

fn secret(namespace: &str, name: &str, keys: &[&str]) -> String {
    let data: Vec<String> = keys.iter().map(|k| format!("{k}: eA==")).collect();
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata: {{{}}}\n---\n",
        data.join(", ")
    )
}

fn fault(tls: &str, others: &str) -> Option<CredentialFault> {
    with(&format!("{}{others}", server(tls)), |store, proxy| {
        let gateway = store.snapshot.of_kind(Kind::Gateway).next().unwrap();
        let server = &Gateway::of(&gateway.view).unwrap().spec.servers[0];
        match credentials(store, proxy, server) {
            Some(Barrier::Credential(fault)) => Some(fault),
            _ => None,
        }
    })
}

const PAIR: &[&str] = &["tls.crt", "tls.key"];

#[test]
fn a_secret_that_was_not_read_is_not_missing() {
    let simple = "mode: SIMPLE, credentialName: web";
    assert_eq!(fault(simple, ""), None);
    assert_eq!(fault(simple, &secret("other", "else", PAIR)), None);
    let sealed = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: web, namespace: edge}\n---\n";
    let others = format!("{sealed}{}", secret("edge", "else", PAIR));
    assert_eq!(fault(simple, &others), None);
    assert!(matches!(
        fault(simple, &secret("edge", "else", PAIR)),
        Some(CredentialFault::Missing { certain: true, .. })
    ));
    assert!(matches!(
        fault(simple, &secret("app", "web", PAIR)),
        Some(CredentialFault::Missing { certain: false, .. })
    ));
}

#[test]
fn only_servers_that_end_tls_need_a_secret() {
    let others = secret("edge", "else", PAIR);
    assert_eq!(
        fault("mode: PASSTHROUGH, credentialName: web", &others),
        None
    );
    assert_eq!(
        fault("mode: ISTIO_MUTUAL, credentialName: web", &others),
        None
    );
    assert_eq!(
        fault(
            "mode: SIMPLE, serverCertificate: /a, privateKey: /b",
            &others
        ),
        None
    );
    assert_eq!(
        fault("mode: SIMPLE, credentialName: 'sds://web'", &others),
        None
    );
}

#[test]
fn a_namespace_in_the_name_has_to_be_the_proxys() {
    let web = secret("edge", "web", PAIR);
    assert_eq!(fault("mode: SIMPLE, credentialName: edge/web", &web), None);
    assert_eq!(
        fault("mode: SIMPLE, credentialName: 'kubernetes://web'", &web),
        None
    );
    assert!(matches!(
        fault("mode: SIMPLE, credentialName: app/web", &web),
        Some(CredentialFault::Denied { .. })
    ));
}

#[test]
fn clients_certificates_need_a_ca() {
    let mutual = "mode: MUTUAL, credentialName: web";
    let plain = secret("edge", "web", PAIR);
    assert!(matches!(
        fault(mutual, &plain),
        Some(CredentialFault::NoCa { .. })
    ));
    assert_eq!(
        fault(
            mutual,
            &secret("edge", "web", &["tls.crt", "tls.key", "ca.crt"])
        ),
        None
    );
    let beside = format!("{plain}{}", secret("edge", "web-cacert", &["cacert"]));
    assert_eq!(fault(mutual, &beside), None);
    let empty = format!("{plain}{}", secret("edge", "web-cacert", &["other"]));
    assert!(matches!(
        fault(mutual, &empty),
        Some(CredentialFault::NoCa { .. })
    ));
}

#[test]
fn several_secrets_are_all_needed() {
    let both = "mode: SIMPLE, credentialNames: [rsa, ecdsa]";
    let one = secret("edge", "rsa", PAIR);
    assert!(matches!(
        fault(both, &one),
        Some(CredentialFault::Missing {
            written: Written::Item(1),
            ..
        })
    ));
    let two = format!("{one}{}", secret("edge", "ecdsa", &["cert", "key"]));
    assert_eq!(fault(both, &two), None);
}

fn service(more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: edge, namespace: edge}}\nspec: {{selector: {{istio: edge}}, \
         ports: [{{port: 1883}}]{more}}}\n---\n"
    )
}

fn pod(name: &str, status: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: edge, labels: {{app: edge, istio: \
         edge}}}}\nspec: {{containers: [{{name: istio-proxy, args: [proxy, router]}}]}}\nstatus: {status}\n---\n"
    )
}

#[test]
fn a_pod_without_a_status_may_become_ready() {
    let none_ready = |text: &str| {
        with(text, |store, proxy| {
            let service = store.snapshot.of_kind(Kind::Service).next().unwrap();
            unready(store, proxy, service).is_some()
        })
    };
    const OUT: &str = "{conditions: [{type: Ready, status: 'False'}]}";
    const IN: &str = "{conditions: [{type: Ready, status: 'True'}]}";
    assert!(!none_ready(&service("")));
    assert!(!none_ready(&format!(
        "{}{}",
        service(""),
        pod("edge-1", "{}")
    )));
    assert!(none_ready(&format!(
        "{}{}",
        service(""),
        pod("edge-1", OUT)
    )));
    let some = [service(""), pod("edge-1", OUT), pod("edge-2", IN)].concat();
    assert!(!none_ready(&some));
    let published = service(", publishNotReadyAddresses: true");
    assert!(!none_ready(&format!("{published}{}", pod("edge-1", OUT))));
    let slice = |ready: bool| {
        format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: edge-1, namespace: edge, labels: \
             {{kubernetes.io/service-name: edge}}}}\naddressType: IPv4\nendpoints: [{{addresses: [10.0.0.1], \
             conditions: {{ready: {ready}}}}}]\nports: [{{port: 1883}}]\n---\n"
        )
    };
    assert!(none_ready(&format!("{}{}", service(""), slice(false))));
    assert!(!none_ready(
        &[service(""), slice(true), pod("edge-1", OUT)].concat()
    ));
}

#[test]
fn both_sides_of_the_proxy_protocol_agree_or_not() {
    let sends = service("").replace(
        "namespace: edge}",
        "namespace: edge, annotations: {load-balancer.hetzner.cloud/uses-proxyprotocol: 'true'}}",
    );
    let mesh = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: \
                'defaultConfig: {gatewayTopology: {proxyProtocol: {}}}'}\n---\n";
    let filter = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: proxy-protocol, \
                  namespace: edge}\nspec: {configPatches: [{applyTo: LISTENER_FILTER, patch: {operation: \
                  INSERT_FIRST}}]}\n---\n";
    let fault = |text: &str| {
        with(text, |store, proxy| match preface(store, proxy) {
            Some(Barrier::Preface(PrefaceFault::NotExpected { .. })) => "not expected",
            Some(Barrier::Preface(PrefaceFault::NotSent { .. })) => "not sent",
            _ => "agreed",
        })
    };
    assert_eq!(fault(&service("")), "agreed");
    assert_eq!(fault(&sends), "not expected");
    assert_eq!(fault(&format!("{sends}{mesh}")), "agreed");
    assert_eq!(fault(&format!("{}{mesh}", service(""))), "not sent");
    assert_eq!(fault(&format!("{sends}{filter}")), "agreed");
}
