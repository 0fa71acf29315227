//! The mesh itself: started, asked, broken by tests, and taken down.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::api::{self, Api};
use crate::http;
use crate::load_balancer::Balancing;
use crate::network::{self, NAMESPACES, NODE, Namespace};
use crate::pods::{NODE_NAME, Node, Place, Pod, Role};
use crate::process::{Process, Program, tail};
use crate::recipe::{self, Parts};

/// The file system of this mesh alone.
pub const HOME: &str = "/run/mesh";

const ISTIO: &str = include_str!("istio.yaml");

/// istiod's port without TLS, at the cluster IP that `istio.yaml` gives it.
const ISTIOD: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 96, 0, 15)), 15010);

/// A client that is not in the cluster.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 96, 100);

const ADMIN_TOKEN: &str = "admin";

/// How long anything here may take at most before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Parts that are no pods.
#[derive(Debug)]
pub struct ControlPlane {
    /// etcd.
    pub etcd: Process,
    /// kube-apiserver.
    pub api_server: Process,
    /// kube-controller-manager: Deployments become pods, and Services get `EndpointSlices`.
    pub controller_manager: Process,
    /// kube-proxy: cluster IPs, external IPs and node ports lead to pods.
    pub kube_proxy: Process,
    /// The stand-in for the kubelet's streaming end.
    pub kubelet: Process,
}

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
    users: std::sync::atomic::AtomicUsize,
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

/// How many users with rights of their own a mesh may have: tokens are read once.
const USERS: usize = 32;

impl Mesh {
    /// Starts everything and waits until istiod serves.
    ///
    /// # Errors
    /// When a part does not start; [`logs`] tells more.
    pub fn start(parts: &Parts) -> Result<Self> {
        let home = Path::new(HOME);
        let _ = fs::remove_dir_all(home);
        let logs = home.join("logs");
        fs::create_dir_all(&logs)?;
        network::node()?;

        let key = home.join("service-accounts.key");
        let made = Command::new(parts.binary("stand-in"))
            .arg("key")
            .arg(&key)
            .status()?;
        ensure!(made.success(), "no key for service accounts");
        let key = key.display().to_string();
        let tokens = home.join("tokens.csv");
        fs::write(&tokens, token_file())?;
        let data = home.join("etcd").display().to_string();
        let etcd = Program::new("etcd", &parts.binary("etcd"), &logs).args([
            "--data-dir",
            &data,
            "--unsafe-no-fsync",
            "--log-level",
            "warn",
            "--listen-client-urls",
            "http://127.0.0.1:2379",
            "--advertise-client-urls",
            "http://127.0.0.1:2379",
            "--listen-peer-urls",
            "http://127.0.0.1:2380",
        ]);
        let etcd = Process::start(etcd)?;
        let certificates = home.join("certificates");
        let api_server = Program::new("kube-apiserver", &parts.binary("kube-apiserver"), &logs)
            .args([
                "--etcd-servers",
                "http://127.0.0.1:2379",
                "--cert-dir",
                &certificates.display().to_string(),
                "--secure-port",
                "6443",
                "--advertise-address",
                &NODE.to_string(),
                "--service-cluster-ip-range",
                "10.96.0.0/16",
                "--service-account-issuer",
                "https://kubernetes.default.svc",
                "--service-account-signing-key-file",
                &key,
                "--service-account-key-file",
                &key,
                "--token-auth-file",
                &tokens.display().to_string(),
                "--authorization-mode",
                "RBAC",
            ]);
        let api_server = Process::start(api_server)?;

        let certificate = certificates.join("apiserver.crt");
        wait("the API server's certificate", || Ok(certificate.is_file()))?;
        let kubeconfig = home.join("kubeconfig");
        write_kubeconfig(
            &kubeconfig,
            &format!("https://{NODE}:6443"),
            "admin",
            ADMIN_TOKEN,
        )?;
        let api = Api::new(&kubeconfig)?;
        wait("the API server", || {
            ensure!(api_server.ended().is_none(), "kube-apiserver ended");
            Ok(api.get("/readyz").is_ok_and(|v| v == "ok"))
        })?;

        let config = kubeconfig.display().to_string();
        let controller_manager = Program::new(
            "kube-controller-manager",
            &parts.binary("kube-controller-manager"),
            &logs,
        );
        let controller_manager = Process::start(controller_manager.args([
            "--kubeconfig", &config, "--leader-elect=false", "--controllers",
            "deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller,\
             endpointslice-controller,endpointslice-mirroring-controller,namespace-controller,\
             garbage-collector-controller,serviceaccount-controller",
        ]))?;
        register_node(&api)?;
        let proxy_config = home.join("kube-proxy.yaml");
        fs::write(&proxy_config, kube_proxy(&config))?;
        let kube_proxy = Program::new("kube-proxy", &parts.binary("kube-proxy"), &logs);
        let kube_proxy = Process::start(kube_proxy.args([
            "--config",
            &proxy_config.display().to_string(),
            "--hostname-override",
            NODE_NAME,
        ]))?;
        let kubelet = Program::new("kubelet", &parts.binary("stand-in"), &logs);
        let kubelet = Process::start(kubelet.args([
            "kubelet",
            &format!("{NODE}:10250"),
            NAMESPACES,
            &logs.display().to_string(),
        ]))?;

        api.apply("default", &parts.chart(recipe::CRDS)?)?;
        let node = Node::start(
            api.clone(),
            parts.clone(),
            Place::new(&logs, &kubeconfig, ISTIOD),
        );
        let mesh = Self {
            node,
            outside: Namespace::new("outside", OUTSIDE)?,
            control_plane: ControlPlane {
                etcd,
                api_server,
                controller_manager,
                kube_proxy,
                kubelet,
            },
            api,
            users: std::sync::atomic::AtomicUsize::new(0),
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
        let number = self
            .users
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
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
    let mut paths: Vec<PathBuf> = fs::read_dir(Path::new(HOME).join("logs"))
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

fn token_file() -> String {
    let users = (0..USERS).map(|n| format!("user-{n},user-{n},user-{n}\n"));
    std::iter::once(format!("{ADMIN_TOKEN},admin,admin,system:masters\n"))
        .chain(users)
        .collect()
}

/// Writes a kubeconfig for a server that has the API server's own certificate.
///
/// # Errors
/// When it cannot be written.
pub fn write_kubeconfig(path: &Path, server: &str, user: &str, token: &str) -> Result<()> {
    let authority = fs::read(Path::new(HOME).join("certificates/apiserver.crt"))?;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "mesh",
        "clusters": [{"name": "mesh", "cluster": {"server": server, "certificate-authority-data": base64(&authority)}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "mesh", "context": {"cluster": "mesh", "user": user}}],
    });
    fs::write(path, serde_json::to_vec_pretty(&config)?).with_context(|| path.display().to_string())
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            let letter = ALPHABET
                .get(digit as usize)
                .filter(|_| place <= chunk.len());
            text.push(letter.map_or('=', |b| char::from(*b)));
        }
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

/// The one node, and where its kubelet listens.
fn register_node(api: &Api) -> Result<()> {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE_NAME}});
    api.create("/api/v1/nodes", &node)?;
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": NODE.to_string()}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "conditions": [{"type": "Ready", "status": "True"}],
        // istiod makes sidecars init containers where every kubelet knows those.
        "nodeInfo": {"kubeletVersion": format!("v{}", recipe::KUBERNETES)},
    }});
    api.merge(&format!("/api/v1/nodes/{NODE_NAME}/status"), &status)?;
    Ok(())
}

fn kube_proxy(kubeconfig: &str) -> String {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": kubeconfig},
        "clusterCIDR": "10.244.0.0/16",
        // The host's own limits are not this mesh's to change.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    })
    .to_string()
}
