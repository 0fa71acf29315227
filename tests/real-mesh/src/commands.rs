//! Our own commands, run against the mesh as a person runs them.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use mesh_live::io::{Env, Io};
use serde_json::Value;

use crate::mesh::HOME;
use crate::pods::Pod;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code.
    pub exit: u8,
    /// All that went to stdout.
    pub stdout: String,
    /// All that went to stderr.
    pub stderr: String,
}

/// `kubectl mesh why-no-listener ARGS` with a user's kubeconfig.
#[must_use]
pub fn why_no_listener(kubeconfig: &Path, args: &[&str]) -> Ended {
    let (mut io, captured) = Io::captured(Vec::new());
    io.cwd = HOME.into();
    io.env = Env {
        lang: Some("C.UTF-8".to_owned()),
        ..Env::default()
    };
    let config = kubeconfig.display().to_string();
    let all = args.iter().copied().chain(["--kubeconfig", &config]);
    let exit = why_no_listener::run(all.map(Into::into).collect(), &mut io);
    Ended {
        exit: exit.code(),
        stdout: captured.stdout(),
        stderr: captured.stderr(),
    }
}

/// The listeners that are predicted for a pod's proxy from the cluster's objects, by name.
///
/// # Errors
/// When the command fails.
pub fn predicted(kubeconfig: &Path, pod: &Pod) -> Result<Vec<Value>> {
    let proxy = format!("pod/{}", pod.name);
    let args = [
        "--show",
        "predicted",
        "-o",
        "json",
        "--proxy",
        &proxy,
        "-n",
        &pod.namespace,
    ];
    let ended = why_no_listener(kubeconfig, &args);
    ensure!(
        ended.exit == 0,
        "why-no-listener {}: exit code {}\n{}",
        args.join(" "),
        ended.exit,
        ended.stderr
    );
    let answer: Value = serde_json::from_str(&ended.stdout)?;
    let mut listeners = answer["listeners"]
        .as_array()
        .context("no listeners")?
        .clone();
    listeners.sort_by_key(|l| l["name"].as_str().unwrap_or_default().to_owned());
    Ok(listeners)
}
