//! VAL-VS-TLS: this tls rule is refused.

use serde_json::json;

use super::admission::{index, put, route, told};
use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};
use crate::snapshot::{Segment, views};

pub(super) static PAGE: Page = Page {
    code: "VAL-VS-TLS",
    title: "this tls rule is refused",
    severity: Severity::Error,
    what: "The VirtualService is not stored, so istiod never sees it: none of its rules counts.",
    when: "A tls rule has no match or no route, a match has no sniHosts, or an SNI is under none of the VirtualService's hosts. Letter case counts.",
    why: "istiod builds one filter chain for each match of a tls rule, from its sniHosts. An SNI outside of spec.hosts would take connections that the VirtualService is not for.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: SNI host "b.com" is not a compatible subset of any of the virtual service hosts: [a.com]"#,
    ],
    fix: "Match sniHosts that are among spec.hosts, and lead to a destination.",
    example: &[
        "- VirtualService  hosts: [a.example.com]",
        "+ VirtualService  hosts: [a.example.com, b.example.com]",
        "  VirtualService  tls[0].match[0].sniHosts: [b.example.com]",
    ],
    also: &["GW-PASS-NO-MATCH", "VAL-VS-HOSTS"],
    source: "pkg/config/validation/validation.go:validateTLSRoute",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::By(fixes),
};

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    mended(tale, wish).into_iter().collect()
}

fn mended(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    let (object, refusal) = (tale.object()?, told(tale)?);
    let spec = &tale.view::<views::VirtualService>(object.id)?.spec;
    let field = &refusal.field;
    if let Some(hosts) = &refusal.other {
        let (rule, matched, n) = (index(field, 0)?, index(field, 1)?, index(field, 2)?);
        let sni = spec.tls.get(rule)?.r#match.get(matched)?.sni_hosts.get(n)?;
        let title = format!("add {sni} to the hosts");
        let operation = build::append(hosts, spec.hosts.len(), sni.clone());
        return Some(build::patch(title, object.id, vec![operation]));
    }
    let Segment::Key(key) = field.0.last()? else {
        return None;
    };
    let server = Server::of(tale)?;
    let names = build::sni(tale, &server);
    let (title, value) = match key.as_ref() {
        "route" => return route(tale, wish, field),
        "match" => (
            "match the server name",
            json!([{ "port": server.number(), "sniHosts": names }]),
        ),
        "sniHosts" => ("match the server name", json!(names)),
        _ => return None,
    };
    Some(build::patch(
        title,
        object.id,
        vec![put(tale, field, value)],
    ))
}
