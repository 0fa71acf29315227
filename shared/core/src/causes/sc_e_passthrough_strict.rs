//! SC-E-PASSTHROUGH-STRICT: plaintext meets a pod that takes mTLS only.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::FieldPath;

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
    fixes: Fixes::None("who may speak plaintext is for a person to decide"),
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
