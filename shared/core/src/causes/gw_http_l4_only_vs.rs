//! GW-HTTP-L4-ONLY-VS: this VirtualService has no http rules.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::Block;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-L4-ONLY-VS",
    title: "this VirtualService has no http rules",
    severity: Severity::Error,
    what: "The VirtualService gives the HTTP server no route. Its hosts get 404.",
    when: "The server is HTTP, or HTTPS that ends TLS, and the VirtualService that fits has only tcp or tls rules.",
    why: "istiod fills an HTTP route from spec.http alone.",
    seen: &[
        "in istiod's log, if no other VirtualService fits:",
        "  constructed http route config for route R on port N with no vhosts; Setting up a default 404 vhost",
    ],
    fix: "Write the rule under http, or make the server TCP if it carries no HTTP.",
    example: &[
        "  Gateway         servers[0].port.protocol: HTTP",
        "- VirtualService  tcp[0].route[0].destination.host: www",
        "+ VirtualService  http[0].route[0].destination.host: www",
    ],
    also: &["GW-TCP-NO-BLOCK", "GW-HTTP-NO-VS"],
    source: "pilot/pkg/networking/core/route/route.go:BuildHTTPRoutesForVirtualService",
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
        FieldPath::of("spec"),
        "has no `http` rules",
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    build::needed_block(tale, wish, Block::Http)
        .into_iter()
        .collect()
}
