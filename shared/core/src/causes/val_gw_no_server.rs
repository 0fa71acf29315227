//! VAL-GW-NO-SERVER: this Gateway has no server.

use serde_json::json;

use super::admission::put;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-NO-SERVER",
    title: "this Gateway has no server",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "spec.servers is missing or empty.",
    why: "A Gateway is nothing but its servers; the schema of the CRD takes one without, the webhook does not.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: gateway must have at least one server"#,
    ],
    fix: "Write a server with port and hosts.",
    example: &[
        "+ Gateway  servers[0].port: {number: 31400, name: tcp, protocol: TCP}",
        r#"+ Gateway  servers[0].hosts: ["*"]"#,
    ],
    also: &["VAL-GW-NO-HOSTS", "GW-PORT-NOT-DECLARED"],
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
    let object = tale.object()?;
    if tale.port == 0 {
        return None;
    }
    let port =
        json!({ "number": tale.port, "name": format!("tcp-{}", tale.port), "protocol": "TCP" });
    let servers = json!([{ "port": port, "hosts": ["*"] }]);
    let title = format!("add a server for {}", tale.port);
    let field = build::spec().key("servers");
    Some(build::patch(
        title,
        object.id,
        vec![put(tale, &field, servers)],
    ))
}
