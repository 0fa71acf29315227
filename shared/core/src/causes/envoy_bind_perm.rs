//! ENVOY-BIND-PERM: Envoy may not bind this port.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-BIND-PERM",
    title: "Envoy may not bind this port",
    severity: Severity::Error,
    what: "Envoy refuses the listener; the port stays closed. The other listeners of the same update are applied.",
    when: "The port after translation is below net.ipv4.ip_unprivileged_port_start in the pod (1024 unless set), the container has no right to bind such ports, and UNPRIVILEGED_POD is not set.",
    why: "The kernel forbids it. istiod leaves such ports out only if the pod's metadata says that it is unprivileged.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  cannot bind '0.0.0.0:P': Permission denied",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) 0.0.0.0_P: …",
    ],
    fix: "Use a targetPort of 1024 or above, or set the sysctl on the pod, as Istio's charts do.",
    example: &[
        "  Gateway  servers[0].port.number: 80",
        "- Service  ports[0].targetPort: 80",
        "+ Service  ports[0].targetPort: 8080",
    ],
    also: &[
        "GW-PORT-PRIVILEGED",
        "ENVOY-BIND-INUSE",
        "ENVOY-BIND-NOADDR",
    ],
    source: "envoy source/common/network/listen_socket_impl.cc",
};
