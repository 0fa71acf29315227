//! `why-no-listener` asks the mesh itself: why is the port closed, is it open after the fix, and what do the Envoys hold?

use std::path::Path;

use anyhow::{Context, Result, ensure};
use real_mesh::commands::why_no_listener;
use real_mesh::control_plane::kubeconfig;
use real_mesh::harness::Test;
use real_mesh::mesh::{Mesh, wait};
use serde_json::{Value, json};

pub(crate) const ASKS: Test = Test {
    name: "why_no_listener_asks_the_mesh",
    run: asks,
};

const BROKER: &str = include_str!("../../../../examples/kafka/broker.yaml");
const GATEWAY: &str = include_str!("../../../../examples/kafka/gateway.yaml");
const PROXIES: &str = include_str!("../../../../examples/kafka/ingressgateway.yaml");
const ROUTE: &str = include_str!("../../../../examples/kafka-fixed/route.yaml");

fn asks(mesh: &Mesh) -> Result<()> {
    for manifests in [BROKER, PROXIES, GATEWAY] {
        mesh.apply("default", manifests)?;
    }
    let gateways = mesh.ready("istio-system", "istio=ingressgateway-external", 2)?;
    mesh.pod("rcmd", "app=kafka")?;
    let everything = kubeconfig();
    let (exit, verdict, codes) = answer(&everything)?;
    ensure!(
        exit == 1 && verdict == "missing" && codes == ["GW-VS-NONE"],
        "{exit} {verdict} {codes:?}"
    );

    mesh.apply("rcmd", ROUTE)?;
    wait("both Envoys to listen", || {
        for gateway in &gateways {
            if !gateway.listening()?.contains(&16354) {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    let (exit, verdict, codes) = answer(&everything)?;
    ensure!(
        exit == 0 && verdict == "open" && codes.is_empty(),
        "{exit} {verdict} {codes:?}"
    );
    // What both Envoys hold is what was predicted; they are asked through the API server, as everything else.
    let ended = why_no_listener(&everything, &["--show", "diff"]);
    ensure!(
        ended.exit == 0 && ended.stdout.is_empty() && ended.stderr.starts_with("2 Envoys hold"),
        "{ended:#?}"
    );

    let ended = why_no_listener(&everything, &["16354"]);
    ensure!(
        ended.stdout.starts_with("✓ port 16354 is open: ")
            && ended.stdout.contains("observed in Envoy on 2 of 2 pods")
            && ended.stdout.contains(", in sync"),
        "{ended:#?}"
    );
    // Who may read nothing is not told that there is nothing.
    let nobody = mesh.user(&json!([]))?;
    let ended = why_no_listener(&nobody.kubeconfig, &["16354"]);
    ensure!(
        ended.exit != 0 && ended.stderr.contains("pods"),
        "{ended:#?}"
    );
    Ok(())
}

/// Exit code, verdict and codes for 16354.
fn answer(kubeconfig: &Path) -> Result<(u8, String, Vec<String>)> {
    let ended = why_no_listener(kubeconfig, &["16354", "-o", "json"]);
    let answers: Value =
        serde_json::from_str(&ended.stdout).with_context(|| format!("{ended:#?}"))?;
    let first = &answers[0];
    let codes = first["findings"].as_array().into_iter().flatten();
    let codes = codes
        .filter_map(|f| f["code"].as_str().map(str::to_owned))
        .collect();
    Ok((
        ended.exit,
        first["verdict"].as_str().unwrap_or_default().to_owned(),
        codes,
    ))
}
