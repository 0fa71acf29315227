//! What the mesh needs from the machine, and the namespaces around all of it.

use std::env;
use std::ffi::OsString;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::recipe;

/// Set for the process inside of the namespaces.
pub const INSIDE: &str = "REAL_MESH_INSIDE";

/// Whether this process has namespaces of its own.
#[must_use]
pub fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// What the machine lacks, if anything, and what to do about it.
///
/// # Errors
/// When the recipe cannot be read.
pub fn lacking() -> Result<Option<String>> {
    const NEEDED: [(&str, &str); 5] = [
        ("unshare", "util-linux"),
        ("nsenter", "util-linux"),
        ("setpriv", "util-linux"),
        ("ip", "iproute2"),
        ("nft", "nftables"),
    ];
    if !cfg!(target_os = "linux") {
        return Ok(Some(
            "Linux: there are no network namespaces here".to_owned(),
        ));
    }
    for (command, package) in NEEDED {
        if !starts(command, "--version") {
            return Ok(Some(format!("`{command}`, of the package {package}")));
        }
    }
    if !works(&["true"])? {
        return Ok(Some(
            "root, or user namespaces that anybody may make".to_owned(),
        ));
    }
    if !works(&[
        "ip", "link", "add", "one", "type", "veth", "peer", "name", "two",
    ])? || !works(&["nft", "add", "table", "ip", "one"])?
    {
        return Ok(Some("a kernel with veth devices and nftables".to_owned()));
    }
    if recipe::built()?.is_none() {
        if !starts("go", "version") {
            return Ok(Some("Go 1.26 or newer, to build it once".to_owned()));
        }
        let pip = Command::new("python3")
            .args(["-m", "pip", "--version"])
            .output();
        if !pip.is_ok_and(|output| output.status.success()) {
            return Ok(Some("Python 3 with pip, which brings Envoy".to_owned()));
        }
    }
    Ok(None)
}

/// Whether a command succeeds in namespaces of its own.
fn works(command: &[&str]) -> Result<bool> {
    let mut words = namespaces().into_iter();
    let first = words.next().context("nothing to run")?;
    let tried = Command::new(first)
        .args(words)
        .args(command)
        .stdin(Stdio::null())
        .output();
    Ok(tried.is_ok_and(|output| output.status.success()))
}

fn starts(command: &str, arg: &str) -> bool {
    Command::new(command)
        .arg(arg)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

#[cfg(target_os = "linux")]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(target_os = "linux"))]
fn is_root() -> bool {
    false
}

/// The command that gives the next one processes, mounts and a network of its own.
///
/// When this process dies, in whatever way, the kernel kills `unshare`, then the first process inside, and with it
/// everything else. A change of user takes back that order to the kernel, so it comes first.
fn namespaces() -> Vec<OsString> {
    let mut words = Vec::new();
    if !is_root() {
        words.extend(["unshare", "--map-root-user"]);
    }
    words.extend(["setpriv", "--pdeathsig", "KILL"]);
    words.extend([
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--net",
        "--mount",
        "--mount-proc",
    ]);
    words.into_iter().map(OsString::from).collect()
}

/// Starts this program once more, inside.
///
/// # Errors
/// When it cannot be started.
pub fn start_inside(change: impl FnOnce(&mut Command)) -> Result<Child> {
    let mut words = namespaces().into_iter();
    let mut command = Command::new(words.next().context("nothing to run")?);
    command
        .args(words)
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1");
    change(&mut command);
    command.spawn().context("unshare")
}

/// Runs this program once more, inside; its exit code.
///
/// # Errors
/// When it cannot be started.
pub fn run_inside() -> Result<ExitCode> {
    let status = start_inside(|_| {})?.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Gives this process's mounts a `/run` that goes with them, so that nothing has to be removed afterwards.
///
/// # Errors
/// When it cannot be mounted.
pub fn prepare() -> Result<()> {
    let status = Command::new("mount")
        .args(["-t", "tmpfs", "none", "/run"])
        .status()
        .context("mount")?;
    anyhow::ensure!(
        status.success(),
        "a file system on /run could not be mounted"
    );
    Ok(())
}
