//! SC-SIDECAR-HEADLESS: an egress port makes it a catch-all.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-HEADLESS",
    title: "an egress port makes it a catch-all",
    severity: Severity::Error,
    what: "The headless Service has one listener on 0.0.0.0 for all addresses instead of one for each pod: connections to other addresses on that port are taken for it.",
    when: "An entry of Sidecar.spec.egress has a port, and imports a headless Service with a TCP port of that number.",
    why: "Listeners for each endpoint are made only by entries without port and bind. With a port the Service's own address counts, and a headless Service has none.",
    seen: &["in Envoy: istioctl proxy-config listeners POD --port PORT shows 0.0.0.0"],
    fix: "Import the Service by an entry without port.",
    example: &[
        "  Service  clusterIP: None, port 5701",
        "- Sidecar  egress: [{port: 5701, hosts: [./*]}]",
        "+ Sidecar  egress: [{hosts: [./*]}]",
    ],
    also: &["SC-WILD-SE", "SC-LOCKED"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("the Sidecar's entry is for other ports too"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "listens on every address")
}
