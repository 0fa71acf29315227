//! From `main` to a command and back.
//!
//! Ctrl-C keeps its default: the process ends, and the shell sees 130. A command that leaves something half-done
//! must say so itself, and end with [`Exit::Interrupted`].

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::color::Color;
use crate::exit::Exit;
use crate::io::Io;

/// What every binary's `main` is: runs a command on the process's arguments (without the program's name) and streams.
pub fn main(run: fn(Vec<OsString>, &mut Io) -> Exit) -> ExitCode {
    let mut io = Io::system();
    let exit = run(std::env::args_os().skip(1).collect(), &mut io);
    finish(&mut io, exit).into()
}

/// A reader that left (`… | head -1`) did not want the findings, so they are no failure. What could not be written
/// for another reason is one.
fn finish(io: &mut Io, exit: Exit) -> Exit {
    let exit = match io.stdout.flush() {
        Ok(()) => exit,
        Err(error) => exit.and(cannot_write(io, &error)),
    };
    match exit {
        Exit::Findings if io.reader_left() => Exit::Fine,
        other => other,
    }
}

/// Parses the arguments. Help goes to stdout and is [`Exit::Fine`], a usage error to stderr and is
/// [`Exit::CannotWork`]; both come back as the `Err` to return.
pub fn parse<T: Parser>(args: Vec<OsString>, io: &mut Io) -> Result<T, Exit> {
    let color = Color::before_parsing(&args);
    let mut command = T::command().term_width(io.stdout_look(color).width);
    let parsed = command
        .try_get_matches_from_mut(args)
        .and_then(|matches| T::from_arg_matches(&matches));
    let error = match parsed {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error.format(&mut command),
    };
    let to_stderr = error.use_stderr();
    let (look, stream) = if to_stderr {
        (io.stderr_look(color), &mut io.stderr)
    } else {
        (io.stdout_look(color), &mut io.stdout)
    };
    let text = error.render();
    let text = if look.color {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    let written = stream.write_all(text.as_bytes());
    Err(match written {
        _ if to_stderr => Exit::CannotWork,
        Ok(()) => Exit::Fine,
        Err(error) => cannot_write(io, &error),
    })
}

/// Says in one sentence why the command could not work.
pub fn cannot_work(io: &mut Io, sentence: &str) -> Exit {
    // There is no stream left to complain on.
    let _ = writeln!(io.stderr, "error: {sentence}");
    Exit::CannotWork
}

/// Says that the result could not be written, as when the disk is full.
pub fn cannot_write(io: &mut Io, error: &io::Error) -> Exit {
    cannot_work(io, &format!("the result cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Exit, Io, finish, parse};
    use clap::Parser;
    use std::ffi::OsString;
    use std::io::{self, Write};

    #[derive(Debug, Parser)]
    #[command(
        name = "kubectl-mesh-x",
        bin_name = "kubectl mesh x",
        no_binary_name = true
    )]
    struct Cli {
        /// A number.
        #[arg(long)]
        number: u8,
    }

    fn run(line: &str, io: &mut Io) -> Result<Cli, Exit> {
        parse(line.split(' ').map(OsString::from).collect(), io)
    }

    #[test]
    fn help_is_the_result_and_fine() {
        let (mut io, captured) = Io::captured("");
        assert_eq!(run("--help", &mut io).unwrap_err(), Exit::Fine);
        assert!(captured.stdout().contains("Usage: kubectl mesh x --number"));
        assert!(!captured.stdout().contains('\u{1b}'));
        assert_eq!(captured.stderr(), "");
    }

    #[test]
    fn a_usage_error_cannot_work() {
        let (mut io, captured) = Io::captured("");
        assert_eq!(run("--number 300", &mut io).unwrap_err(), Exit::CannotWork);
        assert_eq!(captured.stdout(), "");
        assert!(captured.stderr().starts_with("error: invalid value '300'"));
    }

    #[test]
    fn help_is_coloured_where_text_is() {
        let (io, captured) = Io::captured("");
        let mut io = io.on_terminal();
        run("--help", &mut io).unwrap_err();
        assert!(captured.stdout().contains('\u{1b}'));
    }

    #[test]
    fn the_parsed_arguments_come_back() {
        let (mut io, _) = Io::captured("");
        assert_eq!(run("--number 3", &mut io).unwrap().number, 3);
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_result_that_was_not_written_is_not_fine() {
        let (mut io, captured) = Io::captured("");
        io.stdout = Box::new(Full);
        assert_eq!(finish(&mut io, Exit::Fine), Exit::CannotWork);
        assert!(captured.stderr().starts_with("error: the result cannot be"));
    }
}
