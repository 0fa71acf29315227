//! GW-TLS-TERM-NO-TCP: terminated TLS needs tcp rules.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::Block;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-TLS-TERM-NO-TCP",
    title: "terminated TLS needs tcp rules",
    severity: Severity::Error,
    what: "The VirtualService gives the server no route: its tls rules are not used here. If no other rule fits, the port is closed.",
    when: "servers[].port.protocol is TLS with a mode that ends TLS (SIMPLE, MUTUAL, ISTIO_MUTUAL, OPTIONAL_MUTUAL), and the VirtualService that fits has no tcp rule.",
    why: "After Envoy has ended TLS, plain TCP is left, and istiod looks for its route in spec.tcp. Rules under tls choose by SNI and belong to PASSTHROUGH.",
    seen: &[
        "in istiod's log, in this order:",
        "  gateway NS/NAME:N listener missed network filter",
        r#"  gateway omitting listener "0.0.0.0_P" due to: must have more than 0 chains in listener "0.0.0.0_P""#,
    ],
    fix: "Write the rule under tcp, without sniHosts, or set the mode to PASSTHROUGH.",
    example: &[
        "  Gateway         servers[0].tls.mode: SIMPLE",
        "- VirtualService  tls[0].route[0].destination.host: kafka",
        "+ VirtualService  tcp[0].route[0].destination.host: kafka",
    ],
    also: &["GW-PASS-NO-TLS-BLOCK", "GW-TCP-NO-BLOCK"],
    source: "pilot/pkg/networking/core/gateway.go:ListenerBuilder.createGatewayTCPFilterChainOpts",
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
        FieldPath::of(&format!("spec.servers[{index}].tls.mode")),
        "ends TLS; behind it only `tcp` rules count",
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    build::needed_block(tale, wish, Block::Tcp)
        .into_iter()
        .collect()
}
