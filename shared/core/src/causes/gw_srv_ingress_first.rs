//! GW-SRV-INGRESS-FIRST: an Ingress holds this port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Reason;
use crate::snapshot::{FieldPath, views};

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-INGRESS-FIRST",
    title: "an Ingress holds this port",
    severity: Severity::Error,
    what: "Your server is left out. The port serves HTTP by the rules of Ingresses; for a host that an Ingress has with a certificate, 443 serves that.",
    when: "istiod handles an Ingress (by the annotation kubernetes.io/ingress.class, or by an IngressClass with the controller istio.io/ingress-controller), the pods are those that it makes servers for (label istio: ingressgateway, unless meshConfig.ingressSelector or ingressService say otherwise), and your server is TCP or TLS on the port that 80 leads to, or has a TLS host that the Ingress has too.",
    why: "istiod makes a Gateway of each Ingress: HTTP on 80 for every host, and HTTPS on 443 for the hosts of spec.tls with a Secret. It has no creation time, so it counts as older than every other Gateway, and of two servers that do not merge the older one is kept.",
    seen: &[
        "in istiod's log:",
        "  skipping server on gateway NAME port PORTNAME.P.TCP: conflict with existing server P.TCP",
        "  skipping server on gateway NAME, duplicate host names: [HOST]",
        "on the mesh: kubectl get ingress -A",
    ],
    fix: "Move your server to a free port, or the Ingress's host to your Gateway.",
    example: &[
        "  Ingress  metadata.annotations.kubernetes.io/ingress.class: istio",
        "- Gateway  servers[0].port.number: 80",
        "+ Gateway  servers[0].port.number: 9080",
        "  Gateway  servers[0].port.protocol: TCP",
    ],
    also: &[
        "GW-SRV-OLDER-ELSEWHERE",
        "GW-SRV-PROTO-CONFLICT",
        "GW-SRV-DUP-HOST",
    ],
    source: "pilot/pkg/config/kube/ingress/gateways.go:convertIngressV1alpha3",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let (by, host) = match tale.symptom {
        Symptom::Reason(Reason::PortTaken { by, .. }) => (*by, None),
        Symptom::Reason(Reason::TlsHostTaken { by, host }) => (*by, Some(*host)),
        _ => return None,
    };
    let (ingress, of_ingress) = tale.server_at(by)?;
    let tls = &tale.view::<views::Ingress>(ingress)?.spec.tls;
    let field = match host {
        Some(host) => FieldPath::of(&format!("spec.servers[{index}].hosts[{host}]")),
        None => Tale::number_field(index),
    };
    let (place, label) = if of_ingress < tls.len() {
        (
            format!("spec.tls[{of_ingress}]"),
            "has it on 443, and comes first",
        )
    } else {
        ("spec.rules".to_owned(), "HTTP on 80, and comes first")
    };
    let told = Told::at(gateway, field, "left out");
    Some(told.beside(ingress, FieldPath::of(&place), label))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    build::move_away(tale).into_iter().collect()
}
