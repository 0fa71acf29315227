//! SC-AUTOVIP: the listener has an address istiod gave.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-AUTOVIP",
    title: "the listener has an address istiod gave",
    severity: Severity::Warning,
    what: "Connections to the host's real address do not come to its listener.",
    when: "The proxy answers DNS queries (ISTIO_META_DNS_CAPTURE), the ServiceEntry has no addresses, istiod gave its host one in status.addresses, and the client dials an address of the endpoints.",
    why: "The host's TCP port listens on the address that istiod gave, which the proxy's DNS answers. Who has another address, by an own resolver, a cache or a literal, misses it.",
    seen: &["in Envoy: istioctl proxy-config listeners POD --port PORT shows 240.240.X.Y"],
    fix: "Dial the host by name, by the pod's resolver; or write the real addresses in the ServiceEntry.",
    example: &[
        "  ServiceEntry  status.addresses[0].value: 240.240.0.1",
        "- ServiceEntry  no spec.addresses",
        "+ ServiceEntry  spec.addresses: [203.0.113.7]",
    ],
    also: &["SC-WILD-SE", "SC-UNKNOWN-HOST"],
    source: "pilot/pkg/model/service.go:Service.GetAddressForProxy",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("how the client comes by its address is not in the objects"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::GivenAddress { service } = tale.symptom else {
        return None;
    };
    let field = FieldPath::of("status.addresses");
    Some(Told::at(service, field, "the listener is here"))
}
