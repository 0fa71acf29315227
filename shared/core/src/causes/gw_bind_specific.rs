//! GW-BIND-SPECIFIC: this server listens on one address only.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-BIND-SPECIFIC",
    title: "this server listens on one address only",
    severity: Severity::Warning,
    what: "The listener is on the given address. Connections to the pod's other addresses are refused.",
    when: "servers[].bind is an IP address, and it is not the address that clients reach.",
    why: "A server with bind gets a listener of its own on that address, named BIND_PORT, in place of the one on all addresses. A Service leads to the pod's IP, so a loopback address is never reached through it.",
    seen: &["in Envoy: a listener BIND_P with that address"],
    fix: "Remove bind, so that the listener is on all addresses of the pod.",
    example: &[
        "  Gateway  servers[0].port.number: 31400",
        "- Gateway  servers[0].bind: 127.0.0.1",
    ],
    also: &["ENVOY-BIND-NOADDR", "GW-SRV-BIND-ALIAS", "GW-BIND-IPFAMILY"],
    source: "pilot/pkg/networking/core/gateway.go:ConfigGeneratorImpl.buildGatewayListeners",
};
