//! What somebody may have meant.

use std::ffi::{OsStr, OsString};

/// The commands with a program of their own, as they are typed.
pub(crate) const COMMANDS: [&str; 3] = ["why-no-listener", "expose-tcp", "shift"];

/// Words the dispatcher answers itself.
const OWN: [&str; 2] = ["version", "help"];

/// Whether the word is one of the commands, in either spelling.
pub(crate) fn is_command(word: &OsStr) -> bool {
    word.to_str()
        .is_some_and(|word| COMMANDS.contains(&word.replace('_', "-").as_str()))
}

/// The command that was probably meant, and how many words it takes the place of.
pub(crate) fn instead(words: &[OsString]) -> Option<(&'static str, usize)> {
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().to_lowercase().replace('_', "-"))
        .collect();
    let first = words.first()?;
    let known = || COMMANDS.into_iter().chain(OWN);

    // `why no listener`: kubectl's own way to split words.
    for count in 1..=3.min(words.len()) {
        let joined = words[..count].join("-");
        if let Some(command) = known().find(|command| *command == joined) {
            return Some((command, count));
        }
    }
    let begins = |command: &&str| command.split('-').any(|part| part.starts_with(first));
    if first.len() >= 3
        && let Some(command) = known().find(begins)
    {
        return Some((command, 1));
    }
    known()
        .map(|command| (strsim::osa_distance(first, command), command))
        .min()
        .filter(|(distance, _)| *distance <= (first.chars().count() / 3).max(1))
        .map(|(_, command)| (command, 1))
}

#[cfg(test)]
mod tests {
    use super::{instead, is_command};
    use std::ffi::{OsStr, OsString};

    fn meant(line: &str) -> Option<(&'static str, usize)> {
        let words: Vec<_> = line.split_whitespace().map(OsString::from).collect();
        instead(&words)
    }

    #[test]
    fn finds_what_was_meant() {
        for (typed, command, used) in [
            ("shfit x", "shift", 1),
            ("SHIFT x", "shift", 1),
            ("expose-tpc x", "expose-tcp", 1),
            ("expose tcp x", "expose-tcp", 2),
            ("expose kafka", "expose-tcp", 1),
            ("why no listener 1", "why-no-listener", 3),
            ("why-no-listner", "why-no-listener", 1),
            ("listener", "why-no-listener", 1),
            ("verison", "version", 1),
        ] {
            assert_eq!(meant(typed), Some((command, used)), "{typed}");
        }
    }

    #[test]
    fn does_not_guess_wildly() {
        for typed in ["apply", "x", "31400", "get pods"] {
            assert_eq!(meant(typed), None, "{typed}");
        }
    }

    #[test]
    fn both_spellings_are_commands() {
        assert!(is_command(OsStr::new("expose-tcp")));
        assert!(is_command(OsStr::new("expose_tcp")));
        assert!(!is_command(OsStr::new("expose")));
    }
}
