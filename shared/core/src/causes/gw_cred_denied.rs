//! GW-CRED-DENIED: this Secret is of another namespace.

use super::gw_cred_missing::field;
use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::predict::reach::{Barrier, CredentialFault};

pub(super) static PAGE: Page = Page {
    code: "GW-CRED-DENIED",
    title: "this Secret is of another namespace",
    severity: Severity::Error,
    what: "The listener is built, but TLS handshakes for this server's hosts fail. The other servers of the port work.",
    when: "servers[].tls.credentialName is NAMESPACE/NAME and the namespace is not that of the gateway's pods. On a live mesh also: the pods' service account may not list Secrets in its namespace.",
    why: "istiod gives a proxy the Secrets of its own namespace alone, and those only if its service account may list them. A namespace in the name is read, and then refused.",
    seen: &[
        "in istiod's log:",
        "  proxy PROXY attempted to access unauthorized certificates NAME: cross namespace secret reference requires ReferenceGrant",
        "in istiod's metrics: pilot_sds_certificate_errors_total",
    ],
    fix: "Put the Secret into the namespace of the gateway's pods and write its name alone. For the service account: a Role that may get, watch and list Secrets, as Istio's charts have.",
    example: &[
        "- Gateway  servers[0].tls.credentialName: shop/web-cert",
        "+ Gateway  servers[0].tls.credentialName: web-cert",
    ],
    also: &["GW-CRED-MISSING", "GW-CRED-INVALID"],
    source: "pilot/pkg/xds/sds.go:filterAuthorizedResources",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("a certificate is put where it may be read by whoever holds its key"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Barred(Barrier::Credential(CredentialFault::Denied { written, namespace })) =
        tale.symptom
    else {
        return None;
    };
    let (gateway, field) = field(tale, *written)?;
    let label = format!(
        "in {namespace}; the gateway runs in {}",
        tale.proxy.namespace
    );
    Some(Told::at(gateway, field, label))
}
