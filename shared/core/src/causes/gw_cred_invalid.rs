//! GW-CRED-INVALID: the Secret has no certificate and key.

use super::gw_cred_missing::field;
use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::predict::reach::{Barrier, CredentialFault};
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "GW-CRED-INVALID",
    title: "the Secret has no certificate and key",
    severity: Severity::Error,
    what: "The listener is built, but TLS handshakes for this server's hosts fail. The other servers of the port work.",
    when: "The Secret that servers[].tls.credentialName names has neither the keys tls.crt and tls.key nor cert and key. Whether what stands behind them is a valid certificate is not looked at here.",
    why: "istiod takes a certificate from these keys alone, whatever the type of the Secret, and sends nothing without them.",
    seen: &[
        "in istiod's log:",
        "  failed to fetch key and certificate for kubernetes://NAME: found secret, but didn't have expected keys (cert and key) or (tls.crt and tls.key); found: KEYS",
        "in istiod's metrics: pilot_sds_certificate_errors_total",
    ],
    fix: "Make the Secret with kubectl create secret tls, or name its keys tls.crt and tls.key.",
    example: &[
        "- Secret  data: {server.pem, server.key}",
        "+ Secret  data: {tls.crt, tls.key}",
    ],
    also: &["GW-CRED-MISSING", "GW-CRED-CA"],
    source: "pilot/pkg/credentials/kube/secrets.go:ExtractCertInfo",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("the data of a Secret is not read, so it cannot be put right from here"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Barred(Barrier::Credential(CredentialFault::WrongKeys { written, secret })) =
        tale.symptom
    else {
        return None;
    };
    let (gateway, field) = field(tale, *written)?;
    let keys: Vec<&str> = tale
        .view::<views::Secret>(*secret)?
        .keys()
        .into_iter()
        .collect();
    let has = match keys.as_slice() {
        [] => "has no data".to_owned(),
        [a, b, c, _, ..] => format!("has {a}, {b}, {c} and more"),
        some => format!("has {}", some.join(" and ")),
    };
    let secret = tale.name_of(*secret);
    let told = Told::at(gateway, field, format!("Secret {secret} {has}"));
    Some(told.value(secret))
}
