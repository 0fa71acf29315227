//! GW-DST-NO-ENDPOINTS: this cluster has no ready endpoint.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Reason;
use crate::snapshot::views;
use crate::snapshot::{FieldPath, Kind, Object};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-NO-ENDPOINTS",
    title: "this cluster has no ready endpoint",
    severity: Severity::Error,
    what: "The way ends behind the listener. TCP connections are accepted and closed; HTTP gets 503.",
    when: "The cluster exists and has no endpoint in good health: the Service's selector fits no ready pod, the targetPort's name is on no container, or the subset's labels fit no pod.",
    why: "Endpoints come from the Service's EndpointSlices, for a subset only those of pods with its labels. istiod builds listener, route and cluster without them.",
    seen: &[
        "in Envoy's stats: cluster.NAME.membership_healthy: 0",
        "in Envoy's access log: the flag UH",
        "on the mesh: kubectl get endpointslices -n NS -l kubernetes.io/service-name=NAME",
    ],
    fix: "Make the pods ready, or correct the Service's selector, its targetPort or the subset's labels.",
    example: &[
        "  Pod      metadata.labels.app: kafka-broker",
        "- Service  selector.app: kafka",
        "+ Service  selector.app: kafka-broker",
    ],
    also: &[
        "GW-DST-CONNECT-FAIL",
        "GW-DST-SUBSET",
        "NET-SVC-NO-ENDPOINT",
    ],
    source: "pilot/pkg/xds/endpoints/endpoint_builder.go:EndpointBuilder",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let destination = tale.step()?.field();
    let Symptom::Reason(Reason::NoEndpoints { cluster }) = tale.symptom else {
        return None;
    };
    let host = cluster.rsplit('|').next()?;
    let service = tale.store.service(host, &tale.proxy.namespace)?;
    let found = tale.store.snapshot.get(service.object)?;
    let (field, label) = if found.key.kind == Kind::Service {
        (
            "spec.selector",
            "no ready pod has these labels and this port",
        )
    } else {
        ("spec.endpoints", "no endpoint")
    };
    let told = Told::at(service.object, FieldPath::of(field), label);
    Some(told.beside(object.id, destination.key("host"), "leads here"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some((object, view, number)) = written(tale) else {
        return Vec::new();
    };
    build::endpoints_of(tale, object, view, number)
}

/// The Service of the cluster, and the port that is used.
fn written<'t>(tale: &Tale<'t, '_>) -> Option<(&'t Object, &'t views::ServiceSpec, u32)> {
    let Symptom::Reason(Reason::NoEndpoints { cluster }) = tale.symptom else {
        return None;
    };
    let mut parts = cluster.split('|');
    let port = parts.nth(1)?.parse().ok()?;
    let host = parts.next_back()?;
    let service = tale.store.service(host, &tale.proxy.namespace)?;
    let object = tale.store.snapshot.get(service.object)?;
    let view = &tale.view::<views::Service>(object.id)?.spec;
    Some((object, view, port))
}
