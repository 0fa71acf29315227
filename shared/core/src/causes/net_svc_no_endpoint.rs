//! NET-SVC-NO-ENDPOINT: the gateway's Service leads to no pod.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "NET-SVC-NO-ENDPOINT",
    title: "the gateway's Service leads to no pod",
    severity: Severity::Error,
    what: "Clients of the Service reach no gateway, though the pods may listen. A connection to a pod's own address works.",
    when: "The gateway's Service has no ready endpoint: its selector fits no pod, no pod is ready, or targetPort is a name that no container has. With externalTrafficPolicy: Local, clients of a node or load balancer also need a ready pod on the very node they come to.",
    why: "Kubernetes sends a Service's connections to ready pods only. istiod looks at the Service's selector and ports, not at readiness, so the listener is there.",
    seen: &["on the mesh: kubectl get endpointslices -n NS -l kubernetes.io/service-name=NAME"],
    fix: "Make the pods ready, correct the selector or targetPort, or run a pod on each node that takes traffic.",
    example: &[
        "  Pod      metadata.labels.istio: ingress",
        "- Service  selector.istio: ingressgateway",
        "+ Service  selector.istio: ingress",
    ],
    also: &[
        "GW-PORT-NOT-ON-SERVICE",
        "GW-PORT-NAMED-TARGET",
        "GW-DST-NO-ENDPOINTS",
    ],
    source: "kubernetes Service and EndpointSlice",
};
