//! SC-IPFAMILY: the listener is on the other IP family.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-IPFAMILY",
    title: "the listener is on the other IP family",
    severity: Severity::Warning,
    what: "The address has no listener: the connection is judged as one to an address that nobody declared, without the Service's routes and mutual TLS.",
    when: "The Service has a cluster IP of each family, the pod has both too, and istiod runs without ISTIO_DUAL_STACK.",
    why: "Without dual stack istiod gives a proxy one address of a Service: the first of spec.clusterIPs whose family the pod has. DNS gives clients both.",
    seen: &["in Envoy's access log: PassthroughCluster with the Service's other address"],
    fix: "Set ISTIO_DUAL_STACK=true for istiod and for the proxies, or let clients use the first family.",
    example: &[
        "  Service  clusterIPs: [10.96.0.9, \"fd00::9\"]",
        "+ istiod   env: ISTIO_DUAL_STACK=true",
    ],
    also: &["SC-NO-SUCH-PORT", "SC-E-PASSTHROUGH-STRICT"],
    source: "pilot/pkg/model/service.go:Service.GetAddressForProxy",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("how istiod is installed is for a person to decide"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::OtherFamily { service } = tale.symptom else {
        return None;
    };
    let field = FieldPath::of("spec.clusterIPs");
    Some(Told::at(service, field, "listeners have one of these"))
}
