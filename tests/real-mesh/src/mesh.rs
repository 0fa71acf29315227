//! The mesh itself: started, asked, broken by tests, and taken down.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::api::{self, Api};
use crate::control_plane::{self, ControlPlane, USERS, write_kubeconfig};
use crate::http;
use crate::load_balancer::Balancing;
use crate::network::{self, NODE, Namespace};
use crate::pods::{Node, Pod, Role};
use crate::process::tail;
use crate::recipe::{self, Parts};

/// The file system of this mesh alone.
pub const HOME: &str = "/run/mesh";

const ISTIO: &str = include_str!("istio.yaml");

/// istiod's port without TLS, at the cluster IP that `istio.yaml` gives it.
const ISTIOD: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 96, 0, 15)), 15010);

/// A client that is not in the cluster.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 96, 100);

/// How long anything here may take at most before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A mesh that runs. Dropped, it is taken down.
#[derive(Debug)]
pub struct Mesh {
    // Dropped in this order: pods before what they talk to.
    node: Node,
    outside: Namespace,
    /// Parts that are no pods.
    pub control_plane: ControlPlane,
    /// The API server as an administrator sees it.
    pub api: Api,
    users: AtomicUsize,
}

/// A user with rights of its own.
#[derive(Debug)]
pub struct User {
    /// The name that the API server knows.
    pub name: String,
    /// The API server as this user sees it.
    pub api: Api,
    /// A kubeconfig with its token.
    pub kubeconfig: PathBuf,
}

impl Mesh {
    /// Starts everything and waits until istiod serves.
    ///
    /// # Errors
    /// When a part does not start; [`logs`] tells more.
    pub fn start(parts: &Parts) -> Result<Self> {
        let _ = fs::remove_dir_all(HOME);
        fs::create_dir_all(control_plane::logs())?;
        network::node()?;
        let (control_plane, api) = ControlPlane::start(parts)?;
        api.apply("default", &parts.chart(recipe::CRDS)?)?;
        let mesh = Self {
            node: Node::start(api.clone(), parts.clone(), ISTIOD),
            outside: Namespace::new("outside", OUTSIDE)?,
            control_plane,
            api,
            users: AtomicUsize::new(0),
        };
        // A new kind is served a moment after its definition is stored.
        wait("Istio's kinds", || {
            mesh.api.apply("istio-system", ISTIO).map(|()| true)
        })?;
        mesh.apply("istio-system", &injector(parts)?)?;
        wait("istiod", || {
            Ok(mesh
                .pods("istio-system", "app=istiod")?
                .iter()
                .any(|p| p.is_told_ready()))
        })?;
        mesh.wait_for_webhooks()?;
        Ok(mesh)
    }

    /// istiod has put its certificate into its webhooks, and the API server reaches them.
    fn wait_for_webhooks(&self) -> Result<()> {
        let refused = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "no-servers"}, "spec": {},
        });
        wait("the validating webhook", || {
            let path = "/apis/networking.istio.io/v1/namespaces/default/gateways?dryRun=All";
            let answer = self.api.create(path, &refused);
            Ok(answer.is_err_and(|e| {
                api::refusal(&e).is_some_and(|r| r.message.contains("denied the request"))
            }))
        })?;
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "injected", "labels": {"sidecar.istio.io/inject": "true"}},
            "spec": {"containers": [{"name": "app", "image": "app"}]},
        });
        wait("the injecting webhook", || {
            let answer = self
                .api
                .create("/api/v1/namespaces/default/pods?dryRun=All", &pod)?;
            Ok(!answer["spec"]["initContainers"].is_null())
        })
    }

    /// Applies manifests, as `kubectl apply -n NAMESPACE -f` does.
    ///
    /// # Errors
    /// When the API server or istiod's webhook refuses.
    pub fn apply(&self, namespace: &str, manifests: &str) -> Result<()> {
        self.api.apply(namespace, manifests)
    }

    /// Makes a namespace, where there is none of this name.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn namespace(&self, name: &str, labels: &[(&str, &str)]) -> Result<()> {
        let labels: serde_json::Map<_, _> = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Value::from(*v)))
            .collect();
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        self.apply(name, &object.to_string())
    }

    /// A gateway in `istio-system`: a Service of type `LoadBalancer` with these ports, and one pod with the label
    /// `istio: NAME`, once it is ready.
    ///
    /// # Errors
    /// When that takes too long, or the API server refuses.
    pub fn gateway(&self, name: &str, ports: &[u16]) -> Result<Arc<Pod>> {
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| json!({"name": format!("tcp-{port}"), "port": port}))
            .collect();
        let labels = json!({"istio": name, "sidecar.istio.io/inject": "true"});
        let template = json!({
            "metadata": {"labels": labels, "annotations": {"inject.istio.io/templates": "gateway"}},
            "spec": {"containers": [{"name": "istio-proxy", "image": "auto"}]},
        });
        let service = json!({"type": "LoadBalancer", "selector": {"istio": name}, "ports": ports});
        self.workload(
            "istio-system",
            name,
            &json!({"istio": name}),
            &service,
            &template,
        )?;
        self.pod("istio-system", &format!("istio={name}"))
    }

    /// A server that says who it is, behind a Service of one port, whose name tells istiod the protocol. Its one pod has the
    /// label `app: NAME`.
    ///
    /// # Errors
    /// When that takes too long, or the API server refuses.
    pub fn echo(
        &self,
        namespace: &str,
        name: &str,
        port_name: &str,
        port: u16,
    ) -> Result<Arc<Pod>> {
        let container = json!({"name": name, "image": "echo", "ports": [{"containerPort": port, "protocol": "TCP"}]});
        let template =
            json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}});
        let service =
            json!({"selector": {"app": name}, "ports": [{"name": port_name, "port": port}]});
        self.workload(namespace, name, &json!({"app": name}), &service, &template)?;
        self.pod(namespace, &format!("app={name}"))
    }

    fn workload(
        &self,
        namespace: &str,
        name: &str,
        labels: &Value,
        service: &Value,
        template: &Value,
    ) -> Result<()> {
        let metadata = json!({"name": name});
        let service =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        });
        self.apply(namespace, &service.to_string())?;
        self.apply(namespace, &deployment.to_string())
    }

    /// The pods that run and have these labels (`app=x,version=v1`), by name.
    ///
    /// # Errors
    /// When the API server refuses, or one of them could not be started.
    pub fn pods(&self, namespace: &str, labels: &str) -> Result<Vec<Arc<Pod>>> {
        let selector = labels.replace('=', "%3D").replace(',', "%2C");
        let found = self.api.list(&format!(
            "/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"
        ))?;
        if let Some(failed) = found.iter().find(|pod| pod["status"]["phase"] == "Failed") {
            bail!(
                "pod {}: {}",
                failed["metadata"]["name"],
                failed["status"]["message"]
            );
        }
        let running = self.node.pods();
        Ok(found
            .iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .filter_map(|pod| {
                running
                    .iter()
                    .find(|r| r.namespace == namespace && pod["metadata"]["name"] == *r.name)
            })
            .cloned()
            .collect())
    }

    /// Waits until this many pods with these labels are ready, and no others are left.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn ready(&self, namespace: &str, labels: &str, count: usize) -> Result<Vec<Arc<Pod>>> {
        wait_for(
            &format!("{count} ready pods {labels} in {namespace}"),
            || {
                let pods = self.pods(namespace, labels)?;
                Ok((pods.len() == count && pods.iter().all(|p| p.is_told_ready())).then_some(pods))
            },
        )
    }

    /// The one pod with these labels, once it is ready.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn pod(&self, namespace: &str, labels: &str) -> Result<Arc<Pod>> {
        self.ready(namespace, labels, 1)?.pop().context("no pod")
    }

    /// istiod's pod.
    ///
    /// # Errors
    /// When there is none that is ready.
    pub fn istiod(&self) -> Result<Arc<Pod>> {
        self.pod("istio-system", "app=istiod")
    }

    /// A page of istiod's own, such as `/debug/syncz`.
    ///
    /// # Errors
    /// When istiod does not answer.
    pub fn istiod_page(&self, target: &str) -> Result<Value> {
        let istiod = self.istiod()?;
        // Elsewhere than on its own loopback it asks who is there.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let (status, body) = istiod
            .network
            .within(|| http::get(address, target, Duration::from_secs(10)))??;
        ensure!(status == 200, "istiod: {target}: {status} {body}");
        serde_json::from_str(&body).with_context(|| format!("{target} is not JSON: {body}"))
    }

    /// All that istiod has logged.
    ///
    /// # Errors
    /// When there is no istiod.
    pub fn istiod_log(&self) -> Result<String> {
        Ok(self.istiod()?.container(Role::Istiod)?.process.log())
    }

    /// Waits until istiod logs these words, beyond so many bytes of its log.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn wait_for_log(&self, from: usize, words: &str) -> Result<()> {
        wait(&format!("istiod to log: {words}"), || {
            Ok(self
                .istiod_log()?
                .get(from..)
                .unwrap_or_default()
                .contains(words))
        })
    }

    /// The client outside of the cluster.
    #[must_use]
    pub fn outside(&self) -> &Namespace {
        &self.outside
    }

    /// Sends one line from outside of the cluster, and returns the line that comes back.
    ///
    /// # Errors
    /// When nobody listens, or nobody answers.
    pub fn ask(&self, address: SocketAddr, line: &str) -> Result<String> {
        self.outside.within(|| ask(address, line))?
    }

    /// What becomes of Services of type `LoadBalancer` from now on.
    pub fn balance(&self, balancing: Balancing) {
        self.node.load_balancer.set(balancing);
    }

    /// A user who may do just what these rules of RBAC say, in all namespaces.
    ///
    /// # Errors
    /// When there are too many users, or the API server refuses.
    pub fn user(&self, rules: &Value) -> Result<User> {
        let number = self.users.fetch_add(1, Ordering::Relaxed);
        ensure!(number < USERS, "a mesh has {USERS} users");
        let name = format!("user-{number}");
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules,
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
        });
        self.apply("default", &role.to_string())?;
        self.apply("default", &binding.to_string())?;
        let kubeconfig = Path::new(HOME).join(format!("{name}.kubeconfig"));
        write_kubeconfig(&kubeconfig, &format!("https://{NODE}:6443"), &name, &name)?;
        Ok(User {
            api: Api::new(&kubeconfig)?,
            name,
            kubeconfig,
        })
    }
}

impl Pod {
    /// Whether the API server was told that it is ready.
    fn is_told_ready(&self) -> bool {
        let told = self.told();
        let conditions = told["conditions"].as_array().into_iter().flatten();
        conditions
            .into_iter()
            .any(|c| c["type"] == "Ready" && c["status"] == "True")
    }
}

/// Sends one line, and returns the line that comes back.
///
/// # Errors
/// When nobody listens, or nobody answers.
pub fn ask(address: SocketAddr, line: &str) -> Result<String> {
    let patience = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    writeln!(stream, "{line}")?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 && byte != *b"\n" {
        answer.extend_from_slice(&byte);
    }
    if answer.is_empty() {
        bail!("{address} closed the connection without an answer");
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Waits until something is so.
///
/// # Errors
/// When it is not within [`PATIENCE`]; the last error is the reason.
pub fn wait(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    wait_for(what, || Ok(is_so()?.then_some(())))
}

/// Waits until there is something.
///
/// # Errors
/// When there is not within [`PATIENCE`]; the last error is the reason.
pub fn wait_for<T>(what: &str, mut find: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = match find() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if Instant::now() > deadline {
            let waited = format!("waited {} s for {what}", PATIENCE.as_secs());
            return Err(match last {
                Some(error) => error.context(waited),
                None => anyhow::Error::msg(waited),
            });
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The end of every log of the mesh in this process's namespaces.
#[must_use]
pub fn logs() -> String {
    let mut text = String::new();
    let mut paths: Vec<PathBuf> = fs::read_dir(control_plane::logs())
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    paths.sort();
    for path in paths {
        let log = fs::read(&path).unwrap_or_default();
        let end = tail(&String::from_utf8_lossy(&log), 15);
        let name = path.file_name().unwrap_or_default().display();
        let _ = writeln!(text, "--- the end of {name}\n{end}");
    }
    text
}

/// What istiod's injecting webhook reads: Istio's own templates, with their default values.
///
/// As `manifests/charts/istio-control/istio-discovery/templates/istiod-injector-configmap.yaml` of istio makes it.
fn injector(parts: &Parts) -> Result<String> {
    let read = |file| -> Result<Value> {
        mesh_core::snapshot::reader::parse(&parts.chart(file)?).context("values that are no YAML")
    };
    let values = read(recipe::VALUES)?;
    let defaults = &values["_internal_defaults_do_not_set"];
    let picked = json!({
        "global": defaults["global"],
        "sidecarInjectorWebhook": defaults["sidecarInjectorWebhook"],
        "revision": "",
        "pilot": {"cni": defaults["cni"], "env": defaults["env"]},
        "gateways": {"securityContext": {}, "seccompProfile": {}},
    });
    let config = json!({
        "defaultTemplates": ["sidecar"],
        "policy": "enabled",
        "templates": {"sidecar": parts.chart(recipe::SIDECAR)?, "gateway": parts.chart(recipe::GATEWAY)?},
    });
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio-sidecar-injector", "namespace": "istio-system"},
        "data": {"values": picked.to_string(), "config": config.to_string()},
    });
    Ok(map.to_string())
}
