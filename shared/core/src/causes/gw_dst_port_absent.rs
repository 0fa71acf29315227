//! GW-DST-PORT-ABSENT: the Service has no such port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "GW-DST-PORT-ABSENT",
    title: "the Service has no such port",
    severity: Severity::Error,
    what: "The route leads to a cluster that Envoy does not have. TCP connections are accepted and closed; HTTP gets 503.",
    when: "destination.port.number is none of the Service's ports[].port.",
    why: "Clusters are made for a Service's own ports. The targetPort and the container's port are not among them, unless they are equal.",
    seen: &[
        "in Envoy's stats, rising: tcp.outbound|PORT||HOST.downstream_cx_no_route",
        "in Envoy's access log: the flag NC",
    ],
    fix: "Write one of the Service's ports.",
    example: &[
        "  Service         ports[0].port: 80, ports[0].targetPort: 9092",
        "- VirtualService  tcp[0].route[0].destination.port.number: 9092",
        "+ VirtualService  tcp[0].route[0].destination.port.number: 80",
    ],
    also: &["GW-DST-MULTIPORT", "GW-DST-UNKNOWN-HOST"],
    source: "pilot/pkg/networking/core/route/route.go:GetDestinationCluster",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let destination = tale.step()?.field();
    let written = tale.destination()?;

    let Symptom::Reason(Reason::PortAbsent { host, port }) = tale.symptom else {
        return None;
    };
    let told = Told::at(
        object.id,
        destination.key("port").key("number"),
        format!("{} has {}", written.host, tale.ports_of(host)),
    )
    .value(port);
    Some(told)
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    with_port(tale, wish).into_iter().collect()
}

fn with_port(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    let Symptom::Reason(Reason::PortAbsent { host, port }) = tale.symptom else {
        return None;
    };
    build::with_port(tale, wish, host, *port)
}

/// The port is there, but `resolution: DYNAMIC_DNS` makes no cluster for its protocol.
pub(super) static NOT_FORWARDED: Cause = Cause {
    page: &PAGE,
    tell: tell_not_forwarded,
    fixes: Fixes::None("a DYNAMIC_DNS ServiceEntry forwards HTTP, HTTP2, GRPC and TLS ports only"),
};

fn tell_not_forwarded(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let field = tale.step()?.field().key("host");
    let Symptom::Reason(Reason::NotForwarded { host, port }) = tale.symptom else {
        return None;
    };
    let label = format!("{host} is resolved by DYNAMIC_DNS; port {port} is not forwarded");
    Some(Told::at(object.id, field, label).value(host))
}
