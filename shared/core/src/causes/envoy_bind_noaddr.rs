//! ENVOY-BIND-NOADDR: the pod does not have this address.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-BIND-NOADDR",
    title: "the pod does not have this address",
    severity: Severity::Error,
    what: "Envoy refuses the listener; the port stays closed. The other listeners of the same update are applied.",
    when: "servers[].bind is an IP address that no interface of the pod has, such as the address of the load balancer or of the Service.",
    why: "A process can listen only on addresses of its own network namespace. Traffic for the load balancer reaches the pod under the pod's address.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  cannot bind 'IP:P': Cannot assign requested address",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) IP_P: …",
    ],
    fix: "Remove bind.",
    example: &[
        "  Pod      status.podIPs: 10.0.0.7",
        "- Gateway  servers[0].bind: 192.168.96.50",
    ],
    also: &["GW-BIND-SPECIFIC", "GW-BIND-IPFAMILY", "ENVOY-BIND-PERM"],
    source: "envoy source/common/network/listen_socket_impl.cc",
};
