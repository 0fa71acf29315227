//! GW-TLS-VS-WIDER: the sniHosts are wider than the Gateway.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-TLS-VS-WIDER",
    title: "the sniHosts are wider than the Gateway",
    severity: Severity::Warning,
    what: "The port takes connections for names that the Gateway does not list.",
    when: "servers[].tls.mode is PASSTHROUGH, and an entry of tls[].match[].sniHosts covers more than servers[].hosts: `*.com` with a Gateway host x.a.com.",
    why: "The Gateway's hosts only decide whether the VirtualService fits, and one overlap is enough. The chain's names are then the sniHosts as they stand.",
    seen: &[
        "in Envoy: server_names of the chain hold the wider name",
        "nothing in istiod's log",
    ],
    fix: "Write in sniHosts only names that the Gateway has.",
    example: &[
        "  Gateway         servers[0].hosts: [x.a.com]",
        r#"- VirtualService  tls[0].match[0].sniHosts: ["*.com"]"#,
        "+ VirtualService  tls[0].match[0].sniHosts: [x.a.com]",
    ],
    also: &["GW-SNI-NO-CHAIN", "GW-PASS-DUP-SNI"],
    source: "pilot/pkg/networking/core/gateway.go:ListenerBuilder.buildGatewayNetworkFiltersFromTLSRoutes",
};
