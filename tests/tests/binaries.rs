//! The real binaries, as a person runs them in the root of this repository.

use std::io::Write;
use std::process::{Command, Stdio};

use mesh_tests::binaries::{command, ended};
use mesh_tests::runner::Ended;

const TMP: &str = env!("CARGO_TARGET_TMPDIR");

/// Runs `PROGRAM ARGS`.
fn run(line: &str) -> Ended {
    let mut words = line.split_whitespace();
    let mut command = command(TMP, words.next().unwrap());
    ended(&command.args(words).output().unwrap())
}

fn why(line: &str) -> Ended {
    run(&format!("kubectl-mesh why-no-listener {line}"))
}

#[track_caller]
fn says(run: &Ended, exit: u8, sentence: &str) {
    assert_eq!(run.exit, exit, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains(sentence), "{}", run.stdout);
}

#[test]
fn every_command_has_help() {
    for program in [
        "kubectl-mesh",
        "kubectl-mesh-why_no_listener",
        "kubectl-mesh-expose_tcp",
        "kubectl-mesh-shift",
    ] {
        let run = run(&format!("{program} --help"));
        assert_eq!((run.exit, run.stderr.as_str()), (0, ""), "{program}");
        assert!(run.stdout.lines().count() > 5, "{}", run.stdout);
    }
}

#[test]
fn what_is_not_built_says_so_in_one_line() {
    for line in [
        "kubectl-mesh-expose_tcp kafka:9092 --port 16354",
        "kubectl-mesh-shift tcp-echo v1=80 v2=20",
        "kubectl-mesh expose-tcp kafka:9092 --port 16354",
        "kubectl-mesh shift tcp-echo v1=80 v2=20",
    ] {
        let run = run(line);
        assert_eq!((run.exit, run.stdout.as_str()), (2, ""), "{line}");
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains("is not built yet"), "{}", run.stderr);
    }
}

#[test]
fn a_tcp_port_without_a_virtual_service_is_closed() {
    let dispatched = why("16354 -f examples/kafka");
    says(&dispatched, 1, "error[GW-VS-NONE]");
    says(&dispatched, 1, "  --> examples/kafka/gateway.yaml:");
    assert!(!dispatched.stdout.contains('\u{1b}'));
    let direct = run("kubectl-mesh-why_no_listener 16354 -f examples/kafka");
    assert_eq!(direct, dispatched);
}

#[test]
fn a_tcp_port_with_its_virtual_service_is_open() {
    let run = why("16354 -f examples/kafka-fixed");
    says(&run, 0, "✓ port 16354 will be open");
    assert_eq!(run.stderr, "");
}

#[test]
fn an_http_port_without_a_virtual_service_listens_and_leads_nowhere() {
    let text = why("16354 -f examples/kafka-http");
    says(&text, 1, "404");
    says(&text, 1, "✓ listener");
    let json = why("16354 -f examples/kafka-http -o json");
    says(&json, 1, "\"verdict\": \"leads-nowhere\"");
}

#[test]
fn weights_are_told() {
    let run = why("31400 -f examples/tcp-echo");
    says(&run, 0, "80% to tcp-echo v1, 20% to tcp-echo v2");
}

#[test]
fn standard_input_passes_the_dispatcher() {
    let mut all = String::new();
    for entry in
        std::fs::read_dir(mesh_tests::binaries::workspace().join("examples/kafka")).unwrap()
    {
        all += "---\n";
        all += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    let mut child = command(TMP, "kubectl-mesh")
        .args(["why-no-listener", "16354", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(all.as_bytes())
        .unwrap();
    let run = ended(&child.wait_with_output().unwrap());
    says(&run, 1, "error[GW-VS-NONE]");
    says(&run, 1, "  --> <stdin>:");
}

/// Stdout of a run whose reader has left.
fn without_reader(mut command: Command) -> Ended {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    ended(&command.stdout(writer).output().unwrap())
}

#[test]
fn a_reader_that_left_is_silent() {
    for args in [
        "16354 -f examples/kafka-fixed",
        "16354 -f examples/kafka-fixed -o json",
    ] {
        let mut command = command(TMP, "kubectl-mesh-why_no_listener");
        command.args(args.split(' '));
        let run = without_reader(command);
        assert_eq!((run.exit, run.stderr.as_str()), (0, ""), "{args}");
    }
    // The findings were not wanted, so they are no failure.
    let mut command = command(TMP, "kubectl-mesh");
    command.args(["why-no-listener", "16354", "-q", "-f", "examples/kafka"]);
    let run = without_reader(command);
    assert_eq!((run.exit, run.stderr.as_str()), (0, ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = command(TMP, "kubectl-mesh-why_no_listener");
    command.args(["16354", "-f", "examples/kafka-fixed"]);
    let output = command.stdout(full).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.starts_with("error: the result cannot be written: "),
        "{told}"
    );
}

/// What a person without UTF-8 sees is all there, in other letters.
#[test]
fn a_terminal_without_utf_8_is_spared() {
    let mut command = command(TMP, "kubectl-mesh-why_no_listener");
    command
        .env("LC_ALL", "C")
        .args(["16354", "-f", "examples/kafka-fixed"]);
    let run = ended(&command.output().unwrap());
    says(&run, 0, "+ port 16354 will be open");
    assert!(run.stdout.is_ascii(), "{}", run.stdout);
}
