//! One list of the API server, read item by item as it arrives.

use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::core::Status;
use mesh_core::snapshot::{Kind, ObjectKey};
use tokio::time::timeout;

use super::answer::{Asked, Refused};
use super::connect::Cluster;
use super::items::Items;

/// The objects of one kind, all or some of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// The kind.
    pub kind: Kind,
    /// The namespace; `None` for all.
    pub namespace: Option<String>,
    /// The one object of this name.
    pub name: Option<String>,
    /// Only objects with these labels, as the API server takes them: `app=istiod`.
    pub labels: Option<String>,
}

impl Wanted {
    /// All objects of a kind.
    #[must_use]
    pub const fn all(kind: Kind) -> Self {
        Self {
            kind,
            namespace: None,
            name: None,
            labels: None,
        }
    }

    /// The objects of a kind in one namespace.
    #[must_use]
    pub fn within(kind: Kind, namespace: &str) -> Self {
        Self {
            namespace: Some(namespace.to_owned()),
            ..Self::all(kind)
        }
    }

    /// One object.
    #[must_use]
    pub fn one(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..Self::within(kind, namespace)
        }
    }

    /// The object's key, where it is one.
    pub(super) fn key(&self) -> Option<ObjectKey> {
        let (namespace, name) = (self.namespace.as_ref()?, self.name.as_ref()?);
        Some(ObjectKey::new(self.kind, namespace, name))
    }

    const fn verb(&self) -> &'static str {
        if self.name.is_some() { "get" } else { "list" }
    }
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// What the API server has in memory: seconds old at most. For diagnosis.
    Cached,
    /// What is stored now. For plans and writes.
    Consistent,
}

/// The versions of a kind, the one that istiod itself asks for first.
pub(super) const fn versions(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::EnvoyFilter => &["v1alpha3"],
        Kind::WasmPlugin => &["v1alpha1"],
        Kind::Gateway
        | Kind::VirtualService
        | Kind::DestinationRule
        | Kind::ServiceEntry
        | Kind::WorkloadEntry
        | Kind::Sidecar => &["v1", "v1beta1", "v1alpha3"],
        Kind::PeerAuthentication | Kind::AuthorizationPolicy | Kind::KubernetesGateway => {
            &["v1", "v1beta1"]
        }
        _ => &["v1"],
    }
}

fn path(wanted: &Wanted, version: &str, fresh: Fresh) -> String {
    let group = wanted.kind.group();
    let mut path = if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    };
    if let Some(namespace) = &wanted.namespace {
        path.push_str(&format!("/namespaces/{namespace}"));
    }
    path.push_str(&format!("/{}", wanted.kind.plural()));
    if let Some(name) = &wanted.name {
        path.push_str(&format!("/{name}"));
    }
    let mut query = Vec::new();
    if fresh == Fresh::Cached {
        query.push("resourceVersion=0".to_owned());
    }
    if let Some(labels) = &wanted.labels {
        query.push(format!("labelSelector={}", escaped(labels)));
    }
    if !query.is_empty() {
        path.push_str(&format!("?{}", query.join("&")));
    }
    path
}

/// A value of a query: what is no plain character is written by its bytes.
fn escaped(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    value
        .bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// Only the metadata of a Secret is ever asked for: nothing of its data may reach this process.
fn accepted(kind: Kind) -> &'static str {
    if matches!(kind, Kind::Secret) {
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    } else {
        "application/json"
    }
}

impl Cluster {
    /// Hands every object to `each`, with the `apiVersion` that it was asked for by. The newest version of the kind
    /// that the API server has is taken.
    ///
    /// # Errors
    /// [`Refused::Absent`] when it has none, or not the object; [`Refused::Forbidden`] without the right; all else is
    /// [`Refused::Failed`].
    pub(super) async fn objects(
        &self,
        wanted: &Wanted,
        fresh: Fresh,
        mut each: impl FnMut(&str, &[u8]),
    ) -> Result<(), Refused> {
        let mut refused = Refused::Absent(wanted.kind.plural().to_owned());
        for version in versions(wanted.kind) {
            let group = wanted.kind.group();
            let api_version = match group {
                "" => (*version).to_owned(),
                group => format!("{group}/{version}"),
            };
            let path = path(wanted, version, fresh);
            let mut handed = 0_usize;
            let tried = self
                .read(wanted, &path, |item| {
                    handed += 1;
                    each(&api_version, item);
                })
                .await;
            match tried {
                Err(Refused::Absent(what)) if handed == 0 => refused = Refused::Absent(what),
                other => return other,
            }
        }
        Err(refused)
    }

    async fn read(
        &self,
        wanted: &Wanted,
        path: &str,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), Refused> {
        let asked = Asked {
            verb: wanted.verb(),
            resource: wanted.kind.plural(),
            namespace: wanted.namespace.as_deref(),
        };
        let broken = |why: &str| {
            let did = format!("broke off at {} {}", asked.verb, asked.resource);
            self.failed(&did, why)
        };
        let request = Request::builder()
            .method(Method::GET)
            .uri(path)
            .header("Accept", accepted(wanted.kind))
            .body(Body::empty())
            .map_err(|error| broken(&error.to_string()))?;
        let too_late = |_| self.unreachable("timed out");
        let response = within(self.patience, self.client.send(request))
            .await
            .map_err(too_late)?
            .map_err(|error| self.refused(&asked, &error))?;
        let status = response.status();
        let mut body = response.into_body();
        let one = wanted.name.is_some() || !status.is_success();
        let mut items = Items::default();
        let mut whole = Vec::new();
        loop {
            let frame = within(self.patience, body.frame())
                .await
                .map_err(too_late)?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| broken(&super::connect::reason(&error)))?;
            let Some(bytes) = frame.data_ref() else {
                continue;
            };
            if one {
                whole.extend_from_slice(bytes);
            } else {
                items
                    .push(bytes, &mut each)
                    .map_err(|error| broken(&error.to_string()))?;
            }
        }
        if !status.is_success() {
            let told = serde_json::from_slice::<Status>(&whole).unwrap_or_else(|_| {
                let text = String::from_utf8_lossy(&whole);
                let first = text.lines().next().unwrap_or_default().trim().to_owned();
                Status::failure(&first, "")
            });
            let told = Status {
                code: status.as_u16(),
                ..told
            };
            return Err(self.refused(&asked, &kube::Error::Api(Box::new(told))));
        }
        if one {
            each(&whole);
            return Ok(());
        }
        items.finish().map_err(|error| broken(&error.to_string()))
    }
}

/// The longest that one piece of an answer is waited for.
async fn within<F: Future>(
    patience: Option<Duration>,
    answer: F,
) -> Result<F::Output, tokio::time::error::Elapsed> {
    match patience {
        Some(patience) => timeout(patience, answer).await,
        None => Ok(answer.await),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fresh, Kind, Wanted, path};

    #[test]
    fn paths_are_the_api_servers() {
        let asked = |wanted: &Wanted, fresh| path(wanted, "v1", fresh);
        assert_eq!(
            asked(&Wanted::all(Kind::Service), Fresh::Cached),
            "/api/v1/services?resourceVersion=0"
        );
        assert_eq!(
            asked(&Wanted::within(Kind::Gateway, "rcmd"), Fresh::Consistent),
            "/apis/networking.istio.io/v1/namespaces/rcmd/gateways"
        );
        let istiod = Wanted {
            labels: Some("app=istiod,istio.io/rev in (a,b)".to_owned()),
            ..Wanted::all(Kind::Deployment)
        };
        assert_eq!(
            asked(&istiod, Fresh::Cached),
            "/apis/apps/v1/deployments?resourceVersion=0\
             &labelSelector=app%3Distiod%2Cistio.io/rev%20in%20%28a%2Cb%29"
        );
        assert_eq!(
            asked(
                &Wanted::one(Kind::ConfigMap, "istio-system", "istio"),
                Fresh::Cached
            ),
            "/api/v1/namespaces/istio-system/configmaps/istio?resourceVersion=0"
        );
    }
}
