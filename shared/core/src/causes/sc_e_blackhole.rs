//! SC-E-BLACKHOLE: what nobody declared is not let out.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "SC-E-BLACKHOLE",
    title: "what nobody declared is not let out",
    severity: Severity::Error,
    what: "The connection ends in Envoy.",
    when: "No listener takes the address and port, and the outbound traffic policy is REGISTRY_ONLY: of the Sidecar in force if it has one, else of the mesh. A policy without a mode is REGISTRY_ONLY as well.",
    why: "The last chain of virtualOutbound, and of listeners without a chain for everything, leads to BlackHoleCluster, which has no endpoint.",
    seen: &["in Envoy's access log: BlackHoleCluster with the flag UH"],
    fix: "Declare the destination, or let undeclared ones out by ALLOW_ANY.",
    example: &[
        "- Sidecar  outboundTrafficPolicy: {mode: REGISTRY_ONLY}",
        "+ Sidecar  outboundTrafficPolicy: {mode: ALLOW_ANY}",
    ],
    also: &["SC-UNKNOWN-HOST", "SC-PODIP-DIRECT", "SC-E-PASSTHROUGH"],
    source: "pilot/pkg/model/sidecar.go:SidecarScope.initSidecarScopeInternalIndexes",
};
