//! GW-TCP-PORT-MATCH: match.port is not the Gateway's port.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-TCP-PORT-MATCH",
    title: "match.port is not the Gateway's port",
    severity: Severity::Error,
    what: "The `tcp` rule is skipped. If no other rule fits, the port is closed.",
    when: "tcp[].match[].port is set and differs from servers[].port.number.",
    why: "istiod compares it with the number written in the Gateway. Neither the Service's targetPort nor the port Envoy binds counts.",
    seen: &[
        "in istiod's log, in this order:",
        "  gateway NS/NAME:N listener missed network filter",
        r#"  gateway omitting listener "0.0.0.0_P" due to: must have more than 0 chains in listener "0.0.0.0_P""#,
    ],
    fix: "Write the Gateway's number in match.port, or leave match.port out.",
    example: &[
        "  Gateway         servers[0].port.number: 31400",
        "- VirtualService  tcp[0].match[0].port: 9000",
        "+ VirtualService  tcp[0].match[0].port: 31400",
    ],
    also: &["GW-TCP-NO-BLOCK", "GW-TCP-GW-MATCH", "GW-VS-NONE"],
    source: "pilot/pkg/networking/core/gateway.go:isPortMatch",
};
