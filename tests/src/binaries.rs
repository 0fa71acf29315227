//! The real binaries.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Where cargo puts the binaries of this workspace, all of them fresh.
///
/// Cargo tells a test the binaries of its own package only, and `cargo test -p mesh-tests` builds no other. So they
/// are built here, once: with nothing to do that takes a moment.
///
/// # Panics
/// When they cannot be built.
#[must_use]
pub fn folder(target_tmp: &str) -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(target_tmp).parent().expect("a target directory");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bins", "--target-dir"])
            .arg(target)
            .current_dir(workspace())
            .stdin(Stdio::null())
            .output()
            .expect("cargo runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo build:\n{told}");
        target.join("debug")
    })
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("a workspace above its member").to_owned()
}

/// A binary, to be run in the workspace's root, without colour and without input.
#[must_use]
pub fn command(target_tmp: &str, name: &str) -> Command {
    let mut command = Command::new(folder(target_tmp).join(name));
    command
        .current_dir(workspace())
        .env("LC_ALL", "C.UTF-8")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null());
    command
}

/// Exit code, stdout and stderr of a process.
///
/// # Panics
/// When it was ended by a signal.
#[must_use]
pub fn ended(output: &Output) -> crate::runner::Ended {
    let code = output
        .status
        .code()
        .and_then(|code| u8::try_from(code).ok());
    crate::runner::Ended {
        exit: code.expect("an exit code"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
