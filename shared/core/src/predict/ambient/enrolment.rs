//! Whether connections of a pod come to its node's ztunnel. After istio
//! `cni/pkg/util/enablement_selector.go:CompiledEnablementSelectors.Matches` with the selectors of the chart `istio-cni`,
//! and `cni/pkg/util/podutil.go:PodFullyEnrolled` (1.31).

use crate::predict::proxy::{pod_spec, workload_spec, workloads};
use crate::snapshot::views::Labels;
use crate::snapshot::{Kind, Object, Snapshot};

/// The label of namespaces and pods that says how their connections join the mesh.
pub const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";

/// What Istio's CNI agent writes on a pod when its connections are redirected.
const REDIRECTION: &str = "ambient.istio.io/redirection";

/// Why connections of a pod do not come to ztunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEnrolled {
    /// The pod shares its node's network.
    HostNetwork,
    /// Its label says `none`.
    OptedOut,
    /// Neither it nor its namespace has the label.
    NotAsked,
    /// It asks for it, and the agent on its node has not done it: the pod lacks the annotation.
    NotRedirected,
}

impl NotEnrolled {
    /// In a few words, for the path.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::HostNetwork => "it shares its node's network",
            Self::OptedOut => "its label says none",
            Self::NotAsked => "no label asks for ambient",
            Self::NotRedirected => "its node's agent has not redirected it",
        }
    }
}

/// Labels and annotations of the pods that an object stands for.
fn of_pods(object: &Object) -> (&Labels, &Labels) {
    match workload_spec(object) {
        Some(workload) => {
            let meta = &workload.template.metadata;
            (&meta.labels, &meta.annotations)
        }
        None => (&object.meta.labels, &object.meta.annotations),
    }
}

/// The Namespace of an object, where it was read.
pub(super) fn namespace<'s>(snapshot: &'s Snapshot, object: &Object) -> Option<&'s Object> {
    snapshot.find(Kind::Namespace, "", &object.key.namespace)
}

fn says_ambient(labels: &Labels) -> bool {
    labels.get(DATAPLANE_MODE).is_some_and(|v| v == "ambient")
}

/// Whether the pod or its namespace says anything about ambient.
pub(super) fn named(snapshot: &Snapshot, object: &Object) -> bool {
    let (labels, annotations) = of_pods(object);
    labels.contains_key(DATAPLANE_MODE)
        || annotations.contains_key(REDIRECTION)
        || namespace(snapshot, object).is_some_and(|n| says_ambient(&n.meta.labels))
}

/// Whether anything that was read is in ambient mode.
pub(super) fn in_use(snapshot: &Snapshot) -> bool {
    let namespaces = snapshot.of_kind(Kind::Namespace);
    let pods = snapshot.of_kind(Kind::Pod).chain(workloads(snapshot));
    namespaces.map(|n| &n.meta.labels).any(says_ambient)
        || pods.map(|o| of_pods(o).0).any(says_ambient)
}

/// Whether connections of the pods of an object without a sidecar come to ztunnel, and why not.
pub(crate) fn enrolled(snapshot: &Snapshot, object: &Object) -> Result<(), NotEnrolled> {
    let (labels, annotations) = of_pods(object);
    if pod_spec(object).is_some_and(|spec| spec.host_network) {
        return Err(NotEnrolled::HostNetwork);
    }
    if annotations.get(REDIRECTION).is_some_and(|v| v == "enabled") {
        return Ok(());
    }
    let own = labels.get(DATAPLANE_MODE).map(String::as_str);
    let of_namespace = || namespace(snapshot, object).is_some_and(|n| says_ambient(&n.meta.labels));
    match own {
        Some("ambient") => {}
        Some("none") => return Err(NotEnrolled::OptedOut),
        _ if of_namespace() => {}
        _ => return Err(NotEnrolled::NotAsked),
    }
    // A manifest does not show what the agent does when the pod is there.
    let running = object.key.kind == Kind::Pod && object.meta.creation_timestamp.is_some();
    if running {
        Err(NotEnrolled::NotRedirected)
    } else {
        Ok(())
    }
}
