//! GW-PASS-PORT-MATCH: the tls match has another port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Reason, Step};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-PASS-PORT-MATCH",
    title: "the tls match has another port",
    severity: Severity::Error,
    what: "The match is skipped. If no other fits, the port is closed; if others do, this SNI has no chain.",
    when: "tls[].match[].port is set and differs from servers[].port.number.",
    why: "istiod compares it with the number written in the Gateway. Neither the Service's targetPort nor the port Envoy binds counts.",
    seen: &[
        "in istiod's log, this line and no other, if the listener has no chain left:",
        r#"  gateway omitting listener "0.0.0.0_P" due to: must have more than 0 chains in listener "0.0.0.0_P""#,
    ],
    fix: "Write the Gateway's number in match.port, or leave match.port out.",
    example: &[
        "  Gateway         servers[0].port.number: 443",
        "- VirtualService  tls[0].match[0].port: 8443",
        "+ VirtualService  tls[0].match[0].port: 443",
    ],
    also: &[
        "GW-TCP-PORT-MATCH",
        "GW-TCP-GW-MATCH",
        "GW-PASS-NO-TLS-BLOCK",
    ],
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
    let field = FieldPath::of(&format!("spec.tls[{rule}].match[{match}].port"));
    let port = tale
        .virtual_service()?
        .tls
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
