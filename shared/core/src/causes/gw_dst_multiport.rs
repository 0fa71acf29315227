//! GW-DST-MULTIPORT: destination.port is missing.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "GW-DST-MULTIPORT",
    title: "destination.port is missing",
    severity: Severity::Error,
    what: "The Gateway's port number is taken as the Service's port. If the Service has no such port, TCP connections are accepted and closed; HTTP gets 503.",
    when: "destination.port is not set, and the Service has more than one port, or is not known to istiod.",
    why: "With one port there is no doubt, so istiod takes it. Otherwise it takes the number written in servers[].port.number, and does not check that the Service has it.",
    seen: &[
        "in Envoy: a route to the cluster outbound|N||HOST, with N the Gateway's number",
        "istioctl analyze: IST0112",
    ],
    fix: "Write destination.port.number.",
    example: &[
        "  Gateway         servers[0].port.number: 31400",
        "  Service         ports: 9092, 9404",
        "+ VirtualService  tcp[0].route[0].destination.port.number: 9092",
    ],
    also: &["GW-DST-PORT-ABSENT", "GW-DST-UNKNOWN-HOST"],
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

    let Symptom::Reason(Reason::PortUnclear { host, port }) = tale.symptom else {
        return None;
    };
    let label = format!(
        "no port: {port} is taken, but {} has {}",
        written.host,
        tale.ports_of(host)
    );
    Some(Told::at(object.id, destination.key("port"), label))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    with_port(tale, wish).into_iter().collect()
}

fn with_port(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    let Symptom::Reason(Reason::PortUnclear { host, port }) = tale.symptom else {
        return None;
    };
    build::with_port(tale, wish, host, *port)
}
