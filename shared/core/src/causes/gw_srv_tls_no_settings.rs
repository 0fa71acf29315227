//! GW-SRV-TLS-NO-SETTINGS: this TLS server has no tls settings.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-TLS-NO-SETTINGS",
    title: "this TLS server has no tls settings",
    severity: Severity::Error,
    what: "The server is built as plain TCP: Envoy does not end TLS there, and without a VirtualService with `tcp` the port is closed.",
    when: "servers[].port.protocol is HTTPS or TLS and servers[].tls is missing. The webhook refuses that, so the object was created while the webhook was off.",
    why: "istiod tells TLS servers from plaintext ones by the presence of tls, not by the protocol.",
    seen: &[
        "in istiod's log, if no VirtualService with `tcp` fits:",
        "  gateway NS/NAME:N listener missed network filter",
    ],
    fix: "Add tls with a mode, and a certificate unless the mode is PASSTHROUGH, AUTO_PASSTHROUGH or ISTIO_MUTUAL.",
    example: &[
        "  Gateway  servers[0].port.protocol: HTTPS",
        "+ Gateway  servers[0].tls.mode: SIMPLE",
        "+ Gateway  servers[0].tls.credentialName: a-com-cert",
    ],
    also: &["GW-TCP-NO-BLOCK", "GW-SRV-PROTO-CONFLICT"],
    source: "pkg/config/gateway/gateway.go:IsTLSServer",
};
