//! AM-WP-NOCHAIN: the waypoint has no filter chain for it.

use super::{
    Ambient, Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sc_name_udp,
    sidecar,
};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "AM-WP-NOCHAIN",
    title: "the waypoint has no filter chain for it",
    severity: Severity::Error,
    what: "ztunnel hands the connection to the waypoint, and the waypoint closes it.",
    when: "The service is bound to a waypoint, and the port is none of its ports, or is UDP by its transport or by its name.",
    why: "ztunnel asks a service's waypoint whatever the port. The waypoint's listener main_internal goes by the addresses of services and then by their ports; UDP ports are left out, and nothing takes the rest.",
    seen: &[
        "in the waypoint's access log, where it is on: the flag NR",
        "on the mesh: istioctl proxy-config listener POD.NS has no such port in main_internal",
    ],
    fix: "Dial a port that the service has, add this one to it, or name it for TCP.",
    example: &[
        "- Service  ports: [{name: udp-cache, port: 5701}]",
        "+ Service  ports: [{name: tcp-cache, port: 5701}]",
    ],
    also: &["AM-VIPPORT", "AM-DYNDNS", "SC-NAME-UDP"],
    source: "pilot/pkg/networking/core/listener_waypoint.go:ListenerBuilder.buildWaypointInternal",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Ambient(Ambient::NoChain { service, waypoint }) = tale.symptom else {
        return sidecar::told(tale, "UDP: no filter chain");
    };
    let label = format!("{}, not {}", sidecar::numbers(tale, service), tale.port);
    let told = Told::at(service, FieldPath::of("spec.ports"), label);
    Some(told.so(format!("its waypoint is {}", tale.name_of(waypoint))))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    match tale.symptom {
        Symptom::Ambient(Ambient::NoChain { service, .. }) => {
            sidecar::add_port(tale, service).into_iter().collect()
        }
        _ => sc_name_udp::as_tcp(tale),
    }
}
