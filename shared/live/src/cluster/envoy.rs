//! The Envoys themselves: their admin interface through a port-forward to the pod, as `istioctl proxy-config` asks it.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Request;
use http::header::HOST;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use mesh_core::observed::Envoy;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::{Asked, Refused};
use super::connect::{Cluster, reason};

/// Where Envoy's admin interface listens inside the pod.
const ADMIN: u16 = 15000;

/// How long one Envoy is waited for: it answers in milliseconds, or something is wrong with it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked of an Envoy. The full dump of a large mesh is 70 MB; these are a part of a percent of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Only listeners of this port; `None` asks for all.
    pub port: Option<u32>,
}

/// One pod's proxy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Cluster {
    /// Asks the Envoys of these pods at once. Those that cannot be asked say why.
    pub async fn envoys(
        &self,
        pods: Vec<PodName>,
        question: &Question,
    ) -> BTreeMap<PodName, Result<Envoy, Refused>> {
        let mut asked = JoinSet::new();
        for pod in pods {
            let (cluster, question) = (self.clone(), question.clone());
            asked.spawn(async move {
                let patience = cluster.patience.map_or(PATIENCE, |p| p.min(PATIENCE));
                let answer = match timeout(patience, cluster.envoy(&pod, &question)).await {
                    Ok(answer) => answer,
                    Err(_) => Err(not_asked(&pod, &format!("no answer in {patience:?}"))),
                };
                (pod, answer)
            });
        }
        let mut answers = BTreeMap::new();
        while let Some(done) = asked.join_next().await {
            // A task is never cancelled here, and does not panic.
            if let Ok((pod, answer)) = done {
                answers.insert(pod, answer);
            }
        }
        answers
    }

    async fn envoy(&self, pod: &PodName, question: &Question) -> Result<Envoy, Refused> {
        let asked = Asked {
            verb: "get (before 1.30 also create)",
            resource: "pods/portforward",
            namespace: Some(&pod.namespace),
        };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace);
        let mut forwarded = api
            .portforward(&pod.name, &[ADMIN])
            .await
            .map_err(|error| self.refused(&asked, &error))?;
        let of_pod = |why: String| not_asked(pod, &why);
        let stream = forwarded.take_stream(ADMIN);
        let stream = stream.ok_or_else(|| of_pod("no stream".to_owned()))?;
        let (mut sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| of_pod(reason(&error)))?;
        // Ends with the stream.
        let driver = tokio::spawn(async move { connection.await.unwrap_or_default() });
        let mut envoy = Envoy::default();
        // `PORT` at the end of the name, as istiod names listeners.
        let of_port = question
            .port
            .map_or_else(String::new, |port| format!("&name_regex=.*_{port}$"));
        let paths = [
            format!("/config_dump?resource=dynamic_listeners{of_port}"),
            "/config_dump?resource=dynamic_route_configs".to_owned(),
            "/config_dump?resource=dynamic_active_clusters".to_owned(),
        ];
        for path in &paths {
            let text = get(&mut sender, path).await.map_err(of_pod)?;
            envoy.read_dump(&text).map_err(|e| of_pod(e.to_string()))?;
        }
        let text = get(&mut sender, "/clusters?format=json")
            .await
            .map_err(of_pod)?;
        envoy
            .read_clusters(&text)
            .map_err(|e| of_pod(e.to_string()))?;
        drop(sender);
        driver.abort();
        forwarded.abort();
        Ok(envoy)
    }
}

fn not_asked(pod: &PodName, why: &str) -> Refused {
    Refused::Failed {
        what: format!("the Envoy of {} cannot be asked", pod.name),
        why: why.to_owned(),
    }
}

/// One answer, to the end that its own framing tells: the stream behind it may stay open.
async fn get(sender: &mut SendRequest<Empty<Bytes>>, path: &str) -> Result<String, String> {
    let request = Request::get(path)
        .header(HOST, "localhost")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| reason(&error))?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| reason(&error))?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    if status.is_success() {
        return Ok(text);
    }
    let first = text.lines().next().unwrap_or_default();
    Err(format!("{path} answered {status}: {first}"))
}
