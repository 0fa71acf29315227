//! Are there ready pods behind the gateway's Service?

use super::{Barrier, selects};
use crate::predict::store::Store;
use crate::predict::{ProxyFacts, ProxySource, WORKLOAD_KINDS, target_port, workload_spec};
use crate::snapshot::views::{AsView, EndpointSlice, Pod, Service};
use crate::snapshot::{Kind, Object, ObjectId};

/// What shows that a Service has no ready endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unready {
    /// Its EndpointSlices.
    Slices,
    /// The pods' status: so many were read.
    Pods(usize),
    /// The workload, which makes no pods.
    NoReplicas(ObjectId),
}

/// Whether no ready pod of the proxy is behind its Service. EndpointSlices say it best, then the status of pods, then
/// the number of replicas; a pod without any status is one that was written by hand, and may well become ready.
pub(crate) fn unready(store: &Store<'_>, proxy: &ProxyFacts, service: &Object) -> Option<Barrier> {
    let spec = &Service::of(&service.view)?.spec;
    if spec.publish_not_ready_addresses {
        return None;
    }
    let found = |unready| {
        Some(Barrier::NoReadyPod {
            service: service.id,
            unready,
        })
    };
    let slices = store.slices(&service.key.namespace, &service.key.name);
    if !slices.is_empty() {
        let mut endpoints = slices
            .iter()
            .filter_map(|o| EndpointSlice::of(&o.view))
            .flat_map(|s| &s.endpoints);
        let ready = endpoints.any(|e| e.conditions.ready.unwrap_or(true));
        return if ready { None } else { found(Unready::Slices) };
    }
    let pods: Vec<&Pod> = match &proxy.source {
        ProxySource::Workload { pods, .. } => pods.as_slice(),
        ProxySource::Pod(pod) => std::slice::from_ref(pod),
        ProxySource::Assumed => return None,
    }
    .iter()
    .filter_map(|id| Pod::of(&store.snapshot.get(*id)?.view))
    .collect();
    if !pods.is_empty() {
        let out = |pod: &Pod| {
            let ready = pod.status.conditions.iter().find(|c| c.r#type == "Ready");
            ready.is_some_and(|c| c.status != "True")
        };
        return if pods.iter().all(|pod| out(pod)) {
            found(Unready::Pods(pods.len()))
        } else {
            None
        };
    }
    let workload = proxy.object().filter(|_| proxy.replicas == 0)?;
    found(Unready::NoReplicas(workload))
}

/// A Service in the proxy's namespace that has the port, selects no pod that was read, and would select the proxy's
/// but for one label. Only asked where no Service selects them.
pub(crate) fn misses_pods(
    store: &Store<'_>,
    proxy: &ProxyFacts,
    port: u32,
    bound: u32,
) -> Option<Barrier> {
    if proxy.is_assumed() {
        return None;
    }
    let selects_any = |service: &Service| {
        let selector = &service.spec.selector;
        let workloads = WORKLOAD_KINDS
            .into_iter()
            .flat_map(|kind| store.snapshot.of_kind(kind))
            .filter(|o| o.key.namespace == proxy.namespace)
            .filter_map(workload_spec)
            .map(|w| &w.template.metadata.labels);
        let pods = store.pods(&proxy.namespace).iter().map(|o| &o.meta.labels);
        workloads
            .chain(pods)
            .any(|labels| selects(selector, labels))
    };
    let leads = |service: &Service| {
        service.spec.ports.iter().any(|p| {
            p.port == port && target_port(p, &proxy.containers).is_ok_and(|target| target == bound)
        })
    };
    let services = store.snapshot.of_kind(Kind::Service);
    services
        .filter(|o| o.key.namespace == proxy.namespace)
        .filter_map(|o| Some((o, Service::of(&o.view)?)))
        .filter(|(_, s)| s.spec.r#type != "ExternalName" && leads(s) && !selects_any(s))
        .find_map(|(object, s)| {
            let labels = &proxy.labels;
            let mut differing = s
                .spec
                .selector
                .iter()
                .filter(|(k, v)| labels.get(k) != Some(*v));
            let (Some((key, _)), None) = (differing.next(), differing.next()) else {
                return None;
            };
            // With one label alone, only a Service that has the workload's name is surely meant for it.
            let meant = s.spec.selector.len() > 1 || object.key.name == proxy.name;
            (meant && labels.contains_key(key)).then(|| Barrier::SelectsNone {
                service: object.id,
                label: key.clone(),
            })
        })
}
