//! Two pods with sidecars: one asks the other by its Service's cluster IP, and both proxies carry it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use real_mesh::harness::Test;
use real_mesh::http;
use real_mesh::mesh::{Mesh, wait};
use real_mesh::pods::{Pod, Role};

use crate::agreement;

pub(crate) const CARRY: Test = Test {
    name: "sidecars_carry",
    run: carry,
};

/// What only a proxy can do: it answers for the Service.
const CLOSED: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: shop
spec:
  hosts:
  - shop
  http:
  - match:
    - uri:
        prefix: /closed
    directResponse:
      status: 418
  - route:
    - destination:
        host: shop
";

fn carry(mesh: &Mesh) -> Result<()> {
    mesh.namespace("shop", &[("istio-injection", "enabled")])?;
    let shop = mesh.echo("shop", "shop", "http", 80)?;
    let visitor = mesh.echo("shop", "visitor", "tcp", 9000)?;
    let service = mesh.api.get("/api/v1/namespaces/shop/services/shop")?;
    let ip: IpAddr = service["spec"]["clusterIP"]
        .as_str()
        .context("no clusterIP")?
        .parse()?;
    let asked = |path: &str| asked(&visitor, SocketAddr::new(ip, 80), path);

    wait("an answer", || Ok(asked("/open")?.0 == 200))?;
    let (_, said) = asked("/open")?;
    ensure!(said.starts_with(&shop.name), "answer: {said}");
    // From here the far end's sidecar hands on.
    let log = shop.container(Role::Echo)?.process.log();
    ensure!(
        log.lines().all(|l| l.starts_with("127.0.0.6:")),
        "not by the shop's sidecar: {log}"
    );
    for pod in [&shop, &visitor] {
        let listeners = agreement::listeners(mesh, pod)?;
        for port in [80, 15001, 15006] {
            ensure!(
                agreement::on(&listeners, port).is_some(),
                "{pod} has no listener on {port}"
            );
        }
    }

    mesh.apply("shop", CLOSED)?;
    wait("the visitor's sidecar to answer by itself", || {
        Ok(asked("/closed")?.0 == 418)
    })?;
    ensure!(asked("/open")?.0 == 200, "the rest is closed too");
    Ok(())
}

fn asked(visitor: &Pod, address: SocketAddr, path: &str) -> Result<(u16, String)> {
    visitor
        .network
        .within(|| http::request(address, "GET", "shop", path, Duration::from_secs(5)))?
}
