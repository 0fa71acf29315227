//! `kubectl mesh shift`: moves weights between versions.

pub mod cli;

use std::ffi::OsString;

use mesh_live::exit::Exit;
use mesh_live::io::Io;
use mesh_live::run::{cannot_work, parse};

/// Prints the help of what will be. Everything else is refused before a usage error could send somebody looking for
/// the right flags.
pub fn run(args: Vec<OsString>, io: &mut Io) -> Exit {
    let asked_for_help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    if asked_for_help && let Err(exit) = parse::<cli::Cli>(args, io) {
        return exit;
    }
    cannot_work(
        io,
        "shift is not built yet: so far only why-no-listener answers; nothing written",
    )
}

#[cfg(test)]
mod tests {
    use super::run;
    use mesh_live::exit::Exit;
    use mesh_live::io::Io;

    #[test]
    fn help_is_all_there_is() {
        let (mut io, captured) = Io::captured("");
        assert_eq!(run(vec!["--help".into()], &mut io), Exit::Fine);
        assert!(captured.stdout().contains("Usage: kubectl mesh shift"));
        assert!(captured.stdout().contains("Examples:"));
        assert!(captured.stdout().contains("Exit codes:"));
    }

    #[test]
    fn anything_else_is_one_line_on_stderr() {
        for args in [vec![], vec!["--nonsense".into()], vec!["echo".into()]] {
            let (mut io, captured) = Io::captured("");
            assert_eq!(run(args, &mut io), Exit::CannotWork);
            assert_eq!(captured.stdout(), "");
            assert_eq!(
                captured.stderr(),
                "error: shift is not built yet: so far only why-no-listener answers; nothing written\n"
            );
        }
    }
}
