//! AM-NOENDPOINT: ztunnel has nothing behind the service.

use super::{Ambient, Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::{FieldPath, Kind};

pub(super) static PAGE: Page = Page {
    code: "AM-NOENDPOINT",
    title: "ztunnel has nothing behind the service",
    severity: Severity::Error,
    what: "The connection is closed. With a waypoint it is the waypoint that has nowhere to go.",
    when: "The Service's selector fits no ready pod, its targetPort's name is on no container, or a ServiceEntry with resolution STATIC has no endpoints. The same goes for the pods of the waypoint that the service is bound to.",
    why: "ztunnel picks one of the endpoints that are ready; those that are not are left out unless publishNotReadyAddresses is set.",
    seen: &[
        "in ztunnel's log:",
        "  error=\"no healthy upstream: 10.96.0.9:5701\"",
        "where it is the waypoint itself that has no pod:",
        "  error=\"unknown waypoint: waypoint … not found\"",
        "at a waypoint: the flag UH in its access log",
    ],
    fix: "Make the selector fit the pods, make the pods ready, or write the endpoints of the ServiceEntry.",
    example: &[
        "- Service  selector: {app: cash}",
        "+ Service  selector: {app: cache}",
    ],
    also: &["AM-VIPPORT", "SC-E-UH"],
    source: "ztunnel src/proxy/outbound.rs:OutboundConnection.build_request",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("what should be behind it is not in the objects"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Ambient(Ambient::NoEndpoint { service }) = tale.symptom else {
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
