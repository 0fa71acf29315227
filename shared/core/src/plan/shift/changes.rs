//! What is written: missing subsets first, then just the weights that differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::group::proxies;
use super::work::Work;
use super::{Stop, written};
use crate::ledger::Reason;
use crate::plan::weights;
use crate::predict::store::Service;
use crate::predict::{ProxyFacts, Reached, WORKLOAD_KINDS, reached, selects, workload_spec};
use crate::snapshot::views::{AsView, Destination, DestinationRule, Labels, PortSelector};
use crate::snapshot::{Change, Kind, Operation, Snapshot};

/// The label that a new subset goes by.
const VERSION: &str = "version";

impl Work<'_, '_> {
    /// The changes of DestinationRules for subsets that are missing.
    pub(super) fn subsets(&mut self, after: &[u32]) -> Result<Vec<Change>, Stop> {
        let proxies = proxies(self.classes, &self.uses, self.vs);
        let mut changes: Vec<Change> = Vec::new();
        let groups = self.groups.clone();
        let shares = after;
        for (group, after) in groups.iter().zip(after) {
            if *after == 0 {
                continue;
            }
            let missing = proxies.iter().find_map(|(proxy, declared)| {
                let (vs, block) = (self.vs, self.rule.block);
                let found = reached(self.store, proxy, vs, block, &group.destination, *declared);
                let undefined = matches!(found.cluster, Err(Reason::SubsetUndefined { .. }));
                undefined.then_some((proxy, found))
            });
            let Some((proxy, found)) = missing else {
                continue;
            };
            let service = self.service(&group.host, proxy, &found);
            let Some(service) = service.filter(|_| self.request.create_subsets) else {
                if *after > group.now {
                    return Err(self.refused(
                        self.unknown_subset(&group.destination.subset, &group.host, &proxies),
                        shares,
                    ));
                }
                continue;
            };
            let subset = group.destination.subset.as_str();
            if !versions(self.store.snapshot, &service).contains(subset) {
                return Err(
                    self.refused(self.unknown_subset(subset, &group.host, &proxies), shares)
                );
            }
            self.create_subset(&service, proxy, subset, &mut changes);
        }
        Ok(changes)
    }

    pub(super) fn service(
        &self,
        host: &str,
        proxy: &ProxyFacts,
        found: &Reached,
    ) -> Option<Service> {
        let service = self.store.service(host, &proxy.namespace)?;
        (Some(service.object) == found.service).then(|| service.into_owned())
    }

    pub(super) fn create_subset(
        &mut self,
        service: &Service,
        proxy: &ProxyFacts,
        subset: &str,
        changes: &mut Vec<Change>,
    ) {
        let item = json!({"name": subset, "labels": {VERSION: subset}});
        let in_force = self
            .store
            .destination_rule(service, &proxy.namespace, &proxy.labels)
            .and_then(|rule| rule.objects.first())
            .and_then(|id| self.store.snapshot.get(*id));
        if let Some(object) = in_force {
            self.notes
                .push(format!("subset {subset} is added to {}", object.key));
            let spec = DestinationRule::of(&object.view).map(|v| &v.spec);
            let started = changes.iter_mut().find_map(|change| match change {
                Change::Patch {
                    object: id,
                    operations,
                } if *id == object.id => Some(operations),
                _ => None,
            });
            let empty = spec.is_none_or(|s| s.subsets.is_empty()) && started.is_none();
            let operation = if empty {
                Operation::Add {
                    path: "/spec/subsets".to_owned(),
                    value: json!([item]),
                }
            } else {
                Operation::Add {
                    path: "/spec/subsets/-".to_owned(),
                    value: item,
                }
            };
            match started {
                Some(operations) => operations.push(operation),
                None => changes.push(Change::Patch {
                    object: object.id,
                    operations: vec![operation],
                }),
            }
            return;
        }
        let started = changes.iter_mut().find_map(|change| match change {
            Change::Create { object, .. }
                if object.pointer("/spec/host") == Some(&json!(service.hostname)) =>
            {
                object
                    .pointer_mut("/spec/subsets")
                    .and_then(Value::as_array_mut)
            }
            _ => None,
        });
        if let Some(subsets) = started {
            subsets.push(item);
            return;
        }
        let short = service.hostname.split('.').next().unwrap_or_default();
        let namespace = service.namespace.as_str();
        let taken = |name: &str| {
            let snapshot = self.store.snapshot;
            snapshot
                .find(Kind::DestinationRule, namespace, name)
                .is_some()
        };
        let name = if taken(short) {
            format!("{short}-subsets")
        } else {
            short.to_owned()
        };
        self.notes.push(format!(
            "subset {subset} is defined by a new DestinationRule {namespace}/{name}: none was in force"
        ));
        changes.push(Change::Create {
            kind: Kind::DestinationRule,
            object: json!({
                "apiVersion": "networking.istio.io/v1",
                "kind": "DestinationRule",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"host": service.hostname, "subsets": [item]},
            }),
            beside: Some(self.rule.object),
        });
    }

    /// The change of the VirtualService: only the weights that differ, and new destinations behind the others.
    pub(super) fn patch(&self, after: &[u32]) -> Option<Change> {
        let written = written(self.vs, self.rule);
        let mut wanted: BTreeMap<usize, u32> = BTreeMap::new();
        let mut new = Vec::new();
        for (group, share) in self.groups.iter().zip(after) {
            for (place, share) in group
                .places
                .iter()
                .zip(weights::spread(*share, &group.shares))
            {
                wanted.insert(*place, share);
            }
            if group.places.is_empty() && *share > 0 {
                new.push((group, *share));
            }
        }
        let wanted: Vec<u32> = wanted.into_values().collect();
        if new.is_empty() && weights::stand_already(&written, &wanted) {
            return None;
        }
        let route = self.rule.route().pointer();
        let mut operations = Vec::new();
        for (n, (old, new)) in written.iter().zip(wanted).enumerate() {
            let path = format!("{route}/{n}/weight");
            let value = json!(new);
            match old {
                Some(old) if u32::try_from(*old) == Ok(new) => {}
                Some(_) => operations.push(Operation::Replace { path, value }),
                None if new == 0 => {}
                None => operations.push(Operation::Add { path, value }),
            }
        }
        for (group, share) in new {
            operations.push(Operation::Add {
                path: format!("{route}/-"),
                value: written_destination(&group.destination, share),
            });
        }
        (!operations.is_empty()).then_some(Change::Patch {
            object: self.rule.object,
            operations,
        })
    }
}

fn written_destination(destination: &Destination, weight: u32) -> Value {
    let mut inner = json!({"host": destination.host});
    if let (Some(PortSelector { number }), Some(map)) = (&destination.port, inner.as_object_mut()) {
        map.insert("port".to_owned(), json!({"number": number}));
    }
    if let (false, Some(map)) = (destination.subset.is_empty(), inner.as_object_mut()) {
        map.insert("subset".to_owned(), json!(destination.subset));
    }
    json!({"destination": inner, "weight": weight})
}

/// The values of the version label among the pods and templates that a service selects.
pub(super) fn versions(snapshot: &Snapshot, service: &Service) -> BTreeSet<String> {
    let version = |labels: &Labels| {
        let chosen = !service.selector.is_empty() && selects(&service.selector, labels);
        labels.get(VERSION).filter(|_| chosen).cloned()
    };
    let here = |namespace: &str| namespace == service.namespace;
    let pods = snapshot
        .of_kind(Kind::Pod)
        .filter(|o| here(&o.key.namespace))
        .filter_map(|o| version(&o.meta.labels));
    let templates = WORKLOAD_KINDS
        .into_iter()
        .flat_map(|kind| snapshot.of_kind(kind))
        .filter(|o| here(&o.key.namespace))
        .filter_map(|o| version(&workload_spec(o)?.template.metadata.labels));
    pods.chain(templates).collect()
}
