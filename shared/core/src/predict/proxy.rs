//! The facts about a proxy that prediction needs, from a pod or from the template of pods that do not exist yet.

use std::collections::{BTreeMap, BTreeSet};

use super::features::switch;
use super::injection::gets_sidecar;
use super::istiod::REVISION_LABEL;
use super::selects;
use crate::snapshot::views::{
    AsView, Container, DaemonSet, Deployment, Labels, Pod, PodSpec, StatefulSet, WorkloadSpec,
};
use crate::snapshot::{Kind, Object, ObjectId, Snapshot};

/// Prefix of the annotations about what is redirected.
pub(crate) const CAPTURE_PREFIX: &str = "traffic.sidecar.istio.io/";

/// What kind of proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyKind {
    /// A gateway.
    Router,
    /// Beside an application.
    Sidecar,
}

impl ProxyKind {
    /// The word in a node's id and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Sidecar => "sidecar",
        }
    }
}

/// Where the facts come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxySource {
    /// A workload, with the pods of it that were read.
    Workload {
        /// The Deployment, StatefulSet or DaemonSet.
        object: ObjectId,
        /// Its pods.
        pods: Vec<ObjectId>,
    },
    /// A pod of no workload that was read.
    Pod(ObjectId),
    /// Nothing was read: assumed from a Gateway's selector.
    Assumed,
}

/// What a sidecar tells istiod about itself: annotations and `ISTIO_META_…` variables.
/// After istio `pkg/model/proxy.go:NodeMetadata` (1.31).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// `INTERCEPTION_MODE` is `NONE`: nothing is redirected to the proxy.
    pub not_intercepted: bool,
    /// `DNS_CAPTURE`: the proxy answers the pod's DNS queries, so addresses that Istio gave to hosts are used.
    pub dns_capture: bool,
    /// `HTTP_PROXY_PORT`: port of an explicit HTTP proxy.
    pub http_proxy_port: Option<u32>,
}

impl Metadata {
    fn of(annotations: &Labels, containers: &[Container]) -> Self {
        let value = |name: &str| {
            let mut variables = containers.iter().flat_map(|c| &c.env);
            variables.find(|e| e.name == name).map(|e| e.value.as_str())
        };
        let mode = value("ISTIO_META_INTERCEPTION_MODE").or_else(|| {
            annotations
                .get("sidecar.istio.io/interceptionMode")
                .map(String::as_str)
        });
        Self {
            not_intercepted: mode == Some("NONE"),
            dns_capture: value("ISTIO_META_DNS_CAPTURE").is_some_and(|v| switch(v) == Some(true)),
            http_proxy_port: value("ISTIO_META_HTTP_PROXY_PORT").and_then(|v| v.parse().ok()),
        }
    }
}

/// One proxy, or a group of like ones.
#[derive(Clone, Debug, PartialEq)]
pub struct ProxyFacts {
    /// Namespace.
    pub namespace: String,
    /// The workload's name, or the pod's.
    pub name: String,
    /// Router or sidecar.
    pub kind: ProxyKind,
    /// Labels of the pods.
    pub labels: Labels,
    /// Containers, then restartable init containers: named target ports are looked up here.
    pub containers: Vec<Container>,
    /// Addresses of the pod; empty when unknown.
    pub ips: Vec<String>,
    /// `ISTIO_META_UNPRIVILEGED_POD`: ports below 1024 are skipped.
    pub unprivileged: bool,
    /// What a sidecar tells istiod besides.
    pub metadata: Metadata,
    /// Annotations of the pods.
    pub annotations: Labels,
    /// The pods share their node's network.
    pub host_network: bool,
    /// The first port that the proxy may bind, where the pod says so.
    pub first_port: Option<u32>,
    /// How many pods.
    pub replicas: u32,
    /// Where the facts come from.
    pub source: ProxySource,
}

impl ProxyFacts {
    /// `namespace/name`.
    #[must_use]
    pub fn qualified(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The annotations that say what is redirected to the proxy.
    #[must_use]
    pub(crate) fn captured(&self) -> Vec<(String, String)> {
        let all = self.annotations.iter();
        let own = all.filter(|(name, _)| name.starts_with(CAPTURE_PREFIX));
        own.map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// Whether nothing was read of it.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        self.source == ProxySource::Assumed
    }

    /// The object it was read from.
    #[must_use]
    pub fn object(&self) -> Option<ObjectId> {
        match &self.source {
            ProxySource::Workload { object, .. } | ProxySource::Pod(object) => Some(*object),
            ProxySource::Assumed => None,
        }
    }

    /// The proxy of one pod.
    #[must_use]
    pub fn of_pod(object: &Object) -> Option<Self> {
        let pod = Pod::of(&object.view)?;
        let mut ips: Vec<String> = pod.status.pod_ips.iter().map(|ip| ip.ip.clone()).collect();
        if ips.is_empty() && !pod.status.pod_ip.is_empty() {
            ips.push(pod.status.pod_ip.clone());
        }
        Some(Self {
            ips,
            replicas: 1,
            source: ProxySource::Pod(object.id),
            ..Self::of_spec(
                object,
                &object.meta.labels,
                &object.meta.annotations,
                &pod.spec,
            )
        })
    }

    /// The proxies that a workload's template makes.
    #[must_use]
    pub fn of_workload(object: &Object) -> Option<Self> {
        let spec = workload_spec(object)?;
        let template = &spec.template;
        Some(Self {
            replicas: spec.replicas.unwrap_or(1),
            source: ProxySource::Workload {
                object: object.id,
                pods: Vec::new(),
            },
            ..Self::of_spec(
                object,
                &template.metadata.labels,
                &template.metadata.annotations,
                &template.spec,
            )
        })
    }

    fn of_spec(object: &Object, labels: &Labels, annotations: &Labels, spec: &PodSpec) -> Self {
        let containers: Vec<Container> = containers(spec).cloned().collect();
        Self {
            namespace: object.key.namespace.clone(),
            name: object.key.name.clone(),
            kind: kind_of(annotations, spec),
            labels: labels.clone(),
            unprivileged: containers
                .iter()
                .flat_map(|c| &c.env)
                .any(|e| e.name == "ISTIO_META_UNPRIVILEGED_POD" && switch(&e.value) == Some(true)),
            metadata: Metadata::of(annotations, &containers),
            annotations: annotations.clone(),
            host_network: spec.host_network,
            first_port: first_port(spec),
            containers,
            ips: Vec::new(),
            replicas: 1,
            source: ProxySource::Assumed,
        }
    }

    /// A gateway that nothing was read of: it has just the labels that a Gateway selects.
    #[must_use]
    pub fn assumed(namespace: &str, selector: &Labels) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: "(assumed)".to_owned(),
            kind: ProxyKind::Router,
            labels: selector.clone(),
            containers: Vec::new(),
            ips: Vec::new(),
            unprivileged: false,
            metadata: Metadata::default(),
            annotations: Labels::new(),
            host_network: false,
            first_port: None,
            replicas: 1,
            source: ProxySource::Assumed,
        }
    }
}

/// The spec of a Deployment, StatefulSet or DaemonSet.
#[must_use]
pub fn workload_spec(object: &Object) -> Option<&WorkloadSpec> {
    let view = &object.view;
    Deployment::of(view)
        .map(|w| &w.spec)
        .or_else(|| StatefulSet::of(view).map(|w| &w.spec))
        .or_else(|| DaemonSet::of(view).map(|w| &w.spec))
}

/// The spec of a pod, or of the pods that a workload makes.
#[must_use]
pub fn pod_spec(object: &Object) -> Option<&PodSpec> {
    Pod::of(&object.view)
        .map(|p| &p.spec)
        .or_else(|| workload_spec(object).map(|w| &w.template.spec))
}

/// Its containers, then its restartable init containers.
pub(super) fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    let sidecars = spec
        .init_containers
        .iter()
        .filter(|c| c.restart_policy == "Always");
    spec.containers.iter().chain(sidecars)
}

/// Labels of the pods that a pod or a workload stands for, and the kind of their proxy. Most pods of a mesh are no
/// gateway's, so this is asked before their facts are taken.
pub(super) fn pods_of(object: &Object) -> Option<(&Labels, &PodSpec, ProxyKind)> {
    let Some(workload) = workload_spec(object) else {
        return pod_of(object);
    };
    let (meta, spec) = (&workload.template.metadata, &workload.template.spec);
    Some((&meta.labels, spec, kind_of(&meta.annotations, spec)))
}

fn pod_of(object: &Object) -> Option<(&Labels, &PodSpec, ProxyKind)> {
    let spec = &Pod::of(&object.view)?.spec;
    let meta = &object.meta;
    Some((&meta.labels, spec, kind_of(&meta.annotations, spec)))
}

/// Whether one of the containers runs Istio's proxy.
pub(super) fn runs_proxy(spec: &PodSpec) -> bool {
    containers(spec).any(|c| c.args.first().is_some_and(|a| a == "proxy"))
}

/// The kernel's setting for the first port that every process may bind.
const FIRST_PORT_SYSCTL: &str = "net.ipv4.ip_unprivileged_port_start";

/// The kinds whose template stands for pods.
pub const WORKLOAD_KINDS: [Kind; 3] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet];

/// The kernel's setting for ports that need a privilege, unless the proxy has it: it runs as root, or may bind any.
fn first_port(spec: &PodSpec) -> Option<u32> {
    let pod = &spec.security_context;
    let setting = pod.sysctls.iter().find(|s| s.name == FIRST_PORT_SYSCTL)?;
    let privileged = containers(spec).any(|c| {
        let own = &c.security_context;
        own.privileged
            || own.run_as_user.or(pod.run_as_user) == Some(0)
            || own
                .capabilities
                .add
                .iter()
                .any(|c| c == "NET_BIND_SERVICE" || c == "ALL")
    });
    if privileged {
        return None;
    }
    setting.value.parse().ok()
}

/// A router by `proxy router` among a container's arguments, or by the injection template that adds them.
fn kind_of(annotations: &Labels, spec: &PodSpec) -> ProxyKind {
    let by_template = annotations
        .get("inject.istio.io/templates")
        .is_some_and(|t| t.split(',').any(|name| name.trim() == "gateway"));
    let by_arguments = containers(spec).any(|c| {
        c.args
            .iter()
            .zip(c.args.iter().skip(1))
            .any(|(a, b)| a == "proxy" && b == "router")
    });
    if by_template || by_arguments {
        ProxyKind::Router
    } else {
        ProxyKind::Sidecar
    }
}

/// Every gateway workload of a snapshot, by namespace and name. Pods that a workload's template describes are
/// counted with their workload; other router pods with like labels form one group each.
#[must_use]
pub fn routers(snapshot: &Snapshot) -> Vec<ProxyFacts> {
    let mut found: BTreeMap<(String, String), ProxyFacts> = BTreeMap::new();
    for object in WORKLOAD_KINDS
        .into_iter()
        .flat_map(|kind| snapshot.of_kind(kind))
    {
        if let Some(facts) = ProxyFacts::of_workload(object)
            && facts.kind == ProxyKind::Router
        {
            found.insert((facts.namespace.clone(), facts.name.clone()), facts);
        }
    }
    for object in snapshot.of_kind(Kind::Pod) {
        let router = pod_of(object).is_some_and(|(_, _, kind)| kind == ProxyKind::Router);
        let Some(pod) = router.then(|| ProxyFacts::of_pod(object)).flatten() else {
            continue;
        };
        let owner = found.values_mut().find(|f| {
            f.namespace == pod.namespace
                && matches!(f.source, ProxySource::Workload { .. })
                && pod.name.starts_with(&f.name)
                && f.labels.iter().all(|(k, v)| pod.labels.get(k) == Some(v))
        });
        match owner {
            Some(workload) => {
                if let ProxySource::Workload { pods, .. } = &mut workload.source {
                    pods.push(object.id);
                    workload.replicas = u32::try_from(pods.len()).unwrap_or(u32::MAX);
                    workload.ips.clone_from(&pod.ips);
                    workload.containers.clone_from(&pod.containers);
                    workload.unprivileged |= pod.unprivileged;
                }
            }
            None => {
                found.insert((pod.namespace.clone(), pod.name.clone()), pod);
            }
        }
    }
    found.into_values().collect()
}

/// A workload or pod that a Gateway's selector fits and that runs a proxy, but no gateway's.
#[must_use]
pub fn not_a_router<'s>(snapshot: &'s Snapshot, selector: &Labels) -> Option<&'s Object> {
    if selector.is_empty() {
        return None;
    }
    let kinds = WORKLOAD_KINDS.into_iter().chain([Kind::Pod]);
    kinds
        .flat_map(|kind| snapshot.of_kind(kind))
        .find(|object| {
            pods_of(object).is_some_and(|(labels, spec, kind)| {
                kind == ProxyKind::Sidecar && selects(selector, labels) && runs_proxy(spec)
            })
        })
}

/// Whether any pod or workload that was read has a sidecar, or gets one by its namespace's label.
#[must_use]
pub fn has_sidecars(snapshot: &Snapshot) -> bool {
    let kinds = WORKLOAD_KINDS.into_iter().chain([Kind::Pod]);
    let mut objects = kinds.flat_map(|kind| snapshot.of_kind(kind));
    objects.any(|object| gets_sidecar(snapshot, object))
}

/// One sidecar for all that nothing tells apart in asking which istiod serves them: namespace, the labels' revision,
/// the proxy's image. A workload's template does not have that: its pods come first.
pub(super) fn sidecars_by_istiod(snapshot: &Snapshot) -> Vec<ProxyFacts> {
    let mut known: BTreeMap<(&str, Option<&String>), BTreeSet<Option<&str>>> = BTreeMap::new();
    let mut found = Vec::new();
    for object in snapshot.of_kind(Kind::Pod).chain(workloads(snapshot)) {
        let Some((labels, spec, ProxyKind::Sidecar)) = pods_of(object) else {
            continue;
        };
        let key = (object.key.namespace.as_str(), labels.get(REVISION_LABEL));
        let mut own = containers(spec).filter(|c| c.name == "istio-proxy");
        let image = own.next().map(|c| c.image.as_str());
        let images = known.get(&key);
        let again = images.is_some_and(|images| image.is_none() || images.contains(&image));
        if again || !gets_sidecar(snapshot, object) {
            continue;
        }
        known.entry(key).or_default().insert(image);
        found.extend(match object.key.kind {
            Kind::Pod => ProxyFacts::of_pod(object),
            _ => ProxyFacts::of_workload(object),
        });
    }
    found
}

/// The objects whose template stands for pods.
pub(super) fn workloads(snapshot: &Snapshot) -> impl Iterator<Item = &Object> {
    let kinds = WORKLOAD_KINDS.into_iter();
    kinds.flat_map(|kind| snapshot.of_kind(kind))
}

/// Whether a pod is one of those that a workload's template describes.
pub(super) fn owns(workload: &ProxyFacts, pod: &ProxyFacts) -> bool {
    let mut labels = workload.labels.iter();
    workload.namespace == pod.namespace
        && pod.name.starts_with(&workload.name)
        && labels.all(|(k, v)| pod.labels.get(k) == Some(v))
}
