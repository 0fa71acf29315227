//! Two versions of tcp-echo behind port 31400 of Istio's own gateway: all to the one, then a fifth to the other.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use anyhow::{Context, Result, bail, ensure};
use real_mesh::harness::Test;
use real_mesh::mesh::{Mesh, PATIENCE, wait};
use real_mesh::pods::Role;
use serde_json::json;

use crate::agreement;

pub(crate) const SHIFTED: Test = Test {
    name: "echo_shifted",
    run: shifted,
};
pub(crate) const DRAINED: Test = Test {
    name: "echo_drained",
    run: drained,
};

const NAMESPACE: &str = "istio-io-tcp-traffic-shifting";
const GATEWAY: &str = include_str!("../../../../examples/tcp-echo/ingressgateway.yaml");
const SERVERS: &str = include_str!("../../../../examples/tcp-echo/tcp-echo.yaml");

/// The gateway's externalIP, and its Service's port.
const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 168, 96, 50)), 31400);

const ALL_V1: &str = "
apiVersion: networking.istio.io/v1alpha3
kind: Gateway
metadata:
  name: tcp-echo-gateway
spec:
  selector:
    istio: ingressgateway
  servers:
  - port:
      number: 31400
      name: tcp
      protocol: TCP
    hosts:
    - '*'
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata:
  name: tcp-echo-destination
spec:
  host: tcp-echo
  subsets:
  - name: v1
    labels:
      version: v1
  - name: v2
    labels:
      version: v2
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: tcp-echo
spec:
  hosts:
  - '*'
  gateways:
  - tcp-echo-gateway
  tcp:
  - match:
    - port: 31400
    route:
    - destination:
        host: tcp-echo
        port:
          number: 9000
        subset: v1
";

const A_FIFTH_TO_V2: &str = "
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: tcp-echo
spec:
  hosts:
  - '*'
  gateways:
  - tcp-echo-gateway
  tcp:
  - match:
    - port: 31400
    route:
    - destination:
        host: tcp-echo
        port:
          number: 9000
        subset: v1
      weight: 80
    - destination:
        host: tcp-echo
        port:
          number: 9000
        subset: v2
      weight: 20
";

fn shifted(mesh: &Mesh) -> Result<()> {
    mesh.apply("istio-system", GATEWAY)?;
    mesh.apply(NAMESPACE, SERVERS)?;
    let gateway = mesh.pod("istio-system", "istio=ingressgateway")?;
    let one = mesh.pod(NAMESPACE, "app=tcp-echo,version=v1")?;
    let two = mesh.pod(NAMESPACE, "app=tcp-echo,version=v2")?;
    ensure!(
        agreement::listeners(mesh, &gateway)?.is_empty(),
        "nothing asked for a listener yet"
    );
    ensure!(
        mesh.ask(ADDRESS, "early").is_err(),
        "31400 answers before anybody opened it"
    );

    for server in [&one, &two] {
        // The namespace asks for sidecars.
        let sidecar = agreement::listeners(mesh, server)?;
        ensure!(
            agreement::on(&sidecar, 15006).is_some(),
            "{server} takes no connections"
        );
    }

    mesh.apply(NAMESPACE, ALL_V1)?;
    let open = agreement::listeners(mesh, &gateway)?;
    let listener = agreement::on(&open, 31400).context("no listener on 31400")?;
    let v1 = "outbound|9000|v1|tcp-echo.istio-io-tcp-traffic-shifting.svc.cluster.local";
    let v2 = "outbound|9000|v2|tcp-echo.istio-io-tcp-traffic-shifting.svc.cluster.local";
    ensure!(
        listener["filterChains"][0]["clusters"] == json!({v1: 100}),
        "{listener:#}"
    );
    wait("an answer", || Ok(mesh.ask(ADDRESS, "hello").is_ok()))?;

    let answered = |count: usize| -> Result<[u64; 2]> {
        let before = [one.served(9000)?, two.served(9000)?];
        for n in 0..count {
            let line = format!("connection {n}");
            let said = mesh.ask(ADDRESS, &line)?;
            ensure!(
                said == format!("one {line}") || said == format!("two {line}"),
                "answer: {said}"
            );
        }
        Ok([one.served(9000)? - before[0], two.served(9000)? - before[1]])
    };
    let [to_one, to_two] = answered(50)?;
    ensure!(
        (to_one, to_two) == (50, 0),
        "of 50, {to_one} went to v1 and {to_two} to v2"
    );

    // A sidecar hands on what it took from this address.
    let log = one.container(Role::Echo)?.process.log();
    ensure!(
        log.lines().all(|l| l.starts_with("127.0.0.6:")),
        "not by the sidecar: {log}"
    );

    mesh.apply(NAMESPACE, A_FIFTH_TO_V2)?;
    let open = agreement::listeners(mesh, &gateway)?;
    let listener = agreement::on(&open, 31400).context("no listener on 31400")?;
    ensure!(
        listener["filterChains"][0]["clusters"] == json!({v1: 80, v2: 20}),
        "{listener:#}"
    );
    // Each connection goes to v2 with probability 1/5, apart from the others: of 500 that is 100, with a standard deviation
    // of √(500 · 0.2 · 0.8) = 8.9. More than 45 from it are five of them, which happens once in a million runs.
    let [to_one, to_two] = answered(500)?;
    ensure!(to_one + to_two == 500, "{to_one} and {to_two} are not 500");
    ensure!(
        to_two.abs_diff(100) <= 45,
        "of 500, {to_two} went to v2: not a fifth"
    );
    Ok(())
}

/// What a shift of TCP weights costs: Envoy closes also the connections to the version that keeps its share, at the end of the
/// drain time.
fn drained(mesh: &Mesh) -> Result<()> {
    // Shorter than Istio's 45 s.
    let gateway = GATEWAY.replace(
        "inject.istio.io/templates: gateway",
        "inject.istio.io/templates: gateway\n        proxy.istio.io/config: '{drainDuration: 4s}'",
    );
    mesh.apply("istio-system", &gateway)?;
    mesh.apply(NAMESPACE, SERVERS)?;
    mesh.apply(NAMESPACE, ALL_V1)?;
    let gateway = mesh.pod("istio-system", "istio=ingressgateway")?;
    for version in ["v1", "v2"] {
        mesh.pod(NAMESPACE, &format!("app=tcp-echo,version={version}"))?;
    }
    wait("an answer", || Ok(mesh.ask(ADDRESS, "hello").is_ok()))?;
    let mut held = mesh.outside().within(|| TcpStream::connect(ADDRESS))??;
    ensure!(said(&mut held, "before")? == "one before");

    mesh.apply(NAMESPACE, A_FIFTH_TO_V2)?;
    agreement::listeners(mesh, &gateway)?;
    // The new chain is there, and the old one drains.
    ensure!(said(&mut held, "while it drains")? == "one while it drains");
    held.set_read_timeout(Some(PATIENCE))?;
    let mut rest = Vec::new();
    // Closed or reset, as long as it ends.
    match held.read_to_end(&mut rest) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            bail!("still open after {} s", PATIENCE.as_secs())
        }
        _ => ensure!(rest.is_empty(), "{rest:?}"),
    }
    Ok(())
}

/// Sends a line on an open connection; what comes back.
fn said(stream: &mut TcpStream, line: &str) -> Result<String> {
    writeln!(stream, "{line}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}
