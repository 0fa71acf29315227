//! GW-TCP-EMPTY-ROUTE: this tcp rule has no route.

use serde_json::json;

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::Step;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-TCP-EMPTY-ROUTE",
    title: "this tcp rule has no route",
    severity: Severity::Error,
    what: "The rule is skipped and the next one is tried. If no other fits, the port is closed.",
    when: "tcp[].route is missing or empty. The webhook refuses that, so the object was created while the webhook was off.",
    why: "A rule without a destination leads nowhere; istiod passes over it without a word.",
    seen: &[
        "in istiod's log, if no other rule fits:",
        "  gateway NS/NAME:N listener missed network filter",
    ],
    fix: "Give the rule a destination.",
    example: &[
        "  VirtualService  tcp[0].match[0].port: 31400",
        "+ VirtualService  tcp[0].route[0].destination.host: kafka",
    ],
    also: &["GW-TCP-NO-BLOCK", "GW-TCP-ZERO-SUM"],
    source: "pilot/pkg/networking/core/gateway.go:ListenerBuilder.buildGatewayNetworkFiltersFromTCPRoutes",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let Step::Clause { block, rule, .. } = tale.step()? else {
        return None;
    };
    Some(Told::at(
        object.id,
        FieldPath::of(&format!("spec.{}[{rule}].route", block.field())),
        "no destination",
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    route(tale, wish).into_iter().collect()
}

fn route(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let Step::Clause { block, rule, .. } = tale.step()? else {
        return None;
    };
    let namespaces = [vs.key.namespace.as_str(), &server.gateway.key.namespace];
    let chosen = build::choose(tale, wish, *block, server.number(), &namespaces)?;
    let field = build::spec().key(block.field()).index(*rule).key("route");
    let value = json!({ "destination": build::destination(tale, &chosen.to) });
    let operations = vec![build::append(&field, 0, value)];
    let title = format!("lead to {}", build::way(&chosen.to));
    Some(chosen.on(build::patch(title, vs.id, operations)))
}
