//! GW-PORT-TRANSLATED: the listener is on the targetPort.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-TRANSLATED",
    title: "the listener is on the targetPort",
    severity: Severity::Info,
    what: "The listener is on another port than the Gateway says. Clients of the Service reach it all the same.",
    when: "servers[].port.number equals a ports[].port of a Service that selects the pod, and that port's targetPort is another number.",
    why: "A Gateway's number is taken as a Service port where there is one, because the pod receives the traffic on the targetPort. The Gateway's number still counts in match.port of a VirtualService and in the names of HTTPS routes; the translated one counts in the listener's name and in HTTP route names.",
    seen: &["in Envoy: a listener 0.0.0.0_TARGETPORT, and routes named http.TARGETPORT"],
    fix: "Nothing to change. Ask for the Service's port, or look for the targetPort on the pod.",
    example: &[
        "  Gateway  servers[0].port.number: 80",
        "  Service  ports[0].port: 80, ports[0].targetPort: 8080",
        "  Envoy    listener: 0.0.0.0_8080",
    ],
    also: &[
        "GW-PORT-TIEBREAK",
        "GW-PORT-NO-TRANSLATION",
        "GW-PORT-NOT-ON-SERVICE",
    ],
    source: "pilot/pkg/model/gateway.go:resolvePorts",
};
