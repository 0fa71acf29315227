//! GW-PASS-NO-TLS-BLOCK: passthrough needs tls rules.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::Block;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-PASS-NO-TLS-BLOCK",
    title: "passthrough needs tls rules",
    severity: Severity::Error,
    what: "The VirtualService gives the passthrough server no chain. If no other does, the port is closed.",
    when: "servers[].tls.mode is PASSTHROUGH, which is also the mode if none is written, and the VirtualService that fits has no tls rule. http and tcp rules do not count, for protocol HTTPS neither.",
    why: "Envoy does not decrypt a passed connection, it sees the SNI only. tls rules are the ones that choose by SNI.",
    seen: &[
        "in istiod's log, this line and no other:",
        r#"  gateway omitting listener "0.0.0.0_P" due to: must have more than 0 chains in listener "0.0.0.0_P""#,
    ],
    fix: "Write the rule under tls with sniHosts, or end TLS at the gateway.",
    example: &[
        "  Gateway         servers[0].tls.mode: PASSTHROUGH",
        "- VirtualService  tcp[0].match[0].port: 443",
        "+ VirtualService  tls[0].match[0].port: 443",
        "+ VirtualService  tls[0].match[0].sniHosts: [a.com]",
    ],
    also: &[
        "GW-TLS-TERM-NO-TCP",
        "GW-PASS-NO-MATCH",
        "GW-PASS-PORT-MATCH",
        "GW-VS-NONE",
    ],
    source: "pilot/pkg/networking/core/gateway.go:ListenerBuilder.buildGatewayNetworkFiltersFromTLSRoutes",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let (gateway, index) = tale.server()?;
    let told = Told::at(object.id, FieldPath::of("spec"), "has no `tls` rules");
    Some(told.beside(
        gateway,
        FieldPath::of(&format!("spec.servers[{index}].tls.mode")),
        "passes TLS on: takes `tls` rules only",
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    build::needed_block(tale, wish, Block::Tls)
        .into_iter()
        .collect()
}
