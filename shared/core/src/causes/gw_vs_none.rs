//! GW-VS-NONE: no VirtualService is bound to this Gateway.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::EntryId;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-VS-NONE",
    title: "no VirtualService is bound to this Gateway",
    severity: Severity::Error,
    what: "A TCP server, or a TLS server without PASSTHROUGH, opens nothing: istiod leaves its listener out. Passthrough is closed too; AUTO_PASSTHROUGH needs no VirtualService. HTTP and terminated HTTPS listen and answer 404.",
    when: "No VirtualService that the gateway's pod may see has this Gateway, as NS/NAME, in spec.gateways after short names are resolved.",
    why: "A Gateway says where to listen, a VirtualService where to go. istiod builds a TCP chain from its route; without one there is no chain, and Envoy takes no listener without chains.",
    seen: &[
        "in istiod's log, in this order:",
        "  no virtual service bound to gateway: NS/NAME",
        "  gateway NS/NAME:N listener missed network filter",
        r#"  gateway omitting listener "0.0.0.0_P" due to: must have more than 0 chains in listener "0.0.0.0_P""#,
        "for passthrough only the last line; for HTTP:",
        "  constructed http route config for route R on port N with no vhosts; Setting up a default 404 vhost",
    ],
    fix: "Create a VirtualService that names the Gateway and routes the port, or name the Gateway in an existing one.",
    example: &[
        "  Gateway         rcmd/kafka  servers[0].port: 16354 TCP",
        "+ VirtualService  gateways: [rcmd/kafka]",
        r#"+ VirtualService  hosts: ["*.example.com"]"#,
        "+ VirtualService  tcp[0].route[0].destination.host: kafka",
    ],
    also: &[
        "GW-VS-GWNAME",
        "GW-VS-MESH-ONLY",
        "GW-VS-EXPORTTO",
        "GW-VS-HOST-MISMATCH",
    ],
    source: "pilot/pkg/networking/core/gateway.go:ListenerBuilder.buildGatewayNetworkFiltersFromTCPRoutes",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let server = tale.server_view()?;
    let protocol = &server.port.as_ref()?.protocol;
    let port = FieldPath::of(&format!("spec.servers[{index}].port"));
    let told = Told::at(
        gateway,
        port.clone().key("number"),
        "nothing leads on from here",
    )
    .value(tale.port);
    if server.tls.is_some() {
        return Some(told.beside(gateway, port.key("protocol"), "opens only with a route"));
    }
    Some(
        told.beside(
            gateway,
            port.key("protocol"),
            format!("{protocol} opens only with a route; HTTP would answer 404"),
        )
        .why(format!(
            "istiod builds a {protocol} listener from its routes. Without one it leaves the listener out, and says so \
             only in its own log."
        )),
    )
}

/// VirtualServices are bound to the Gateway, but their rules serve its other servers.
pub(super) fn tell_beside(tale: &Tale<'_, '_>, rule: EntryId) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let serving = &tale.ledger.get(rule)?.step;
    let told = Told::at(
        gateway,
        Tale::number_field(index),
        "no rule is for this server",
    );
    Some(
        told.value(tale.port)
            .beside(serving.object(), serving.field(), "serves another one"),
    )
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    let server = Server::of(tale);
    server
        .and_then(|server| build::virtual_service(tale, wish, &server))
        .into_iter()
        .collect()
}
