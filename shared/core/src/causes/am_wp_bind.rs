//! AM-WP-BIND: the waypoint asked for is not used.

use super::{Cause, Fixes, Page, Severity, Tale, Told, ambient};

pub(super) static PAGE: Page = Page {
    code: "AM-WP-BIND",
    title: "the waypoint asked for is not used",
    severity: Severity::Warning,
    what: "Connections go past the waypoint: its routes and policies do not happen.",
    when: "The label istio.io/use-waypoint of the object, or of its namespace, names a Gateway that is not there, has no address yet, does not let the namespace in by allowedRoutes, or is for other traffic by its label istio.io/waypoint-for.",
    why: "istiod binds an object to the waypoint of its own label, else to that of its namespace's. Where that one cannot take it, there is no second choice. A waypoint is for services unless its label, or that of its GatewayClass, says otherwise, and for its own namespace unless its listener says otherwise.",
    seen: &[
        "on the Service or ServiceEntry: status.conditions istio.io/WaypointBound is False, with the reason",
        "on the mesh: istioctl waypoint list -A",
    ],
    fix: "Name a waypoint that is there, let the namespace in, or write istio.io/waypoint-for=all. With the value none an object wants no waypoint.",
    example: &[
        "- Service  labels: {istio.io/use-waypoint: waypont}",
        "+ Service  labels: {istio.io/use-waypoint: waypoint}",
    ],
    also: &["AM-PODIP", "AM-DYNDNS", "AM-WP-NOCHAIN"],
    source: "pilot/pkg/serviceregistry/ambient/waypoints.go:fetchWaypointForTarget",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("the connection arrives; which waypoint is meant is for a person to decide"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    ambient::unbound(tale)
}
