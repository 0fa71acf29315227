//! SC-SIDECAR-PORTMAP: the service lacks the Sidecar's port.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-PORTMAP",
    title: "the service lacks the Sidecar's port",
    severity: Severity::Error,
    what: "Through this egress entry the service is not known at all.",
    when: "The egress entry has a port, its protocol is not HTTP_PROXY, and no port of the service has that number.",
    why: "An entry with a port takes in only services that declare the same number, and of those just that port.",
    seen: &["on istiod: the service is missing in /debug/sidecarz?proxyID=POD.NAMESPACE"],
    fix: "Use a port of the service, or an egress entry without a port.",
    example: &[
        "  Service  ports[0].port: 9092",
        "- Sidecar  egress[0].port.number: 9000",
        "+ Sidecar  egress[0].port.number: 9092",
    ],
    also: &["SC-SIDECAR-HOSTS", "SC-LOCKED"],
    source: "pilot/pkg/model/sidecar.go:serviceMatchingListenerPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("no change is tried for a sidecar yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "has no such port")
}
