//! ENVOY-SNI-PARTIAL: a wildcard SNI needs a dot.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-SNI-PARTIAL",
    title: "a wildcard SNI needs a dot",
    severity: Severity::Error,
    what: "Envoy refuses the whole listener, with every other host in it. A new port stays closed; a port that was open keeps its former configuration.",
    when: "An entry of tls[].match[].sniHosts begins with `*` and goes on without a dot, as `*a.com` does.",
    why: "Envoy takes only whole labels for a wildcard: `*` alone, or `*.` and the rest. The webhook checks that for a Gateway's hosts, not for sniHosts.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        r#"  partial wildcards are not supported in "server_names""#,
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) 0.0.0.0_P: …",
    ],
    fix: "Write `*.` and the rest.",
    example: &[
        r#"- VirtualService  tls[0].match[0].sniHosts: ["*a.com"]"#,
        r#"+ VirtualService  tls[0].match[0].sniHosts: ["*.a.com"]"#,
    ],
    also: &["ENVOY-FC-OVERLAP", "GW-SNI-NO-CHAIN"],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
};
