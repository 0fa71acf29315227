//! VAL-VS-TCP: this tcp rule is refused.

use super::admission::{route, told};
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission};
use crate::snapshot::Segment;

pub(super) static PAGE: Page = Page {
    code: "VAL-VS-TCP",
    title: "this tcp rule is refused",
    severity: Severity::Error,
    what: "The VirtualService is not stored, so istiod never sees it: none of its rules counts.",
    when: "A tcp rule has no route, or a match has a port outside 1 to 65535 or a destinationSubnets entry that is no network.",
    why: "A tcp rule without a destination leads nowhere.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: TCP route is required"#,
    ],
    fix: "Give the rule a destination.",
    example: &[
        "  VirtualService  tcp[0].match[0].port: 31400",
        "+ VirtualService  tcp[0].route[0].destination.host: kafka",
    ],
    also: &["GW-TCP-EMPTY-ROUTE", "VAL-VS-WEIGHT"],
    source: "pkg/config/validation/validation.go:validateTCPRoute",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::By(fixes),
};

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    mended(tale, wish).into_iter().collect()
}

fn mended(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    let refusal = told(tale)?;
    let lacks = refusal.field.0.last()? == &Segment::Key("route".into());
    lacks.then(|| route(tale, wish, &refusal.field))?
}
