//! The API server, as one user sees it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::process::locked;

/// What `/apis/GROUP/VERSION` says, once asked: version and kind to plural, and whether it has a namespace.
type Kinds = BTreeMap<(String, String), (String, bool)>;

/// A client of the API server.
#[derive(Clone)]
pub struct Api {
    runtime: Arc<Runtime>,
    client: Client,
    kinds: Arc<Mutex<Kinds>>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

/// The API server's refusal: its code, and its words.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// `NotFound`, `Conflict`, …
    pub reason: String,
    /// For a person.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.reason, self.message)
    }
}

impl std::error::Error for Refusal {}

/// The refusal that an error stands for.
#[must_use]
pub fn refusal(error: &anyhow::Error) -> Option<&Refusal> {
    error.downcast_ref()
}

impl Api {
    /// As the user of a kubeconfig.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(kubeconfig: &Path) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let client = runtime.block_on(async {
            let read = Kubeconfig::read_from(kubeconfig)?;
            let config =
                Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
            Ok::<_, anyhow::Error>(Client::try_from(config)?)
        })?;
        Ok(Self {
            runtime: Arc::new(runtime),
            client,
            kinds: Arc::default(),
        })
    }

    /// kube's own client, for what this one does not do.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Waits for something asynchronous, such as kube's port-forward.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn send(&self, method: &str, path: &str, content: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() {
            Vec::new()
        } else {
            serde_json::to_vec(body)?
        };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", content)
            .body(body)?;
        let text = self
            .runtime
            .block_on(self.client.request_text(request))
            .map_err(|error| match error {
                kube::Error::Api(status) => anyhow!(Refusal {
                    code: status.code,
                    reason: status.reason.clone(),
                    message: status.message.clone(),
                }),
                other => anyhow!(other),
            });
        let text = text.with_context(|| format!("{method} {path}"))?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// GET of a path such as `/api/v1/namespaces/default/pods`.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached; so do the others.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.send("GET", path, "application/json", &Value::Null)
    }

    /// The items of a list.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn list(&self, path: &str) -> Result<Vec<Value>> {
        match self.get(path)?["items"].take() {
            Value::Array(items) => Ok(items),
            _ => bail!("{path} is no list"),
        }
    }

    /// POST.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn create(&self, path: &str, object: &Value) -> Result<Value> {
        self.send("POST", path, "application/json", object)
    }

    /// A merge patch.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn merge(&self, path: &str, patch: &Value) -> Result<Value> {
        self.send("PATCH", path, "application/merge-patch+json", patch)
    }

    /// A JSON patch.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn json_patch(&self, path: &str, operations: &Value) -> Result<Value> {
        self.send("PATCH", path, "application/json-patch+json", operations)
    }

    /// DELETE, with its options.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn delete(&self, path: &str, options: &Value) -> Result<Value> {
        self.send("DELETE", path, "application/json", options)
    }

    /// Applies manifests, as `kubectl apply --server-side -n NAMESPACE -f` does.
    ///
    /// # Errors
    /// When a text is no manifest, or as [`Api::get`].
    pub fn apply(&self, namespace: &str, manifests: &str) -> Result<()> {
        for object in objects(manifests)? {
            let path = format!(
                "{}?fieldManager=real-mesh&force=true",
                self.path(namespace, &object)?
            );
            self.send("PATCH", &path, "application/apply-patch+yaml", &object)?;
        }
        Ok(())
    }

    /// Deletes what these manifests describe.
    ///
    /// # Errors
    /// As [`Api::apply`].
    pub fn delete_all(&self, namespace: &str, manifests: &str) -> Result<()> {
        for object in objects(manifests)? {
            self.delete(&self.path(namespace, &object)?, &Value::Null)?;
        }
        Ok(())
    }

    /// Where an object is, by its own apiVersion and kind.
    ///
    /// # Errors
    /// When its kind is not served.
    pub fn path(&self, namespace: &str, object: &Value) -> Result<String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let version = text(&object["apiVersion"]).context("no apiVersion")?;
        let kind = text(&object["kind"]).context("no kind")?;
        let name = text(&object["metadata"]["name"]).context("no name")?;
        let root = if version.contains('/') {
            format!("/apis/{version}")
        } else {
            format!("/api/{version}")
        };
        let (plural, namespaced) = self.kind(&root, &version, &kind)?;
        let namespace = object["metadata"]["namespace"]
            .as_str()
            .unwrap_or(namespace);
        Ok(if namespaced {
            format!("{root}/namespaces/{namespace}/{plural}/{name}")
        } else {
            format!("{root}/{plural}/{name}")
        })
    }

    fn kind(&self, root: &str, version: &str, kind: &str) -> Result<(String, bool)> {
        let key = (version.to_owned(), kind.to_owned());
        if let Some(known) = locked(&self.kinds).get(&key) {
            return Ok(known.clone());
        }
        let resources = self.get(root)?;
        let found = resources["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|r| {
                r["kind"] == kind && r["name"].as_str().is_some_and(|name| !name.contains('/'))
            });
        let found = found.with_context(|| format!("{version} has no {kind}"))?;
        let plural = found["name"].as_str().unwrap_or_default().to_owned();
        let known = (plural, found["namespaced"] == true);
        locked(&self.kinds).insert(key, known.clone());
        Ok(known)
    }
}

/// The objects of a text of manifests.
///
/// # Errors
/// When a document is no object.
pub fn objects(manifests: &str) -> Result<Vec<Value>> {
    let mut documents = vec![String::new()];
    for line in manifests.split_inclusive('\n') {
        if line.trim_end() == "---" {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
        }
    }
    let mut objects = Vec::new();
    for document in documents {
        if document
            .lines()
            .all(|l| l.trim().is_empty() || l.starts_with('#'))
        {
            continue;
        }
        let object = mesh_core::snapshot::reader::parse(&document);
        objects.push(object.with_context(|| format!("not YAML:\n{document}"))?);
    }
    Ok(objects)
}
