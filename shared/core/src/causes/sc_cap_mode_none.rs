//! SC-CAP-MODE-NONE: nothing is redirected to this proxy.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-CAP-MODE-NONE",
    title: "nothing is redirected to this proxy",
    severity: Severity::Warning,
    what: "There is no virtualInbound and no virtualOutbound: connections reach the proxy only on ports that it really binds.",
    when: "The pod's interception mode is NONE, by the annotation sidecar.istio.io/interceptionMode or ISTIO_META_INTERCEPTION_MODE.",
    why: "Chains for a port of the application would have to bind the application's own port, so istiod builds inbound listeners only for what a Sidecar's ingress lists.",
    seen: &["in Envoy: no listener virtualInbound"],
    fix: "List inbound ports in a Sidecar's ingress, or let connections be redirected.",
    example: &[
        "- Pod  sidecar.istio.io/interceptionMode: NONE",
        "+ Pod  sidecar.istio.io/interceptionMode: REDIRECT",
    ],
    also: &["SC-IN-SIDECAR"],
    source: "pilot/pkg/networking/core/listener_inbound.go:ListenerBuilder.buildInboundChainConfigs",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "with NONE the application itself dials Envoy's listeners: whether it is meant to is not in the objects",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "not redirected")
}
