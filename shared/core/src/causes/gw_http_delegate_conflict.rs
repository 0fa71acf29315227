//! GW-HTTP-DELEGATE-CONFLICT: the delegate's match contradicts the root.

use super::{Cause, Fixes, Page, Severity, Tale, Told};

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-DELEGATE-CONFLICT",
    title: "the delegate's match contradicts the root",
    severity: Severity::Error,
    what: "The delegate's rule is left out. Its requests get 404 or fall to another rule.",
    when: "A rule of the delegate has a match that is not within any match of the root's rule: another uri prefix, another header value, or a regex where the root has a condition on the same part. Two regexes never fit, even if equal.",
    why: "The root decides which requests the delegate gets, and the delegate may only narrow that down. One match of a rule that fits none of the root's drops the whole rule.",
    seen: &[
        "in istiod's log:",
        "  HTTPMatchRequests conflict: root MATCH, delegate MATCH",
        "  HTTPMatchRequests conflict: root route NAME, delegate route NAME",
    ],
    fix: "Let every match of the delegate stay within one of the root's, or leave match out of the delegate.",
    example: &[
        "  VirtualService root      http[0].match[0].uri.prefix: /shop",
        "- VirtualService delegate  http[0].match[0].uri.prefix: /cart",
        "+ VirtualService delegate  http[0].match[0].uri.prefix: /shop/cart",
    ],
    also: &["GW-HTTP-DELEGATE-MISSING"],
    source: "pilot/pkg/model/virtualservice.go:mergeHTTPMatchRequests",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("only its author knows which requests it should take"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let step = tale.step()?;
    Some(Told::at(
        step.object(),
        step.field().key("match"),
        "lies outside of the root's matches",
    ))
}
