//! SC-IN-CONFLICT: another Service has this port of the pod.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-IN-CONFLICT",
    title: "another Service has this port of the pod",
    severity: Severity::Warning,
    what: "Connections to the port are handled as the other Service's port says, its protocol included.",
    when: "Several Service ports lead to the same port of the pod.",
    why: "The pod's port has one set of filter chains. The oldest Service gives them; within one Service the first port does.",
    seen: &["istiod's metric pilot_conflict_inbound_listener, where the protocols differ too"],
    fix: "Let the ports that lead to it have the same protocol.",
    example: &[
        "  Service  a  ports[0]: tcp-a -> 8080",
        "- Service  b  ports[0]: http-b -> 8080",
        "+ Service  b  ports[0]: tcp-b -> 8080",
    ],
    also: &["SC-IN-TARGETPORT"],
    source: "pilot/pkg/networking/core/listener_inbound.go:ListenerBuilder.getFilterChainsByServicePort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which protocol the application speaks is for you to say"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "another one gives the chains")
}
