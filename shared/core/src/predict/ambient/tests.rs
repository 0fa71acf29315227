//! Enrolment, waypoints and addresses, on small meshes.

use super::{concerns, enrolled, service_waypoint, takes_tunnels};
use crate::ledger::{Fate, Step};
use crate::predict::proxy::ProxyFacts;
use crate::predict::store::Store;
use crate::snapshot::reader::{Loader, ReadOptions};
use crate::snapshot::{Kind, Snapshot};

fn snapshot(text: &str) -> Snapshot {
    let mut loader = Loader::new(ReadOptions::default());
    loader.read("mesh.yaml", text);
    let loaded = loader.finish();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    loaded.snapshot
}

fn namespace(name: &str, labels: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n---\n"
    )
}

fn pod(meta: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop, {meta}}}\nspec: {{{spec}containers: \
         [{{name: web}}]}}\n---\n"
    )
}

const AMBIENT: &str = "istio.io/dataplane-mode: ambient";

/// Whether ambient concerns the pod, and then whether its connections come to ztunnel.
fn outcome(text: &str) -> String {
    let snapshot = snapshot(text);
    let pod = snapshot.find(Kind::Pod, "shop", "web").unwrap();
    let facts = ProxyFacts::of_pod(pod).unwrap();
    if concerns(&snapshot, &facts) {
        format!("{:?}", enrolled(&snapshot, pod))
    } else {
        "not concerned".to_owned()
    }
}

/// After the selectors of the chart `istio-cni`.
#[test]
fn who_is_enrolled() {
    let here = namespace("shop", AMBIENT);
    let stored = "creationTimestamp: '2026-06-11T09:05:17Z'";
    for (text, expected) in [
        (here.clone() + &pod("", ""), "Ok(())"),
        (namespace("shop", "") + &pod("", ""), "not concerned"),
        (
            namespace("shop", "") + &namespace("infra", AMBIENT) + &pod("", ""),
            "Err(NotAsked)",
        ),
        (
            namespace("shop", "") + &pod(&format!("labels: {{{AMBIENT}}}"), ""),
            "Ok(())",
        ),
        (
            here.clone() + &pod("labels: {istio.io/dataplane-mode: none}", ""),
            "Err(OptedOut)",
        ),
        // The chart's selector leaves out `none` alone.
        (
            here.clone() + &pod("labels: {istio.io/dataplane-mode: other}", ""),
            "Ok(())",
        ),
        (
            here.clone() + &pod("", "hostNetwork: true, "),
            "Err(HostNetwork)",
        ),
        (here.clone() + &pod(stored, ""), "Err(NotRedirected)"),
        (
            here.clone()
                + &pod(
                    &format!("{stored}, annotations: {{ambient.istio.io/redirection: enabled}}"),
                    "",
                ),
            "Ok(())",
        ),
        (
            here.clone() + &pod("annotations: {sidecar.istio.io/status: '{}'}", ""),
            "not concerned",
        ),
        // Nothing says what the namespace's labels are.
        (pod("", ""), "not concerned"),
    ] {
        assert_eq!(outcome(&text), expected, "{text}");
    }
}

fn waypoint(namespace: &str, meta: &str, rest: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: wp, namespace: {namespace}, \
         {meta}}}\nspec: {{gatewayClassName: istio-waypoint, listeners: [{{name: mesh, port: 15008, protocol: HBONE{rest}}}]}}\n---\n"
    )
}

fn service(labels: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: cache, namespace: shop, labels: {{{labels}}}}}\nspec: \
         {{clusterIP: 10.96.0.9, ports: [{{name: tcp, port: 5701}}, {{name: udp-x, port: 5702}}]}}\n---\n"
    )
}

const USE: &str = "istio.io/use-waypoint: wp";

/// Which waypoint a Service is bound to.
fn bound(text: &str) -> String {
    let snapshot = snapshot(text);
    let store = Store::new(&snapshot);
    let service = snapshot.find(Kind::Service, "shop", "cache").unwrap();
    match service_waypoint(&store, service.id) {
        None => "none".to_owned(),
        Some(Ok(gateway)) => gateway.qualified(),
        Some(Err(why)) => why.words().to_owned(),
    }
}

/// After `ambient/waypoints.go:fetchWaypointForService`.
#[test]
fn which_waypoint_a_service_has() {
    let plain = namespace("shop", "");
    let own = waypoint("shop", "", "");
    let other = "istio.io/use-waypoint: wp, istio.io/use-waypoint-namespace: infra";
    for (text, expected) in [
        (plain.clone() + &service("") + &own, "none"),
        (plain.clone() + &service(USE) + &own, "shop/wp"),
        (namespace("shop", USE) + &service("") + &own, "shop/wp"),
        (
            namespace("shop", USE) + &service("istio.io/use-waypoint: none") + &own,
            "none",
        ),
        // No second choice: the namespace's waypoint is there, and the Service names another.
        (
            namespace("shop", USE) + &service("istio.io/use-waypoint: gone") + &own,
            "no such waypoint",
        ),
        (
            plain.clone()
                + &service(USE)
                + &waypoint("shop", "labels: {istio.io/waypoint-for: workload}", ""),
            "it is for other traffic",
        ),
        (
            plain.clone()
                + &service(USE)
                + &waypoint("shop", "labels: {istio.io/waypoint-for: all}", ""),
            "shop/wp",
        ),
        (
            plain.clone()
                + &service(USE)
                + &waypoint("shop", "creationTimestamp: '2026-06-11T09:05:17Z'", ""),
            "it has no address yet",
        ),
        (
            plain.clone() + &service(other) + &waypoint("infra", "", ""),
            "it does not let this namespace in",
        ),
        (
            plain.clone()
                + &service(other)
                + &waypoint("infra", "", ", allowedRoutes: {namespaces: {from: All}}"),
            "infra/wp",
        ),
        (
            namespace("shop", "team: a")
                + &service(other)
                + &waypoint(
                    "infra",
                    "",
                    ", allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}",
                ),
            "infra/wp",
        ),
        (
            namespace("shop", "team: b")
                + &service(other)
                + &waypoint(
                    "infra",
                    "",
                    ", allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}",
                ),
            "it does not let this namespace in",
        ),
        // The Service of a waypoint has none itself.
        (
            namespace("shop", USE)
                + &service("gateway.istio.io/managed: istio.io-mesh-controller")
                + &own,
            "none",
        ),
    ] {
        assert_eq!(bound(&text), expected, "{text}");
    }
}

/// What was decided about each step of one kind, in order.
fn fates(text: &str, wanted: fn(&Step) -> bool) -> Vec<String> {
    let snapshot = snapshot(text);
    let store = Store::new(&snapshot);
    let pod = snapshot.find(Kind::Pod, "shop", "web").unwrap();
    let ledger = super::predict(&store, &ProxyFacts::of_pod(pod).unwrap()).ledger;
    let entries = ledger.entries().filter(|(_, e)| wanted(&e.step));
    entries
        .map(|(_, e)| match &e.fate {
            Fate::Effective(effect) => format!("{effect:?}"),
            Fate::Dropped(reason) => format!("{reason:?}"),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_waypoint_has_chains_for_what_is_not_udp() {
    let mesh = namespace("shop", AMBIENT) + &pod("", "") + &waypoint("shop", "", "");
    let ports = |step: &Step| matches!(step, Step::WaypointPort { .. });
    let found = fates(&(mesh.clone() + &service(USE)), ports);
    let chain = "Chains { listener: \"main_internal\", count: 1 }";
    assert_eq!(found, [chain, "NotTcp"]);
    assert!(fates(&(mesh + &service("")), ports).is_empty());
}

fn entry(labels: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: db, namespace: shop, labels: \
         {{{labels}}}}}\nspec: {{location: MESH_EXTERNAL, ports: [{{number: 443, name: tls, protocol: TLS}}], {spec}}}\n---\n"
    )
}

/// After `ambient/services.go:constructServiceEntries`.
#[test]
fn which_hosts_have_an_address() {
    let mesh = namespace("shop", AMBIENT) + &pod("", "");
    let addresses = |step: &Step| matches!(step, Step::Address { .. });
    let refused = "networking.istio.io/enable-autoallocate-ip: 'False'";
    for (text, expected) in [
        (entry("", "hosts: [a.com], resolution: DNS"), "Imported"),
        (
            entry(refused, "hosts: [a.com], resolution: DNS"),
            "Ambient(NoAddress)",
        ),
        (
            entry("", "hosts: [a.com], resolution: NONE"),
            "Ambient(NoAddress)",
        ),
        (
            entry(
                "",
                "hosts: ['*.a.com'], resolution: STATIC, endpoints: [{address: 10.0.0.1}]",
            ),
            "Ambient(NoAddress)",
        ),
        (
            entry(
                "",
                "hosts: [a.com], addresses: [10.9.0.1], resolution: NONE",
            ),
            "Imported",
        ),
        (
            entry("", "hosts: ['*.a.com'], resolution: DYNAMIC_DNS"),
            "Ambient(NeedsWaypoint)",
        ),
        (service(""), "Imported"),
        (
            service("").replace("10.96.0.9", "None"),
            "Ambient(Headless)",
        ),
    ] {
        let found = fates(&(mesh.clone() + &text), addresses);
        assert_eq!(found, [expected], "{text}");
    }
}

#[test]
fn a_wildcard_over_tls_has_no_chain() {
    let mesh = namespace("shop", AMBIENT) + &pod("", "") + &waypoint("shop", "", "");
    let ports = |step: &Step| matches!(step, Step::WaypointPort { .. });
    let wildcard = entry(USE, "hosts: ['*.a.com'], resolution: DYNAMIC_DNS");
    assert_eq!(
        fates(&(mesh.clone() + &wildcard), ports),
        ["Ambient(WildcardTls)"]
    );
    let http = wildcard.replace("protocol: TLS", "protocol: HTTP");
    assert!(fates(&(mesh + &http), ports)[0].starts_with("Chains"));
}

#[test]
fn who_takes_tunnels() {
    for (text, expected) in [
        (namespace("shop", AMBIENT) + &pod("", ""), true),
        (namespace("shop", "") + &pod("", ""), false),
        // A sidecar that takes them itself.
        (
            namespace("shop", "istio-injection: enabled")
                + &pod("labels: {networking.istio.io/tunnel: http}", ""),
            true,
        ),
        (
            namespace("shop", "istio-injection: enabled") + &pod("", ""),
            false,
        ),
    ] {
        let snapshot = snapshot(&text);
        let pod = snapshot.find(Kind::Pod, "shop", "web").unwrap();
        let facts = ProxyFacts::of_pod(pod).unwrap();
        assert_eq!(takes_tunnels(&snapshot, &facts), expected, "{text}");
    }
}
