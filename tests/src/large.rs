//! Large meshes: as many Services as asked for, each with two pods, a VirtualService and a DestinationRule.
//!
//! One gateway has a hundred TCP ports. The first Services have a port of it each, but the last ten ports are
//! forgotten: no VirtualService leads anywhere from them. All other VirtualServices are for the mesh.

use std::io::{self, Write};

use serde_json::{Value, json};

/// TCP ports of the gateway.
pub const PORTS: usize = 100;

/// How many of them have no route.
pub const CLOSED: usize = 10;

/// The first port of the gateway.
pub const FIRST_PORT: usize = 20_000;

/// Objects that each Service comes with, itself included.
pub const OBJECTS_A_SERVICE: usize = 5;

/// Services are spread over so many namespaces, unless another number is asked for.
const NAMESPACES: usize = 100;

/// How a mesh is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// YAML documents in the style of people and generators.
    Yaml,
    /// One list, as `kubectl get -o json` prints it.
    Json,
}

/// What a mesh is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mesh {
    /// How many Services it has.
    pub services: usize,
    /// Over how many namespaces they are spread.
    pub namespaces: usize,
    /// Whether their pods get a sidecar: each pair of pods is a class of its own, as a Service selects just them.
    pub sidecars: bool,
}

impl Mesh {
    /// So many Services in the usual number of namespaces.
    #[must_use]
    pub const fn of(services: usize) -> Self {
        Self {
            services,
            namespaces: NAMESPACES,
            sidecars: false,
        }
    }
}

/// Writes a mesh; the same one gives the same bytes.
///
/// # Errors
/// When it cannot be written.
pub fn write_mesh(mesh: Mesh, form: Form, to: &mut dyn Write) -> io::Result<()> {
    let gateway = [gateway_service(), gateway_deployment(), gateway()];
    let injected = if mesh.sidecars { mesh.namespaces } else { 0 };
    let services = (0..mesh.services).flat_map(|n| service(n, mesh.namespaces));
    let all = gateway.into_iter();
    let all = all.chain((0..injected).map(namespace)).chain(services);
    match form {
        Form::Yaml => {
            for object in all {
                to.write_all(b"---\n")?;
                to.write_all(yaml(&object).as_bytes())?;
            }
        }
        Form::Json => {
            to.write_all(b"{\n\"apiVersion\": \"v1\",\n\"kind\": \"List\",\n\"items\": [")?;
            for (n, object) in all.enumerate() {
                to.write_all(if n == 0 { b"\n" } else { b",\n" })?;
                serde_json::to_writer_pretty(&mut *to, &object)?;
            }
            to.write_all(b"\n]\n}\n")?;
        }
    }
    Ok(())
}

fn yaml(object: &Value) -> String {
    mesh_core::change::to_yaml(object)
}

fn ports() -> impl Iterator<Item = usize> {
    FIRST_PORT..FIRST_PORT + PORTS
}

fn gateway_service() -> Value {
    let ports: Vec<Value> = ports()
        .map(|p| json!({"name": format!("tcp-{p}"), "port": p, "targetPort": p, "protocol": "TCP"}))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "istio-ingressgateway", "namespace": "istio-system"},
        "spec": {"selector": {"istio": "ingressgateway"}, "ports": ports},
    })
}

fn gateway_deployment() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istio-ingressgateway", "namespace": "istio-system"},
        "spec": {"replicas": 2, "template": {
            "metadata": {"labels": {"istio": "ingressgateway"}},
            "spec": {"containers": [{"name": "istio-proxy", "args": ["proxy", "router"]}]},
        }},
    })
}

fn gateway() -> Value {
    let server = |p| json!({"port": {"number": p, "name": format!("tcp-{p}"), "protocol": "TCP"}, "hosts": ["*"]});
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "tcp", "namespace": "istio-system", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": ports().map(server).collect::<Vec<_>>()},
    })
}

fn namespace(n: usize) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": format!("ns-{n}"), "labels": {"istio-injection": "enabled"}},
    })
}

fn service(n: usize, namespaces: usize) -> [Value; OBJECTS_A_SERVICE] {
    let name = format!("svc-{n}");
    let namespace = format!("ns-{}", n % namespaces);
    let host = format!("{name}.{namespace}.svc.cluster.local");
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "selector": {"app": name},
            "ports": [{"name": "tcp", "port": 9000, "targetPort": 9000, "protocol": "TCP"}],
        },
    });
    let pod = |version: usize| {
        let ip = format!("10.{}.{}.{version}", n / 250 % 250, n % 250);
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": format!("{name}-v{version}"),
                "namespace": namespace,
                "labels": {"app": name, "version": format!("v{version}")},
            },
            "spec": {"containers": [{
                "name": "app",
                "image": "example/app:1",
                "ports": [{"containerPort": 9000, "protocol": "TCP"}],
            }]},
            "status": {
                "phase": "Running",
                "podIP": ip,
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        })
    };
    let destination = |subset: &str, weight: u32| {
        json!({
            "destination": {"host": host, "subset": subset, "port": {"number": 9000}},
            "weight": weight,
        })
    };
    let route = [destination("v1", 80), destination("v2", 20)];
    let virtual_service = if n < PORTS - CLOSED {
        json!({
            "hosts": ["*"],
            "gateways": ["istio-system/tcp"],
            "tcp": [{"match": [{"port": FIRST_PORT + n}], "route": route}],
        })
    } else {
        json!({"hosts": [host], "tcp": [{"route": route}]})
    };
    let of_istio = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        })
    };
    let subset = |version: &str| json!({"name": version, "labels": {"version": version}});
    let rule = json!({"host": host, "subsets": [subset("v1"), subset("v2")]});
    [
        service,
        pod(1),
        pod(2),
        of_istio("VirtualService", virtual_service),
        of_istio("DestinationRule", rule),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_core::predict::store::Store;
    use mesh_core::snapshot::reader::{Loader, ReadOptions};
    use mesh_core::walk;

    #[test]
    fn the_ports_without_a_route_are_found_in_both_forms() {
        for form in [Form::Yaml, Form::Json] {
            let mut text = Vec::new();
            write_mesh(Mesh::of(PORTS), form, &mut text).unwrap();
            let mut loader = Loader::new(ReadOptions::default());
            loader.read("mesh", String::from_utf8(text).unwrap());
            let loaded = loader.finish();
            assert!(loaded.problems.is_empty() && loaded.notices.is_empty());
            assert_eq!(loaded.snapshot.len(), 3 + PORTS * OBJECTS_A_SERVICE);
            let store = Store::new(&loaded.snapshot);
            let scan = walk::scan(
                &store,
                &walk::gateway_classes(&store),
                None,
                &Default::default(),
            );
            let closed: Vec<usize> = scan.answers.iter().map(|a| a.asked.port as usize).collect();
            let forgotten: Vec<usize> = ports().skip(PORTS - CLOSED).collect();
            assert_eq!(closed, forgotten, "{form:?}");
        }
    }
}
