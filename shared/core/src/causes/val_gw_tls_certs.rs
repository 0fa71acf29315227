//! VAL-GW-TLS-CERTS: these tls settings are refused.

use super::admission::{server, told};
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};
use crate::admission::is_tls_mode;
use crate::snapshot::Segment;

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-TLS-CERTS",
    title: "these tls settings are refused",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "tls.mode is none that Istio knows; SIMPLE or MUTUAL has no certificate; certificates come from two sources; or ISTIO_MUTUAL has a certificate of its own.",
    why: "SIMPLE and MUTUAL end TLS, for which Envoy needs one certificate and its key: from a Secret by credentialName, or from files. ISTIO_MUTUAL uses the certificate that Istio gives the gateway.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: SIMPLE TLS requires a server certificate"#,
        "for a mode that is none, the API server says:",
        r#"  spec.servers[0].tls.mode: Unsupported value: "simple""#,
    ],
    fix: "Write credentialName and nothing else; for ISTIO_MUTUAL no certificate at all.",
    example: &[
        "  Gateway  servers[0].tls.mode: SIMPLE",
        "+ Gateway  servers[0].tls.credentialName: shop-cert",
    ],
    also: &["VAL-GW-TLS-REQUIRED", "VAL-GW-TLS-ON-PLAIN"],
    source: "pkg/config/validation/validation.go:validateTLSOptions",
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
    let tls = server.view.tls.as_ref()?;
    let Segment::Key(key) = refusal.field.0.last()? else {
        return None;
    };
    if key == "mode" {
        // Which certificate nobody can guess; how a mode is spelt is clear.
        let mode = tls.mode.to_ascii_uppercase();
        let spelt = mode != tls.mode && is_tls_mode(&mode);
        let title = format!("write {mode}");
        let operation = build::replace(&refusal.field, mode.clone());
        return spelt.then(|| build::patch(title, object.id, vec![operation]));
    }
    let title = format!("leave {key} out");
    Some(build::patch(
        title,
        object.id,
        vec![build::remove(&refusal.field)],
    ))
}
