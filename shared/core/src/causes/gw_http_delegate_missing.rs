//! GW-HTTP-DELEGATE-MISSING: the delegate is not there.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Reason, Step};

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
    fixes: Fixes::By(fixes),
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

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    meant(tale).unwrap_or_default()
}

/// Exports the delegate, or names one that is there: of that name elsewhere, or one that this could be a slip of.
fn meant(tale: &Tale<'_, '_>) -> Option<Vec<Candidate>> {
    let root = tale.object()?;
    let Symptom::Reason(Reason::DelegateMissing { name }) = tale.symptom else {
        return None;
    };
    let Step::Clause { rule, .. } = tale.step()? else {
        return None;
    };
    let (namespace, wanted) = name.split_once('/')?;
    let own = root.key.namespace.as_str();
    let all = &tale.store.virtual_services;
    let delegates = || all.iter().filter(|d| d.spec.hosts.is_empty());
    let field = build::spec().key("http").index(*rule).key("delegate");
    if let Some(hidden) =
        delegates().find(|d| d.object.key.name == wanted && d.namespace() == namespace)
    {
        let default = &tale.store.mesh.default_virtual_service_export_to;
        let written = &hidden.spec.export_to;
        let to = build::Exported {
            object: hidden.object,
            written,
            default,
        };
        return Some(vec![build::export(&to, own)]);
    }
    let seen = || delegates().filter(|d| d.visibility.includes(own));
    let elsewhere = seen().filter(|d| d.object.key.name == wanted).map(|d| {
        let operation = build::add(&field.clone().key("namespace"), d.namespace());
        build::patch("name the delegate's namespace", root.id, vec![operation])
    });
    let slips = seen()
        .filter(|d| d.namespace() == namespace)
        .filter(|d| build::slip(&d.object.key.name, wanted).is_some())
        .map(|d| {
            let operation = build::replace(&field.clone().key("name"), d.object.key.name.as_str());
            build::patch("write the delegate's name", root.id, vec![operation])
        });
    Some(elsewhere.chain(slips).take(build::WAYS).collect())
}
