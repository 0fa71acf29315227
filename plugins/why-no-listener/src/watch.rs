//! The same question, again and again, until the port is open.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use mesh_live::exit::Exit;
use mesh_live::io::Io;

use super::cli::Cli;

/// Between one answer and the next question. An API server's cache is seconds old at most.
const PAUSE: Duration = Duration::from_secs(2);

/// Asks until the answer is [`Exit::Fine`] or the time is over, and prints the last answer alone.
pub(super) fn until_open(
    cli: &Cli,
    io: &mut Io,
    ask: impl Fn(&mut Io) -> io::Result<Exit>,
) -> io::Result<Exit> {
    let begin = Instant::now();
    let mut answered = false;
    loop {
        let (mut quiet, captured) = Io::captured(Vec::new());
        quiet.env = io.env.clone();
        quiet.cwd.clone_from(&io.cwd);
        quiet.stdout_is_terminal = io.stdout_is_terminal;
        quiet.width = io.width;
        let exit = ask(&mut quiet)?;
        let waited = begin.elapsed();
        let over = cli.timeout.is_some_and(|longest| waited + PAUSE > longest);
        // What never worked will not begin to; a cluster that has answered may do so again.
        let hopeless = exit == Exit::CannotWork && !answered;
        if exit == Exit::Fine || over || hopeless {
            clear(io)?;
            io.stderr.write_all(captured.stderr().as_bytes())?;
            io.stdout.write_all(captured.stdout().as_bytes())?;
            return Ok(exit);
        }
        answered |= exit != Exit::CannotWork;
        if io.stderr_is_terminal && !cli.output.quiet {
            let asked = cli.question.as_ref().map(ToString::to_string);
            let asked = asked.unwrap_or_default();
            clear(io)?;
            write!(io.stderr, "{asked} is not open yet, {} s", waited.as_secs())?;
            io.stderr.flush()?;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Takes the line away that says what is waited for.
fn clear(io: &mut Io) -> io::Result<()> {
    if io.stderr_is_terminal {
        write!(io.stderr, "\r\x1b[2K")?;
    }
    Ok(())
}
