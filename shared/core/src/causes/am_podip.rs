//! AM-PODIP: a pod's own address is past the waypoint.

use super::{Cause, Fixes, Page, Severity, Tale, Told, ambient};

pub(super) static PAGE: Page = Page {
    code: "AM-PODIP",
    title: "a pod's own address is past the waypoint",
    severity: Severity::Warning,
    what: "The connection goes to the pod, in a tunnel where the pod is in ambient mode, and what the waypoint does for its Service, such as routes and policies, does not happen.",
    when: "The client dials a pod's address, and the Service that selects the pod is bound to a waypoint; the pod itself is not.",
    why: "ztunnel looks up an address as a workload first. A workload's own waypoint is asked for then, never that of a Service that leads to it.",
    seen: &[
        "in ztunnel's access log: the pod's address, not that of the waypoint",
        "in the waypoint's access log: nothing",
    ],
    fix: "Dial the Service. Where pods are to be dialled, label the waypoint istio.io/waypoint-for=all and the pods istio.io/use-waypoint.",
    example: &[
        "- Gateway  labels: {istio.io/waypoint-for: service}",
        "+ Gateway  labels: {istio.io/waypoint-for: all}",
    ],
    also: &["AM-HEADLESS", "AM-WP-BIND", "AM-SIDECAR-CLIENT"],
    source: "ztunnel src/state.rs:ProxyState.find_address",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("whether pods are to be dialled is for a person to decide"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    ambient::past_services_waypoint(tale)
}
