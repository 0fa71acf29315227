//! ENVOY-BIND-INUSE: another process holds this port.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-BIND-INUSE",
    title: "another process holds this port",
    severity: Severity::Error,
    what: "Envoy refuses the listener, and connections go to the other process, if it takes them. The other listeners of the same update are applied.",
    when: "A process in the pod, or on the node with hostNetwork: true, listens on the port after translation.",
    why: "The kernel gives an address and port to one process. The agent in the gateway's own container is such a process, for 15020 and its other ports.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  cannot bind '0.0.0.0:P': Address already in use",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) 0.0.0.0_P: …",
    ],
    fix: "Stop the other process, or use another port in the Gateway or another targetPort in the Service.",
    example: &[
        "  Container  another one of the pod listens on 8080",
        "- Service    ports[0].targetPort: 8080",
        "+ Service    ports[0].targetPort: 8081",
    ],
    also: &["GW-PORT-RESERVED", "ENVOY-DUP-ADDR", "ENVOY-BIND-PERM"],
    source: "envoy source/common/network/listen_socket_impl.cc",
};
