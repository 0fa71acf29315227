//! GW-VS-HOSTS-EMPTY: this VirtualService has no hosts.

use super::{Cause, Fixes, Page, Severity, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-VS-HOSTS-EMPTY",
    title: "this VirtualService has no hosts",
    severity: Severity::Error,
    what: "The VirtualService is bound to no Gateway. Its rules count only where another VirtualService delegates to it.",
    when: "spec.hosts is missing or empty.",
    why: "istiod takes a VirtualService without hosts as a part of others: a root with hosts includes it by http[].delegate. It ignores spec.gateways of such a part; the webhook refuses it there, as it does tcp and tls.",
    seen: &[
        "in istiod's log, if no other VirtualService names the Gateway:",
        "  no virtual service bound to gateway: NS/NAME",
    ],
    fix: "Write hosts, or delegate to it from a VirtualService that names the Gateway.",
    example: &[
        "  VirtualService  gateways: [istio-ingress/public]",
        "+ VirtualService  hosts: [shop.example.com]",
    ],
    also: &["GW-VS-NONE", "GW-HTTP-DELEGATE-MISSING"],
    source: "pilot/pkg/model/virtualservice_controller.go:mergeVirtualServices",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    Some(Told::at(
        object.id,
        FieldPath::of("spec.hosts"),
        "no hosts: only a delegate for others",
    ))
}
