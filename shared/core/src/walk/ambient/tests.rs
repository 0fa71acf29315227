//! What answers rest on, and ways that no case shows.

use crate::predict::ProxyFacts;
use crate::predict::store::Store;
use crate::report::Answer;
use crate::snapshot::Kind;
use crate::snapshot::reader::{Loader, ReadOptions};
use crate::walk::{Class, Question, ask};

const MESH: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: web}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cache, namespace: shop, labels: {app: cache}}
spec: {containers: [{name: cache}]}
status: {podIP: 10.1.0.9}
---
";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: cache, namespace: shop}
spec: {clusterIP: 10.96.0.9, selector: {app: cache}, ports: [{name: tcp, port: 5701}]}
---
";

const WAYPOINT: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: wp, namespace: shop}
spec: {gatewayClassName: istio-waypoint}
---
";

/// The answer to a pod that dials `host:5701`.
fn answer(text: &str, host: &str) -> Answer {
    let mut loader = Loader::new(ReadOptions::default());
    loader.read("mesh.yaml", format!("{MESH}{text}"));
    let loaded = loader.finish();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let store = Store::new(&loaded.snapshot);
    let pod = loaded.snapshot.find(Kind::Pod, "shop", "web").unwrap();
    let class = Class::of(&store, ProxyFacts::of_pod(pod).unwrap());
    let question = Question {
        port: 5701,
        host: Some(host.to_owned()),
        ..Question::default()
    };
    ask(&store, &[class], &question).remove(0)
}

fn told(answer: &Answer) -> (&str, Vec<&str>) {
    let codes = answer.findings.iter().map(|f| f.page.code);
    (answer.verdict.json(), codes.collect())
}

fn with_label(text: &str, label: &str) -> String {
    text.replace(
        "namespace: shop}",
        &format!("namespace: shop, labels: {{{label}}}}}"),
    )
}

#[test]
fn what_is_not_followed_is_a_condition() {
    let use_waypoint = "istio.io/use-waypoint: wp";
    let bound = with_label(SERVICE, use_waypoint) + WAYPOINT;
    let canary = with_label(
        SERVICE,
        &format!("{use_waypoint}, istio.io/use-waypoint-canary: b"),
    );
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: shop}\n\
                  spec: {}\n---\n";
    let route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r, namespace: shop}\n\
                 spec: {hosts: [cache.shop.svc.cluster.local], tcp: [{route: [{destination: {host: other}}]}]}\n---\n";
    let class = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: istio-waypoint}\n---\n";
    for (text, expected) in [
        (SERVICE.to_owned(), &[][..]),
        (
            SERVICE.to_owned() + policy,
            &["no AuthorizationPolicy refuses it at shop/cache"][..],
        ),
        (bound.clone(), &["a pod of waypoint shop/wp is ready"]),
        (
            bound.clone() + route,
            &[
                "a pod of waypoint shop/wp is ready",
                "VirtualService shop/r leads nowhere else at waypoint shop/wp",
            ],
        ),
        (
            canary + WAYPOINT,
            &[
                "the connection goes through shop/wp, not its canary",
                "a pod of waypoint shop/wp is ready",
            ],
        ),
        (
            SERVICE.to_owned() + class,
            &["no GatewayClass says what its waypoints are for"],
        ),
    ] {
        let answer = answer(&text, "cache");
        assert_eq!(told(&answer), ("open", vec![]), "{text}");
        assert_eq!(answer.assumptions, expected, "{text}");
    }
}

#[test]
fn a_headless_service_without_pods_leads_nowhere() {
    let text = SERVICE
        .replace("10.96.0.9", "None")
        .replace("app: cache", "app: other");
    let found = answer(&text, "cache");
    assert_eq!(told(&found), ("leads-nowhere", vec!["AM-NOENDPOINT"]));
}

/// After ztunnel `src/state/workload.rs:WorkloadStore.insert`: by an address that pods share nothing is found.
#[test]
fn a_pod_with_its_nodes_address_is_not_found_by_it() {
    let shared = "apiVersion: v1\nkind: Pod\nmetadata: {name: agent, namespace: shop}\nspec: {hostNetwork: true, \
                  containers: [{name: agent}]}\nstatus: {podIP: 192.168.0.7}\n";
    let found = answer(shared, "192.168.0.7");
    assert_eq!(told(&found), ("open", vec![]));
    assert!(found.summary.contains("passes on"), "{}", found.summary);
}

/// The client's own namespace first, as ztunnel looks for a service.
#[test]
fn of_two_services_with_one_address_the_nearer_is_meant() {
    let entry = |namespace: &str, port: u32| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: db, namespace: {namespace}}}\n\
             spec: {{hosts: [{namespace}.db], addresses: [10.9.0.1], location: MESH_EXTERNAL, resolution: STATIC, \
             ports: [{{number: {port}, name: tcp, protocol: TCP}}], endpoints: [{{address: 10.9.9.9}}]}}\n---\n"
        )
    };
    let near = answer(&(entry("aaa", 1) + &entry("shop", 5701)), "10.9.0.1");
    assert_eq!(told(&near), ("open", vec![]));
    let far = answer(&(entry("aaa", 5701) + &entry("shop", 1)), "10.9.0.1");
    assert_eq!(told(&far), ("missing", vec!["AM-VIPPORT"]));
}

#[test]
fn a_host_that_is_to_be_given_an_address_is_one_on_that_condition() {
    let text = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: db, namespace: shop}\nspec: \
                {hosts: [db.example.com], location: MESH_EXTERNAL, resolution: DNS, ports: [{number: 5701, name: tcp, \
                protocol: TCP}]}\n";
    let found = answer(text, "db.example.com");
    assert_eq!(told(&found), ("open", vec![]));
    let given = "istiod gives db.example.com an address".to_owned();
    assert!(
        found.assumptions.contains(&given),
        "{:?}",
        found.assumptions
    );
    // What is stored and has none yet has none.
    let stored = text.replace(
        "namespace: shop}",
        "namespace: shop, creationTimestamp: '2026-06-11T09:05:17Z'}",
    );
    assert_eq!(told(&answer(&stored, "db.example.com")).1, ["AM-SE-NOADDR"]);
}
