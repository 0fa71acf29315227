//! GW-HTTP-DELEGATE-MISSING: the delegate is not there.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-DELEGATE-MISSING",
    title: "the delegate is not there",
    severity: Severity::Error,
    what: "The http rule is left out. Its requests get 404 or fall to a later rule.",
    when: "http[].delegate names a VirtualService that does not exist, that has hosts, or whose exportTo holds neither `*` nor the namespace of the VirtualService that delegates. Without delegate.namespace that namespace is meant.",
    why: "istiod replaces the rule by the delegate's rules before anything else. Only this VirtualService has no hosts, and it has to be visible to the one that includes it.",
    seen: &[
        "in istiod's log, one of:",
        "  delegate virtual service NS/NAME of ROOT-NS/ROOT-NAME not found",
        "  delegate virtual service NS/NAME of ROOT-NS/ROOT-NAME is not exported to ROOT-NS",
    ],
    fix: "Correct the name, remove hosts from the delegate, or export it to the root's namespace.",
    example: &[
        "  VirtualService shop/checkout  hosts: []",
        "  VirtualService edge/root      http[0].delegate.name: checkout",
        "+ VirtualService edge/root      http[0].delegate.namespace: shop",
    ],
    also: &["GW-HTTP-DELEGATE-CONFLICT", "GW-VS-HOSTS-EMPTY"],
    source: "pilot/pkg/model/virtualservice_controller.go:mergeVirtualServices",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let step = tale.step()?;
    let Symptom::Reason(Reason::DelegateMissing { name }) = tale.symptom else {
        return None;
    };
    Some(Told::at(
        step.object(),
        step.field().key("delegate"),
        format!("{name} is no delegate that this namespace sees"),
    ))
}
