//! VAL-VS-HTTP: this http rule is refused.

use super::admission::{route, told};
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission};

/// `spec.http[N]`: the rule itself, no field of it.
const RULE: usize = 3;

pub(super) static PAGE: Page = Page {
    code: "VAL-VS-HTTP",
    title: "this http rule is refused",
    severity: Severity::Error,
    what: "The VirtualService is not stored, so istiod never sees it: none of its rules counts.",
    when: "An http rule has none of route, redirect and directResponse, or two of them; a rule with a delegate has one of them too; a match has a port or a name that cannot be; or directResponse has a status outside 200 to 600.",
    why: "A rule says what happens to a request, exactly once. With a delegate that is for the delegate to say.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: HTTP route, redirect or direct_response is required"#,
    ],
    fix: "Give the rule one of route, redirect and directResponse.",
    example: &[
        "  VirtualService  http[0].match[0].uri.prefix: /",
        "+ VirtualService  http[0].route[0].destination.host: shop",
    ],
    also: &["VAL-VS-EMPTY", "GW-HTTP-NO-VS"],
    source: "pkg/config/validation/virtualservice.go:validateHTTPRoute",
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
    let rule = refusal.field.0.len() == RULE;
    rule.then(|| route(tale, wish, &refusal.field.clone().key("route")))?
}
