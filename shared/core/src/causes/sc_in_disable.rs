//! SC-IN-DISABLE: mutual TLS meets an end without it.

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::snapshot::views::{self, TrafficPolicy};
use crate::snapshot::{Change, FieldPath, Kind, ObjectId};

pub(super) static PAGE: Page = Page {
    code: "SC-IN-DISABLE",
    title: "mutual TLS meets an end without it",
    severity: Severity::Error,
    what: "The application gets the TLS of the client's sidecar in place of what the client sent, and the handshake fails.",
    when: "The client's sidecar sends mutual TLS, and the pod has no sidecar, or a PeerAuthentication turns mutual TLS off for the port: a DestinationRule says ISTIO_MUTUAL, or the Service is headless and just the policy of the workload says DISABLE, or the policy is for the other end's revision alone.",
    why: "A DestinationRule's TLS mode is what the client does, whatever the other end takes. Without one a client goes by the policy of each endpoint, but by that of the namespace for the addresses of a headless Service.",
    seen: &["in the client's access log: the flags UF,URX and TLS_error with WRONG_VERSION_NUMBER"],
    fix: "Remove the mode from the DestinationRule: then the client asks for mutual TLS where it is taken. Or say DISABLE there too.",
    example: &[
        "- DestinationRule  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}",
        "+ DestinationRule  trafficPolicy: {}",
    ],
    also: &["SC-IN-CAPTURE", "SC-E-PASSTHROUGH-STRICT"],
    source: "pilot/pkg/xds/endpoints/mtls_checker.go:mtlsChecker.checkMtlsEnabled",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

/// Where a DestinationRule says the TLS mode of a port.
fn mode_of(policy: &TrafficPolicy, port: u32) -> Option<FieldPath> {
    let root = FieldPath::of("spec.trafficPolicy");
    match policy.of_port(port) {
        Some((n, own)) if own.tls.is_some() => {
            Some(root.key("portLevelSettings").index(n).key("tls"))
        }
        _ => policy.tls.is_some().then(|| root.key("tls")),
    }
}

fn rule_field(tale: &Tale<'_, '_>, rule: ObjectId) -> Option<FieldPath> {
    let spec = &tale.view::<views::DestinationRule>(rule)?.spec;
    mode_of(spec.traffic_policy.as_ref()?, tale.port)
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::MutualTlsMeetsNone {
        pod, rule, policy, ..
    } = tale.symptom
    else {
        return None;
    };
    let off = FieldPath::of("spec");
    let by_rule = rule.and_then(|rule| Some((rule, rule_field(tale, rule)?)));
    let told = match (by_rule, policy) {
        (Some((rule, field)), Some(policy)) => {
            let told = Told::at(rule, field.key("mode"), "the client sends mutual TLS");
            told.beside(policy, off, "the other end takes none")
        }
        (Some((rule, field)), None) => Told::at(
            rule,
            field.key("mode"),
            "the client sends mutual TLS",
        )
        .beside(pod, FieldPath::of("metadata"), "has no sidecar"),
        (None, Some(policy)) => Told::at(policy, off, "the other end takes no mutual TLS"),
        (None, None) => Told::at(pod, FieldPath::of("metadata"), "takes no mutual TLS"),
    };
    Some(told.so(format!(
        "{} gets TLS that it did not ask for",
        tale.name_of(pod)
    )))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::MutualTlsMeetsNone { service, rule, .. } = tale.symptom else {
        return Vec::new();
    };
    if let Some(rule) = rule {
        let Some(field) = rule_field(tale, rule) else {
            return Vec::new();
        };
        let automatic = build::patch(
            "leave the mode to what the other end takes",
            rule,
            vec![build::remove(&field)],
        );
        let plain = build::patch(
            "send plaintext",
            rule,
            vec![build::replace(&field.key("mode"), "DISABLE")],
        );
        return vec![automatic, plain];
    }
    let plain = service.and_then(|service| send_plaintext(tale, service));
    plain.into_iter().collect()
}

/// A DestinationRule that turns mutual TLS off for the host.
fn send_plaintext(tale: &Tale<'_, '_>, service: ObjectId) -> Option<Candidate> {
    let mut all = tale.store.services.iter();
    let known = all.find(|s| s.object == service)?;
    let object = tale.store.snapshot.get(service)?;
    let namespace = object.key.namespace.as_str();
    let name = build::unique(&object.key.name, |name| {
        let all = tale.store.snapshot;
        all.find(Kind::DestinationRule, namespace, name).is_some()
    });
    let new = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"host": known.hostname, "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
    });
    let change = Change::Create {
        kind: Kind::DestinationRule,
        object: new,
        beside: Some(service),
    };
    Some(Candidate::new("send plaintext", vec![change]))
}
