//! VAL-GW-BIND: this bind is no address.

use super::admission::told;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-BIND",
    title: "this bind is no address",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "servers[].bind is neither an IP address nor unix:// with an absolute path, or a socket has a port number.",
    why: "Envoy binds an address of the pod, and does not look names up.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: NAME is not a valid IP"#,
    ],
    fix: "Leave bind out: the gateway then listens on all addresses of the pod.",
    example: &["- Gateway  servers[0].bind: gateway.example.com"],
    also: &["ENVOY-BIND-NOADDR", "GW-BIND-SPECIFIC"],
    source: "pkg/config/validation/validation.go:validateServerBind",
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
    let operation = build::remove(&refusal.field);
    Some(build::patch(
        "leave `bind` out: all addresses of the pod",
        object.id,
        vec![operation],
    ))
}
