//! GW-DST-EXTERNALNAME: this Service is an alias for another.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-EXTERNALNAME",
    title: "this Service is an alias for another",
    severity: Severity::Info,
    what: "The route leads to the cluster of the Service's externalName. The Service itself has none.",
    when: "The destination's Service has type ExternalName.",
    why: "istiod takes such a Service as an alias and writes spec.externalName into the cluster's name, one step only. The cluster exists if that name is a Service or ServiceEntry that istiod knows and has the port.",
    seen: &["in Envoy: a route to the cluster outbound|PORT||EXTERNALNAME"],
    fix: "Nothing to change if that cluster exists. Otherwise create a ServiceEntry for the external name.",
    example: &[
        "  Service       spec.externalName: db.example.com",
        "+ ServiceEntry  hosts: [db.example.com]",
    ],
    also: &["GW-DST-UNKNOWN-HOST", "GW-DST-PORT-ABSENT"],
    source: "pilot/pkg/networking/core/route/route.go:GetDestinationCluster",
};
