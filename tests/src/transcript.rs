//! The commands that a document shows, and what they print.
//!
//! A block ```` ```text ```` whose first line begins with `$ ` is a transcript: commands behind `$ `, the output of
//! each below it, both streams as a terminal shows them. All transcripts of a document are one sitting in a folder
//! that holds a copy of `examples/` and `tests/cases/`, so what one command changes the next one finds. The cluster of a
//! document that names one holds what stands in `tests/cases/effects/mesh`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::binaries;
use crate::fake_api::FakeApi;
use crate::scratch::Scratch;
use crate::served::{served, texts};

const FENCE: &str = "```text\n$ ";

/// The same document with the output that its commands really have.
///
/// # Panics
/// When a transcript is not closed or the shell does not run.
#[must_use]
pub fn rewritten(document: &str, target_tmp: &str, name: &str) -> String {
    let folder = Scratch::new(target_tmp, &format!("transcript-{name}"));
    for part in ["examples", "tests/cases"] {
        copy(&binaries::workspace().join(part), &folder.path(part));
    }
    let cluster = document.contains("--with-cluster").then(|| {
        let texts = texts(&binaries::workspace().join("tests/cases/effects/mesh"));
        FakeApi::new(served(&texts), &[])
    });
    if let Some(cluster) = &cluster {
        let _ = cluster.kubeconfig(&folder.path(""));
    }
    let mut out = String::new();
    let mut rest = document;
    while let Some((before, after)) = rest.split_once(FENCE) {
        let (body, after) = after.split_once("\n```").expect("a closed block");
        out.push_str(before);
        out.push_str("```text\n");
        let commands = commands(&format!("$ {body}"));
        let printed = run(&commands, &folder.path(""), target_tmp);
        for (command, printed) in commands.iter().zip(printed) {
            out.push_str(&format!("$ {command}\n{printed}"));
        }
        out.push_str("```");
        rest = after;
    }
    out + rest
}

/// The commands of a block; one may go on behind a `\` at the end of a line, and within single quotes.
fn commands(block: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in block.lines() {
        if let (true, Some(last)) = (goes_on, commands.last_mut()) {
            last.push('\n');
            last.push_str(line);
        } else if let Some(command) = line.strip_prefix("$ ") {
            commands.push(command.to_owned());
        } else {
            continue;
        }
        let quoted = |command: &String| command.matches('\'').count() % 2 == 1;
        goes_on = line.ends_with('\\') || commands.last().is_some_and(quoted);
    }
    commands
}

/// kubectl finds its plugins on the PATH, and cargo builds what it runs: both are played here by the binaries as they
/// are.
const PLAYED: &str = r#"
kubectl() { shift; kubectl-mesh "$@"; }
cargo() { binary=$3; shift 4; "$binary" "$@"; }
"#;

/// Stands behind the output of each command.
const MARK: char = '\u{1}';

/// What each command prints, in one shell.
fn run(commands: &[String], folder: &Path, target_tmp: &str) -> Vec<String> {
    let mut script = PLAYED.to_owned();
    for command in commands {
        // The next command may ask for `$?`.
        script.push_str(&format!(
            "{command}\nended=$?; printf '\\001'; (exit $ended)\n"
        ));
    }
    let path = format!(
        "{}:/usr/local/bin:/usr/bin:/bin",
        binaries::folder(target_tmp).display()
    );
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .env("KUBECONFIG", folder.join("kubeconfig.json"))
        .env("GIT_CEILING_DIRECTORIES", target_tmp)
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut parts: Vec<String> = text.split(MARK).map(str::to_owned).collect();
    let behind = parts.pop();
    assert_eq!(behind.as_deref(), Some(""), "{commands:?}\n{text}");
    parts
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap_or_else(|e| panic!("{}: {e}", to.display()));
    for entry in fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let entry = entry.expect("an entry of a folder");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap_or_else(|e| panic!("{}: {e}", target.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn a_command_may_go_on() {
        assert_eq!(
            commands("$ a b\nprinted\n$ c \\\n    d\nprinted"),
            ["a b", "c \\\n    d"]
        );
        assert_eq!(commands("$ a 'b\n  c' d\nprinted"), ["a 'b\n  c' d"]);
    }
}
