//! SC-HEADLESS-NOEP: headless without endpoints.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

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
    fixes: Fixes::None("no change is tried for a sidecar yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "no endpoint")
}
