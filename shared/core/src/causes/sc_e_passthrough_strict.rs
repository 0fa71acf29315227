//! SC-E-PASSTHROUGH-STRICT: plaintext meets a pod that takes mTLS only.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::predict::store::Service;
use crate::predict::{selects, workload_spec};
use crate::snapshot::FieldPath;
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "SC-E-PASSTHROUGH-STRICT",
    title: "plaintext meets a pod that takes mTLS only",
    severity: Severity::Error,
    what: "The connection is made and then closed by the sidecar of the destination.",
    when: "The destination's PeerAuthentication is STRICT, and the connection comes without Istio's mutual TLS: it passed Envoy by, went to PassthroughCluster, a DestinationRule turns TLS off, or none turns it on where enableAutoMtls is false.",
    why: "Under STRICT the inbound listener has TLS chains only. PassthroughCluster and what is not redirected send what the application sends.",
    seen: &[
        "in the access log of the destination's sidecar: the flag NR and filter_chain_not_found",
        "in the client's: PassthroughCluster",
    ],
    fix: "Let the connection have a listener: a headless Service for pods' addresses, the Service's name otherwise. Or allow plaintext on that port.",
    example: &[
        "  PeerAuthentication  mtls: {mode: STRICT}",
        "+ Service  selector: app=cache; port 5701; clusterIP: None",
    ],
    also: &["SC-PODIP-DIRECT", "SC-E-PASSTHROUGH"],
    source: "pilot/pkg/networking/core/filterchain_options.go:getFilterChainMatchOptions",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::Or(fixes, "who may speak plaintext is for a person to decide"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::RefusedPlaintext { pod, policy } = tale.symptom else {
        return None;
    };
    let so = format!("the sidecar of {} closes the connection", tale.name_of(pod));
    let told = match policy {
        Some(policy) => Told::at(policy, FieldPath::of("spec.mtls.mode"), "no plaintext"),
        None => Told::at(pod, FieldPath::of("metadata"), "takes no plaintext"),
    };
    Some(told.so(so))
}

/// A DestinationRule that turns TLS off is the one to change: who takes plaintext stays as it is.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::RefusedPlaintext { pod, .. } = tale.symptom else {
        return Vec::new();
    };
    let Some(pod) = tale.store.snapshot.get(pod) else {
        return Vec::new();
    };
    let labels = workload_spec(pod).map_or(&pod.meta.labels, |w| &w.template.metadata.labels);
    let services = tale.store.services.iter().filter(|s| {
        s.namespace == pod.key.namespace
            && !s.selector.is_empty()
            && selects(&s.selector, labels)
            && s.ports.iter().any(|p| p.number == tale.port)
    });
    services
        .filter_map(|s| with_tls(tale, s))
        .take(build::WAYS)
        .collect()
}

fn with_tls(tale: &Tale<'_, '_>, service: &Service) -> Option<Candidate> {
    let proxy = tale.proxy;
    let rule = tale
        .store
        .destination_rule(service, &proxy.namespace, &proxy.labels)?;
    let off = |tls: &Option<views::ClientTls>| tls.as_ref().is_some_and(|t| t.mode == "DISABLE");
    let policy = rule.traffic_policy.as_ref()?;
    let field = build::spec().key("trafficPolicy");
    let field = match policy.of_port(tale.port) {
        Some((n, own)) if off(&own.tls) => field.key("portLevelSettings").index(n),
        None if off(&policy.tls) => field,
        _ => return None,
    };
    let operation = build::replace(&field.key("tls").key("mode"), "ISTIO_MUTUAL");
    let title = "let the DestinationRule speak Istio's mutual TLS";
    Some(build::patch(title, rule.traffic_policy_of, vec![operation]))
}
