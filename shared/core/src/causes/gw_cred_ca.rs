//! GW-CRED-CA: no CA for the clients' certificates.

use super::gw_cred_missing::field;
use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::predict::reach::{Barrier, CA_SUFFIX, CredentialFault};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-CRED-CA",
    title: "no CA for the clients' certificates",
    severity: Severity::Error,
    what: "The listener is built, but TLS handshakes for this server's hosts fail, whatever certificate the client shows. The other servers of the port work.",
    when: "servers[].tls.mode is MUTUAL or OPTIONAL_MUTUAL, there is no Secret NAME-cacert beside the credentialName's, and the Secret that is there has neither ca.crt nor cacert.",
    why: "To check a client's certificate Envoy needs those of its signers. istiod looks for them in the Secret with the suffix -cacert, and without such a Secret in the one with the server's own certificate. Until they come, the filter chain is not ready.",
    seen: &[
        "in istiod's log:",
        "  failed to fetch ca certificate for kubernetes://NAME-cacert: found secret, but didn't have expected keys cacert or ca.crt; found: KEYS",
        "in istiod's metrics: pilot_sds_certificate_errors_total",
    ],
    fix: "Add ca.crt to the Secret, or make a Secret NAME-cacert with it in the same namespace.",
    example: &[
        "  Gateway  servers[0].tls.mode: MUTUAL",
        "- Secret   data: {tls.crt, tls.key}",
        "+ Secret   data: {tls.crt, tls.key, ca.crt}",
    ],
    also: &["GW-CRED-MISSING", "GW-CRED-INVALID"],
    source: "pilot/pkg/credentials/kube/secrets.go:CredentialsController.GetCaCert",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("who may sign for clients is for whoever runs the server to say"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Barred(Barrier::Credential(CredentialFault::NoCa { written, secret })) =
        tale.symptom
    else {
        return None;
    };
    let (gateway, index) = tale.server()?;
    let mode = FieldPath::of(&format!("spec.servers[{index}].tls.mode"));
    let (_, name) = field(tale, *written)?;
    let found = tale.store.snapshot.get(*secret)?;
    let label = if found.key.name.ends_with(CA_SUFFIX) {
        format!("{} has no ca.crt", found.key.name)
    } else {
        format!("no ca.crt in it, and no {}{CA_SUFFIX}", found.key.name)
    };
    Some(Told::at(gateway, name, label).beside(gateway, mode, "clients have to show a certificate"))
}
