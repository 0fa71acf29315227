//! SC-VS-CIDR-STICKY: networks of another match count here too.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};

pub(super) static PAGE: Page = Page {
    code: "SC-VS-CIDR-STICKY",
    title: "networks of another match count here too",
    severity: Severity::Error,
    what: "The match takes connections to the networks of an earlier match only. To other addresses its server names have no effect.",
    when: "A tls match of a mesh VirtualService has no destinationSubnets, and one before it has, in the same VirtualService or in another one for the host.",
    why: "istiod goes through the matches in order and keeps the networks of the last one that has any for those that follow.",
    seen: &[
        "in Envoy: the filter chain with the match's server names has prefix ranges that the match does not have",
    ],
    fix: "Write destinationSubnets in the match too, with all networks that it is for; or put it before the one with networks, where it is for addresses outside of them.",
    example: &[
        "- tls[0].match[0]: sniHosts: [a.com], destinationSubnets: [10.9.0.0/16]",
        "  tls[1].match[0]: sniHosts: [b.com]",
        "+ tls[2].match[0]: sniHosts: [a.com], destinationSubnets: [10.9.0.0/16]",
    ],
    also: &["SC-VS-DUP", "SC-TLS-IGNORES-TCP"],
    source: "pilot/pkg/networking/core/tls.go:buildSidecarOutboundTLSFilterChainOpts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which networks the match is for is for its owner to say"),
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
