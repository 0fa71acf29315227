//! SC-E-DYNDNS: the Host is looked up, not the address.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-E-DYNDNS",
    title: "the Host is looked up, not the address",
    severity: Severity::Info,
    what: "A request goes to the address that DNS has for its Host, and not to the one that was dialled.",
    when: "The mesh's outboundTrafficPolicy is ALLOW_ANY_DYNAMIC_DNS, the client speaks plaintext HTTP, and no virtual host has the Host.",
    why: "In this mode virtualOutbound and the last virtual host of HTTP listeners lead to a cluster that asks DNS for the Host itself. What is not plaintext HTTP passes through to its address as in ALLOW_ANY. A Sidecar cannot ask for this mode.",
    seen: &[
        "in Envoy's access log: the route allow_any_dynamic_dns with AllowAnyDynamicDNSCluster",
    ],
    fix: "Nothing, or declare the destination by a ServiceEntry.",
    example: &[
        "- MeshConfig  outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}",
        "+ MeshConfig  outboundTrafficPolicy: {mode: ALLOW_ANY}",
    ],
    also: &["SC-E-PASSTHROUGH", "SC-HTTP-HOST"],
    source: "pilot/pkg/networking/core/httproute.go:buildCatchAllVirtualHost",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::DynamicDns { host, policy } = tale.symptom else {
        return None;
    };
    let (object, field) = policy;
    let label = format!("a request with Host {host} goes to the address of that name");
    Some(Told::at(object, FieldPath::of(field), label))
}
