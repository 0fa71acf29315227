//! VAL-VS-EMPTY: this VirtualService lacks rules or hosts.

use super::build::Server;
use super::{
    Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build, gw_vs_hosts_empty,
};
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "VAL-VS-EMPTY",
    title: "this VirtualService lacks rules or hosts",
    severity: Severity::Error,
    what: "The VirtualService is not stored, so istiod never sees it: none of its rules counts.",
    when: "It has no http, tls and tcp rules; or it has no hosts, and yet gateways, tls or tcp.",
    why: "A VirtualService without hosts is a delegate, a part of others: only http rules are included from it, and its gateways are those of the VirtualService that includes it.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: http, tcp or tls must be provided in virtual service"#,
    ],
    fix: "Write hosts and rules.",
    example: &[
        "  VirtualService  gateways: [kafka]",
        r#"+ VirtualService  hosts: ["*"]"#,
        "  VirtualService  tcp[0].route[0].destination.host: kafka",
    ],
    also: &["GW-VS-HOSTS-EMPTY", "GW-TCP-NO-BLOCK"],
    source: "pkg/config/validation/validation.go:ValidateVirtualService",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::By(fixes),
};

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    let ways = [mended(tale, wish), as_delegate(tale)];
    ways.into_iter().flatten().collect()
}

fn mended(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    let object = tale.object()?;
    let spec = &tale.view::<views::VirtualService>(object.id)?.spec;
    if spec.hosts.is_empty() {
        return gw_vs_hosts_empty::with_hosts(tale, wish);
    }
    let needed = Server::of(tale)?.block()?;
    build::needed_block(tale, wish, needed)
}

/// Where it was meant to be a delegate, its gateways are those of the VirtualService that includes it.
fn as_delegate(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let object = tale.object()?;
    let spec = &tale.view::<views::VirtualService>(object.id)?.spec;
    let delegate = spec.hosts.is_empty() && !spec.http.is_empty() && !spec.gateways.is_empty();
    let operation = build::remove(&build::spec().key("gateways"));
    delegate.then(|| build::patch("leave `gateways` out", object.id, vec![operation]))
}
