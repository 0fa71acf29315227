//! SC-PRIVILEGED: the pod may not bind this port.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-PRIVILEGED",
    title: "the pod may not bind this port",
    severity: Severity::Error,
    what: "The listener is left out.",
    when: "The listener would be really bound, by interception mode NONE or captureMode NONE, its port is below 1024, and the pod says ISTIO_META_UNPRIVILEGED_POD.",
    why: "Ports below 1024 need a privilege that the pod has not, so istiod does not send the listener.",
    seen: &[
        "in istiod's log:",
        "  buildSidecarOutboundListeners: skipping privileged service port PORT for node NODE as it is an unprivileged proxy",
    ],
    fix: "Use a port from 1024 on.",
    example: &[
        "- Sidecar  egress[0].port.number: 80",
        "+ Sidecar  egress[0].port.number: 8080",
    ],
    also: &["SC-RESERVED-PORT"],
    source: "pilot/pkg/model/context.go:Proxy.CanBindToPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("with another port the clients must change too"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "below 1024")
}
