//! VAL-GW-PORT: this server's port is refused.

use super::admission::{free_name, put, server, told};
use super::{
    Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build, gw_srv_nil_port,
};
use crate::snapshot::Segment;

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-PORT",
    title: "this server's port is refused",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "servers[].port is missing, or its number is not between 1 and 65535, its name is missing, its protocol is none that Istio knows, or it has a targetPort.",
    why: "A listener needs number and protocol, and the name is part of what istiod calls the routes of an HTTPS server. A Gateway never translates ports, the Service of the gateway does: so a targetPort is an error.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: port name must be set: number:31400 protocol:"TCP""#,
        "where it is not written at all, the API server says:",
        "  spec.servers[0].port.name: Required value",
    ],
    fix: "Write number, name and protocol, and nothing else.",
    example: &[
        "  Gateway  servers[0].port.number: 31400",
        "  Gateway  servers[0].port.protocol: TCP",
        "+ Gateway  servers[0].port.name: tcp",
    ],
    also: &["VAL-GW-PORTNAME-DUP", "GW-SRV-NIL-PORT"],
    source: "pkg/config/validation/validation.go:validateServerPort",
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
    let Some(port) = &server.view.port else {
        return gw_srv_nil_port::with_port(tale, server);
    };
    let field = &refusal.field;
    let encrypted = server.view.tls.is_some();
    match field.0.last()? {
        Segment::Key(key) if key == "name" => {
            let name = free_name(
                tale,
                &server,
                &format!("{}-{}", server.prefix(), port.number),
            );
            let title = format!("call the port {name}");
            Some(build::patch(title, object.id, vec![put(tale, field, name)]))
        }
        Segment::Key(key) if key == "protocol" => {
            let protocol = if encrypted { "TLS" } else { "TCP" };
            let title = format!("make it {protocol}");
            Some(build::patch(
                title,
                object.id,
                vec![put(tale, field, protocol)],
            ))
        }
        Segment::Key(key) if key == "targetPort" => {
            let title = "leave targetPort out";
            Some(build::patch(title, object.id, vec![build::remove(field)]))
        }
        _ => None,
    }
}
