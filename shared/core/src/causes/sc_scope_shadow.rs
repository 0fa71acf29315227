//! SC-SCOPE-SHADOW: the host comes from another namespace.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-SCOPE-SHADOW",
    title: "the host comes from another namespace",
    severity: Severity::Warning,
    what: "This one has no listener for the pod: the host name leads to the service of another namespace.",
    when: "Services of several namespaces have the same host name and one egress entry takes them all in.",
    why: "For a host name one namespace is chosen: the pod's own, else the first of a Kubernetes Service, else the first in order. All services of the others are left out.",
    seen: &["on istiod: /debug/sidecarz?proxyID=POD.NAMESPACE shows the chosen one"],
    fix: "Import the host from one namespace only, or use different host names.",
    example: &[
        "  ServiceEntry  a/db  hosts: [db.example.com]",
        "  ServiceEntry  b/db  hosts: [db.example.com]",
        "- Sidecar  egress[0].hosts: [*/*]",
        "+ Sidecar  egress[0].hosts: [a/*]",
    ],
    also: &["SC-EXPORTTO", "SC-EXACT-MULTIADDR"],
    source: "pilot/pkg/model/sidecar.go:IstioEgressListenerWrapper.selectServices",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "only one namespace's services stand behind a host name: which one is meant is for you to say",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "not the chosen one")
}
