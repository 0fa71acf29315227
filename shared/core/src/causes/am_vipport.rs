//! AM-VIPPORT: ztunnel knows no such port of the service.

use super::{Ambient, Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "AM-VIPPORT",
    title: "ztunnel knows no such port of the service",
    severity: Severity::Error,
    what: "ztunnel closes the connection. It does not let it pass as a sidecar would.",
    when: "A pod in ambient mode dials an address or a name of a Service or a ServiceEntry, the port is none of its ports, and no waypoint is bound to it.",
    why: "An address of a service belongs to it whole: ztunnel looks for an endpoint of the port, and a port that the service does not have leads to none. Only addresses that ztunnel knows nothing of are passed on.",
    seen: &[
        "in ztunnel's log:",
        "  error=\"no healthy upstream: 10.96.0.9:8080\"",
    ],
    fix: "Dial a port that the service has, or add this one to it.",
    example: &[
        "- Service  ports: [{name: tcp-cache, port: 5701}]",
        "+ Service  ports: [… {name: tcp-admin, port: 8080}]",
    ],
    also: &["AM-NOENDPOINT", "AM-WP-NOCHAIN", "SC-NO-SUCH-PORT"],
    source: "ztunnel src/state.rs:ProxyState.load_balance",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Ambient(Ambient::NoSuchPort { service }) = tale.symptom else {
        return None;
    };
    let label = format!("{}, not {}", sidecar::numbers(tale, service), tale.port);
    Some(Told::at(service, FieldPath::of("spec.ports"), label))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Ambient(Ambient::NoSuchPort { service }) = tale.symptom else {
        return Vec::new();
    };
    sidecar::add_port(tale, service).into_iter().collect()
}
