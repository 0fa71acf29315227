//! The real binary, with scripts in place of the commands.
#![cfg(unix)]

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Prints its file name, arguments and stdin, and exits with 7.
const STUB: &str = "#!/bin/sh
echo \"ran ${0##*/}\"
for arg in \"$@\"; do echo \"arg $arg\"; done
while read -r line; do echo \"stdin $line\"; done
exit 7
";

/// A file that some process holds open for writing cannot be run, and a process started by one test inherits what
/// another test is just writing. So the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

struct Installed {
    root: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Installed {
    /// The dispatcher in `root/store`, and an empty `root/bin`.
    fn new(name: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .canonicalize()
            .unwrap()
            .join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("store")).unwrap();
        fs::create_dir_all(root.join("bin")).unwrap();
        // A link to the same file, where possible: a copy would be written again for every test.
        let own = env!("CARGO_BIN_EXE_kubectl-mesh");
        let there = root.join("store/kubectl-mesh");
        if fs::hard_link(own, &there).is_err() {
            fs::copy(own, &there).unwrap();
        }
        Self { root, _turn: turn }
    }

    fn stub(&self, path: &str) -> &Self {
        let path = self.root.join(path);
        fs::write(&path, STUB).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn run(&self, program: &str, args: &[&str], stdin: &str) -> Output {
        let mut path = vec![self.root.join("bin")];
        path.extend(std::env::split_paths("/usr/bin:/bin"));
        let path: OsString = std::env::join_paths(path).unwrap();
        let mut child = Command::new(self.root.join(program))
            .args(args)
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The dispatcher may end without reading.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    }
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn arguments_stdin_and_exit_code_pass() {
    let installed = Installed::new("passes");
    installed.stub("store/kubectl-mesh-expose_tcp");
    for word in ["expose-tcp", "expose_tcp"] {
        let args = [word, "kafka:9092", "--port", "1", "", "a b", "--", "-x"];
        let output = installed.run("store/kubectl-mesh", &args, "one\ntwo\n");
        assert_eq!(
            stdout(&output),
            "ran kubectl-mesh-expose_tcp\narg kafka:9092\narg --port\narg 1\narg \narg a b\n\
             arg --\narg -x\nstdin one\nstdin two\n"
        );
        assert_eq!(stderr(&output), "");
        assert_eq!(output.status.code(), Some(7));
    }
}

#[test]
fn flags_before_the_command_arrive_behind_it() {
    let installed = Installed::new("flags");
    installed.stub("store/kubectl-mesh-shift");
    let output = installed.run(
        "store/kubectl-mesh",
        &["-n", "foo", "--context=c", "shift", "x"],
        "",
    );
    assert_eq!(
        stdout(&output),
        "ran kubectl-mesh-shift\narg -n\narg foo\narg --context=c\narg x\n"
    );
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn a_link_to_the_dispatcher_finds_its_siblings() {
    let installed = Installed::new("linked");
    installed.stub("store/kubectl-mesh-shift");
    symlink(
        "../store/kubectl-mesh",
        installed.root.join("bin/kubectl-mesh"),
    )
    .unwrap();
    let output = installed.run("bin/kubectl-mesh", &["shift", "x"], "");
    assert_eq!(stdout(&output), "ran kubectl-mesh-shift\narg x\n");
}

#[test]
fn a_sibling_comes_before_path_and_path_before_nothing() {
    let installed = Installed::new("order");
    installed.stub("bin/kubectl-mesh-shift");
    fs::write(
        installed.root.join("bin/kubectl-mesh-extra"),
        "#!/bin/sh\necho from PATH\n",
    )
    .unwrap();
    let from_path = installed.run("store/kubectl-mesh", &["shift"], "");
    assert_eq!(stdout(&from_path), "ran kubectl-mesh-shift\n");

    let beside = installed.root.join("store/kubectl-mesh-shift");
    fs::write(&beside, "#!/bin/sh\necho beside\n").unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
    let sibling = installed.run("store/kubectl-mesh", &["shift"], "");
    assert_eq!(stdout(&sibling), "beside\n");

    let barred = installed.run("store/kubectl-mesh", &["extra"], "");
    assert_eq!(
        stderr(&barred),
        format!(
            "error: kubectl-mesh-extra is not executable\nrun: chmod +x {}\n",
            installed.root.join("bin/kubectl-mesh-extra").display()
        )
    );
    assert_eq!(barred.status.code(), Some(2));
}

#[test]
fn a_missing_sibling_says_what_to_do() {
    let installed = Installed::new("missing");
    let output = installed.run("store/kubectl-mesh", &["shift", "x"], "");
    assert_eq!(
        stderr(&output),
        format!(
            "error: kubectl-mesh-shift is not installed\n  \
               = why: neither in {} nor on PATH\n  \
               = fix: put it beside kubectl-mesh: the archive holds all commands\n",
            installed.root.join("store").display()
        )
    );
    assert_eq!(stdout(&output), "");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_unknown_command_gets_a_suggestion() {
    let installed = Installed::new("unknown");
    let output = installed.run("store/kubectl-mesh", &["shfit", "echo", "v1=80"], "");
    assert_eq!(
        stderr(&output),
        "error: kubectl mesh has no command shfit\nrun: kubectl mesh shift echo v1=80\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn overview_and_version_are_the_dispatchers_own() {
    let installed = Installed::new("own");
    let bare = installed.run("store/kubectl-mesh", &[], "");
    assert!(stdout(&bare).starts_with("TCP ports of an Istio mesh: why closed"));
    assert!(stdout(&bare).ends_with("help: kubectl mesh COMMAND --help\n"));
    assert_eq!(bare.status.code(), Some(0));

    let help = installed.run("store/kubectl-mesh", &["--help"], "");
    assert_eq!(stdout(&help), stdout(&bare));
    assert_eq!(help.status.code(), Some(0));

    let version = installed.run("store/kubectl-mesh", &["version"], "");
    assert_eq!(
        stdout(&version),
        format!("client version: {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(version.status.code(), Some(0));
}
