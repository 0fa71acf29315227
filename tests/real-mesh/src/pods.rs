//! The node: it runs what pods ask for, as scheduler, kubelet and container runtime do together.
//!
//! A container's image decides which process stands for it, see [`Role`].

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::Api;
use crate::capture;
use crate::control_plane::{kubeconfig, logs};
use crate::envoy::{self, Identity};
use crate::http;
use crate::load_balancer::LoadBalancer;
use crate::network::{NODE, Namespace};
use crate::process::{Process, Program, locked};
use crate::recipe::Parts;

/// How the node calls itself.
pub const NODE_NAME: &str = "node";

/// Between two looks at the pods.
const PERIOD: Duration = Duration::from_millis(100);

/// What a container is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `…/proxyv2`: Envoy.
    Envoy,
    /// `…/pilot`: istiod.
    Istiod,
    /// Anything else: a server that says who it is. `…/tcp-echo-server` has its ports and name among its arguments;
    /// the others listen on the container's ports, and their name is the pod's.
    Echo,
}

impl Role {
    fn of(container: &Value) -> Self {
        let image = container["image"].as_str().unwrap_or_default();
        let name = image
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .split([':', '@'])
            .next()
            .unwrap_or_default();
        match name {
            "proxyv2" => Self::Envoy,
            "pilot" => Self::Istiod,
            _ => Self::Echo,
        }
    }
}

/// A container that runs.
#[derive(Debug)]
pub struct Container {
    /// Its name in the pod.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The process.
    pub process: Process,
    image: String,
    is_init: bool,
    /// The port that is tried before it counts as ready.
    port: Option<u16>,
    restarts: AtomicU32,
    ended: Mutex<Option<Instant>>,
}

/// A pod that runs. The processes end with it.
#[derive(Debug)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its containers.
    pub containers: Vec<Container>,
    /// Its network.
    pub network: Namespace,
    /// Init containers that have ended.
    inits: Vec<String>,
    uid: String,
    since: Timestamp,
    probed: Mutex<Probed>,
}

#[derive(Debug, Default)]
struct Probed {
    ready: bool,
    failures: u32,
    at: Option<Instant>,
    /// What the API server was told last.
    told: Value,
}

impl Pod {
    /// Its address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.network.address()
    }

    /// Its container of this role.
    ///
    /// # Errors
    /// When it has none.
    pub fn container(&self, role: Role) -> Result<&Container> {
        let found = self.containers.iter().find(|c| c.role == role);
        found.with_context(|| format!("{self} has no container of role {role:?}"))
    }

    /// What the API server was told last about its status.
    pub(crate) fn told(&self) -> Value {
        locked(&self.probed).told.clone()
    }

    /// A page of its Envoy's administration.
    ///
    /// # Errors
    /// When there is no Envoy, or it does not answer.
    pub fn envoy(&self, target: &str) -> Result<String> {
        self.container(Role::Envoy)?;
        envoy::admin(&self.network, target)
    }

    /// The ports on which somebody listens, as `ss` shows them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn listening(&self) -> Result<Vec<u16>> {
        // A thread's own file shows the namespace that it is in.
        let text = self
            .network
            .within(|| fs::read_to_string("/proc/thread-self/net/tcp"))??;
        let mut ports: Vec<u16> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace().skip(1);
                let (local, state) = (words.next()?, words.nth(1)?);
                let (_, port) = local.split_once(':')?;
                (state == "0A")
                    .then(|| u16::from_str_radix(port, 16).ok())
                    .flatten()
            })
            .collect();
        ports.sort_unstable();
        ports.dedup();
        Ok(ports)
    }

    /// How many connections its server answered on a port.
    ///
    /// # Errors
    /// When it has no such server, or that does not answer.
    pub fn served(&self, port: u16) -> Result<u64> {
        self.container(Role::Echo)?;
        let counts = SocketAddr::from((Ipv4Addr::LOCALHOST, 15999));
        let (_, body) = self
            .network
            .within(|| http::get(counts, "/", Duration::from_secs(5)))??;
        let counts: Value = serde_json::from_str(&body)?;
        Ok(counts[port.to_string()]["served"]
            .as_u64()
            .unwrap_or_default())
    }

    fn start(parts: &Parts, istiod: SocketAddr, pod: &Value, address: Ipv4Addr) -> Result<Self> {
        let text = |name: &str| {
            pod["metadata"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let (namespace, name) = (text("namespace"), text("name"));
        let network = Namespace::new(&format!("{namespace}_{name}"), address)?;
        let mut containers = Vec::new();
        let mut inits = Vec::new();
        for container in listed(pod, "initContainers") {
            if container["restartPolicy"] == "Always" {
                containers.push(Container::start(parts, istiod, pod, container, &network)?);
                continue;
            }
            // Any other does its work and ends, and there is nothing here for it to do.
            if container["args"][0] == "istio-iptables" {
                capture::apply(&network, container)?;
            }
            inits.push(container["name"].as_str().unwrap_or_default().to_owned());
        }
        for container in listed(pod, "containers") {
            containers.push(Container::start(parts, istiod, pod, container, &network)?);
        }
        Ok(Self {
            namespace,
            name,
            containers,
            inits,
            network,
            uid: text("uid"),
            since: Timestamp::now(),
            probed: Mutex::default(),
        })
    }

    /// Whether all of its containers are ready, asked now and then.
    fn probe(&self) -> bool {
        let mut probed = locked(&self.probed);
        if probed.ready
            && probed
                .at
                .is_some_and(|at| at.elapsed() < Duration::from_secs(1))
        {
            return true;
        }
        probed.at = Some(Instant::now());
        if self.containers.iter().all(|c| c.is_ready(&self.network)) {
            probed.failures = 0;
            probed.ready = true;
        } else {
            probed.failures += 1;
            // A kubelet's failureThreshold.
            probed.ready &= probed.failures < 3;
        }
        probed.ready
    }

    fn status(&self) -> Value {
        let ready = self.probe();
        let since = self.since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let condition = |kind: &str, met: bool| json!({"type": kind, "status": if met { "True" } else { "False" }, "lastTransitionTime": since});
        // A sidecar is an init container that goes on.
        let (inits, containers): (Vec<_>, Vec<_>) = self.containers.iter().partition(|c| c.is_init);
        let mut inits: Vec<Value> = inits.iter().map(|c| c.status(ready, &since)).collect();
        inits.extend(self.inits.iter().map(|name| json!({
            "name": name,
            "image": "",
            "imageID": "",
            "ready": true,
            "started": false,
            "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": since, "finishedAt": since}},
        })));
        let containers: Vec<Value> = containers.iter().map(|c| c.status(ready, &since)).collect();
        let address = self.address().to_string();
        json!({
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "hostIP": NODE.to_string(),
            "hostIPs": [{"ip": NODE.to_string()}],
            "startTime": since,
            "conditions": [
                condition("PodScheduled", true),
                condition("Initialized", true),
                condition("ContainersReady", ready),
                condition("Ready", ready),
            ],
            "initContainerStatuses": inits,
            "containerStatuses": containers,
        })
    }
}

impl fmt::Display for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}/{}", self.namespace, self.name)
    }
}

impl Container {
    fn start(
        parts: &Parts,
        istiod: SocketAddr,
        pod: &Value,
        container: &Value,
        network: &Namespace,
    ) -> Result<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&container["name"]);
        // As it is elsewhere: there is no such image.
        ensure!(
            container["image"] != "auto",
            "{name}: image auto, and istiod's webhook did not change the pod"
        );
        let role = Role::of(container);
        let args: Vec<String> = container["args"]
            .as_array()
            .into_iter()
            .flatten()
            .map(text)
            .collect();
        let ports = container["ports"].as_array().into_iter().flatten();
        let ports: Vec<u16> = ports
            .filter_map(|p| u16::try_from(p["containerPort"].as_u64()?).ok())
            .collect();
        let whole = format!(
            "{}_{}_{name}",
            text(&pod["metadata"]["namespace"]),
            text(&pod["metadata"]["name"])
        );
        let binary = parts.binary(match role {
            Role::Envoy => "envoy",
            Role::Istiod => "pilot-discovery",
            Role::Echo => "stand-in",
        });
        let mut program = Program::new(&whole, &binary, &logs());
        program.namespace = Some(network.path());
        let mut port = ports.first().copied();
        match role {
            Role::Envoy => {
                let identity = Identity {
                    kind: proxy_kind(container),
                    pod,
                    address: network.address(),
                    istiod,
                };
                let path = logs().join(format!("{whole}.json"));
                fs::write(&path, serde_json::to_vec_pretty(&identity.bootstrap())?)?;
                program.args = envoy::args(&path.display().to_string(), pod);
            }
            Role::Istiod => {
                program.args = args;
                program.args.push("--kubeconfig".to_owned());
                program.args.push(kubeconfig().display().to_string());
                program.env = environment(pod, container, network.address());
            }
            Role::Echo => {
                let is_tcp_echo = text(&container["image"]).contains("tcp-echo-server");
                let (listen, said) = match args.as_slice() {
                    [ports, name, ..] if is_tcp_echo => (ports.clone(), name.clone()),
                    _ => {
                        let all: Vec<String> = ports.iter().map(u16::to_string).collect();
                        (all.join(","), text(&pod["metadata"]["name"]))
                    }
                };
                port = listen.split(',').next().and_then(|p| p.trim().parse().ok());
                program = program.args(["echo", &listen, &said]);
            }
        }
        Ok(Self {
            name,
            role,
            process: Process::start(program)?,
            image: text(&container["image"]),
            is_init: container["restartPolicy"] == "Always",
            port,
            restarts: AtomicU32::new(0),
            ended: Mutex::new(None),
        })
    }

    fn is_ready(&self, network: &Namespace) -> bool {
        let page = |port: u16, target: &str| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let asked = network.within(|| http::get(address, target, Duration::from_millis(500)));
            matches!(asked, Ok(Ok((200, _))))
        };
        match (self.role, self.port) {
            _ if self.process.ended().is_some() => false,
            (Role::Envoy, _) => envoy::is_ready(network),
            (Role::Istiod, _) => page(8080, "/ready"),
            (Role::Echo, Some(port)) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                let tried = network
                    .within(|| TcpStream::connect_timeout(&address, Duration::from_millis(500)));
                matches!(tried, Ok(Ok(_)))
            }
            (Role::Echo, None) => true,
        }
    }

    /// Starts it again once it ended, a moment later, as a kubelet does.
    fn revive(&self) {
        if self.process.ended().is_none() {
            return;
        }
        let mut ended = locked(&self.ended);
        if ended.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(500) {
            *ended = None;
            self.restarts.fetch_add(1, Ordering::Relaxed);
            let _ = self.process.restart();
        }
    }

    fn status(&self, ready: bool, since: &str) -> Value {
        let runs = self.process.ended().is_none();
        let state = if runs {
            json!({"running": {"startedAt": since}})
        } else {
            json!({"waiting": {"reason": "CrashLoopBackOff"}})
        };
        json!({
            "name": self.name,
            "image": self.image,
            "imageID": "",
            "ready": ready && runs,
            "started": runs,
            "restartCount": self.restarts.load(Ordering::Relaxed),
            "state": state,
        })
    }
}

fn listed<'a>(pod: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    pod["spec"][field].as_array().into_iter().flatten()
}

/// What istiod's webhook put into the container's arguments: `proxy router` or `proxy sidecar`.
fn proxy_kind(container: &Value) -> &'static str {
    if container["args"][1] == "router" {
        "router"
    } else {
        "sidecar"
    }
}

/// A container's variables, also those that name a field of the pod.
fn environment(pod: &Value, container: &Value, address: Ipv4Addr) -> Vec<(String, String)> {
    let field = |path: &str| match path {
        "metadata.name" => pod["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        "metadata.namespace" => pod["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        "spec.nodeName" => NODE_NAME.to_owned(),
        "status.podIP" => address.to_string(),
        "status.hostIP" => NODE.to_string(),
        _ => String::new(),
    };
    let variables = container["env"].as_array().into_iter().flatten();
    variables
        .filter_map(|variable| {
            let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
                Some(path) => field(path),
                None => variable["value"].as_str().unwrap_or_default().to_owned(),
            };
            Some((variable["name"].as_str()?.to_owned(), value))
        })
        .collect()
}

type Running = BTreeMap<(String, String), Arc<Pod>>;

/// The node, at work on a thread of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct Node {
    running: Arc<Mutex<Running>>,
    pub(crate) load_balancer: Arc<LoadBalancer>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    pub(crate) fn start(api: Api, parts: Parts, istiod: SocketAddr) -> Self {
        let running: Arc<Mutex<Running>> = Arc::default();
        let load_balancer = Arc::new(LoadBalancer::default());
        let stop = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            api,
            parts,
            istiod,
            running: Arc::clone(&running),
            addresses: 1,
            refused: BTreeMap::new(),
        };
        let (balancer, stopped) = (Arc::clone(&load_balancer), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // The API server may be paused or cut off by a test: the next look tries again.
                let _ = work.look();
                let _ = balancer.look(&work.api);
                thread::sleep(PERIOD);
            }
        });
        Self {
            running,
            load_balancer,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn pods(&self) -> Vec<Arc<Pod>> {
        locked(&self.running).values().cloned().collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        locked(&self.running).clear();
    }
}

struct Work {
    api: Api,
    parts: Parts,
    istiod: SocketAddr,
    running: Arc<Mutex<Running>>,
    addresses: u16,
    /// Pods that could not be started, by uid: said once.
    refused: BTreeMap<String, ()>,
}

impl Work {
    fn look(&mut self) -> Result<()> {
        let pods = self.api.list("/api/v1/pods?resourceVersion=0")?;
        let mut present = Vec::new();
        for pod in &pods {
            let text = |name: &str| {
                pod["metadata"][name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let (key, uid) = ((text("namespace"), text("name")), text("uid"));
            let known = locked(&self.running).get(&key).cloned();
            present.push(uid.clone());
            if !pod["metadata"]["deletionTimestamp"].is_null() {
                self.end(&key, uid);
            } else if pod["spec"]["nodeName"].is_null() {
                let binding = json!({
                    "apiVersion": "v1", "kind": "Binding", "metadata": {"name": key.1},
                    "target": {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME},
                });
                let _ = self
                    .api
                    .create(&format!("{}/binding", path(&key)), &binding);
            } else if let Some(known) = known.filter(|k| k.uid == uid) {
                self.tend(&key, &known);
            } else if !self.refused.contains_key(&uid) {
                // The pod before it, of the same name.
                locked(&self.running).remove(&key);
                match self.start(pod) {
                    Ok(started) => {
                        locked(&self.running).insert(key, Arc::new(started));
                    }
                    Err(error) => {
                        let why =
                            json!({"status": {"phase": "Failed", "message": format!("{error:#}")}});
                        let _ = self.api.merge(&format!("{}/status", path(&key)), &why);
                        self.refused.insert(uid, ());
                    }
                }
            }
        }
        locked(&self.running).retain(|_, pod| present.contains(&pod.uid));
        Ok(())
    }

    fn start(&mut self, pod: &Value) -> Result<Pod> {
        self.addresses += 1;
        let [high, low] = self.addresses.to_be_bytes();
        Pod::start(
            &self.parts,
            self.istiod,
            pod,
            Ipv4Addr::new(10, 244, high, low),
        )
    }

    /// What a kubelet does all the time: start again what ended, and tell how things are.
    fn tend(&self, key: &(String, String), pod: &Pod) {
        for container in &pod.containers {
            container.revive();
        }
        let status = pod.status();
        let told = locked(&pod.probed).told == status;
        if !told
            && self
                .api
                .merge(&format!("{}/status", path(key)), &json!({"status": status}))
                .is_ok()
        {
            locked(&pod.probed).told = status;
        }
    }

    /// Ends a pod that was deleted; the object goes last.
    fn end(&self, key: &(String, String), uid: String) {
        let ending = locked(&self.running).remove(key);
        let (api, path) = (self.api.clone(), path(key));
        let delete = move || {
            let options = json!({
                "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": uid},
            });
            let _ = api.delete(&path, &options);
        };
        match ending {
            // On a thread of its own, since it may take its time.
            Some(pod) => {
                thread::spawn(move || {
                    for container in &pod.containers {
                        container.process.terminate(Duration::from_secs(2));
                    }
                    drop(pod);
                    delete();
                });
            }
            None => delete(),
        }
    }
}

fn path((namespace, name): &(String, String)) -> String {
    format!("/api/v1/namespaces/{namespace}/pods/{name}")
}
