//! SC-PODIP-DIRECT: no listener for a pod's own address.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-PODIP-DIRECT",
    title: "no listener for a pod's own address",
    severity: Severity::Error,
    what: "The connection goes on in plaintext as if the mesh did not know the pod, or ends in Envoy where only declared destinations are let out.",
    when: "The client dials a pod's address, and each Service that selects the pod for that port has a ClusterIP; none is headless.",
    why: "istiod builds outbound listeners for addresses of Services. Pods' addresses are endpoints behind them, and only a headless Service gives each a listener.",
    seen: &[
        "in Envoy's access log: PassthroughCluster, and the pod's address for upstream",
        "or BlackHoleCluster with the flag UH",
    ],
    fix: "Add a headless Service with the same selector and ports, with publishNotReadyAddresses where members find each other before they are ready; or dial the Service's name.",
    example: &[
        "  Service  selector: app=cache; port 5701",
        "+ Service  selector: app=cache; port 5701; clusterIP: None",
    ],
    also: &["SC-WILD-SE", "SC-HEADLESS-NOEP", "SC-E-PASSTHROUGH"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::PodAddress { pod, services } = tale.symptom else {
        return None;
    };
    let Some(service) = services.first() else {
        let labels = FieldPath::of("metadata.labels");
        return Some(Told::at(
            pod,
            labels,
            "no Service selects these for this port",
        ));
    };
    let field = FieldPath::of("spec.selector");
    let told = Told::at(
        *service,
        field,
        "its own address has a listener, its pods' have none",
    );
    Some(told.so(format!("what was dialled is pod {}", tale.name_of(pod))))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::PodAddress { services, .. } = tale.symptom else {
        return Vec::new();
    };
    sidecar::headless(tale, services)
}
