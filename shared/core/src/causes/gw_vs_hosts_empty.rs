//! GW-VS-HOSTS-EMPTY: this VirtualService has no hosts.

use serde_json::json;

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
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
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    Some(Told::at(
        object.id,
        FieldPath::of("spec.hosts"),
        "no hosts: only a delegate for others",
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    with_hosts(tale, wish).into_iter().collect()
}

/// The server's hosts; but a VirtualService that is a delegate for another must stay without.
pub(super) fn with_hosts(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let delegated = tale.store.virtual_services.iter().any(|root| {
        let mut delegates = root.spec.http.iter().filter_map(|r| r.delegate.as_ref());
        delegates.any(|d| {
            let namespace = if d.namespace.is_empty() {
                root.namespace()
            } else {
                &d.namespace
            };
            d.name == vs.key.name && namespace == vs.key.namespace
        })
    });
    let hosts = server.hosts_for(&vs.key.namespace);
    if delegated || hosts.is_empty() {
        return build::virtual_service(tale, wish, &server);
    }
    let operation = build::add(&build::spec().key("hosts"), json!(hosts));
    Some(build::patch(
        "add the server's hosts",
        vs.id,
        vec![operation],
    ))
}
