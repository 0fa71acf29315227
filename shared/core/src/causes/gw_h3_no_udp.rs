//! GW-H3-NO-UDP: no UDP port for HTTP/3.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-H3-NO-UDP",
    title: "no UDP port for HTTP/3",
    severity: Severity::Info,
    what: "The server gets no listener for QUIC, and answers do not offer HTTP/3. HTTPS over TCP works.",
    when: "istiod has PILOT_ENABLE_QUIC_LISTENERS, the server is HTTPS that ends TLS, and no Service of the gateway's pods has a UDP port with the server's number.",
    why: "QUIC comes over UDP, so istiod adds its listener only where a Service leads UDP to the pods under the same number.",
    seen: &["in Envoy: no listener whose name begins with udp_"],
    fix: "Add a UDP port with the same number and targetPort to the gateway's Service, if its load balancer takes both protocols.",
    example: &[
        "  Gateway  servers[0].port: {number: 443, protocol: HTTPS}",
        "  Service  ports[0]: {port: 443, targetPort: 8443}",
        "+ Service  ports[1]: {port: 443, targetPort: 8443, protocol: UDP}",
    ],
    also: &["GW-UDP-IS-TCP", "GW-PORT-UDP-CAPTURE"],
    source: "pilot/pkg/model/gateway.go:udpSupportedPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::NoUdpPort { service } = tale.symptom else {
        return None;
    };
    let told = Told::at(gateway, Tale::number_field(index), "over TCP alone").value(tale.port);
    Some(match service {
        Some(service) => told.beside(service, FieldPath::of("spec.ports"), "no UDP port for it"),
        None => told,
    })
}
