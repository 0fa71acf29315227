//! GW-PROXY-NOT-CONNECTED: this proxy has no connection to istiod.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-PROXY-NOT-CONNECTED",
    title: "this proxy has no connection to istiod",
    severity: Severity::Error,
    what: "Envoy goes on with what it was sent before; it learns of no change, and has nothing at all if it was never connected.",
    when: "The stream over which Envoy is configured is closed: istiod is down, does not take the pod's credentials, or is not reached.",
    why: "Envoy asks the agent in its own container, and that asks istiod; when one of the two streams ends, the agent ends the other one.",
    seen: &[
        "in Envoy's /clusters?format=json: rq_active of cluster xds-grpc is 0",
        "in istioctl proxy-status: the pod is not listed",
    ],
    fix: "Read the log of the pod's istio-proxy container: it names istiod's address and why it is not reached.",
    example: &[
        "  Deployment  istiod, in istio-system",
        "- Deployment  spec.replicas: 0",
        "+ Deployment  spec.replicas: 1",
    ],
    also: &["ENVOY-OLD-CONFIG", "GW-REV-MISMATCH"],
    source: "pkg/istio-agent/xds_proxy.go:handleStream",
};
