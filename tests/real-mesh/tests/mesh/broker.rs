//! A Kafka broker behind a gateway of its own. As HTTP its port listens as soon as there is a Gateway; as TCP it does not
//! until a VirtualService leads on.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use real_mesh::harness::Test;
use real_mesh::http;
use real_mesh::mesh::{self, Mesh, wait};
use real_mesh::pods::Pod;

use crate::agreement;

pub(crate) const HTTP_OPENS_AND_TCP_DOES_NOT: Test = Test {
    name: "broker_http_opens_and_tcp_does_not",
    run: http_opens_and_tcp_does_not,
};

const PORT: u16 = 16354;

const HTTP: &str = "
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata:
  name: external-test-gateway
spec:
  selector:
    istio: ingressgateway-external
  servers:
  - hosts:
    - '*.rcmd.testing.mpengine'
    port:
      name: http
      number: 16354
      protocol: HTTP
";

const HTTP_ROUTE: &str = "
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata:
  name: test-backend
spec:
  gateways:
  - external-test-gateway
  hosts:
  - test.rcmd.testing.mpengine
  http:
  - route:
    - destination:
        host: prometheus.cluster-monitor.svc.cluster.local
        port:
          number: 80
";

const TCP_ROUTE: &str = "
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata:
  name: external-test-router
spec:
  gateways:
  - external-test-gateway
  hosts:
  - kafka-broker0.rcmd.testing.mpengine
  tcp:
  - match:
    - port: 16354
    route:
    - destination:
        host: kafka-broker0.rcmd.svc.cluster.local
        port:
          number: 9092
";

fn http_opens_and_tcp_does_not(mesh: &Mesh) -> Result<()> {
    for namespace in ["rcmd", "cluster-monitor"] {
        mesh.namespace(namespace, &[])?;
    }
    // The gateway's Service does not have the port: istiod opens it all the same.
    let gateway = mesh.gateway("ingressgateway-external", &[80])?;
    mesh.echo("cluster-monitor", "prometheus", "http", 80)?;
    let broker = mesh.echo("rcmd", "kafka-broker0", "tcp-kafka", 9092)?;
    ensure!(
        !listens(&gateway)?,
        "{PORT} listens before anybody opened it"
    );

    // As HTTP: it listens at once, and whatever is asked gets a 404.
    let before = mesh.istiod_log()?.len();
    mesh.apply("rcmd", HTTP)?;
    wait("the HTTP server's listener", || listens(&gateway))?;
    let open = agreement::listeners(mesh, &gateway)?;
    let listener = agreement::on(&open, PORT).context("no listener")?;
    ensure!(
        listener["filterChains"][0]["route"] == "http.16354",
        "{listener:#}"
    );
    ensure!(asked(&gateway)?.0 == 404, "no VirtualService, and no 404");
    mesh.wait_for_log(
        before,
        "constructed http route config for route http.16354 on port 16354 with no vhosts",
    )?;

    // With a VirtualService the same listener leads on.
    mesh.apply("rcmd", HTTP_ROUTE)?;
    wait("the HTTP route", || Ok(asked(&gateway)?.0 == 200))?;
    let (_, said) = asked(&gateway)?;
    ensure!(said.starts_with("prometheus-"), "answer: {said}");
    mesh.api.delete_all("rcmd", HTTP_ROUTE)?;

    // As TCP, and nothing else changed: no listener.
    let before = mesh.istiod_log()?.len();
    mesh.apply(
        "rcmd",
        &HTTP
            .replace("name: http", "name: tcp")
            .replace("protocol: HTTP", "protocol: TCP"),
    )?;
    wait("the listener to go", || Ok(!listens(&gateway)?))?;
    ensure!(
        agreement::listeners(mesh, &gateway)?.is_empty(),
        "a TCP server without a route has a listener"
    );
    mesh.wait_for_log(
        before,
        "no virtual service bound to gateway: rcmd/external-test-gateway",
    )?;
    mesh.wait_for_log(
        before,
        "gateway omitting listener \"0.0.0.0_16354\" due to: must have more than 0 chains",
    )?;

    // Until a VirtualService binds to it.
    mesh.apply("rcmd", TCP_ROUTE)?;
    wait("the TCP server's listener", || listens(&gateway))?;
    let open = agreement::listeners(mesh, &gateway)?;
    let listener = agreement::on(&open, PORT).context("no listener")?;
    ensure!(listener["filterChains"][0]["kind"] == "tcp", "{listener:#}");
    let said = gateway.network.within(|| mesh::ask(address(), "hello"))??;
    ensure!(said == format!("{} hello", broker.name), "answer: {said}");
    ensure!(
        broker.served(9092)? == 1,
        "the broker answered {} connections",
        broker.served(9092)?
    );
    Ok(())
}

fn listens(gateway: &Pod) -> Result<bool> {
    Ok(gateway.listening()?.contains(&PORT))
}

/// Inside of the gateway's pod: its Service does not have the port.
fn address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))
}

fn asked(gateway: &Pod) -> Result<(u16, String)> {
    let patience = Duration::from_secs(5);
    gateway.network.within(|| {
        http::request(
            address(),
            "GET",
            "test.rcmd.testing.mpengine",
            "/",
            patience,
        )
    })?
}
