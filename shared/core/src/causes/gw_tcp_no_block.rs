//! GW-TCP-NO-BLOCK: this VirtualService has no tcp rules.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::Block;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-TCP-NO-BLOCK",
    title: "this VirtualService has no tcp rules",
    severity: Severity::Error,
    what: "The VirtualService gives the TCP server no route. If no other does, the port is closed.",
    when: "The server has no tls and a protocol that is not HTTP, and the VirtualService that fits has only http or tls rules.",
    why: "istiod looks for the route of a plain TCP server in spec.tcp alone.",
    seen: &[
        "in istiod's log, in this order:",
        "  gateway NS/NAME:N listener missed network filter",
        r#"  gateway omitting listener "0.0.0.0_P" due to: must have more than 0 chains in listener "0.0.0.0_P""#,
    ],
    fix: "Write the rule under tcp, or make the server HTTP if it carries HTTP.",
    example: &[
        "  Gateway         servers[0].port.protocol: TCP",
        "- VirtualService  http[0].route[0].destination.host: kafka",
        "+ VirtualService  tcp[0].route[0].destination.host: kafka",
    ],
    also: &[
        "GW-TCP-PORT-MATCH",
        "GW-TLS-TERM-NO-TCP",
        "GW-PASS-NO-TLS-BLOCK",
    ],
    source: "pilot/pkg/networking/core/gateway.go:ListenerBuilder.buildGatewayNetworkFiltersFromTCPRoutes",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let (gateway, index) = tale.server()?;
    let told = Told::at(object.id, FieldPath::of("spec"), "has no `tcp` rules");
    Some(told.beside(
        gateway,
        FieldPath::of(&format!("spec.servers[{index}].port.protocol")),
        "takes `tcp` rules only",
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    build::needed_block(tale, wish, Block::Tcp)
        .into_iter()
        .collect()
}
