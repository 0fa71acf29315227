//! AM-HEADLESS: a headless Service is past its waypoint.

use super::{Cause, Fixes, Page, Severity, Tale, Told, ambient};

pub(super) static PAGE: Page = Page {
    code: "AM-HEADLESS",
    title: "a headless Service is past its waypoint",
    severity: Severity::Warning,
    what: "The connection goes to one of the pods, and what the waypoint does for the Service, such as routes and policies, does not happen.",
    when: "The Service has clusterIP None, it is bound to a waypoint, and the client dials its name.",
    why: "The name stands for addresses of pods. ztunnel looks these up as workloads, and a workload's own waypoint is asked for, never that of a Service that leads to it.",
    seen: &[
        "in ztunnel's access log: a pod's address, not that of the waypoint",
        "in the waypoint's access log: nothing",
    ],
    fix: "Give clients a Service with an address; or label the waypoint istio.io/waypoint-for=all and the pods istio.io/use-waypoint.",
    example: &[
        "- Service  clusterIP: None",
        "+ Service  clusterIP: 10.96.0.9",
    ],
    also: &["AM-PODIP", "AM-WP-BIND"],
    source: "ztunnel src/state.rs:ProxyState.find_address",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("clients that need the pods' addresses need the Service as it is"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    ambient::past_services_waypoint(tale)
}
