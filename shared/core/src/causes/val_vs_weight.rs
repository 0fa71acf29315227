//! VAL-VS-WEIGHT: these weights are refused.

use super::admission::{block, index, told};
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, gw_tcp_zero_sum};

pub(super) static PAGE: Page = Page {
    code: "VAL-VS-WEIGHT",
    title: "these weights are refused",
    severity: Severity::Error,
    what: "The VirtualService is not stored, so istiod never sees it: none of its rules counts.",
    when: "A rule has two or more destinations and no weight above 0, or a weight below 0. Weights that do not sum to 100 are taken, and so is a single destination without weight.",
    why: "Weights are shares of their sum, and nothing can be shared out by 0. For tcp and tls istiod would crash on it.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: total destination weight = 0"#,
    ],
    fix: "Give at least one destination a weight above 0.",
    example: &[
        "- VirtualService  tcp[0].route[0].weight: 0",
        "+ VirtualService  tcp[0].route[0].weight: 100",
        "  VirtualService  tcp[0].route[1].weight: 0",
    ],
    also: &["GW-TCP-ZERO-SUM", "GW-DST-ZERO-WEIGHT"],
    source: "pkg/config/validation/validation.go:validateRouteDestinations",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::By(fixes),
};

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    mended(tale).into_iter().collect()
}

fn mended(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let refusal = told(tale)?;
    let rule = index(&refusal.field, 0)?;
    gw_tcp_zero_sum::equal_weights(tale, block(&refusal.field)?, rule)
}
