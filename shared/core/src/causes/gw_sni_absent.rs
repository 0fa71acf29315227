//! GW-SNI-ABSENT: this port needs an SNI.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-SNI-ABSENT",
    title: "this port needs an SNI",
    severity: Severity::Error,
    what: "Envoy closes the connection before any data.",
    when: "The client sends no SNI, or no TLS at all, and every chain of the listener has server_names.",
    why: "Envoy chooses the chain by SNI. A client that connects to an IP address, or that speaks plaintext, sends none. Only a server whose hosts, or a match whose sniHosts, contain `*` takes such connections; one that ends TLS then still needs a TLS client.",
    seen: &["in Envoy's stats, rising: listener.0.0.0.0_P.no_filter_chain_match"],
    fix: "Let the client speak TLS and name the host, or use the host `*` if one server is enough for the port.",
    example: &[
        "  Client   openssl s_client -connect IP:443 -servername a.com",
        "- Gateway  servers[0].hosts: [a.com]",
        r#"+ Gateway  servers[0].hosts: ["*"]"#,
    ],
    also: &["GW-SNI-NO-CHAIN", "GW-SRV-PLAIN-AFTER-TLS"],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
};
