//! GW-PASS-NO-MATCH: this tls rule has no match.

use serde_json::json;

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::Step;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-PASS-NO-MATCH",
    title: "this tls rule has no match",
    severity: Severity::Error,
    what: "The rule yields no chain. If no other rule does, the port is closed.",
    when: "tls[].match is missing or empty. The webhook refuses that, so the object was created while the webhook was off.",
    why: "istiod builds one chain for each match, from its sniHosts. No match means no chain, not every SNI as a tcp rule without match would.",
    seen: &[
        "in istiod's log, this line and no other:",
        r#"  gateway omitting listener "0.0.0.0_P" due to: must have more than 0 chains in listener "0.0.0.0_P""#,
    ],
    fix: "Add a match with sniHosts.",
    example: &[
        "  VirtualService  tls[0].route[0].destination.host: a",
        "+ VirtualService  tls[0].match[0].sniHosts: [a.com]",
    ],
    also: &["GW-PASS-NO-TLS-BLOCK", "GW-PASS-PORT-MATCH"],
    source: "pilot/pkg/networking/core/gateway.go:ListenerBuilder.buildGatewayNetworkFiltersFromTLSRoutes",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let Step::Clause { rule, .. } = tale.step()? else {
        return None;
    };
    Some(Told::at(
        object.id,
        FieldPath::of(&format!("spec.tls[{rule}].match")),
        "no match: no SNI, no chain",
    ))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    by_name(tale).into_iter().collect()
}

fn by_name(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (object, server) = (tale.object()?, Server::of(tale)?);
    let Step::Clause { block, rule, .. } = tale.step()? else {
        return None;
    };
    let value = json!({ "port": server.number(), "sniHosts": build::sni(tale, &server) });
    let field = build::match_path(*block, *rule);
    let mut operations = vec![build::append(&field, 0, value)];
    operations.extend(build::hosts_as_sni(tale));
    Some(build::patch("match the server name", object.id, operations))
}
