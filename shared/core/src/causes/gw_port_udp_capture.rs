//! GW-PORT-UDP-CAPTURE: a UDP Service port decides this port.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-UDP-CAPTURE",
    title: "a UDP Service port decides this port",
    severity: Severity::Warning,
    what: "The listener is on the targetPort of a UDP port, as a TCP listener. TCP clients of the Service reach another port.",
    when: "The first ports[] entry with this number, over all Services that select the pod, has protocol UDP, and its targetPort differs from the TCP entry's.",
    why: "istiod compares the port's number only, not its protocol, and takes the first entry.",
    seen: &[
        "in istiod: the ports' order in /debug/instancesz",
        "in Envoy: a listener on the UDP entry's targetPort",
    ],
    fix: "Give the UDP and the TCP entry the same targetPort, or put the TCP entry first.",
    example: &[
        "  Service  ports[0]: 443/UDP, targetPort 8444",
        "- Service  ports[1]: 443/TCP, targetPort 8443",
        "+ Service  ports[1]: 443/TCP, targetPort 8444",
    ],
    also: &[
        "GW-PORT-TIEBREAK",
        "GW-PORT-TRANSLATED",
        "GW-PORT-DEDUP-TARGET",
    ],
    source: "pilot/pkg/model/gateway.go:resolvePorts",
};
