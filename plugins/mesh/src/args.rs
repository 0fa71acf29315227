//! Reads what stands before the command.
//!
//! kubectl refuses flags before the plugin's name, so people write them behind it: `kubectl mesh -n shop shift …`.
//! kubectl then looks no further for a file and hands everything to the dispatcher.

use std::ffi::{OsStr, OsString};

use crate::failure::Failure;
use crate::suggest;

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The list of commands.
    Overview,
    /// The versions.
    Version,
    /// A command, with all its arguments.
    Command {
        /// As it was typed.
        word: OsString,
        /// Flags that stood before it come first: so they are never behind a `--`.
        args: Vec<OsString>,
    },
}

/// Long flags that may stand before the command and take a value.
const VALUES: &[&str] = &[
    "as",
    "as-group",
    "as-uid",
    "certificate-authority",
    "client-certificate",
    "client-key",
    "cluster",
    "color",
    "context",
    "filename",
    "istio-version",
    "kubeconfig",
    "namespace",
    "output",
    "request-timeout",
    "server",
    "tls-server-name",
    "token",
    "user",
];
/// Long flags that may stand before the command and take none.
const SWITCHES: &[&str] = &[
    "all-namespaces",
    "insecure-skip-tls-verify",
    "quiet",
    "recursive",
];
const SHORT_VALUES: &str = "fnos";
const SHORT_SWITCHES: &str = "ARq";

/// One argument, as far as the dispatcher must know it.
#[derive(Debug, PartialEq, Eq)]
enum Flag {
    /// Complete in itself.
    Whole,
    /// The next argument is its value.
    TakesNext,
    Help,
    Version,
    Strange,
    Word,
}

/// Reads the arguments behind `kubectl mesh`.
pub(crate) fn read(args: Vec<OsString>) -> Result<Asked, Failure> {
    let mut before = Vec::new();
    let mut help = false;
    let mut version = false;
    let mut rest = args.into_iter();
    let word = loop {
        let Some(arg) = rest.next() else {
            return Ok(if version && !help {
                Asked::Version
            } else {
                Asked::Overview
            });
        };
        match classify(&arg) {
            Flag::Word if arg == "help" => help = true,
            Flag::Word => break arg,
            Flag::Help => help = true,
            Flag::Version => version = true,
            Flag::Whole => before.push(arg),
            Flag::TakesNext => {
                let Some(value) = rest.next() else {
                    return Err(Failure::no_value(&arg));
                };
                before.push(arg);
                before.push(value);
            }
            Flag::Strange => {
                before.push(arg.clone());
                return Err(misplaced(&arg, before, rest.collect()));
            }
        }
    };
    if help {
        before.insert(0, "--help".into());
    }
    if word == "version" {
        return read_version(before.into_iter().chain(rest));
    }
    before.extend(rest);
    Ok(Asked::Command { word, args: before })
}

/// `version` takes the connection flags, as it will ask the cluster too, and nothing else.
fn read_version(args: impl Iterator<Item = OsString>) -> Result<Asked, Failure> {
    let mut args = args;
    while let Some(arg) = args.next() {
        match classify(&arg) {
            Flag::Help => return Ok(Asked::Overview),
            Flag::Whole => {}
            Flag::TakesNext => {
                args.next().ok_or_else(|| Failure::no_value(&arg))?;
            }
            Flag::Version | Flag::Strange | Flag::Word => {
                return Err(Failure::not_for_version(&arg));
            }
        }
    }
    Ok(Asked::Version)
}

fn classify(arg: &OsStr) -> Flag {
    // Only names are compared, and they are ASCII: what a value holds is passed on untouched.
    let text = arg.to_string_lossy();
    if let Some(long) = text.strip_prefix("--") {
        return match long.split_once('=') {
            Some((name, _)) if VALUES.contains(&name) || SWITCHES.contains(&name) => Flag::Whole,
            Some(_) => Flag::Strange,
            None if long == "help" => Flag::Help,
            None if long == "version" => Flag::Version,
            None if VALUES.contains(&long) => Flag::TakesNext,
            None if SWITCHES.contains(&long) => Flag::Whole,
            None => Flag::Strange,
        };
    }
    match text.strip_prefix('-') {
        None => Flag::Word,
        Some("h") => Flag::Help,
        Some(letters) => classify_short(letters),
    }
}

/// `-A`, `-n`, `-nshop`, `-An`: letters up to the first that takes a value, which is the rest or the next argument.
fn classify_short(letters: &str) -> Flag {
    let mut rest = letters.chars();
    while let Some(letter) = rest.next() {
        if SHORT_VALUES.contains(letter) {
            return if rest.as_str().is_empty() {
                Flag::TakesNext
            } else {
                Flag::Whole
            };
        }
        if !SHORT_SWITCHES.contains(letter) {
            return Flag::Strange;
        }
    }
    if letters.is_empty() {
        Flag::Strange
    } else {
        Flag::Whole
    }
}

/// A flag of one command in front of it. Whether it takes a value is that command's business, so it cannot be moved,
/// but the line can be shown as it must be typed.
fn misplaced(flag: &OsStr, before: Vec<OsString>, rest: Vec<OsString>) -> Failure {
    let Some(at) = rest.iter().position(|arg| suggest::is_command(arg)) else {
        return Failure::flag_without_command(flag);
    };
    let mut line = vec![rest[at].clone()];
    line.extend(before);
    line.extend(
        rest.into_iter()
            .enumerate()
            .filter_map(|(n, arg)| (n != at).then_some(arg)),
    );
    Failure::flag_before_command(flag, &line)
}

#[cfg(test)]
mod tests {
    use super::{Asked, read};
    use std::ffi::OsString;

    fn asked(line: &str) -> Asked {
        read(line.split_whitespace().map(OsString::from).collect()).unwrap()
    }

    fn command(line: &str) -> String {
        match asked(line) {
            Asked::Command { word, args } => {
                let mut words = vec![word.into_string().unwrap()];
                words.extend(args.into_iter().map(|arg| arg.into_string().unwrap()));
                words.join(" ")
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    fn failure(line: &str) -> String {
        read(line.split_whitespace().map(OsString::from).collect())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_plain_command_is_passed_on() {
        assert_eq!(command("shift echo v1=80 v2=20"), "shift echo v1=80 v2=20");
        assert_eq!(command("expose_tcp a --port 1"), "expose_tcp a --port 1");
    }

    #[test]
    fn flags_before_the_command_move_behind_it() {
        for (typed, passed) in [
            ("-n foo shift x", "shift -n foo x"),
            ("-nfoo shift x", "shift -nfoo x"),
            ("-n=foo shift x", "shift -n=foo x"),
            ("-A shift x", "shift -A x"),
            ("-An foo shift x", "shift -An foo x"),
            ("--context=c shift x", "shift --context=c x"),
            (
                "--kubeconfig K --as a --as-group g --as-group h shift x",
                "shift --kubeconfig K --as a --as-group g --as-group h x",
            ),
            ("--color never -f - shift x", "shift --color never -f - x"),
            ("-s https://a shift -- x", "shift -s https://a -- x"),
            ("--all-namespaces shift", "shift --all-namespaces"),
        ] {
            assert_eq!(command(typed), passed, "{typed}");
        }
    }

    #[test]
    fn a_value_that_looks_like_a_command_stays_a_value() {
        assert_eq!(
            command("--context shift shift x"),
            "shift --context shift x"
        );
        assert_eq!(command("-n -A shift"), "shift -n -A");
    }

    #[test]
    fn without_a_command_the_overview_is_printed() {
        for line in ["", "--help", "-h", "help", "-n foo", "--context=c --help"] {
            assert_eq!(asked(line), Asked::Overview, "{line}");
        }
    }

    #[test]
    fn help_before_a_command_is_the_help_of_that_command() {
        assert_eq!(command("help shift"), "shift --help");
        assert_eq!(command("--help -n a shift"), "shift --help -n a");
    }

    #[test]
    fn version_takes_connection_flags_only() {
        for line in [
            "version",
            "--version",
            "-n a version",
            "version --context c",
        ] {
            assert_eq!(asked(line), Asked::Version, "{line}");
        }
        assert_eq!(asked("version --help"), Asked::Overview);
        assert_eq!(
            failure("version x"),
            "error: version takes no argument, got x\nrun: kubectl mesh version\n"
        );
    }

    #[test]
    fn a_flag_of_a_command_in_front_of_it_shows_the_right_line() {
        assert_eq!(
            failure("--port 1 -n a expose-tcp kafka"),
            "error: flag --port stands before the command\n\
             run: kubectl mesh expose-tcp --port 1 -n a kafka\n"
        );
        assert_eq!(
            failure("--port"),
            "error: flag --port without a command\nrun: kubectl mesh --help\n"
        );
    }

    #[test]
    fn a_flag_without_its_value_is_told() {
        assert_eq!(
            failure("-n"),
            "error: flag -n needs a value\nrun: kubectl mesh --help\n"
        );
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_unicode_pass_unchanged() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(b"--kubeconfig=/\xff".to_vec());
        let asked = read(vec![odd.clone(), "shift".into()]).unwrap();
        assert_eq!(
            asked,
            Asked::Command {
                word: "shift".into(),
                args: vec![odd]
            }
        );
    }
}
