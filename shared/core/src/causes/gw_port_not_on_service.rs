//! GW-PORT-NOT-ON-SERVICE: no Service port leads to this listener.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-NOT-ON-SERVICE",
    title: "no Service port leads to this listener",
    severity: Severity::Error,
    what: "The listener exists, but clients that come through the Service or its load balancer do not reach it. A connection to the pod's own address works.",
    when: "No Service that selects the pod has a ports[] entry whose targetPort is the listener's port.",
    why: "A Service forwards only the ports that it lists. istiod builds a listener for a number that no Service has: it then takes the number as the pod's port.",
    seen: &[
        "istioctl analyze: IST0162 (the port is not defined in the Service)",
        "on the mesh: kubectl get service NAME -n NS",
    ],
    fix: "Add the port to the Service in front of the gateway.",
    example: &[
        "  Gateway  servers[0].port.number: 31400",
        "+ Service  ports[2].name: tcp-31400",
        "+ Service  ports[2].port: 31400",
        "+ Service  ports[2].targetPort: 31400",
    ],
    also: &[
        "GW-PORT-TRANSLATED",
        "NET-SVC-NO-ENDPOINT",
        "NET-NODEPORT-CONFUSION",
    ],
    source: "pkg/config/analysis/analyzers/gateway/gateway.go:IngressGatewayPortAnalyzer",
};
