//! Which mode of mutual TLS a port of the pod has.
//! After istio `pilot/pkg/security/authn/policy_applier.go:ComposePeerAuthentication` (1.31).

use std::collections::BTreeMap;

use crate::predict::selects;
use crate::predict::store::Store;
use crate::snapshot::views::{
    AsView, Labels, MutualTls, PeerAuthentication, PeerAuthenticationSpec,
};

/// Whether clients must, may or cannot speak Istio's mutual TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Strict,
    Permissive,
    Disable,
}

impl Mode {
    /// `None` takes what the wider policy says.
    fn of(written: Option<&MutualTls>) -> Option<Self> {
        match written?.mode.as_str() {
            "STRICT" => Some(Self::Strict),
            "PERMISSIVE" => Some(Self::Permissive),
            "DISABLE" => Some(Self::Disable),
            _ => None,
        }
    }
}

/// The modes of a pod's ports.
#[derive(Debug)]
pub(super) struct Modes {
    /// Of ports that nothing is said about.
    pub(super) general: Mode,
    /// By port of the pod.
    pub(super) by_port: BTreeMap<u32, Mode>,
}

impl Modes {
    /// Of a port of the pod.
    pub(super) fn of_port(&self, port: u32) -> Mode {
        self.by_port.get(&port).copied().unwrap_or(self.general)
    }

    /// From the mesh's policy, the namespace's and the workload's: the narrowest that says anything. Of two at one
    /// level the oldest counts; one with a selector in the root namespace counts nowhere.
    pub(super) fn of(store: &Store<'_>, namespace: &str, labels: &Labels) -> Self {
        let here = if namespace == store.mesh.root_namespace {
            Vec::new()
        } else {
            policies(store, namespace)
        };
        let workload = here
            .iter()
            .find(|p| p.labels().is_some_and(|l| selects(l, labels)));
        let general = workload
            .and_then(|p| Mode::of(p.mtls.as_ref()))
            .unwrap_or_else(|| Self::of_namespace(store, namespace));
        let by_port = workload
            .into_iter()
            .flat_map(|p| &p.port_level_mtls)
            .filter_map(|(port, written)| {
                let mode = Mode::of(Some(written)).unwrap_or(general);
                Some((port.parse().ok()?, mode))
            })
            .collect();
        Self { general, by_port }
    }

    /// What the policies of a namespace and of the mesh say that select no workload.
    pub(super) fn of_namespace(store: &Store<'_>, namespace: &str) -> Mode {
        let wide = |namespace: &str| {
            let all = policies(store, namespace);
            let first = all.iter().find(|p| p.labels().is_none());
            first.and_then(|p| Mode::of(p.mtls.as_ref()))
        };
        wide(namespace)
            .or_else(|| wide(&store.mesh.root_namespace))
            .unwrap_or(Mode::Permissive)
    }
}

/// The PeerAuthentications of a namespace, oldest first.
fn policies<'s>(store: &'s Store<'_>, namespace: &str) -> Vec<&'s PeerAuthenticationSpec> {
    let objects = store.peer_authentications(namespace).iter();
    objects
        .filter_map(|o| PeerAuthentication::of(&o.view).map(|p| &p.spec))
        .collect()
}
