//! GW-HTTP-AFTER-CATCHALL: rules behind a catch-all do nothing.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-AFTER-CATCHALL",
    title: "rules behind a catch-all do nothing",
    severity: Severity::Warning,
    what: "The rule is not even sent to Envoy. Its requests go where the catch-all leads.",
    when: "An earlier http[] rule of the VirtualService has no match, or a match without a condition on the request, or with the path prefix `/` or the regex `.*` as its only one.",
    why: "Rules are tried in order and a catch-all takes everything, so istiod stops at it.",
    seen: &[
        "in Envoy: the route is missing in the virtual host",
        "istioctl analyze: IST0130",
    ],
    fix: "Move the catch-all to the end.",
    example: &[
        "- VirtualService  http[0]: no match; http[1].match[0].uri.prefix: /api",
        "+ VirtualService  http[0].match[0].uri.prefix: /api; http[1]: no match",
    ],
    also: &["GW-HTTP-SAME-HOST-MERGE", "GW-TCP-SHADOWED"],
    source: "pilot/pkg/networking/core/route/route.go:BuildHTTPRoutesForVirtualService",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let step = tale.step()?;
    let Symptom::Reason(Reason::AfterCatchAll { by }) = tale.symptom else {
        return None;
    };
    let holder = &tale.ledger.get(*by)?.step;
    Some(
        Told::at(step.object(), step.field(), "never reached").beside(
            holder.object(),
            holder.field(),
            "takes every request",
        ),
    )
}
