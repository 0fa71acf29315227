//! GW-TCP-GW-MATCH: match.gateways lacks this Gateway.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Reason, Step};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-TCP-GW-MATCH",
    title: "match.gateways lacks this Gateway",
    severity: Severity::Error,
    what: "The rule is skipped for this Gateway. If no other rule fits, the port is closed.",
    when: "tcp[].match[].gateways, or tls[].match[].gateways, is not empty and no entry resolves to this Gateway; `mesh` alone means sidecars only.",
    why: "match.gateways narrows spec.gateways down for one rule. Names are resolved as there: a short name means the VirtualService's own namespace.",
    seen: &[
        "in istiod's log, in this order (for passthrough the last line only):",
        "  gateway NS/NAME:N listener missed network filter",
        r#"  gateway omitting listener "0.0.0.0_P" due to: must have more than 0 chains in listener "0.0.0.0_P""#,
    ],
    fix: "Add the Gateway to match.gateways, or leave match.gateways out.",
    example: &[
        "  VirtualService  gateways: [mesh, rcmd/kafka]",
        "- VirtualService  tcp[0].match[0].gateways: [mesh]",
        "+ VirtualService  tcp[0].match[0].gateways: [mesh, rcmd/kafka]",
    ],
    also: &["GW-TCP-PORT-MATCH", "GW-VS-GWNAME", "GW-PASS-PORT-MATCH"],
    source: "pilot/pkg/networking/core/gateway.go:isGatewayMatch",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let (gateway, _) = tale.server()?;
    let Symptom::Reason(Reason::GatewayMismatch { r#match }) = tale.symptom else {
        return None;
    };
    let Step::Clause { block, rule, .. } = tale.step()? else {
        return None;
    };
    let field = FieldPath::of(&format!(
        "spec.{}[{rule}].match[{match}].gateways",
        block.field()
    ));
    Some(Told::at(
        object.id,
        field,
        format!("lacks {}", tale.name_of(gateway)),
    ))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Reason(Reason::GatewayMismatch { r#match }) = tale.symptom else {
        return Vec::new();
    };
    build::fit_match(tale, *r#match).unwrap_or_default()
}
