//! GW-PORT-NO-TRANSLATION: this Service's ports are not translated.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-NO-TRANSLATION",
    title: "this Service's ports are not translated",
    severity: Severity::Warning,
    what: "The listener is on the Gateway's number itself, not on the Service's targetPort.",
    when: "The Service has the label experimental.istio.io/disable-gateway-port-translation, with any value, and no other Service that selects the pod has the number.",
    why: "The label takes the Service out of the translation from Service port to targetPort. It exists for Knative and touches only Gateways with a selector.",
    seen: &["in Envoy: a listener on the Gateway's number, not on the targetPort"],
    fix: "Remove the label, or write the targetPort in the Gateway.",
    example: &[
        "  Gateway  servers[0].port.number: 80",
        "  Service  ports[0].port: 80, ports[0].targetPort: 8080",
        "- Service  label experimental.istio.io/disable-gateway-port-translation",
    ],
    also: &[
        "GW-PORT-TRANSLATED",
        "GW-PORT-TIEBREAK",
        "GW-PORT-DEDUP-TARGET",
    ],
    source: "pilot/pkg/model/gateway.go:resolvePorts",
};
