//! GW-DST-NOT-VISIBLE: this Service is hidden from the pod.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-NOT-VISIBLE",
    title: "this Service is hidden from the pod",
    severity: Severity::Error,
    what: "The route leads to a cluster that this gateway does not get. TCP connections are accepted and closed; HTTP gets 503.",
    when: "The Service's annotation networking.istio.io/exportTo, or exportTo of the ServiceEntry, holds neither `*` nor the namespace of the gateway's pod. Without it, defaultServiceExportTo of the mesh config counts. serviceEntryVisibility can narrow it further.",
    why: "A pod gets clusters only for the Services that are exported to its namespace.",
    seen: &[
        "in Envoy: the cluster is missing in /clusters; the flag NC in the access log",
        "in istiod: the Service is in /debug/registryz all the same",
    ],
    fix: "Add the gateway's namespace to the export.",
    example: &[
        "  Pod      metadata.namespace: ingress",
        r#"- Service  annotations["networking.istio.io/exportTo"]: ".""#,
        r#"+ Service  annotations["networking.istio.io/exportTo"]: ".,ingress""#,
    ],
    also: &["GW-DST-UNKNOWN-HOST", "GW-VS-EXPORTTO"],
    source: "pilot/pkg/model/push_context.go:PushContext.serviceExportTo",
};
