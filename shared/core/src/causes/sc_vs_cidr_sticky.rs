//! SC-VS-CIDR-STICKY: networks of another match count here too.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Step;
use serde_json::json;

pub(super) static PAGE: Page = Page {
    code: "SC-VS-CIDR-STICKY",
    title: "networks of another match count here too",
    severity: Severity::Error,
    what: "The match takes connections to the networks of an earlier match only. To other addresses its server names have no effect.",
    when: "A tls match of a mesh VirtualService has no destinationSubnets, and one before it has, in the same VirtualService or in another one for the host.",
    why: "istiod goes through the matches in order and keeps the networks of the last one that has any for those that follow.",
    seen: &["in Envoy: the filter chain with the match's server names has prefix ranges that the match does not have"],
    fix: "Put the match before the one with networks, or write destinationSubnets in it; 0.0.0.0/0 stands for every IPv4 address.",
    example: &["  VirtualService  tls[0].match[0]: sniHosts: [a.com], destinationSubnets: [10.9.0.0/16]", "- VirtualService  tls[1].match[0]: sniHosts: [b.com]", "+ VirtualService  tls[1].match[0]: sniHosts: [b.com], destinationSubnets: [0.0.0.0/0]"],
    also: &["SC-VS-DUP", "SC-TLS-IGNORES-TCP"],
    source: "pilot/pkg/networking/core/tls.go:buildSidecarOutboundTLSFilterChainOpts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::BehindNetworks { of } = tale.symptom else {
        return None;
    };
    let step = tale.step()?;
    let told = Told::at(step.object(), step.field(), "has no networks of its own");
    let first = &tale.ledger.get(of)?.step;
    let field = first.field().key("destinationSubnets");
    Some(told.beside(first.object(), field, "these count for it too"))
}

/// The network of every IPv4 address, which istiod leaves out of what Envoy compares.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(step @ Step::Clause { .. }) = tale.step() else {
        return Vec::new();
    };
    let field = step.field().key("destinationSubnets");
    let operation = build::add(&field, json!(["0.0.0.0/0"]));
    let title = "let the match take every address";
    vec![build::patch(title, step.object(), vec![operation])]
}
