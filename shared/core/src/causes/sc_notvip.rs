//! SC-NOTVIP: only the nodes know this address.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-NOTVIP",
    title: "only the nodes know this address",
    severity: Severity::Error,
    what: "Envoy has no listener for the address: the connection passes through in plaintext, and the node leads it to the Service, or it ends in Envoy.",
    when: "The client dials a load balancer's address or one of spec.externalIPs.",
    why: "istiod binds listeners to a Service's cluster IPs alone.",
    seen: &["in Envoy's access log: PassthroughCluster, and that address for upstream"],
    fix: "Dial the Service's name inside of the mesh.",
    example: &[
        "  Service  externalIPs: [203.0.113.10]",
        "- client   203.0.113.10:5701",
        "+ client   cache.shop:5701",
    ],
    also: &["SC-PODIP-DIRECT", "SC-NO-SUCH-PORT"],
    source: "pilot/pkg/serviceregistry/kube/conversion.go:ConvertService",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::AtNodes { service, .. } = tale.symptom else {
        return None;
    };
    Some(Told::at(
        service,
        FieldPath::of("spec"),
        "no listener has this address",
    ))
}

/// The address, declared: then it has a listener, and the nodes lead on from there as before.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::AtNodes { address, .. } = tale.symptom else {
        return Vec::new();
    };
    sidecar::declare(tale, address).into_iter().collect()
}
