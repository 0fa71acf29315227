//! The pods behind a Service: what lets it have some.

use super::{WAYS, add, patch, remove, replace, slip, spec};
use crate::causes::{Candidate, Tale};
use crate::predict::{WORKLOAD_KINDS, pod_spec, selects, target_port, workload_spec};
use crate::snapshot::views::{self, Container, Labels};
use crate::snapshot::{Kind, Object};

/// Gives a port of a Service without any endpoint the pods that were meant: by its target, or by its selector.
pub(in crate::causes) fn endpoints_of(
    tale: &Tale<'_, '_>,
    object: &Object,
    view: &views::ServiceSpec,
    number: u32,
) -> Vec<Candidate> {
    let target = target_number(tale, object, view, number);
    let mut all: Vec<Candidate> = target.into_iter().collect();
    all.extend(selector(tale, object, view).unwrap_or_default());
    all.truncate(WAYS);
    all
}

/// The labels and containers of the pods of a namespace, and what makes them.
pub(in crate::causes) fn workloads<'t>(
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
fn target_number(
    tale: &Tale<'_, '_>,
    object: &Object,
    view: &views::ServiceSpec,
    number: u32,
) -> Option<Candidate> {
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
    let field = spec().key("ports").index(index).key("targetPort");
    let title = format!("write the pods' port, {target}, in targetPort");
    Some(patch(title, object.id, vec![replace(&field, target)]))
}

/// No pod has all labels of the selector, but a workload lacks just one of them.
pub(in crate::causes) fn selector(
    tale: &Tale<'_, '_>,
    object: &Object,
    view: &views::ServiceSpec,
) -> Option<Vec<Candidate>> {
    let found = workloads(tale, &object.key.namespace);
    if found
        .iter()
        .any(|(_, labels, _)| selects(&view.selector, labels))
    {
        return None;
    }
    let field = spec().key("selector");
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
                || slip(other, value).is_some()
        };
        let operations = match labels.get(key).filter(|other| meant(other)) {
            Some(other) => vec![replace(&path, other.as_str())],
            None => {
                let Some((same, _)) = labels.iter().find(|(k, v)| *v == value && *k != key) else {
                    continue;
                };
                let added = add(&field.clone().key(same.clone()), value.as_str());
                vec![remove(&path), added]
            }
        };
        let title = format!("select the pods of {}", workload.key.name);
        let candidate = patch(title, object.id, operations);
        if !ways.iter().any(|w| w.changes == candidate.changes) {
            ways.push(candidate);
        }
    }
    Some(ways)
}
