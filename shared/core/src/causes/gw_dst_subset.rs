//! GW-DST-SUBSET: this subset is not defined.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::Reason;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-DST-SUBSET",
    title: "this subset is not defined",
    severity: Severity::Error,
    what: "The route leads to a cluster that Envoy does not have. TCP connections are accepted and closed; HTTP gets 503.",
    when: "destination.subset is no subsets[].name of the DestinationRule that istiod chooses for the Service and this pod: one in the pod's namespace, else one in the Service's, else one in the root namespace, the latter two only if exported to the pod's. A pod in the root namespace first looks at rules private to that namespace.",
    why: "Only one place counts: a DestinationRule in the pod's namespace hides the Service's own, with its subsets. Subset clusters are made from the chosen rule alone.",
    seen: &[
        "in Envoy's stats, rising: tcp.outbound|PORT|SUBSET|HOST.downstream_cx_no_route",
        "in Envoy's access log: the flag NC",
        "istioctl analyze: IST0101 for the host and subset",
    ],
    fix: "Define the subset in the rule that counts, or correct the name.",
    example: &[
        "  VirtualService   tcp[0].route[0].destination.subset: v2",
        "+ DestinationRule  subsets[1].name: v2",
        "+ DestinationRule  subsets[1].labels.version: v2",
    ],
    also: &["GW-DST-NO-ENDPOINTS", "GW-DST-UNKNOWN-HOST"],
    source: "pilot/pkg/model/push_context.go:PushContext.destinationRule",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let destination = tale.step()?.field();
    let written = tale.destination()?;

    let Symptom::Reason(Reason::SubsetUndefined { host, subset }) = tale.symptom else {
        return None;
    };
    let service = tale.store.service(host, &tale.proxy.namespace)?;
    let rule = tale
        .store
        .destination_rule(&service, &tale.proxy.namespace, &tale.proxy.labels);
    let label = match rule {
        None => "no DestinationRule for this host is in force".to_owned(),
        Some(rule) => {
            let names: Vec<&str> = rule.subsets.iter().map(|s| s.name.as_str()).collect();
            if names.is_empty() {
                "the DestinationRule defines no subsets".to_owned()
            } else {
                format!("defined are {}", names.join(", "))
            }
        }
    };
    let mut told = Told::at(object.id, destination.key("subset"), label).value(subset);
    if let Some(first) = rule.and_then(|r| r.objects.first()) {
        told = told.beside(
            *first,
            FieldPath::of("spec.subsets"),
            "the DestinationRule in force",
        );
    }
    debug_assert_eq!(written.subset, *subset);
    Some(told)
}
