//! AM-SIDECAR-CLIENT: a sidecar goes past the waypoint.

use super::{Ambient, Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::predict::ambient::{USE_WAYPOINT, asked};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "AM-SIDECAR-CLIENT",
    title: "a sidecar goes past the waypoint",
    severity: Severity::Warning,
    what: "The connection goes to an endpoint directly: routes and policies of the service's waypoint do not happen for this client.",
    when: "The client has a sidecar, and the service that it dials is bound to a waypoint.",
    why: "A sidecar does its own routing: istiod gives it the endpoints of a service. Only ztunnel, east-west gateways, and gateways for services with the label istio.io/ingress-use-waypoint send to waypoints.",
    seen: &["in the waypoint's access log: nothing from this client"],
    fix: "Take the sidecar away and put the client in ambient mode, or repeat for sidecars what the waypoint does.",
    example: &[
        "- Namespace  labels: {istio-injection: enabled}",
        "+ Namespace  labels: {istio.io/dataplane-mode: ambient}",
    ],
    also: &["AM-PODIP", "AM-NOTENROLLED"],
    source: "pilot/pkg/xds/endpoints/endpoint_builder.go:EndpointBuilder.findServiceWaypoint",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("how a client joins the mesh is for a person to decide"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Ambient(Ambient::PastWaypoint { service, waypoint }) = tale.symptom else {
        return None;
    };
    let snapshot = tale.store.snapshot;
    let by = asked(snapshot, snapshot.get(service)?)?.by;
    let field = FieldPath::of("metadata.labels").key(USE_WAYPOINT);
    let told = Told::at(by.id, field, "sidecars do not ask");
    Some(told.so(format!("past waypoint {}", tale.name_of(waypoint))))
}
