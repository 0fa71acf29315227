//! VAL-GW-TLS-REQUIRED: this protocol needs tls, there is none.

use super::{Cause, Fixes, Page, Severity, admission};

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-TLS-REQUIRED",
    title: "this protocol needs tls, there is none",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "The protocol is HTTPS or TLS, and the server has no tls.",
    why: "HTTPS and TLS only say that clients encrypt. What happens to it, ending it with a certificate or passing it on by its server name, is in tls.mode.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: server must have TLS settings for HTTPS/TLS protocols"#,
    ],
    fix: "Write tls with mode SIMPLE and a credentialName, or mode PASSTHROUGH; or make the protocol HTTP or TCP.",
    example: &[
        "  Gateway  servers[0].port.protocol: TLS",
        "+ Gateway  servers[0].tls.mode: PASSTHROUGH",
    ],
    also: &["VAL-GW-TLS-ON-PLAIN", "GW-SRV-TLS-NO-SETTINGS"],
    source: "pkg/config/validation/validation.go:validateServer",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::None(
        "whether TLS ends here, and with which certificate, or is passed on is for you to say",
    ),
};
