//! GW-TCP-PORT-MATCH: match.port is not the Gateway's port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Reason, Step};
use crate::snapshot::FieldPath;

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

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let (gateway, index) = tale.server()?;
    let Symptom::Reason(Reason::PortMismatch { r#match, declared }) = tale.symptom else {
        return None;
    };
    let Step::Clause { rule, .. } = tale.step()? else {
        return None;
    };
    let field = FieldPath::of(&format!("spec.tcp[{rule}].match[{match}].port"));
    let port = tale
        .virtual_service()?
        .tcp
        .get(*rule)?
        .r#match
        .get(*r#match)?
        .port;
    let told = Told::at(object.id, field, format!("the Gateway says {declared}")).value(port);
    Some(told.beside(gateway, Tale::number_field(index), "the number that counts"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Reason(Reason::PortMismatch { r#match, .. }) = tale.symptom else {
        return Vec::new();
    };
    build::fit_match(tale, *r#match).unwrap_or_default()
}
