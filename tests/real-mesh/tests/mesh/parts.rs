//! What tests do to a mesh: kill, pause, cut off, start again; and that nothing is left of one.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use real_mesh::api::refusal;
use real_mesh::harness::Test;
use real_mesh::mesh::{Mesh, wait};
use real_mesh::pods::Role;
use serde_json::{Value, json};

use crate::agreement;

pub(crate) const BREAK_AND_HEAL: Test = Test {
    name: "parts_break_and_heal",
    run: break_and_heal,
};
pub(crate) const REFUSE: Test = Test {
    name: "users_and_webhook_refuse",
    run: refuse,
};
pub(crate) const NOTHING_OUTLIVES: Test = Test {
    name: "nothing_outlives_a_kill",
    run: nothing_outlives,
};

/// A server on 15500 that needs no destination: HTTP listens without a route.
const SERVER: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: any
spec:
  selector:
    istio: ingressgateway
  servers:
  - port:
      number: 15500
      name: http
      protocol: HTTP
    hosts:
    - '*'
";

fn break_and_heal(mesh: &Mesh) -> Result<()> {
    let gateway = mesh.gateway("ingressgateway", &[80])?;
    let envoy = &gateway.container(Role::Envoy)?.process;
    let istiod = mesh.istiod()?;
    let discovery = &istiod.container(Role::Istiod)?.process;
    let opens = |port: u16| -> Result<bool> { Ok(gateway.listening()?.contains(&port)) };
    let apply = |port: u16| mesh.apply("istio-system", &SERVER.replace("15500", &port.to_string()));

    // Killed, Envoy is started again and gets its listeners back.
    apply(15500)?;
    wait("15500", || opens(15500))?;
    let before = envoy.id();
    envoy.kill();
    wait("another Envoy on 15500", || {
        Ok(envoy.id() != before && opens(15500)?)
    })?;

    // Paused, Envoy keeps what it has and answers nobody.
    envoy.pause();
    ensure!(gateway.envoy("/ready").is_err(), "a paused Envoy answers");
    envoy.resume();
    wait("Envoy's answer", || Ok(gateway.envoy("/ready").is_ok()))?;

    // Cut off, it does not learn what istiod has to say. What is lost on the way arrives later.
    gateway.network.cut_off()?;
    let before = mesh.istiod_log()?.len();
    apply(15501)?;
    mesh.wait_for_log(before, "LDS: PUSH")?;
    ensure!(
        !opens(15501)?,
        "a gateway that is cut off has the new listener"
    );
    gateway.network.connect()?;
    wait("15501", || opens(15501))?;

    // Without istiod everything stays as it is; a new one brings what changed.
    discovery.kill();
    ensure!(opens(15501)?, "the listener went with istiod");
    wait("another istiod", || {
        Ok(discovery.ended().is_none() && mesh.istiod_page("/debug/syncz").is_ok())
    })?;
    // Its webhook is needed to change anything.
    wait("the webhook", || apply(15502).map(|()| true))?;
    wait("15502", || opens(15502))?;

    // The API server and etcd come back with what they held.
    mesh.control_plane.etcd.restart()?;
    mesh.control_plane.api_server.restart()?;
    wait("the API server", || Ok(mesh.api.get("/readyz").is_ok()))?;
    wait("agreement", || {
        Ok(agreement::on(&agreement::listeners(mesh, &gateway)?, 15502).is_some())
    })
}

fn refuse(mesh: &Mesh) -> Result<()> {
    let reader = mesh.user(&json!([
        {"apiGroups": ["networking.istio.io"], "resources": ["gateways"], "verbs": ["get", "list"]},
    ]))?;
    ensure!(
        reader
            .api
            .list("/apis/networking.istio.io/v1/gateways")?
            .is_empty()
    );
    let forbidden = reader
        .api
        .apply("istio-system", SERVER)
        .expect_err("a reader writes");
    let refused = refusal(&forbidden).context("no answer of the API server")?;
    ensure!(
        refused.code == 403 && refused.message.contains(&reader.name),
        "{refused}"
    );
    ensure!(
        reader.api.list("/api/v1/services").is_err(),
        "a reader of Gateways reads Services"
    );

    // Istio's own validation, which the schema does not have.
    let wrong = SERVER.replace("- '*'", "- 'a b'");
    let denied = mesh
        .apply("istio-system", &wrong)
        .expect_err("the webhook takes it");
    let denied = refusal(&denied).context("no answer of the API server")?;
    ensure!(
        denied.message.contains("rev.validation.istio.io"),
        "{denied}"
    );

    // Through the kubelet's streaming end, as `kubectl port-forward` goes.
    let gateway = mesh.gateway("ingressgateway", &[80])?;
    let said = mesh.api.block_on(forwarded(mesh, &gateway.name))?;
    ensure!(said.contains("LIVE"), "answer: {said}");
    Ok(())
}

/// What Envoy says on `/ready`, asked through the API server.
async fn forwarded(mesh: &Mesh, pod: &str) -> Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let pods =
        kube::Api::<k8s_openapi::api::core::v1::Pod>::namespaced(mesh.api.client(), "istio-system");
    let mut forwarder = pods.portforward(pod, &[15000]).await?;
    let mut stream = forwarder.take_stream(15000).context("no stream")?;
    stream
        .write_all(b"GET /ready HTTP/1.1\r\nHost: envoy\r\n\r\n")
        .await?;
    let mut said = Vec::new();
    let read = async {
        // The stream stays open after the answer.
        while !String::from_utf8_lossy(&said).contains("LIVE")
            && stream.read_buf(&mut said).await? > 0
        {}
        Ok::<_, std::io::Error>(())
    };
    tokio::time::timeout(Duration::from_secs(10), read).await??;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// A mesh inside of this one: killed from outside without a warning, it leaves no process.
fn nothing_outlives(mesh: &Mesh) -> Result<()> {
    let before = etcds()?;
    ensure!(before == 1, "{before} etcds beside this test");
    let mut play = Command::new(env!("CARGO_BIN_EXE_play"))
        .args(["examples/tcp-echo"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .env_remove(real_mesh::enter::INSIDE)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(play.stderr.take().context("no pipe")?).lines();
    let (sender, said) = std::sync::mpsc::channel();
    thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .try_for_each(|line| sender.send(line))
    });
    let is_up = wait("the other mesh", || {
        ensure!(
            play.try_wait()?.is_none(),
            "it ended: {}",
            said.try_iter().collect::<Vec<_>>().join("\n")
        );
        Ok(said
            .try_iter()
            .any(|line| line.starts_with("The mesh is up")))
    });
    let during = etcds()?;
    play.kill()?;
    play.wait()?;
    is_up?;
    ensure!(during == 2, "{during} etcds");
    wait("its processes to end", || Ok(etcds()? == 1))?;
    // This one is as before.
    let version: Value = mesh.api.get("/version")?;
    ensure!(version["minor"] == "36", "{version}");
    Ok(())
}

/// How many etcds run, in this mesh and in those inside of it.
fn etcds() -> Result<usize> {
    let mut count = 0;
    for process in std::fs::read_dir("/proc")? {
        let name = std::fs::read_to_string(process?.path().join("comm")).unwrap_or_default();
        count += usize::from(name.trim() == "etcd");
    }
    Ok(count)
}
