//! SC-HEADLESS-NOEP: headless without endpoints.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, sidecar};
use crate::ledger::Step;

pub(super) static PAGE: Page = Page {
    code: "SC-HEADLESS-NOEP",
    title: "headless without endpoints",
    severity: Severity::Error,
    what: "No listener at all for this port: connections pass through or are refused.",
    when: "The Service is headless (clusterIP: None), the port is not HTTP, and no endpoint has a port of that name. Endpoints that are not ready count.",
    why: "A headless Service has no address of its own: istiod builds a listener for each endpoint, so without endpoints there is none.",
    seen: &["kubectl get endpointslices -l kubernetes.io/service-name=NAME shows no address"],
    fix: "Make the selector fit the pods, or wait until they are there.",
    example: &[
        "  Service  clusterIP: None",
        "- Service  selector: app=db",
        "+ Service  selector: app=database",
    ],
    also: &["SC-HEADLESS-SELF", "GW-DST-NO-ENDPOINTS"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::Or(fixes, "which pods are meant is not in the objects"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "no endpoint")
}

/// The Service that selects nothing: by a near miss of its selector or its target.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    match tale.step() {
        Some(Step::Put { of, .. }) => sidecar::endpoints(tale, of.service, tale.port),
        _ => Vec::new(),
    }
}
