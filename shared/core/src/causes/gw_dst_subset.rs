//! GW-DST-SUBSET: this subset is not defined.

use std::borrow::Cow;

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Block, Reason, Step};
use crate::predict::store::{DestinationRule, Service};
use crate::predict::{WORKLOAD_KINDS, selects, workload_spec};
use crate::snapshot::views::{self, Labels};
use crate::snapshot::{FieldPath, Kind, ObjectId};

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
    fixes: Fixes::By(fixes),
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

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let near = written(tale).map(|w| w.near());
    let mut all = near.unwrap_or_default();
    all.extend(written(tale).and_then(|w| w.defined()));
    all.extend(written(tale).and_then(|w| w.only_one()));
    all.extend(written(tale).and_then(|w| w.without()));
    all.truncate(build::WAYS);
    all
}

/// The subset that is not defined, and what is.
struct Written<'w, 't, 'a> {
    tale: &'w Tale<'t, 'a>,
    object: ObjectId,
    field: FieldPath,
    subset: &'w str,
    service: Cow<'t, Service>,
    rule: Option<&'t DestinationRule>,
}

fn written<'w, 't, 'a>(tale: &'w Tale<'t, 'a>) -> Option<Written<'w, 't, 'a>> {
    let Symptom::Reason(Reason::SubsetUndefined { host, subset }) = tale.symptom else {
        return None;
    };
    let (store, proxy) = (tale.store, tale.proxy);
    let service = store.service(host, &proxy.namespace)?;
    let rule = store.destination_rule(&service, &proxy.namespace, &proxy.labels);
    Some(Written {
        tale,
        object: tale.object()?.id,
        field: tale.step()?.field().key("subset"),
        subset,
        service,
        rule,
    })
}

impl Written<'_, '_, '_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.rule
            .iter()
            .flat_map(|r| &r.subsets)
            .map(|s| s.name.as_str())
    }

    fn write(&self, name: &str) -> Candidate {
        let title = format!("write subset {name}");
        build::patch(title, self.object, vec![build::replace(&self.field, name)])
    }

    /// Subsets whose name this could be a slip of.
    fn near(&self) -> Vec<Candidate> {
        let mut near: Vec<_> = self
            .names()
            .filter_map(|name| build::slip(name, self.subset).map(|distance| (distance, name)))
            .collect();
        near.sort_unstable();
        near.into_iter().map(|(_, name)| self.write(name)).collect()
    }

    /// The only subset that is defined; not beside other destinations, whose shares it would take.
    fn only_one(&self) -> Option<Candidate> {
        let Step::Destination { block, rule, .. } = self.tale.step()? else {
            return None;
        };
        let spec = self.tale.virtual_service()?;
        let destinations = match block {
            Block::Tcp => spec.tcp.get(*rule)?.route.len(),
            Block::Tls => spec.tls.get(*rule)?.route.len(),
            Block::Http => spec.http.get(*rule)?.route.len(),
        };
        if destinations > 1 {
            return None;
        }
        let mut names = self.names();
        let name = names
            .next()
            .filter(|name| build::slip(name, self.subset).is_none())?;
        if names.next().is_some() {
            return None;
        }
        let mut candidate = self.write(name);
        candidate.because = Some(format!("{name} is the only subset that is defined"));
        Some(candidate)
    }

    /// Defines it by the label `version`, if pods of the service have that value.
    fn defined(&self) -> Option<Candidate> {
        let snapshot = self.tale.store.snapshot;
        let service = &self.service;
        let of_subset = |labels: &Labels| {
            selects(&service.selector, labels)
                && labels.get("version").is_some_and(|v| v == self.subset)
        };
        let found = WORKLOAD_KINDS
            .into_iter()
            .chain([Kind::Pod])
            .flat_map(|kind| snapshot.of_kind(kind))
            .filter(|o| o.key.namespace == service.namespace)
            .any(|o| match workload_spec(o) {
                Some(workload) => of_subset(&workload.template.metadata.labels),
                None => of_subset(&o.meta.labels),
            });
        if !found || service.selector.is_empty() {
            return None;
        }
        let item = json!({ "name": self.subset, "labels": { "version": self.subset } });
        let Some(first) = self.rule.and_then(|r| r.objects.first()) else {
            let change = build::destination_rule(self.tale, service, &item);
            return Some(Candidate::new("add this DestinationRule", vec![change]));
        };
        let own = self
            .tale
            .view::<views::DestinationRule>(*first)?
            .spec
            .subsets
            .len();
        let list = build::spec().key("subsets");
        let title = format!("define subset {}", self.subset);
        Some(build::patch(
            title,
            *first,
            vec![build::append(&list, own, item)],
        ))
    }

    /// Every endpoint of the service.
    fn without(&self) -> Option<Candidate> {
        let title = "leave the subset out: every endpoint takes part";
        Some(build::patch(
            title,
            self.object,
            vec![build::remove(&self.field)],
        ))
    }
}
