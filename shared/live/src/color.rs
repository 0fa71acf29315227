//! How text may look on a stream: colour, glyphs and width. Decided for each stream on its own, as stdout often goes
//! into a file while a person reads stderr.

use std::ffi::OsString;

use clap::ValueEnum;

use crate::io::{Env, Io};

/// Prose is not easier to read on a wider terminal.
const WIDEST: usize = 100;
/// Without a terminal.
const USUAL: usize = 80;

/// The values of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, as far as the environment agrees.
    #[default]
    Auto,
    /// Also into files and pipes.
    Always,
    /// Nowhere.
    Never,
}

/// How text may look on one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether escape codes may be written.
    pub color: bool,
    /// Whether `✓ ✗ · → …` can be shown; else `+ x - > ...`.
    pub unicode: bool,
    /// Columns for prose.
    pub width: usize,
    /// Columns for tables; without a terminal they are never cut.
    pub table_width: Option<usize>,
    /// Whether a line may be rewritten in place.
    pub terminal: bool,
}

impl Color {
    /// Whether a stream gets colour: the flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then the terminal.
    #[must_use]
    pub fn decide(self, env: &Env, is_terminal: bool) -> bool {
        let set = |value: &Option<String>| value.as_deref().is_some_and(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if set(&env.no_color) => false,
            Self::Auto
                if set(&env.clicolor_force) && env.clicolor_force.as_deref() != Some("0") =>
            {
                true
            }
            Self::Auto => is_terminal && env.term.as_deref() != Some("dumb"),
        }
    }

    /// What the arguments say before they are parsed: help and usage errors have a look too. The last one counts.
    #[must_use]
    pub fn before_parsing(args: &[OsString]) -> Self {
        let mut found = Self::default();
        let mut words = args.iter().map(|arg| arg.to_string_lossy());
        while let Some(word) = words.next() {
            let value = match word.strip_prefix("--color") {
                _ if word == "--" => break,
                Some("") => words.next(),
                Some(rest) => rest.strip_prefix('=').map(|value| value.to_owned().into()),
                None => None,
            };
            if let Some(color) = value.and_then(|value| Self::from_str(&value, false).ok()) {
                found = color;
            }
        }
        found
    }
}

/// Whether the locale is a UTF-8 one. The first variable that is set and not empty decides; with none it is the
/// POSIX locale (and on Windows a console of unknown code page), which is not.
#[must_use]
pub fn unicode(env: &Env) -> bool {
    [&env.lc_all, &env.lc_ctype, &env.lang]
        .into_iter()
        .flatten()
        .find(|locale| !locale.is_empty())
        .is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}

impl Io {
    /// How text may look on stdout.
    #[must_use]
    pub fn stdout_look(&self, color: Color) -> Look {
        self.look(color, self.stdout_is_terminal)
    }

    /// How text may look on stderr.
    #[must_use]
    pub fn stderr_look(&self, color: Color) -> Look {
        self.look(color, self.stderr_is_terminal)
    }

    fn look(&self, color: Color, terminal: bool) -> Look {
        let columns = self.width.filter(|_| terminal);
        Look {
            color: color.decide(&self.env, terminal),
            unicode: unicode(&self.env),
            width: columns.unwrap_or(USUAL).min(WIDEST),
            table_width: columns.map(|columns| columns.min(WIDEST)),
            terminal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Color, unicode};
    use crate::io::{Env, Io};
    use std::ffi::OsString;

    fn env(no_color: &str, force: &str, term: &str) -> Env {
        let some = |text: &str| (text != "-").then(|| text.to_owned());
        Env {
            no_color: some(no_color),
            clicolor_force: some(force),
            term: some(term),
            ..Env::default()
        }
    }

    #[test]
    fn the_order_of_who_decides() {
        for (color, env, terminal, expected) in [
            (Color::Auto, env("-", "-", "xterm"), true, true),
            (Color::Auto, env("-", "-", "xterm"), false, false),
            (Color::Auto, env("-", "-", "dumb"), true, false),
            (Color::Auto, env("-", "-", "-"), true, true),
            (Color::Auto, env("", "-", "xterm"), true, true),
            (Color::Auto, env("1", "-", "xterm"), true, false),
            (Color::Auto, env("1", "1", "xterm"), true, false),
            (Color::Auto, env("-", "1", "dumb"), false, true),
            (Color::Auto, env("-", "0", "xterm"), false, false),
            (Color::Auto, env("-", "", "xterm"), false, false),
            (Color::Always, env("1", "-", "dumb"), false, true),
            (Color::Never, env("-", "1", "xterm"), true, false),
        ] {
            assert_eq!(
                color.decide(&env, terminal),
                expected,
                "{color:?} {env:?} {terminal}"
            );
        }
    }

    #[test]
    fn the_flag_is_seen_before_parsing() {
        for (line, expected) in [
            ("31400", Color::Auto),
            ("--color=never --help", Color::Never),
            ("--color always --color never", Color::Never),
            ("--color=pink", Color::Auto),
            ("--colors=never", Color::Auto),
            ("-- --color=never", Color::Auto),
        ] {
            let args: Vec<_> = line.split(' ').map(OsString::from).collect();
            assert_eq!(Color::before_parsing(&args), expected, "{line}");
        }
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let locale = |all: &str, ctype: &str, lang: &str| {
            unicode(&Env {
                lc_all: Some(all.to_owned()),
                lc_ctype: Some(ctype.to_owned()),
                lang: Some(lang.to_owned()),
                ..Env::default()
            })
        };
        assert!(locale("", "", "de_DE.UTF-8"));
        assert!(locale("C.utf8", "C", "C"));
        assert!(!locale("C", "", "de_DE.UTF-8"));
        assert!(!locale("", "POSIX", "de_DE.UTF-8"));
        assert!(!unicode(&Env::default()));
    }

    #[test]
    fn each_stream_has_its_own_look() {
        let (io, _) = Io::captured("");
        let mut io = io.on_terminal();
        io.stdout_is_terminal = false;
        io.width = Some(132);
        let out = io.stdout_look(Color::Auto);
        let err = io.stderr_look(Color::Auto);
        assert_eq!((out.color, out.width, out.table_width), (false, 80, None));
        assert_eq!(
            (err.color, err.width, err.table_width),
            (true, 100, Some(100))
        );
    }
}
