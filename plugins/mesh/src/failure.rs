//! What the dispatcher says when it cannot work.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::Path;

use crate::suggest;

/// One sentence, and what helps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    sentence: String,
    why: Option<String>,
    fix: Option<String>,
    run: Option<String>,
}

impl Failure {
    fn new(sentence: String) -> Self {
        Self {
            sentence,
            why: None,
            fix: None,
            run: None,
        }
    }

    fn overview(sentence: String) -> Self {
        Self {
            run: Some("kubectl mesh --help".to_owned()),
            ..Self::new(sentence)
        }
    }

    pub(crate) fn no_value(flag: &OsStr) -> Self {
        Self::overview(format!("flag {} needs a value", shown(flag)))
    }

    pub(crate) fn flag_without_command(flag: &OsStr) -> Self {
        Self::overview(format!("flag {} without a command", shown(flag)))
    }

    pub(crate) fn flag_before_command(flag: &OsStr, line: &[OsString]) -> Self {
        Self {
            run: Some(command_line(line)),
            ..Self::new(format!("flag {} stands before the command", shown(flag)))
        }
    }

    pub(crate) fn not_for_version(arg: &OsStr) -> Self {
        Self {
            run: Some("kubectl mesh version".to_owned()),
            ..Self::new(format!("version takes no argument, got {}", shown(arg)))
        }
    }

    pub(crate) fn no_command(word: &OsStr, args: &[OsString]) -> Self {
        let mut words = vec![word.to_os_string()];
        words.extend_from_slice(args);
        let run = match suggest::instead(&words) {
            Some((command, used)) => {
                let mut line = vec![OsString::from(command)];
                line.extend_from_slice(words.get(used..).unwrap_or_default());
                command_line(&line)
            }
            None => "kubectl mesh --help".to_owned(),
        };
        Self {
            run: Some(run),
            ..Self::new(format!("kubectl mesh has no command {}", shown(word)))
        }
    }

    pub(crate) fn not_installed(file: &str, own: Option<&Path>) -> Self {
        let beside = own.map_or_else(
            || "not on PATH".to_owned(),
            |own| format!("neither in {} nor on PATH", shown(own.as_os_str())),
        );
        Self {
            why: Some(beside),
            fix: Some("put it beside kubectl-mesh: the archive holds all commands".to_owned()),
            ..Self::new(format!("{file} is not installed"))
        }
    }

    pub(crate) fn not_executable(file: &str, path: &Path) -> Self {
        Self {
            run: Some(format!("chmod +x {}", quoted(path.as_os_str()))),
            ..Self::new(format!("{file} is not executable"))
        }
    }

    pub(crate) fn not_written(error: &io::Error) -> Self {
        Self::new(format!("the result cannot be written: {error}"))
    }

    pub(crate) fn not_started(path: &Path, error: &io::Error) -> Self {
        Self {
            why: Some(error.to_string()),
            fix: Some("install the archive of this machine's system and processor".to_owned()),
            ..Self::new(format!("{} does not start", shown(path.as_os_str())))
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.sentence)?;
        for (label, text) in [("  = why", &self.why), ("  = fix", &self.fix)] {
            if let Some(text) = text {
                writeln!(f, "{label}: {text}")?;
            }
        }
        if let Some(run) = &self.run {
            writeln!(f, "run: {run}")?;
        }
        Ok(())
    }
}

fn command_line(words: &[OsString]) -> String {
    let mut line = "kubectl mesh".to_owned();
    for word in words {
        line.push(' ');
        line.push_str(&quoted(word));
    }
    line
}

/// Text from outside as it may be printed: it must not drive the terminal.
fn shown(text: &OsStr) -> String {
    let mut shown = String::new();
    for c in text.to_string_lossy().chars() {
        if c.is_control() {
            shown.push_str(&format!("\\x{:02x}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A word as it must be typed into a POSIX shell.
fn quoted(word: &OsStr) -> String {
    let word = shown(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+:,./@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use std::ffi::{OsStr, OsString};
    use std::path::Path;

    fn no_command(line: &[&str]) -> String {
        let args: Vec<_> = line[1..].iter().map(OsString::from).collect();
        Failure::no_command(OsStr::new(line[0]), &args).to_string()
    }

    #[test]
    fn a_typo_comes_back_as_a_line_to_paste() {
        assert_eq!(
            no_command(&["expose-tpc", "kafka", "--sni", "a b's"]),
            "error: kubectl mesh has no command expose-tpc\n\
             run: kubectl mesh expose-tcp kafka --sni 'a b'\\''s'\n"
        );
        assert_eq!(
            no_command(&["why", "no", "listener", "31400"]),
            "error: kubectl mesh has no command why\n\
             run: kubectl mesh why-no-listener 31400\n"
        );
    }

    #[test]
    fn an_unknown_word_leads_to_the_help() {
        assert_eq!(
            no_command(&["frobnicate"]),
            "error: kubectl mesh has no command frobnicate\nrun: kubectl mesh --help\n"
        );
    }

    #[test]
    fn a_word_cannot_drive_the_terminal() {
        assert_eq!(
            no_command(&["\u{1b}[2J"]),
            "error: kubectl mesh has no command \\x1b[2J\nrun: kubectl mesh --help\n"
        );
    }

    #[test]
    fn a_missing_file_says_where_it_belongs() {
        assert_eq!(
            Failure::not_installed("kubectl-mesh-shift", Some(Path::new("/opt/mesh"))).to_string(),
            "error: kubectl-mesh-shift is not installed\n  \
               = why: neither in /opt/mesh nor on PATH\n  \
               = fix: put it beside kubectl-mesh: the archive holds all commands\n"
        );
    }
}
