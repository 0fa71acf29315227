//! VAL-GW-TLS-ON-PLAIN: this protocol takes no tls.

use super::admission::server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-TLS-ON-PLAIN",
    title: "this protocol takes no tls",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "The server has tls, and its protocol is neither HTTPS nor TLS. HTTP may have tls for httpsRedirect alone: without certificates, and with mode PASSTHROUGH or none.",
    why: "The protocol decides what the listener speaks. One that is not encrypted has no use for certificates, so Istio takes the settings for a mistake in the protocol.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: server cannot have TLS settings for non HTTPS/TLS ports"#,
    ],
    fix: "Make the protocol TLS or HTTPS, or leave tls out.",
    example: &[
        "- Gateway  servers[0].port.protocol: TCP",
        "+ Gateway  servers[0].port.protocol: TLS",
        "  Gateway  servers[0].tls.mode: PASSTHROUGH",
    ],
    also: &["VAL-GW-TLS-REQUIRED", "VAL-GW-TLS-CERTS"],
    source: "pkg/config/validation/validation.go:validateServer",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::By(fixes),
};

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let (Some(object), Some(server)) = (tale.object(), server(tale)) else {
        return Vec::new();
    };
    let protocol = if server.protocol().is_http() {
        "HTTPS"
    } else {
        "TLS"
    };
    let port = server.path().key("port").key("protocol");
    let encrypt = build::replace(&port, protocol);
    let plain = build::remove(&server.path().key("tls"));
    vec![
        build::patch(format!("make it {protocol}"), object.id, vec![encrypt]),
        build::patch(
            "leave `tls` out: clients then speak without TLS",
            object.id,
            vec![plain],
        ),
    ]
}
