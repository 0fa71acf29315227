//! GW-PORT-PRIVILEGED: this pod may not bind ports below 1024.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::{Effect, Fate, Step};
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-PRIVILEGED",
    title: "this pod may not bind ports below 1024",
    severity: Severity::Error,
    what: "The port is left out for this pod; its other ports are built.",
    when: "The pod's node metadata says UNPRIVILEGED_POD=true (ISTIO_META_UNPRIVILEGED_POD in the container's env), and the port after translation is below 1024.",
    why: "istiod believes the pod that it cannot bind such ports, and does not send a listener that Envoy would refuse. The translated port counts, so a Service port 80 with targetPort 8080 is not touched.",
    seen: &[
        "in istiod's log:",
        "  buildGatewayListeners: skipping privileged gateway port P for node NODE-ID as it is an unprivileged pod",
    ],
    fix: "Set the Service's targetPort to 1024 or above, or remove the variable and allow the pod low ports with the sysctl net.ipv4.ip_unprivileged_port_start=0.",
    example: &[
        "  Gateway  servers[0].port.number: 80",
        "- Service  ports[0].targetPort: 80",
        "+ Service  ports[0].targetPort: 8080",
    ],
    also: &["ENVOY-BIND-PERM", "GW-PORT-TRANSLATED"],
    source: "pilot/pkg/networking/core/gateway.go:ConfigGeneratorImpl.buildGatewayListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Step::Chains { port, .. } = tale.step()? else {
        return None;
    };
    let label = format!("binds {port}: below 1024, the pod may not");
    Some(Told::at(gateway, Tale::number_field(index), label).value(tale.port))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    higher_target(tale).into_iter().collect()
}

/// Lets the Service lead to a port that the pod may bind.
fn higher_target(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let server = Server::of(tale)?;
    let number = server.number();
    let target = build::bindable(tale, number)?;
    let via = tale
        .ledger
        .above(tale.entry)
        .find_map(|(_, e)| match e.fate {
            Fate::Effective(Effect::Resolved { via, .. }) => via,
            _ => None,
        });
    let (service, operations) = match via.and_then(|id| tale.ledger.get(id)).map(|e| &e.step) {
        Some(Step::ServicePort { service, index }) => {
            let view = tale.view::<views::Service>(*service)?;
            let field = build::spec().key("ports").index(*index).key("targetPort");
            let operation = match view.spec.ports.get(*index)?.target_port {
                Some(_) => build::replace(&field, target),
                None => build::add(&field, target),
            };
            (*service, vec![operation])
        }
        _ => {
            let (object, view) = build::gateway_services(tale).into_iter().next()?;
            let operations = build::service_port(view, server.prefix(), number, target);
            (object.id, operations)
        }
    };
    let title = format!("let the Service lead to {target}, which the pod may bind");
    Some(build::patch(title, service, operations))
}
