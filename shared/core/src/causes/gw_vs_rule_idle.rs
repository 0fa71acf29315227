//! GW-VS-RULE-IDLE: no gateway uses this rule.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::Reason;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-VS-RULE-IDLE",
    title: "no gateway uses this rule",
    severity: Severity::Warning,
    what: "The rule changes nothing at any gateway that was read.",
    when: "No server of the Gateways that spec.gateways names takes rules of this kind: HTTP servers and HTTPS that ends TLS take http, PASSTHROUGH takes tls, AUTO_PASSTHROUGH takes none, the others take tcp. Or match.port, match.gateways, sourceLabels and sourceNamespace of all its matches keep an http rule from every server.",
    why: "Each server takes rules of one kind. istiod passes over the others without a word.",
    seen: &["nothing in istiod's log"],
    fix: "Write it under the kind that its server takes, or delete it.",
    example: &[
        "  Gateway         servers[0].port.protocol: HTTP",
        "- VirtualService  http[0], tls[0]",
        "+ VirtualService  http[0]",
    ],
    also: &[
        "GW-HTTP-ALL-ROUTES-FILTERED",
        "GW-HTTP-L4-ONLY-VS",
        "GW-TCP-NO-BLOCK",
    ],
    source: "pilot/pkg/networking/core/gateway.go:buildGatewayTCPFilterChainOpts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("only who wrote it knows which server it was for"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::RuleIdle {
        block,
        rule,
        reason,
    } = tale.symptom
    else {
        return None;
    };
    let label = match reason {
        Some(Reason::PortMismatch { declared, .. }) => {
            format!("the Gateway says port {declared}")
        }
        Some(Reason::GatewayMismatch { .. }) => "names other gateways".to_owned(),
        Some(_) => "is for other proxies".to_owned(),
        None => format!("no server that listens takes `{}` rules", block.field()),
    };
    let field = FieldPath::of("spec").key(block.field()).index(rule);
    Some(Told::at(tale.object()?.id, field, label))
}
