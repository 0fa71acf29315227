//! SC-E-UH: nothing is behind the service.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::snapshot::{FieldPath, Kind};

pub(super) static PAGE: Page = Page {
    code: "SC-E-UH",
    title: "nothing is behind the service",
    severity: Severity::Error,
    what: "The listener is right, and its cluster has no endpoint: the connection is closed, HTTP is answered 503.",
    when: "The Service's selector fits no ready pod, its targetPort's name is on no container, or a ServiceEntry with resolution STATIC has no endpoints.",
    why: "Listeners and clusters are built from Services alone; endpoints come apart from them.",
    seen: &["in Envoy's access log: the flag UH, no healthy upstream"],
    fix: "Make the selector fit the pods, make the pods ready, or write the endpoints of the ServiceEntry.",
    example: &[
        "- ServiceEntry  resolution: STATIC",
        "+ ServiceEntry  resolution: STATIC; endpoints: [{address: 10.9.9.9}]",
    ],
    also: &["GW-DST-NO-ENDPOINTS", "SC-HEADLESS-NOEP"],
    source: "pilot/pkg/xds/endpoints/endpoint_builder.go:EndpointBuilder",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::Or(fixes, "what should be behind it is not in the objects"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::NoEndpoint { service } = tale.symptom else {
        return None;
    };
    let kind = tale.store.snapshot.get(service)?.key.kind;
    let (field, label) = if kind == Kind::ServiceEntry {
        ("spec.endpoints", "none")
    } else {
        (
            "spec.selector",
            "no ready pod has these labels and this port",
        )
    };
    Some(Told::at(service, FieldPath::of(field), label))
}

/// The Service that selects nothing: by a near miss of its selector or its target.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::NoEndpoint { service } = tale.symptom else {
        return Vec::new();
    };
    sidecar::endpoints(tale, service, tale.port)
}
