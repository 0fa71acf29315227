//! GW-BIND-IPFAMILY: this listener is for IPv4 only.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-BIND-IPFAMILY",
    title: "this listener is for IPv4 only",
    severity: Severity::Warning,
    what: "The listener is on 0.0.0.0. Connections to the pod's IPv6 address are refused.",
    when: "servers[].bind is not set, the pod has addresses of both families, in whatever order, and istiod runs without ISTIO_DUAL_STACK=true.",
    why: "istiod gives a listener one wildcard address: :: on a pod that has only IPv6, otherwise 0.0.0.0. It adds :: as a second one only with dual stack switched on.",
    seen: &["in Envoy: the listener's address, and no additional_addresses"],
    fix: "Set ISTIO_DUAL_STACK=true on istiod and on the proxies.",
    example: &[
        "  Pod     status.podIPs: 10.0.0.7, fd00::7",
        r#"+ istiod  env.ISTIO_DUAL_STACK: "true""#,
    ],
    also: &["GW-BIND-SPECIFIC", "ENVOY-BIND-NOADDR"],
    source: "pilot/pkg/networking/core/listener_address.go:getWildcardsAndLocalHost",
};
