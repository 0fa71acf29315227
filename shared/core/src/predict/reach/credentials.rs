//! Are the certificates of a server to be had? istiod hands out the Secret that a server names, as it is in the
//! cluster, after `pilot/pkg/xds/sds.go:SecretGen` and `pilot/pkg/credentials/kube/secrets.go` (1.31). The listener is
//! built either way. Of a Secret only the names of its data are known here.

use super::Barrier;
use crate::predict::ProxyFacts;
use crate::predict::gateway::TlsMode;
use crate::predict::store::Store;
use crate::snapshot::views::{AsView, Secret, Server};
use crate::snapshot::{Kind, Object, ObjectId, ObjectKey};

/// The suffix of the Secret with the certificates of those who sign for clients.
pub const CA_SUFFIX: &str = "-cacert";

/// The keys of a certificate with its private key, in the two ways that istiod takes.
const PAIRS: [[&str; 2]; 2] = [["cert", "key"], ["tls.crt", "tls.key"]];

/// The keys of certificates that sign for clients, in the two ways that istiod takes.
const CA_KEYS: [&str; 2] = ["cacert", "ca.crt"];

/// Kinds that make Secrets once they are in a cluster.
const MAKERS: [&str; 6] = [
    "bitnami.com/SealedSecret",
    "cert-manager.io/Certificate",
    "external-secrets.io/ExternalSecret",
    "external-secrets.io/ClusterExternalSecret",
    "isindir.github.com/SopsSecret",
    "secrets.hashicorp.com/VaultStaticSecret",
];

/// Why a server has no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    /// The Secret is not there.
    Missing {
        /// The name in `tls`, and its index in `credentialNames`.
        written: Written,
        /// The namespace it is looked for in.
        namespace: String,
        /// Its name.
        name: String,
        /// The namespaces that have a Secret of this name.
        elsewhere: Vec<String>,
        /// Whether Secrets of that namespace were read at all.
        certain: bool,
    },
    /// It is asked for in another namespace than the proxy's.
    Denied {
        /// The name in `tls`.
        written: Written,
        /// The namespace that is named.
        namespace: String,
    },
    /// It lacks the keys of a certificate.
    WrongKeys {
        /// The name in `tls`.
        written: Written,
        /// The Secret.
        secret: ObjectId,
    },
    /// Clients have to show a certificate, and what would sign for theirs is not there.
    NoCa {
        /// The name in `tls`.
        written: Written,
        /// The Secret that could have it.
        secret: ObjectId,
    },
}

/// Where a server names a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// `tls.credentialName`
    Name,
    /// `tls.credentialNames[]`
    Item(usize),
    /// `tls.caCertCredentialName`
    Ca,
}

/// A Secret as istiod looks it up.
struct Wanted<'w> {
    namespace: &'w str,
    name: &'w str,
}

/// After `pilot/pkg/model/credentials/resource.go:ToResourceName` and `ParseResourceName`, for names of Secrets in the
/// proxy's own cluster; other kinds of names are not judged.
fn wanted<'w>(written: &'w str, proxy: &'w ProxyFacts) -> Option<Wanted<'w>> {
    let name = written.strip_prefix("kubernetes://").unwrap_or(written);
    if name.is_empty() || name.contains("://") {
        return None;
    }
    let mut parts = name.split('/');
    let first = parts.next()?;
    Some(match parts.next() {
        Some(second) => Wanted {
            namespace: first,
            name: second,
        },
        None => Wanted {
            namespace: &proxy.namespace,
            name: first,
        },
    })
}

/// The Secrets that a server's certificates may be in, for a proxy.
pub(crate) fn named_secrets(proxy: &ProxyFacts, server: &Server) -> Vec<ObjectKey> {
    let Some(tls) = &server.tls else {
        return Vec::new();
    };
    let mut names: Vec<&str> = tls.credential_names.iter().map(String::as_str).collect();
    names.extend([
        tls.credential_name.as_str(),
        tls.ca_cert_credential_name.as_str(),
    ]);
    let wanted = names.into_iter().filter_map(|name| wanted(name, proxy));
    // istiod hands out none of another namespace.
    let own = wanted.filter(|w| w.namespace == proxy.namespace);
    let key = |namespace: &str, name: &str| ObjectKey::new(Kind::Secret, namespace, name);
    own.flat_map(|w| {
        let with_suffix = format!("{}{CA_SUFFIX}", w.name);
        let asks = matches!(tls.mode.as_str(), "MUTUAL" | "OPTIONAL_MUTUAL");
        let ca = asks.then(|| key(w.namespace, &with_suffix));
        [Some(key(w.namespace, w.name)), ca]
    })
    .flatten()
    .collect()
}

/// What is wrong with the certificates of a server that ends TLS.
pub(crate) fn credentials(
    store: &Store<'_>,
    proxy: &ProxyFacts,
    server: &Server,
) -> Option<Barrier> {
    let tls = server.tls.as_ref()?;
    let own = TlsMode::of(Some(tls)) == TlsMode::Terminate && tls.mode != "ISTIO_MUTUAL";
    if !own || proxy.is_assumed() {
        return None;
    }
    let many = tls.credential_names.iter().enumerate();
    let mut names: Vec<(Written, &str)> = many
        .map(|(n, name)| (Written::Item(n), name.as_str()))
        .collect();
    if names.is_empty() {
        names.push((Written::Name, &tls.credential_name));
    }
    let pair = |written, name| {
        let wanted = wanted(name, proxy)?;
        if wanted.namespace != proxy.namespace {
            return Some(CredentialFault::Denied {
                written,
                namespace: wanted.namespace.to_owned(),
            });
        }
        let Some((secret, view)) = find(store, &wanted) else {
            return missing(store, written, &wanted);
        };
        let whole = PAIRS.iter().any(|keys| keys.iter().all(|k| view.has(k)));
        (!whole).then_some(CredentialFault::WrongKeys {
            written,
            secret: secret.id,
        })
    };
    let fault = names
        .iter()
        .find_map(|(written, name)| pair(*written, name))
        .or_else(|| {
            let asks = matches!(tls.mode.as_str(), "MUTUAL" | "OPTIONAL_MUTUAL");
            let (written, name) = names.first().filter(|_| asks)?;
            if tls.ca_cert_credential_name.is_empty() {
                no_ca(store, *written, &wanted(name, proxy)?)
            } else {
                let wanted = wanted(&tls.ca_cert_credential_name, proxy)?;
                own_ca(store, proxy, &wanted)
            }
        });
    fault.map(Barrier::Credential)
}

fn find<'s>(store: &'s Store<'_>, wanted: &Wanted<'_>) -> Option<(&'s Object, &'s Secret)> {
    let object = store
        .snapshot
        .find(Kind::Secret, wanted.namespace, wanted.name)?;
    Some((object, Secret::of(&object.view)?))
}

/// Files hold few Secrets, so one that is not there may still be in the cluster. It is missing where others of its
/// namespace were read; where only another namespace has that name, it may be.
fn missing(store: &Store<'_>, written: Written, wanted: &Wanted<'_>) -> Option<CredentialFault> {
    let coverage = &store.snapshot.coverage;
    let makers = &coverage.kinds_not_read;
    if MAKERS.iter().any(|kind| makers.contains(*kind)) {
        return None;
    }
    if coverage.forbidden(Kind::Secret, wanted.namespace).is_some() {
        return None;
    }
    let secrets = || store.snapshot.of_kind(Kind::Secret);
    let elsewhere: Vec<String> = secrets()
        .filter(|o| o.key.name == wanted.name)
        .map(|o| o.key.namespace.clone())
        .collect();
    let asked = ObjectKey::new(Kind::Secret, wanted.namespace, wanted.name);
    let certain = coverage.absent.contains(&asked)
        || (coverage.files_only && secrets().any(|o| o.key.namespace == wanted.namespace));
    (certain || !elsewhere.is_empty()).then(|| CredentialFault::Missing {
        written,
        namespace: wanted.namespace.to_owned(),
        name: wanted.name.to_owned(),
        elsewhere,
        certain,
    })
}

/// After `secrets.go:CredentialsController.GetCaCert`: the Secret with the suffix comes first.
fn no_ca(store: &Store<'_>, written: Written, wanted: &Wanted<'_>) -> Option<CredentialFault> {
    let with_suffix = format!("{}{CA_SUFFIX}", wanted.name);
    let beside = Wanted {
        namespace: wanted.namespace,
        name: &with_suffix,
    };
    let makers = &store.snapshot.coverage.kinds_not_read;
    let (secret, view) = match find(store, &beside) {
        Some(found) => found,
        None if MAKERS.iter().any(|kind| makers.contains(*kind)) => return None,
        None => find(store, wanted)?,
    };
    let has = CA_KEYS.iter().any(|key| view.has(key));
    (!has).then_some(CredentialFault::NoCa {
        written,
        secret: secret.id,
    })
}

/// `caCertCredentialName` without the suffix is looked up like any certificate, so it is only judged with it.
fn own_ca(store: &Store<'_>, proxy: &ProxyFacts, wanted: &Wanted<'_>) -> Option<CredentialFault> {
    if wanted.namespace != proxy.namespace {
        return Some(CredentialFault::Denied {
            written: Written::Ca,
            namespace: wanted.namespace.to_owned(),
        });
    }
    let base = wanted.name.strip_suffix(CA_SUFFIX)?;
    let base = Wanted {
        namespace: wanted.namespace,
        name: base,
    };
    no_ca(store, Written::Ca, &base)
}
