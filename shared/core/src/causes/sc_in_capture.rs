//! SC-IN-CAPTURE: mutual TLS meets a port past its sidecar.

use serde_json::{Map, Value, json};

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::predict::workload_spec;
use crate::snapshot::views::{self, Labels};
use crate::snapshot::{Change, FieldPath, Kind, ObjectId};

/// The annotations about what is redirected on its way in.
const EXCLUDED: &str = "traffic.sidecar.istio.io/excludeInboundPorts";
const INCLUDED: &str = "traffic.sidecar.istio.io/includeInboundPorts";

pub(super) static PAGE: Page = Page {
    code: "SC-IN-CAPTURE",
    title: "mutual TLS meets a port past its sidecar",
    severity: Severity::Error,
    what: "The application gets the TLS of the client's sidecar in place of what the client sent, and closes the connection.",
    when: "The pod's annotation excludeInboundPorts has the port, or includeInboundPorts lacks it, and clients with a sidecar send mutual TLS: the pod's label security.istio.io/tlsMode says that it takes it, and no DestinationRule or PeerAuthentication turns it off for the port.",
    why: "What is not redirected comes to the application as it is. Clients go by the pod's label and by policies; nobody tells them which ports the pod's rules leave out.",
    seen: &[
        "in the client's access log: the flags UF,URX and TLS_error or connection_termination",
        "the application logs bytes that it cannot read",
    ],
    fix: "Let the port be redirected, or turn mutual TLS off for it: portLevelMtls DISABLE in a PeerAuthentication of the workload.",
    example: &[
        "- Pod  traffic.sidecar.istio.io/excludeInboundPorts: \"5701\"",
        "+ Pod  traffic.sidecar.istio.io/excludeInboundPorts: \"\"",
    ],
    also: &["SC-IN-DISABLE", "SC-E-PASSTHROUGH-STRICT"],
    source: "tools/istio-iptables/pkg/capture/run.go:IptablesConfigurator.handleInboundPortsInclude",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

/// The annotations of a pod, or of a workload's template, and where they are.
fn annotations<'t>(tale: &Tale<'t, '_>, pod: ObjectId) -> Option<(&'t Labels, FieldPath)> {
    let object = tale.store.snapshot.get(pod)?;
    Some(match workload_spec(object) {
        Some(workload) => (
            &workload.template.metadata.annotations,
            FieldPath::of("spec.template.metadata.annotations"),
        ),
        None => (
            &object.meta.annotations,
            FieldPath::of("metadata.annotations"),
        ),
    })
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::MutualTlsPastSidecar { pod, .. } = tale.symptom else {
        return None;
    };
    let (own, path) = annotations(tale, pod)?;
    let written = [INCLUDED, EXCLUDED]
        .into_iter()
        .find(|a| own.contains_key(a));
    Some(match written {
        Some(name) => Told::at(pod, path.key(name), "clients send mutual TLS"),
        None => Told::at(pod, FieldPath::of("metadata"), "clients send mutual TLS"),
    })
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::MutualTlsPastSidecar { pod, port, service } = tale.symptom else {
        return Vec::new();
    };
    let redirected = redirect(tale, pod, port);
    let plain = service.and_then(|service| turn_off(tale, service, port));
    redirected.into_iter().chain(plain).collect()
}

/// The port out of the one list, or into the other.
fn redirect(tale: &Tale<'_, '_>, pod: ObjectId, port: u32) -> Option<Candidate> {
    let (own, path) = annotations(tale, pod)?;
    let number = port.to_string();
    let (name, list) = match (own.get(INCLUDED), own.get(EXCLUDED)) {
        (Some(list), _) if list.trim() != "*" => (
            INCLUDED,
            format!("{},{number}", list.trim().trim_end_matches(',')),
        ),
        (_, Some(list)) => {
            let items = list.split(',').map(str::trim);
            let kept: Vec<&str> = items.filter(|item| *item != number).collect();
            (EXCLUDED, kept.join(","))
        }
        _ => return None,
    };
    let field = path.key(name);
    let operation = if list.is_empty() {
        build::remove(&field)
    } else {
        build::replace(&field, list.trim_start_matches(','))
    };
    let title = format!("let {port} be redirected to the sidecar");
    Some(build::patch(title, pod, vec![operation]))
}

/// A policy of the workload that turns mutual TLS off for the port.
fn turn_off(tale: &Tale<'_, '_>, service: ObjectId, port: u32) -> Option<Candidate> {
    let object = tale.store.snapshot.get(service)?;
    let selector = &tale.view::<views::Service>(service)?.spec.selector;
    if selector.is_empty() {
        return None;
    }
    let labels: Map<String, Value> = selector
        .iter()
        .map(|(k, v)| (k.clone(), Value::from(v.as_str())))
        .collect();
    let namespace = object.key.namespace.as_str();
    let name = build::unique(&format!("{}-{port}", object.key.name), |name| {
        let all = tale.store.snapshot;
        all.find(Kind::PeerAuthentication, namespace, name)
            .is_some()
    });
    let new = json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "portLevelMtls": {port.to_string(): {"mode": "DISABLE"}},
        },
    });
    let change = Change::Create {
        kind: Kind::PeerAuthentication,
        object: new,
        beside: Some(service),
    };
    let title = format!("turn mutual TLS off for {port}");
    Some(Candidate::new(title, vec![change]))
}
