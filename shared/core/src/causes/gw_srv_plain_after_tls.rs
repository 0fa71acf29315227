//! GW-SRV-PLAIN-AFTER-TLS: this port is both TLS and plaintext.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-PLAIN-AFTER-TLS",
    title: "this port is both TLS and plaintext",
    severity: Severity::Warning,
    what: "Both servers are kept: TLS connections with a known SNI go to the TLS server, everything else to the plaintext one.",
    when: "A server with TLS is the first on the port after translation, and a later one with the same bind has no tls.",
    why: "istiod looks for conflicts among servers without TLS only. The order decides: with the plaintext server first, the TLS server is dropped. Creating the older Gateway anew turns the order round and closes the TLS half.",
    seen: &[
        "in Envoy: one listener with chains that have server_names and one that matches everything",
    ],
    fix: "Give the plaintext server a port of its own.",
    example: &[
        "  Gateway a  servers[0].port: 8443 HTTPS",
        "- Gateway b  servers[0].port: 8443 TCP",
        "+ Gateway b  servers[0].port: 9000 TCP",
    ],
    also: &["GW-SRV-PROTO-CONFLICT", "GW-SRV-L4-DUP"],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
};
