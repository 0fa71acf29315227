//! GW-TCP-ZERO-SUM: all weights are 0, and istiod crashes.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::{Block, Step};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-TCP-ZERO-SUM",
    title: "all weights are 0, and istiod crashes",
    severity: Severity::Error,
    what: "istiod panics while it builds the listener, and again after each restart. No proxy gets new configuration.",
    when: "A tcp or tls rule that is used has two or more destinations and every route[].weight is 0 or missing. The webhook refuses that, so the object was created while the webhook was off.",
    why: "istiod leaves out destinations with weight 0 and then reads the first of the rest, without a check that there is one.",
    seen: &[
        "in istiod's log, before it restarts:",
        "  panic: runtime error: index out of range [0] with length 0",
        "  a stack with buildOutboundNetworkFiltersWithWeightedClusters",
    ],
    fix: "Give at least one destination a weight above 0.",
    example: &[
        "- VirtualService  tcp[0].route[0].weight: 0",
        "+ VirtualService  tcp[0].route[0].weight: 100",
        "  VirtualService  tcp[0].route[1].weight: 0",
    ],
    also: &["GW-DST-ZERO-WEIGHT", "GW-SRV-HOST-PANIC"],
    source: "pilot/pkg/networking/core/networkfilter.go:ListenerBuilder.buildOutboundNetworkFiltersWithWeightedClusters",
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
        "no weight above 0",
    ))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(Step::Clause { block, rule, .. }) = tale.step() else {
        return Vec::new();
    };
    equal_weights(tale, *block, *rule).into_iter().collect()
}

/// Equal weights that sum to 100; what does not divide goes to the first ones.
pub(super) fn equal_weights(tale: &Tale<'_, '_>, block: Block, rule: usize) -> Option<Candidate> {
    let object = tale.object()?;
    let spec = tale.virtual_service()?;
    let route = match block {
        Block::Tcp => &spec.tcp.get(rule)?.route,
        Block::Tls => &spec.tls.get(rule)?.route,
        Block::Http => &spec.http.get(rule)?.route,
    };
    let (each, rest) = (100 / route.len().max(1), 100 % route.len().max(1));
    let list = build::spec().key(block.field()).index(rule).key("route");
    let operations = route
        .iter()
        .enumerate()
        .map(|(n, destination)| {
            let field = list.clone().index(n).key("weight");
            let weight = each + usize::from(n < rest);
            match destination.weight {
                Some(_) => build::replace(&field, weight),
                None => build::add(&field, weight),
            }
        })
        .collect();
    Some(build::patch(
        "give every destination the same weight",
        object.id,
        operations,
    ))
}
