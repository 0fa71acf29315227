//! etcd and Kubernetes' own programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::api::Api;
use crate::mesh::{HOME, wait};
use crate::network::{NAMESPACES, NODE};
use crate::pods::NODE_NAME;
use crate::process::{Process, Program};
use crate::recipe::{KUBERNETES, Parts};

/// The token of the user `admin`, who may do everything.
const ADMIN: &str = "admin";

/// How many users with rights of their own a mesh may have: the API server reads tokens once.
pub(crate) const USERS: usize = 32;

const CONTROLLERS: &str = "deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller,\
    endpointslice-controller,endpointslice-mirroring-controller,namespace-controller,garbage-collector-controller,\
    serviceaccount-controller";

/// Parts of a mesh that are no pods.
#[derive(Debug)]
pub struct ControlPlane {
    /// The stand-in for the kubelet's streaming end.
    pub kubelet: Process,
    /// kube-proxy: cluster IPs, external IPs and node ports lead to pods.
    pub kube_proxy: Process,
    /// kube-controller-manager: Deployments become pods, and Services get `EndpointSlices`.
    pub controller_manager: Process,
    /// kube-apiserver.
    pub api_server: Process,
    /// etcd.
    pub etcd: Process,
}

impl ControlPlane {
    /// Starts everything, and waits for the API server.
    pub(crate) fn start(parts: &Parts) -> Result<(Self, Api)> {
        // No path below `/run` has a space in it.
        let start = |name: &str, binary: &str, args: &str| {
            let program = Program::new(name, &parts.binary(binary), &logs());
            Process::start(program.args(args.split_whitespace()))
        };
        let home = Path::new(HOME);
        let key = home.join("service-accounts.key");
        let made = Command::new(parts.binary("stand-in"))
            .arg("key")
            .arg(&key)
            .status()?;
        ensure!(made.success(), "no key for service accounts");
        fs::write(home.join("tokens.csv"), tokens())?;
        let etcd = start(
            "etcd",
            "etcd",
            &format!(
                "--data-dir {HOME}/etcd --unsafe-no-fsync --log-level warn
                 --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
                 --listen-peer-urls http://127.0.0.1:2380"
            ),
        )?;
        let api_server = start(
            "kube-apiserver",
            "kube-apiserver",
            &format!(
                "--etcd-servers http://127.0.0.1:2379 --cert-dir {HOME}/certificates --secure-port 6443
                 --advertise-address {NODE} --service-cluster-ip-range 10.96.0.0/16
                 --service-account-issuer https://kubernetes.default.svc
                 --service-account-signing-key-file {HOME}/service-accounts.key
                 --service-account-key-file {HOME}/service-accounts.key
                 --token-auth-file {HOME}/tokens.csv --authorization-mode RBAC"
            ),
        )?;
        wait("the API server's certificate", || {
            let text = fs::read_to_string(certificate()).unwrap_or_default();
            Ok(text.trim_end().ends_with("-----END CERTIFICATE-----"))
        })?;
        let config = kubeconfig();
        write_kubeconfig(&config, &format!("https://{NODE}:6443"), "admin", ADMIN)?;
        let api = Api::new(&config)?;
        wait("the API server", || {
            Ok(api.get("/readyz").is_ok_and(|v| v == "ok"))
        })?;

        register_node(&api)?;
        let config = config.display();
        let controller_manager = start(
            "kube-controller-manager",
            "kube-controller-manager",
            &format!("--kubeconfig {config} --leader-elect=false --controllers {CONTROLLERS}"),
        )?;
        fs::write(
            home.join("kube-proxy.yaml"),
            kube_proxy(&config.to_string()),
        )?;
        let kube_proxy = start(
            "kube-proxy",
            "kube-proxy",
            &format!("--config {HOME}/kube-proxy.yaml --hostname-override {NODE_NAME}"),
        )?;
        let kubelet = start(
            "kubelet",
            "stand-in",
            &format!("kubelet {NODE}:10250 {NAMESPACES} {}", logs().display()),
        )?;
        Ok((
            Self {
                kubelet,
                kube_proxy,
                controller_manager,
                api_server,
                etcd,
            },
            api,
        ))
    }
}

/// Where every process writes.
pub(crate) fn logs() -> PathBuf {
    Path::new(HOME).join("logs")
}

/// An administrator's kubeconfig.
#[must_use]
pub fn kubeconfig() -> PathBuf {
    Path::new(HOME).join("kubeconfig")
}

fn certificate() -> PathBuf {
    Path::new(HOME).join("certificates/apiserver.crt")
}

/// A user's name is its token too: nobody else is here.
fn tokens() -> String {
    let users = (0..USERS).map(|n| format!("user-{n},user-{n},user-{n}\n"));
    std::iter::once(format!("{ADMIN},admin,admin,system:masters\n"))
        .chain(users)
        .collect()
}

/// Writes a kubeconfig for a server that has the API server's own certificate.
///
/// # Errors
/// When it cannot be written.
pub fn write_kubeconfig(path: &Path, server: &str, user: &str, token: &str) -> Result<()> {
    let authority = base64(&fs::read(certificate())?);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "mesh",
        "clusters": [{"name": "mesh", "cluster": {"server": server, "certificate-authority-data": authority}}],
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

/// The one node, and where its kubelet listens.
fn register_node(api: &Api) -> Result<()> {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE_NAME}});
    api.create("/api/v1/nodes", &node)?;
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": NODE.to_string()}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "conditions": [{"type": "Ready", "status": "True"}],
        // istiod makes sidecars init containers where every kubelet knows those.
        "nodeInfo": {"kubeletVersion": format!("v{KUBERNETES}")},
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

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_padded() {
        let encoded = ["", "M", "Ma", "Man", "Mane"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "TQ==", "TWE=", "TWFu", "TWFuZQ=="]);
    }
}
