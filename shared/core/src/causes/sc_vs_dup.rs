//! SC-VS-DUP: two rules make the same filter chain.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Wish, build, refused};
use crate::ledger::{Block, Step};
use crate::predict::envoy::Refusal;
use crate::snapshot::views::VirtualService;

pub(super) static PAGE: Page = Page {
    code: "SC-VS-DUP",
    title: "two rules make the same filter chain",
    severity: Severity::Error,
    what: "Envoy refuses the whole listener of the service's address and port. A proxy that had it keeps the former one; a new pod has none, and its connections go where those go that nothing else takes.",
    when: "Two tcp rules of mesh VirtualServices for one host have a network in common in destinationSubnets, or two tls matches with different sniHosts have a server name in common, for the same networks.",
    why: "Each rule becomes a filter chain, and istiod does not compare those of one service with each other. Envoy chooses by network and server name, and takes no two chains that it could not tell apart.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  error adding listener 'A:P': filter chain '' has the same matching rules defined as ''. duplicate matcher is: {…}",
        "  error adding listener 'A:P': multiple filter chains with overlapping matching rules are defined",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) A_P: …",
    ],
    fix: "Remove the later rule, or give it networks or server names that no other has.",
    example: &[
        "  VirtualService  tcp[0].match[0].destinationSubnets: [10.9.0.0/16]",
        "- VirtualService  tcp[1].match[0].destinationSubnets: [10.9.0.0/16]",
        "+ VirtualService  tcp[1].match[0].destinationSubnets: [10.8.0.0/16]",
    ],
    also: &["ENVOY-FC-IDENTICAL", "ENVOY-FC-OVERLAP", "SC-TCP-OVER-TCP"],
    source: "pilot/pkg/networking/core/tls.go:buildSidecarOutboundTCPFilterChainOpts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: refused::collision,
    fixes: Fixes::By(fixes),
};

/// Without the later rule the listener is taken, and connections go as the first says.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    later(tale).into_iter().collect()
}

fn later(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let second = match tale.symptom {
        Symptom::Refused(
            Refusal::IdenticalChains { first, second }
            | Refusal::OverlappingNames { first, second, .. },
        ) if first.clause.is_some() && first.clause != second.clause => second,
        _ => return None,
    };
    let step = &tale.ledger.get(second.clause?)?.step;
    let Step::Clause {
        virtual_service,
        block,
        rule,
        r#match,
    } = step
    else {
        return None;
    };
    let spec = &tale.view::<VirtualService>(*virtual_service)?.spec;
    // A rule without any match left would be refused, and a VirtualService without any rule.
    let alone = match (block, r#match) {
        (Block::Tls, Some(_)) => spec.tls.get(*rule)?.r#match.len() == 1,
        _ => true,
    };
    let path = build::spec().key(block.field()).index(*rule);
    let (path, what) = match r#match {
        Some(n) if !alone => (path.key("match").index(*n), "match"),
        _ => (path, "rule"),
    };
    let rules = match block {
        Block::Tls => spec.tls.len(),
        _ => spec.tcp.len(),
    };
    (what == "match" || rules > 1).then(|| {
        let title = format!("remove the later {what}");
        build::patch(title, *virtual_service, vec![build::remove(&path)])
    })
}
