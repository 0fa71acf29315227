//! What a command touches of the world, read once and handed to it.

use std::io::{self, Cursor, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::AutoStream;

/// The columns of captured output: those of the mock-ups.
const CAPTURED_WIDTH: usize = 80;

/// Streams, directory and environment of a command.
pub struct Io {
    /// Where `-f -` reads from.
    pub stdin: Box<dyn Read + Send>,
    /// For the result and nothing else. Writing to a reader that has left succeeds: a command that is changing the
    /// mesh must not stop half-way because somebody closed a pager.
    pub stdout: Box<dyn Write + Send>,
    /// For plans, progress, summaries and errors. Forgiving like `stdout`.
    pub stderr: Box<dyn Write + Send>,
    /// What relative paths are relative to.
    pub cwd: PathBuf,
    /// The variables that matter.
    pub env: Env,
    /// Whether a person reads `stdout`.
    pub stdout_is_terminal: bool,
    /// Whether a person reads `stderr`.
    pub stderr_is_terminal: bool,
    /// Columns of the terminal, if there is one.
    pub width: Option<usize>,
    reader_left: Arc<AtomicBool>,
}

/// Environment variables, read once. An unset variable is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env {
    /// `NO_COLOR`: no colour when not empty.
    pub no_color: Option<String>,
    /// `CLICOLOR_FORCE`: colour even without a terminal, unless empty or `0`.
    pub clicolor_force: Option<String>,
    /// `TERM`: no colour when `dumb`.
    pub term: Option<String>,
    /// `LC_ALL`: the first of three that name the character set.
    pub lc_all: Option<String>,
    /// `LC_CTYPE`: the second.
    pub lc_ctype: Option<String>,
    /// `LANG`: the third.
    pub lang: Option<String>,
    /// `COLUMNS`: for a terminal that does not tell its width.
    pub columns: Option<String>,
}

impl Env {
    /// Reads the process's environment.
    #[must_use]
    pub fn system() -> Self {
        let read = |name: &str| {
            let value = std::env::var_os(name)?;
            Some(value.to_string_lossy().into_owned())
        };
        Self {
            no_color: read("NO_COLOR"),
            clicolor_force: read("CLICOLOR_FORCE"),
            term: read("TERM"),
            lc_all: read("LC_ALL"),
            lc_ctype: read("LC_CTYPE"),
            lang: read("LANG"),
            columns: read("COLUMNS"),
        }
    }
}

impl Io {
    /// The process's own streams and environment.
    #[must_use]
    pub fn system() -> Self {
        let env = Env::system();
        let stdout_is_terminal = io::stdout().is_terminal();
        let stderr_is_terminal = io::stderr().is_terminal();
        let width = (stdout_is_terminal || stderr_is_terminal)
            .then(|| terminal_width(&env))
            .flatten();
        let reader_left = Arc::new(AtomicBool::new(false));
        // Whether there is colour is decided before anything is written. The stream is only there for old Windows
        // consoles, which do not know the escape codes.
        let stdout = Forgiving {
            inner: AutoStream::always(io::stdout()),
            left: Arc::clone(&reader_left),
        };
        let stderr = Forgiving {
            inner: AutoStream::always(io::stderr()),
            left: Arc::default(),
        };
        Self {
            stdin: Box::new(io::stdin()),
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            env,
            stdout_is_terminal,
            stderr_is_terminal,
            width,
            reader_left,
        }
    }

    /// For tests: reads the given bytes, keeps what is written. A UTF-8 locale, no terminal, no colour.
    #[must_use]
    pub fn captured(stdin: impl Into<Vec<u8>>) -> (Self, Captured) {
        let captured = Captured::default();
        let io = Self {
            stdin: Box::new(Cursor::new(stdin.into())),
            stdout: Box::new(captured.stdout.clone()),
            stderr: Box::new(captured.stderr.clone()),
            cwd: PathBuf::from("."),
            env: Env {
                lang: Some("C.UTF-8".to_owned()),
                ..Env::default()
            },
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            width: None,
            reader_left: Arc::default(),
        };
        (io, captured)
    }

    /// For tests: as if a person were looking at both streams, 80 columns wide.
    #[must_use]
    pub fn on_terminal(mut self) -> Self {
        self.stdout_is_terminal = true;
        self.stderr_is_terminal = true;
        self.width = Some(CAPTURED_WIDTH);
        self
    }

    /// Whether the reader of `stdout` has left, as in `… | head -1`. What watches without end must look.
    #[must_use]
    pub fn reader_left(&self) -> bool {
        self.reader_left.load(Ordering::Relaxed)
    }
}

fn terminal_width(env: &Env) -> Option<usize> {
    terminal_size::terminal_size()
        .map(|(width, _)| usize::from(width.0))
        .filter(|width| *width > 0)
        .or_else(|| env.columns.as_ref()?.parse().ok().filter(|n| *n > 0))
}

/// What a command wrote to an [`Io::captured`].
#[derive(Clone, Debug, Default)]
pub struct Captured {
    stdout: Kept,
    stderr: Kept,
}

impl Captured {
    /// All that went to stdout.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// All that went to stderr.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }
}

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream whose reader may leave: from then on everything written is dropped.
struct Forgiving<W> {
    inner: W,
    left: Arc<AtomicBool>,
}

impl<W> Forgiving<W> {
    fn forgive<T>(&self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.left.store(true, Ordering::Relaxed);
                Ok(instead)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Forgiving<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left.load(Ordering::Relaxed) {
            return Ok(bytes.len());
        }
        let result = self.inner.write(bytes);
        self.forgive(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.left.load(Ordering::Relaxed) {
            return Ok(());
        }
        let result = self.inner.flush();
        self.forgive(result, ())
    }
}

#[cfg(test)]
mod tests {
    use super::{Forgiving, Io};
    use std::io::{self, Read, Write};
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    #[test]
    fn captured_streams_read_and_keep() {
        let (mut io, captured) = Io::captured("in");
        let mut text = String::new();
        io.stdin.read_to_string(&mut text).unwrap();
        write!(io.stdout, "out {text}").unwrap();
        write!(io.stderr, "err").unwrap();
        assert_eq!(text, "in");
        assert_eq!(captured.stdout(), "out in");
        assert_eq!(captured.stderr(), "err");
    }

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_left_is_remembered_and_no_error() {
        let mut stream = Forgiving {
            inner: Fails(io::ErrorKind::BrokenPipe),
            left: Arc::default(),
        };
        stream.write_all(b"lost").unwrap();
        assert!(stream.left.load(Ordering::Relaxed));
        stream.write_all(b"lost too").unwrap();
        stream.flush().unwrap();
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut stream = Forgiving {
            inner: Fails(io::ErrorKind::StorageFull),
            left: Arc::default(),
        };
        assert!(stream.write_all(b"lost").is_err());
        assert!(!stream.left.load(Ordering::Relaxed));
    }
}
