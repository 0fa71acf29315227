//! SC-NOPORTS: the Service declares no port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::predict::store::Service;
use crate::snapshot::{FieldPath, ObjectId};

pub(super) static PAGE: Page = Page {
    code: "SC-NOPORTS",
    title: "the Service declares no port",
    severity: Severity::Error,
    what: "There is no listener and no cluster for it. Its DNS names work all the same, and connections to them are judged as ones to addresses that nobody declared.",
    when: "spec.ports is empty: the API takes that of a headless Service, and StatefulSets need no more.",
    why: "istiod builds listeners for ports. Without any there is nothing to build, whatever the pods listen on.",
    seen: &["in Envoy's access log: PassthroughCluster with a pod's address"],
    fix: "Add the ports that clients dial, with the protocol in their names.",
    example: &[
        "  Service  clusterIP: None",
        "+ Service  ports: [{name: tcp-cache, port: 5701}]",
    ],
    also: &["SC-NO-SUCH-PORT", "SC-PODIP-DIRECT"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

/// Whether a service has no port at all.
pub(super) fn has_none(tale: &Tale<'_, '_>, service: ObjectId) -> bool {
    let mut all = tale.store.services.iter();
    all.find(|s: &&Service| s.object == service)
        .is_some_and(|s| s.ports.is_empty())
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::NoSuchPort { service } = tale.symptom else {
        return None;
    };
    Some(Told::at(service, FieldPath::of("spec"), "no ports"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::NoSuchPort { service } = tale.symptom else {
        return Vec::new();
    };
    sidecar::add_port(tale, service).into_iter().collect()
}
