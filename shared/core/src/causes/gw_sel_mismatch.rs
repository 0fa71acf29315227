//! GW-SEL-MISMATCH: the selector does not fit this pod.

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::predict::{routers, selects};
use crate::snapshot::views::Labels;
use crate::snapshot::{FieldPath, Operation, views};

pub(super) static PAGE: Page = Page {
    code: "GW-SEL-MISMATCH",
    title: "the selector does not fit this pod",
    severity: Severity::Error,
    what: "The Gateway that declares the port is ignored for this pod; other Gateways may still apply to it.",
    when: "A key of spec.selector is missing from the pod's metadata.labels or has another value there.",
    why: "All labels of the selector must be on the pod. The chart `gateway` sets the label `istio` to the release's name without a leading `istio-`: a release istio-ingress has `istio: ingress`, not `istio: ingressgateway`. Labels on the Deployment or the Service do not count.",
    seen: &[
        "nothing in istiod's log at its usual level",
        "on the mesh: kubectl get pods -A --show-labels",
        "istioctl analyze: IST0101 for the selector, if it fits no pod at all",
    ],
    fix: "Make spec.selector equal to labels of the pod.",
    example: &[
        "  Pod      metadata.labels.istio: ingress",
        "- Gateway  selector.istio: ingressgateway",
        "+ Gateway  selector.istio: ingress",
    ],
    also: &["GW-NONE-SELECTS", "GW-SEL-NS-SCOPED", "GW-REV-MISMATCH"],
    source: "pilot/pkg/model/push_context.go:PushContext.mergeGateways",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let selector = &tale.view::<views::Gateway>(object.id)?.spec.selector;
    let differing = selector
        .iter()
        .find(|(key, value)| tale.proxy.labels.get(key) != Some(*value))?;
    let (key, value) = differing;
    let label = match tale.proxy.labels.get(key) {
        Some(other) => format!("the gateway's pods have {key}: {other}"),
        None => format!("the gateway's pods have no label {key}"),
    };
    let mut told =
        Told::at(object.id, FieldPath::of("spec.selector"), label).value(format!("{key}: {value}"));
    if let Some(workload) = tale.proxy.object() {
        told = told.so(format!(
            "no pod has these labels; the nearest are those of {}",
            tale.name_of(workload)
        ));
    }
    Some(told)
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    selector(tale).into_iter().collect()
}

/// The pods' own values, where they have the labels; else the fewest labels that are theirs alone.
fn selector(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let object = tale.object()?;
    let selector = &tale.view::<views::Gateway>(object.id)?.spec.selector;
    let labels = &tale.proxy.labels;
    let field = build::spec().key("selector");
    let differing = selector
        .iter()
        .filter(|(key, value)| labels.get(key) != Some(*value));
    let values: Option<Vec<Operation>> = differing
        .map(|(key, _)| {
            let own = labels.get(key).filter(|_| is_stable(key))?;
            Some(build::replace(
                &field.clone().key(key.clone()),
                own.as_str(),
            ))
        })
        .collect();
    let operations = match values {
        Some(operations) => operations,
        None => vec![build::replace(&field, json!(fewest(tale)?))],
    };
    let title = format!("select {}", tale.proxy.qualified());
    Some(build::patch(title, object.id, operations))
}

/// Whether a label stays when the workload is changed.
fn is_stable(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    !matches!(
        name,
        "pod-template-hash"
            | "controller-revision-hash"
            | "version"
            | "chart"
            | "rev"
            | "revision"
            | "pod-name"
            | "pod-index"
            | "pod-template-generation"
            | "heritage"
            | "release"
            | "managed-by"
            | "inject"
            | "canonical-revision"
    ) && !key.starts_with("helm.sh/")
}

/// The fewest labels that no other gateway workload has all of.
fn fewest(tale: &Tale<'_, '_>) -> Option<Labels> {
    let rank = |key: &str| match key {
        "istio" => 0,
        "app" => 1,
        _ => 2,
    };
    let mut stable: Vec<_> = tale
        .proxy
        .labels
        .iter()
        .filter(|(k, _)| is_stable(k))
        .collect();
    stable.sort_by_key(|(key, _)| rank(key));
    let others: Vec<_> = routers(tale.store.snapshot)
        .into_iter()
        .filter(|r| r.qualified() != tale.proxy.qualified())
        .collect();
    let alone = |labels: &Labels| !others.iter().any(|o| selects(labels, &o.labels));
    let one = stable
        .iter()
        .map(|(k, v)| Labels::from([((*k).clone(), (*v).clone())]));
    let two = stable.iter().enumerate().flat_map(|(n, a)| {
        stable.iter().skip(n + 1).map(|b| {
            let owned = |(k, v): &(&String, &String)| ((*k).clone(), (*v).clone());
            Labels::from([owned(a), owned(b)])
        })
    });
    let all = || {
        stable
            .iter()
            .map(|(k, v)| ((*k).clone(), (*v).clone()))
            .collect()
    };
    if stable.is_empty() {
        return None;
    }
    one.chain(two)
        .find(|labels| alone(labels))
        .or_else(|| Some(all()))
}
