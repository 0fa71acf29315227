//! GW-PORT-RESERVED: the gateway pod uses this port itself.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::predict::envoy::Refusal;

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-RESERVED",
    title: "the gateway pod uses this port itself",
    severity: Severity::Error,
    what: "istiod sends the listener; Envoy refuses it or cannot bind it. The port stays what it was: health, metrics or administration.",
    when: "The port after translation is 15021 or 15090 (Envoy's own listeners), 15000 (Envoy's administration), or 15004, 15020 or 15053 (the agent).",
    why: "For sidecars istiod checks such ports; for gateways it does not.",
    seen: &[
        "in Envoy's log, for 15021 and 15090:",
        "  error adding listener: '0.0.0.0_P' has duplicate address '0.0.0.0:P' as existing listener, …",
        "in Envoy's log, for the others:",
        "  cannot bind '0.0.0.0:P': Address already in use",
    ],
    fix: "Use another port number in the Gateway, or another targetPort in the Service.",
    example: &[
        "- Gateway  servers[0].port.number: 15021",
        "+ Gateway  servers[0].port.number: 15443",
    ],
    also: &["ENVOY-DUP-ADDR", "ENVOY-BIND-INUSE"],
    source: "pilot/pkg/networking/core/gateway.go:ConfigGeneratorImpl.buildGatewayListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let label = match tale.symptom {
        Symptom::Refused(Refusal::StaticListener { port }) => {
            format!("{port} has a static listener in every gateway")
        }
        Symptom::Refused(Refusal::AgentPort { port }) => format!("{port} is the agent's own"),
        _ => return None,
    };
    Some(Told::at(gateway, Tale::number_field(index), label).value(tale.port))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    build::move_away(tale).into_iter().collect()
}
