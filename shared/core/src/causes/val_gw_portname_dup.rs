//! VAL-GW-PORTNAME-DUP: two ports of this Gateway have one name.

use super::admission::{free_name, server, told};
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-PORTNAME-DUP",
    title: "two ports of this Gateway have one name",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "servers[].port.name is the same at two servers of the Gateway. The same number with another name is taken.",
    why: "The name of an HTTPS server is part of the name of its routes. So Istio wants the names of all ports of a Gateway to differ.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: port names in servers must be unique: duplicate name tcp"#,
    ],
    fix: "Give each port a name of its own.",
    example: &[
        "  Gateway  servers[0].port.name: tcp",
        "- Gateway  servers[1].port.name: tcp",
        "+ Gateway  servers[1].port.name: tcp-31401",
    ],
    also: &["VAL-GW-PORT", "GW-SRV-HTTPS-NAME"],
    source: "pkg/config/validation/validation.go:ValidateGateway",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::By(fixes),
};

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    mended(tale).into_iter().collect()
}

fn mended(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (object, refusal) = (tale.object()?, told(tale)?);
    let server = server(tale)?;
    let base = format!("{}-{}", server.prefix(), server.number());
    let name = free_name(tale, &server, &base);
    let title = format!("call the second one {name}");
    Some(build::patch(
        title,
        object.id,
        vec![build::replace(&refusal.field, name)],
    ))
}
