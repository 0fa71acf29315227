//! `kubectl mesh`: finds the commands and runs them.
//!
//! kubectl runs `kubectl-mesh-shift` by itself when that file is on PATH. This program is there for the rest: krew
//! puts a link to only one file of a plugin on PATH, and `kubectl mesh -n shop shift …` always comes here. It links
//! nothing of the other crates: it starts at once, and cannot break when they do.

mod args;
mod failure;
mod find;
mod overview;
mod suggest;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use args::Asked;
use failure::Failure;
use find::Found;

/// The documented exit code for "could not work".
const CANNOT_WORK: u8 = 2;

/// Runs what the arguments (without the program's name) ask for. On Unix a command that was found replaces this
/// process, so this returns only for what the dispatcher answers itself.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match answer(args.into_iter().collect()) {
        Ok(Done::Text(text)) => {
            let mut stdout = io::stdout().lock();
            match stdout
                .write_all(text.as_bytes())
                .and_then(|()| stdout.flush())
            {
                Ok(()) => ExitCode::SUCCESS,
                // A reader that has left (`kubectl mesh | head -1`) is no failure; a full disk is.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
                Err(error) => told(&Failure::not_written(&error)),
            }
        }
        Ok(Done::Ran(code)) => code,
        Err(failure) => told(&failure),
    }
}

fn told(failure: &Failure) -> ExitCode {
    // There is no stream left to complain on.
    let _ = io::stderr()
        .lock()
        .write_all(failure.to_string().as_bytes());
    ExitCode::from(CANNOT_WORK)
}

enum Done {
    Text(String),
    Ran(ExitCode),
}

fn answer(args: Vec<OsString>) -> Result<Done, Failure> {
    match args::read(args)? {
        Asked::Overview => Ok(Done::Text(overview::TEXT.to_owned())),
        Asked::Version => Ok(Done::Text(overview::version())),
        Asked::Command { word, args } => {
            let file = locate(&word, &args)?;
            start(&file, &args).map(Done::Ran)
        }
    }
}

fn locate(word: &OsStr, args: &[OsString]) -> Result<PathBuf, Failure> {
    let Some(file) = find::file_name(word) else {
        return Err(Failure::no_command(word, args));
    };
    let own = own_directory();
    let path = std::env::var_os("PATH");
    match find::find(&file, own.as_deref(), path.as_deref()) {
        Found::Program(program) => Ok(program),
        Found::NotExecutable(path) => Err(Failure::not_executable(&file, &path)),
        Found::Nowhere if suggest::is_command(word) => {
            Err(Failure::not_installed(&file, own.as_deref()))
        }
        Found::Nowhere => Err(Failure::no_command(word, args)),
    }
}

/// Where this program really lies: krew starts it through a link, and the siblings lie beside the file itself.
/// macOS does not resolve that link, hence `canonicalize`.
fn own_directory() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let own = own.canonicalize().unwrap_or(own);
    own.parent().map(Path::to_path_buf)
}

#[cfg(unix)]
fn start(file: &Path, args: &[OsString]) -> Result<ExitCode, Failure> {
    use std::os::unix::process::CommandExt;

    // Signals, streams and exit code are then the command's own. `exec` returns only when it failed.
    let error = Command::new(file).args(args).exec();
    Err(Failure::not_started(file, &error))
}

#[cfg(not(unix))]
fn start(file: &Path, args: &[OsString]) -> Result<ExitCode, Failure> {
    let status = Command::new(file)
        .args(args)
        .status()
        .map_err(|error| Failure::not_started(file, &error))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(CANNOT_WORK)))
}
