//! GW-TCP-ZERO-SUM: all weights are 0, and istiod crashes.

use super::{Cause, Fixes, Page, Severity, Tale, Told};
use crate::ledger::Step;
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
    fixes: Fixes::None("not written yet"),
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
