//! SC-IN-RESERVED: this port of the pod is the proxy's.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-IN-RESERVED",
    title: "this port of the pod is the proxy's",
    severity: Severity::Error,
    what: "The port has no chains of its own.",
    when: "The Service port leads to 15001, 15006, 15021 or 15090 of the pod.",
    why: "Envoy has listeners on these ports.",
    seen: &[
        "in istiod's log:",
        "  buildInboundListeners: skipping sidecar port PORT for node NODE as it conflicts with static listener",
    ],
    fix: "Let the application listen on another port.",
    example: &[
        "- Service  ports[0].targetPort: 15021",
        "+ Service  ports[0].targetPort: 8021",
    ],
    also: &["SC-RESERVED-PORT"],
    source: "pilot/pkg/model/context.go:conflictWithReservedListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("the application must listen on another port"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "the proxy's own port")
}
