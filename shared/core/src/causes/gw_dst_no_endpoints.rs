//! GW-DST-NO-ENDPOINTS: this cluster has no ready endpoint.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Reason;
use crate::predict::{WORKLOAD_KINDS, pod_spec, selects, target_port, workload_spec};
use crate::snapshot::views::{self, Container, Labels};
use crate::snapshot::{FieldPath, Kind, Object};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-NO-ENDPOINTS",
    title: "this cluster has no ready endpoint",
    severity: Severity::Error,
    what: "The way ends behind the listener. TCP connections are accepted and closed; HTTP gets 503.",
    when: "The cluster exists and has no endpoint in good health: the Service's selector fits no ready pod, the targetPort's name is on no container, or the subset's labels fit no pod.",
    why: "Endpoints come from the Service's EndpointSlices, for a subset only those of pods with its labels. istiod builds listener, route and cluster without them.",
    seen: &[
        "in Envoy's stats: cluster.NAME.membership_healthy: 0",
        "in Envoy's access log: the flag UH",
        "on the mesh: kubectl get endpointslices -n NS -l kubernetes.io/service-name=NAME",
    ],
    fix: "Make the pods ready, or correct the Service's selector, its targetPort or the subset's labels.",
    example: &[
        "  Pod      metadata.labels.app: kafka-broker",
        "- Service  selector.app: kafka",
        "+ Service  selector.app: kafka-broker",
    ],
    also: &[
        "GW-DST-CONNECT-FAIL",
        "GW-DST-SUBSET",
        "NET-SVC-NO-ENDPOINT",
    ],
    source: "pilot/pkg/xds/endpoints/endpoint_builder.go:EndpointBuilder",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let destination = tale.step()?.field();
    let Symptom::Reason(Reason::NoEndpoints { cluster }) = tale.symptom else {
        return None;
    };
    let host = cluster.rsplit('|').next()?;
    let service = tale.store.service(host, &tale.proxy.namespace)?;
    let found = tale.store.snapshot.get(service.object)?;
    let (field, label) = if found.key.kind == Kind::Service {
        (
            "spec.selector",
            "no ready pod has these labels and this port",
        )
    } else {
        ("spec.endpoints", "no endpoint")
    };
    let told = Told::at(service.object, FieldPath::of(field), label);
    Some(told.beside(object.id, destination.key("host"), "leads here"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = target_number(tale).into_iter().collect();
    all.extend(selector(tale).unwrap_or_default());
    all.truncate(build::WAYS);
    all
}

/// The Service of the cluster, and the port that is used.
fn written<'t>(tale: &Tale<'t, '_>) -> Option<(&'t Object, &'t views::ServiceSpec, u32)> {
    let Symptom::Reason(Reason::NoEndpoints { cluster }) = tale.symptom else {
        return None;
    };
    let mut parts = cluster.split('|');
    let port = parts.nth(1)?.parse().ok()?;
    let host = parts.next_back()?;
    let service = tale.store.service(host, &tale.proxy.namespace)?;
    let object = tale.store.snapshot.get(service.object)?;
    let view = &tale.view::<views::Service>(object.id)?.spec;
    Some((object, view, port))
}

/// The labels and containers of the pods of a namespace, and what makes them.
fn workloads<'t>(
    tale: &Tale<'t, '_>,
    namespace: &str,
) -> Vec<(&'t Object, &'t Labels, &'t [Container])> {
    let kinds = WORKLOAD_KINDS.into_iter().chain([Kind::Pod]);
    kinds
        .flat_map(|kind| tale.store.snapshot.of_kind(kind))
        .filter(|o| o.key.namespace == namespace)
        .filter_map(|o| {
            let labels = match workload_spec(o) {
                Some(workload) => &workload.template.metadata.labels,
                None => &o.meta.labels,
            };
            Some((o, labels, pod_spec(o)?.containers.as_slice()))
        })
        .collect()
}

/// The pods are there, but the named target port is not: writes the number of their port.
fn target_number(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (object, view, number) = written(tale)?;
    let index = view.ports.iter().position(|p| p.port == number)?;
    let port = view.ports.get(index)?;
    let selected = workloads(tale, &object.key.namespace)
        .into_iter()
        .find(|(_, labels, _)| !view.selector.is_empty() && selects(&view.selector, labels))?;
    let (_, _, containers) = selected;
    target_port(port, containers).err()?;
    let declared = || {
        let ports = containers.iter().flat_map(|c| &c.ports);
        ports
            .filter(|p| p.protocol.is_empty() || p.protocol == "TCP")
            .map(|p| p.container_port)
    };
    let mut all = declared();
    let target = declared().find(|p| *p == number).or_else(|| {
        let first = all.next()?;
        all.next().is_none().then_some(first)
    })?;
    let field = build::spec().key("ports").index(index).key("targetPort");
    let title = format!("write the pods' port, {target}, in targetPort");
    Some(build::patch(
        title,
        object.id,
        vec![build::replace(&field, target)],
    ))
}

/// No pod has all labels of the selector, but a workload lacks just one of them.
fn selector(tale: &Tale<'_, '_>) -> Option<Vec<Candidate>> {
    let (object, view, _) = written(tale)?;
    let found = workloads(tale, &object.key.namespace);
    if found
        .iter()
        .any(|(_, labels, _)| selects(&view.selector, labels))
    {
        return None;
    }
    let field = build::spec().key("selector");
    let mut ways: Vec<Candidate> = Vec::new();
    for (workload, labels, _) in found {
        let mut differing = view
            .selector
            .iter()
            .filter(|(k, v)| labels.get(k) != Some(*v));
        let (Some((key, value)), None) = (differing.next(), differing.next()) else {
            continue;
        };
        let path = field.clone().key(key.clone());
        // With one label alone, any workload would do: only one that has its name is meant.
        let meant = |other: &str| {
            view.selector.len() > 1
                || workload.key.name == object.key.name
                || workload.key.name == *value
                || build::slip(other, value).is_some()
        };
        let operations = match labels.get(key).filter(|other| meant(other)) {
            Some(other) => vec![build::replace(&path, other.as_str())],
            None => {
                let Some((same, _)) = labels.iter().find(|(k, v)| *v == value && *k != key) else {
                    continue;
                };
                let added = build::add(&field.clone().key(same.clone()), value.as_str());
                vec![build::remove(&path), added]
            }
        };
        let title = format!("select the pods of {}", workload.key.name);
        let candidate = build::patch(title, object.id, operations);
        if !ways.iter().any(|w| w.changes == candidate.changes) {
            ways.push(candidate);
        }
    }
    Some(ways)
}
