//! VAL-GW-NO-HOSTS: this server has no host.

use serde_json::json;

use super::admission::{put, told};
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-NO-HOSTS",
    title: "this server has no host",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "servers[].hosts is missing or empty.",
    why: "The hosts of a server say which VirtualServices may attach to it, also for TCP. Without any none may.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: server config must contain at least one host"#,
        "where it is not written at all, the API server says:",
        "  spec.servers[0].hosts: Required value",
    ],
    fix: "Write hosts; `*` takes every VirtualService.",
    example: &[
        "  Gateway  servers[0].port.number: 31400",
        r#"+ Gateway  servers[0].hosts: ["*"]"#,
    ],
    also: &["VAL-GW-HOST", "GW-VS-HOST-MISMATCH"],
    source: "pkg/config/validation/validation.go:validateServer",
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
    let operation = put(tale, &refusal.field, json!(["*"]));
    Some(build::patch(
        "let every host in",
        object.id,
        vec![operation],
    ))
}
