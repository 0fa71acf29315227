//! SC-HTTPPROXY: the HTTP proxy has no route for this Host.

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build, sidecar};
use crate::predict::protocol::Protocol;
use crate::snapshot::FieldPath;
use crate::snapshot::views::{self, IntOrString};

pub(super) static PAGE: Page = Page {
    code: "SC-HTTPPROXY",
    title: "the HTTP proxy has no route for this Host",
    severity: Severity::Error,
    what: "Envoy answers 503, or 502 where only declared destinations are let out.",
    when: "A client sends its requests to Envoy as to an HTTP proxy, on the port of proxyHttpPort, of ISTIO_META_HTTP_PROXY_PORT or of an egress entry with protocol HTTP_PROXY, and the Host is not that of a service whose first HTTP port is 80.",
    why: "The proxy's route holds the services of port 80 by name, and those of other ports by name and port; but Envoy leaves the port of the Host out when it looks for a virtual host. And as nothing was redirected, PassthroughCluster has no address to go on to.",
    seen: &[
        "in Envoy's access log: the status 503 with the flag UH and PassthroughCluster, or 502 with the route block_all",
    ],
    fix: "Let the client send the request to the service itself, or give the service a port 80 before its other HTTP ports.",
    example: &[
        "- Service  ports: [{port: 8080, name: http}]",
        "+ Service  ports: [{port: 80, name: http-80}, {port: 8080, name: http}]",
    ],
    also: &["SC-HTTP-HOST", "SC-WILD-HTTP"],
    source: "pilot/pkg/networking/core/httproute.go:mergeAllVirtualHosts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::ThroughProxy { host, service } = tale.symptom else {
        return None;
    };
    let Some(service) = service else {
        let object = tale.store.mesh.object.or(tale.proxy.object())?;
        let field = match tale.store.mesh.object {
            Some(_) => FieldPath::of("data.mesh"),
            None => FieldPath::of("spec"),
        };
        let label = format!("{host} is no service that the proxy routes to");
        return Some(Told::at(object, field, label));
    };
    let label = format!(
        "has {}; a Host stands for port 80",
        sidecar::numbers(tale, service)
    );
    Some(Told::at(service, FieldPath::of("spec.ports"), label))
}

/// A port 80 that leads where the only HTTP port leads; before it, as the first has the name alone.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::ThroughProxy { service, .. } = tale.symptom else {
        return Vec::new();
    };
    let add = || {
        let service = service?;
        let ports = &tale.view::<views::Service>(service)?.spec.ports;
        let named = ports
            .iter()
            .all(|p| !p.name.is_empty() && p.name != "http-80");
        if !named || ports.iter().any(|p| p.port == 80) {
            return None;
        }
        let takes = |p: &&views::ServicePort| {
            Protocol::of_service_port(p.port, &p.name, &p.protocol, p.app_protocol.as_deref())
                .is_http()
        };
        let mut http = ports.iter().filter(takes);
        let (Some(only), None) = (http.next(), http.next()) else {
            return None;
        };
        let target = match &only.target_port {
            Some(IntOrString::Name(name)) => json!(name),
            Some(IntOrString::Int(number)) if *number > 0 => json!(number),
            _ => json!(only.port),
        };
        let port = json!({"name": "http-80", "port": 80, "targetPort": target});
        let operation = build::add(&build::spec().key("ports").index(0), port);
        Some(build::patch("add a port 80", service, vec![operation]))
    };
    add().into_iter().collect()
}
