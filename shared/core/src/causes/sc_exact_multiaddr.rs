//! SC-EXACT-MULTIADDR: only one address is imported.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-EXACT-MULTIADDR",
    title: "only one address is imported",
    severity: Severity::Error,
    what: "The other addresses of the host have no listener. Which one has may change when istiod restarts.",
    when: "All hosts of the egress entry are exact and name their namespace, and a ServiceEntry gives several addresses to the host, or a Service has the same host name in the same namespace.",
    why: "For such an entry istiod looks each host up in an index that holds one service for a host and namespace. With any wildcard in the entry it goes through all services instead and takes in every one.",
    seen: &["in Envoy: one listener ADDRESS_PORT instead of one for each address"],
    fix: "Use a wildcard host in the entry, or a ServiceEntry for each address.",
    example: &[
        "  ServiceEntry  addresses: [10.1.1.1, 10.1.1.2]",
        "- Sidecar  egress[0].hosts: [apps/db.example.com]",
        "+ Sidecar  egress[0].hosts: [apps/*]",
    ],
    also: &["SC-SCOPE-SHADOW"],
    source: "pilot/pkg/model/sidecar.go:PushContext.servicesForExactHosts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("no change is tried for a sidecar yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "not found")
}
