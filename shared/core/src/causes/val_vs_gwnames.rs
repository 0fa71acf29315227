//! VAL-VS-GWNAMES: this name of a Gateway is refused.

use super::admission::told;
use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};

pub(super) static PAGE: Page = Page {
    code: "VAL-VS-GWNAMES",
    title: "this name of a Gateway is refused",
    severity: Severity::Error,
    what: "The VirtualService is not stored, so istiod never sees it: none of its rules counts.",
    when: "An entry of spec.gateways, or of match[].gateways, has a slash, and the part before or behind it is no DNS label; or it has none and is no host name. Entries behind the first one without a slash are not looked at.",
    why: "The name is NAMESPACE/NAME. Only hosts of a Gateway know `.` for the own namespace; here the name alone means that.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: invalid value for namespace: ".""#,
    ],
    fix: "Write NAMESPACE/NAME, or the name alone for a Gateway of the own namespace.",
    example: &[
        "- VirtualService  gateways: [./kafka]",
        "+ VirtualService  gateways: [kafka]",
    ],
    also: &["GW-VS-GWNAME", "VAL-GW-NAME"],
    source: "pkg/config/validation/validation.go:validateGatewayNames",
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
    let server = Server::of(tale)?;
    let name = build::gateway_name(server.gateway, &object.key.namespace);
    let title = format!("write {name}");
    Some(build::patch(
        title,
        object.id,
        vec![build::replace(&refusal.field, name)],
    ))
}
