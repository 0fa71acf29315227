//! GW-CRED-MISSING: the certificate's Secret is missing.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::predict::reach::{Barrier, CredentialFault, Written};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-CRED-MISSING",
    title: "the certificate's Secret is missing",
    severity: Severity::Error,
    what: "The listener is built, but TLS handshakes for this server's hosts fail. When Envoy starts, the port may open up to 15 s late. The other servers of the port work.",
    when: "servers[].tls.credentialName names a Secret that is not in the namespace of the gateway's pods. Among files a Secret is missed only where others of that namespace, or one of its name elsewhere, were read.",
    why: "istiod looks for the Secret in the namespace of the pods, wherever the Gateway is, and sends it to Envoy apart from the listener. Without it the filter chain has nothing to show to clients.",
    seen: &[
        "in istiod's log:",
        "  failed to fetch key and certificate for kubernetes://NAME: secret NS/NAME not found",
        "in istiod's metrics: pilot_sds_certificate_errors_total",
        "in Envoy: /config_dump has it among dynamic_warming_secrets",
    ],
    fix: "Create the Secret in the namespace of the gateway's pods, with tls.crt and tls.key.",
    example: &[
        "  Gateway shop/web         servers[0].tls.credentialName: web-cert",
        "- Secret  shop/web-cert    type: kubernetes.io/tls",
        "+ Secret  istio-system/web-cert  type: kubernetes.io/tls",
    ],
    also: &["GW-CRED-DENIED", "GW-CRED-INVALID", "GW-CRED-CA"],
    source: "pilot/pkg/xds/sds.go:SecretGen.generate",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("a certificate is made by whoever holds its key"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Barred(Barrier::Credential(CredentialFault::Missing {
        written,
        namespace,
        name,
        elsewhere,
        certain,
    })) = tale.symptom
    else {
        return None;
    };
    let label = match (elsewhere.as_slice(), certain) {
        ([], _) => format!("no Secret {namespace}/{name}"),
        (others, true) => format!("not in {namespace}, but in {}", others.join(", ")),
        (others, false) => format!("read in {}, looked for in {namespace}", others.join(", ")),
    };
    let (gateway, field) = field(tale, *written)?;
    let told = Told::at(gateway, field, label).value(name);
    Some(if *certain {
        told
    } else {
        told.so(format!(
            "no Secret of {namespace} was read: it may be there as well"
        ))
    })
}

/// The place in `tls` that names a Secret.
pub(super) fn field(
    tale: &Tale<'_, '_>,
    written: Written,
) -> Option<(crate::snapshot::ObjectId, FieldPath)> {
    let (gateway, index) = tale.server()?;
    let name = match written {
        Written::Name => "credentialName".to_owned(),
        Written::Item(n) => format!("credentialNames[{n}]"),
        Written::Ca => "caCertCredentialName".to_owned(),
    };
    let field = FieldPath::of(&format!("spec.servers[{index}].tls.{name}"));
    Some((gateway, field))
}
