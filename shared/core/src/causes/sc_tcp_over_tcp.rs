//! SC-TCP-OVER-TCP: another service has this address and port.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-TCP-OVER-TCP",
    title: "another service has this address and port",
    severity: Severity::Error,
    what: "Connections to the address and port lead to the other service.",
    when: "Two TCP services have the same listener address and port, and their filter chains take the same names and networks.",
    why: "One listener can tell connections apart by network and server name only. Of two equal chains the first stays; services exported to the namespace come before public ones, and then the older first.",
    seen: &[
        "on istiod: /debug/push_status, pilot_conflict_outbound_listener_tcp_over_current_tcp",
        "in Envoy: the cluster is there, and no listener leads to it",
    ],
    fix: "Give the ServiceEntry addresses of its own, use TLS with different hosts, or keep one out of the namespace by exportTo or a Sidecar.",
    example: &[
        "  ServiceEntry  hosts: [a.com]; no addresses; 9000 TCP",
        "- ServiceEntry  hosts: [b.com]; no addresses; 9000 TCP",
        "+ ServiceEntry  hosts: [b.com]; addresses: [10.9.9.9]; 9000 TCP",
    ],
    also: &["SC-LOCKED", "SC-WELLKNOWN", "SC-AUTO-AUTO"],
    source: "pilot/pkg/networking/core/listener.go:mergeTCPFilterChains",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "one address and port is one service's for TCP: which of them gets another is for those who dial it",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "an equal chain is there")
}
