//! Runs `why-no-listener` in process and keeps what it wrote.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use mesh_live::io::{Env, Io};

/// A run that is being put together: [`Run::end`] runs it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Run {
    args: Vec<OsString>,
    cwd: PathBuf,
    stdin: Vec<u8>,
    env: Env,
    terminal: bool,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code.
    pub exit: u8,
    /// All that went to stdout.
    pub stdout: String,
    /// All that went to stderr.
    pub stderr: String,
}

impl Run {
    /// `kubectl mesh why-no-listener ARGS` in a UTF-8 locale, without a terminal.
    pub fn of<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            args: args.into_iter().map(OsString::from).collect(),
            cwd: PathBuf::from("."),
            stdin: Vec::new(),
            env: Env {
                lang: Some("C.UTF-8".to_owned()),
                ..Env::default()
            },
            terminal: false,
        }
    }

    /// In this directory.
    pub fn cwd(mut self, cwd: &Path) -> Self {
        self.cwd = cwd.to_owned();
        self
    }

    /// With this standard input.
    pub fn stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// With these changes to the environment.
    pub fn env(mut self, change: impl FnOnce(&mut Env)) -> Self {
        change(&mut self.env);
        self
    }

    /// In front of a person, on 80 columns.
    pub fn on_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Runs it.
    #[must_use]
    pub fn end(self) -> Ended {
        let (mut io, captured) = Io::captured(self.stdin);
        if self.terminal {
            io = io.on_terminal();
        }
        io.cwd = self.cwd;
        io.env = self.env;
        let exit = why_no_listener::run(self.args, &mut io);
        Ended {
            exit: exit.code(),
            stdout: captured.stdout(),
            stderr: captured.stderr(),
        }
    }
}
