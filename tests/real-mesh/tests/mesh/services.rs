//! The hop before a gateway: cluster IPs, node ports, external IPs and load balancers lead to target ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use real_mesh::harness::Test;
use real_mesh::load_balancer::Balancing;
use real_mesh::mesh::{Mesh, wait, wait_for};
use real_mesh::network::NODE;
use serde_json::{Value, json};

pub(crate) const LEAD_TO_PODS: Test = Test {
    name: "services_lead_to_pods",
    run: lead_to_pods,
};

const EXTERNAL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 96, 60));

const MANIFESTS: &str = "
apiVersion: v1
kind: Service
metadata:
  name: echo
spec:
  type: LoadBalancer
  externalIPs: [192.168.96.60]
  selector:
    app: echo
  ports:
  - name: tcp
    port: 7000
    protocol: TCP
    targetPort: tcp
    nodePort: 30700
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: echo
spec:
  replicas: 2
  selector:
    matchLabels:
      app: echo
  template:
    metadata:
      labels:
        app: echo
    spec:
      containers:
      - name: echo
        image: echo
        ports:
        - name: tcp
          containerPort: 9000
          protocol: TCP
";

const SERVICE: &str = "/api/v1/namespaces/echo/services/echo";

fn lead_to_pods(mesh: &Mesh) -> Result<()> {
    mesh.namespace("echo", &[])?;
    mesh.balance(Balancing::Fails(
        "quota of load balancers exceeded".to_owned(),
    ));
    mesh.apply("echo", MANIFESTS)?;
    let pods = mesh.ready("echo", "app=echo", 2)?;
    let service = mesh.api.get(SERVICE)?;
    let cluster_ip: IpAddr = service["spec"]["clusterIP"]
        .as_str()
        .context("no clusterIP")?
        .parse()?;
    let node_port = SocketAddr::from((NODE, 30700));
    for address in [
        SocketAddr::new(cluster_ip, 7000),
        SocketAddr::new(EXTERNAL, 7000),
        node_port,
    ] {
        answered(mesh, address).with_context(|| format!("by {address}"))?;
    }
    // From a pod, by the same cluster IP.
    let [one, two] = pods.as_slice() else {
        anyhow::bail!("two pods")
    };
    let cluster = SocketAddr::new(cluster_ip, 7000);
    let said = one
        .network
        .within(|| real_mesh::mesh::ask(cluster, "from a pod"))??;
    ensure!(said.ends_with(" from a pod"), "answer: {said}");

    // The load balancer: an event and no address, then an address after a while.
    wait("the event", || {
        told(mesh, "quota of load balancers exceeded")
    })?;
    ensure!(
        ingress(mesh)?.is_null(),
        "an address in spite of the failure"
    );
    mesh.balance(Balancing::AddressAfter(Duration::from_millis(500)));
    let address: IpAddr = wait_for("the load balancer's address", || {
        Ok(ingress(mesh)?.as_str().map(str::parse).transpose()?)
    })?;
    answered(mesh, SocketAddr::new(address, 7000))?;

    // A port that the load balancer does not take: an event, and the address stays.
    mesh.balance(Balancing::RefusesPort(
        7001,
        "7001 is not allowed".to_owned(),
    ));
    let port = json!({"name": "more", "port": 7001, "protocol": "TCP"});
    let patch = json!([{"op": "add", "path": "/spec/ports/-", "value": port}]);
    mesh.api.json_patch(SERVICE, &patch)?;
    wait("the event", || told(mesh, "7001 is not allowed"))?;
    ensure!(
        ingress(mesh)?.as_str().map(str::parse) == Some(Ok(address)),
        "the address changed"
    );

    // Rules follow the pods: cut off, one of them fails; gone, it is not asked any more.
    two.network.cut_off()?;
    mesh.api.merge(
        "/apis/apps/v1/namespaces/echo/deployments/echo",
        &json!({"spec": {"replicas": 1}}),
    )?;
    let left = mesh.ready("echo", "app=echo", 1)?.pop().context("no pod")?;
    left.network.connect()?;
    wait("twenty answers in a row", || {
        for _ in 0..20 {
            let said = mesh.ask(cluster, "x")?;
            ensure!(said.starts_with(&left.name), "answer: {said}");
        }
        Ok(true)
    })?;

    // Another target port, and nobody behind it.
    mesh.api.merge(SERVICE, &json!({"spec": {"ports": [{"port": 7000, "targetPort": 9999, "name": "tcp", "protocol": "TCP"}]}}))?;
    wait("no answer", || Ok(mesh.ask(cluster, "x").is_err()))
}

fn answered(mesh: &Mesh, address: SocketAddr) -> Result<()> {
    wait("an answer", || {
        Ok(mesh.ask(address, "hello")?.ends_with(" hello"))
    })
}

fn ingress(mesh: &Mesh) -> Result<Value> {
    Ok(mesh.api.get(SERVICE)?["status"]["loadBalancer"]["ingress"][0]["ip"].clone())
}

fn told(mesh: &Mesh, message: &str) -> Result<bool> {
    let events = mesh.api.list("/api/v1/namespaces/echo/events")?;
    Ok(events
        .iter()
        .any(|e| e["reason"] == "SyncLoadBalancerFailed" && e["message"] == message))
}
