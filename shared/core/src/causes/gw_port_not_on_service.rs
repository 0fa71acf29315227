//! GW-PORT-NOT-ON-SERVICE: no Service port leads to this listener.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::snapshot::{FieldPath, views};

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-NOT-ON-SERVICE",
    title: "no Service port leads to this listener",
    severity: Severity::Error,
    what: "The listener exists, but clients that come through the Service or its load balancer do not reach it. A connection to the pod's own address works.",
    when: "No Service that selects the pod has a ports[] entry whose targetPort is the listener's port.",
    why: "A Service forwards only the ports that it lists. istiod builds a listener for a number that no Service has: it then takes the number as the pod's port.",
    seen: &[
        "istioctl analyze: IST0162 (the port is not defined in the Service)",
        "on the mesh: kubectl get service NAME -n NS",
    ],
    fix: "Add the port to the Service in front of the gateway.",
    example: &[
        "  Gateway  servers[0].port.number: 31400",
        "+ Service  ports[2].name: tcp-31400",
        "+ Service  ports[2].port: 31400",
        "+ Service  ports[2].targetPort: 31400",
    ],
    also: &[
        "GW-PORT-TRANSLATED",
        "NET-SVC-NO-ENDPOINT",
        "NET-NODEPORT-CONFUSION",
    ],
    source: "pkg/config/analysis/analyzers/gateway/gateway.go:IngressGatewayPortAnalyzer",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::NotOnService { service } = tale.symptom else {
        return None;
    };
    let ports = &tale.view::<views::Service>(service)?.spec.ports;
    let why = "Envoy may listen, but clients come through the Service";
    if let Some(index) = of_number(ports, tale.port) {
        let bound = build::bound_port(tale).unwrap_or(tale.port);
        let field = FieldPath::of(&format!("spec.ports[{index}].targetPort"));
        let told = Told::at(service, field, format!("the listener is on {bound}"));
        return Some(told.why(why));
    }
    // One number may stand there as TCP and as UDP.
    let number = |p: &views::ServicePort| match p.protocol.to_ascii_uppercase().as_str() {
        "" | "TCP" => p.port.to_string(),
        other => format!("{}/{other}", p.port),
    };
    let numbers: Vec<String> = ports.iter().map(number).collect();
    let label = match numbers.split_last() {
        None => format!("no ports, not {}", tale.port),
        Some((last, [])) => format!("{last}, not {}", tale.port),
        Some((last, rest)) => format!("{} and {last}, not {}", rest.join(", "), tale.port),
    };
    let told = Told::at(service, FieldPath::of("spec.ports"), label);
    Some(told.why(why))
}

/// The TCP port of that number, which leads elsewhere.
fn of_number(ports: &[views::ServicePort], number: u32) -> Option<usize> {
    let leads =
        |p: &views::ServicePort| p.port == number && !p.protocol.eq_ignore_ascii_case("udp");
    ports.iter().position(leads)
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    with_port(tale).into_iter().collect()
}

fn with_port(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let Symptom::NotOnService { service } = tale.symptom else {
        return None;
    };
    let view = &tale.view::<views::Service>(service)?.spec;
    let bound = build::bound_port(tale).unwrap_or(tale.port);
    if let Some(index) = of_number(&view.ports, tale.port) {
        // A second port of this number is refused by the API server.
        let field = build::spec().key("ports").index(index).key("targetPort");
        let written = view.ports.get(index)?.target_port.is_some();
        let operation = if written {
            build::replace(&field, bound)
        } else {
            build::add(&field, bound)
        };
        let title = format!("let {} lead to {bound}", tale.port);
        return Some(build::patch(title, service, vec![operation]));
    }
    let prefix = Server::of(tale).map_or("tcp", |s| s.prefix());
    Some(build::patch(
        format!("add port {} to the Service", tale.port),
        service,
        build::service_port(view, prefix, tale.port, bound),
    ))
}
