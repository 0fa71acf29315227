//! GW-AUTOPASS-SNI: AUTO_PASSTHROUGH takes mesh clients only.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-AUTOPASS-SNI",
    title: "AUTO_PASSTHROUGH takes mesh clients only",
    severity: Severity::Error,
    what: "Envoy closes the connection before any data.",
    when: "The server's mode is AUTO_PASSTHROUGH, and the client's SNI is not of the form outbound_.PORT_.SUBSET_.HOST, or its ALPN is none of Istio's (istio, istio-peer-exchange, istio-http/1.0, istio-http/1.1, istio-h2).",
    why: "The mode carries mTLS between proxies of the mesh, whose SNI names the Service. Both are checked so that nobody reaches a Service without mTLS.",
    seen: &["in Envoy's stats, rising: listener.0.0.0.0_P.no_filter_chain_match"],
    fix: "Connect from a proxy of the mesh with mTLS. For other clients, add a server on another port with PASSTHROUGH or SIMPLE.",
    example: &[
        "  Gateway  servers[0].port: 15443 TLS, tls.mode AUTO_PASSTHROUGH",
        "+ Gateway  servers[1].port: 443 TLS, tls.mode PASSTHROUGH",
    ],
    also: &["GW-AUTOPASS-NO-SVC", "GW-SNI-NO-CHAIN"],
    source: "pilot/pkg/networking/core/gateway.go:builtAutoPassthroughFilterChains",
};
