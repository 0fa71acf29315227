//! The real binary: what only a process shows of streams and exit codes. The other commands share this code.

use std::process::{Command, Stdio};

fn shift() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-mesh-shift"));
    command.env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

#[test]
fn help_goes_to_stdout_and_is_fine() {
    let output = shift().arg("--help").output().unwrap();
    assert!(output.stdout.starts_with(b"Move weights between versions"));
    assert!(output.stderr.is_empty());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_cluster_is_not_changed_yet() {
    let output = shift().args(["tcp-echo", "v1=100"]).output().unwrap();
    assert!(output.stdout.is_empty());
    assert!(
        output
            .stderr
            .starts_with(b"error: changing a live cluster is not built yet")
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_reader_that_left_is_silent() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = shift().arg("--help").stdout(writer).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = shift().arg("--help").stdout(full).output().unwrap();
    assert!(
        output
            .stderr
            .starts_with(b"error: the result cannot be written: ")
    );
    assert_eq!(output.status.code(), Some(2));
}
