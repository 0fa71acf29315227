//! GW-PORT-TIEBREAK: two Services translate this port.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-TIEBREAK",
    title: "two Services translate this port",
    severity: Severity::Warning,
    what: "The listener is on the targetPort of one Service. Clients of the other Service reach a port without it.",
    when: "Two or more Services select the pod and have this ports[].port with different targetPorts.",
    why: "For a Gateway with a selector istiod uses the first Service that has the number and no other. First is the Service with the earliest creationTimestamp, then the lower host name.",
    seen: &[
        "in istiod: the Services' order in /debug/instancesz",
        "in Envoy: a listener on one of the targetPorts only",
    ],
    fix: "Give both Services the same targetPort, or remove the port from one of them.",
    example: &[
        "  Service a  ports[0].port: 80, ports[0].targetPort: 8080",
        "- Service b  ports[0].port: 80, ports[0].targetPort: 9090",
        "+ Service b  ports[0].port: 80, ports[0].targetPort: 8080",
    ],
    also: &[
        "GW-PORT-TRANSLATED",
        "GW-PORT-UDP-CAPTURE",
        "GW-PORT-NO-TRANSLATION",
    ],
    source: "pilot/pkg/model/gateway.go:resolvePorts",
};
