//! SC-E-PASSTHROUGH: what nobody declared passes through.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "SC-E-PASSTHROUGH",
    title: "what nobody declared passes through",
    severity: Severity::Info,
    what: "The connection goes on to the address that was dialled, in plaintext and without what the mesh adds.",
    when: "No listener takes the address and port, and the outbound traffic policy is ALLOW_ANY, the default.",
    why: "The last chain of virtualOutbound, and of listeners without a chain for everything, leads to PassthroughCluster.",
    seen: &["in Envoy's access log: PassthroughCluster, and the dialled address for upstream"],
    fix: "Nothing, or declare the destination by a ServiceEntry.",
    example: &[
        "  MeshConfig    outboundTrafficPolicy: {mode: ALLOW_ANY}",
        "+ ServiceEntry  hosts: [api.example.com]; port 443 TLS; resolution DNS",
    ],
    also: &["SC-E-BLACKHOLE", "SC-E-PASSTHROUGH-STRICT"],
    source: "pilot/pkg/networking/core/listener_builder.go:buildOutboundCatchAllNetworkFiltersOnly",
};
