//! What `why-no-listener` predicts from the objects of a running mesh.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use mesh_live::io::{Env, Io};
use serde_json::Value;

use crate::api::Api;
use crate::mesh::HOME;
use crate::pods::Pod;

/// The predicted listeners of a pod's proxy, by name: `--show predicted -o json` of all objects, read back.
///
/// # Errors
/// When the objects cannot be read, or the command fails.
pub fn listeners(api: &Api, pod: &Pod) -> Result<Vec<Value>> {
    let name = format!("{}.{}.json", pod.name, pod.namespace);
    fs::write(
        Path::new(HOME).join(&name),
        serde_json::to_vec(&api.dump()?)?,
    )?;
    let proxy = format!("pod/{}", pod.name);
    let (mut io, captured) = Io::captured(Vec::new());
    io.cwd = HOME.into();
    io.env = Env {
        lang: Some("C.UTF-8".to_owned()),
        ..Env::default()
    };
    let args = [
        "--show",
        "predicted",
        "-o",
        "json",
        "--proxy",
        &proxy,
        "-n",
        &pod.namespace,
        "-f",
        &name,
    ];
    let exit = why_no_listener::run(args.map(Into::into).to_vec(), &mut io);
    ensure!(
        exit.code() == 0,
        "why-no-listener {}: exit code {}\n{}",
        args.join(" "),
        exit.code(),
        captured.stderr()
    );
    let answer: Value = serde_json::from_str(&captured.stdout())?;
    let listed = answer["listeners"].as_array().context("no listeners")?;
    let mut listeners = listed.clone();
    listeners.sort_by_key(|l| l["name"].as_str().unwrap_or_default().to_owned());
    Ok(listeners)
}
