//! `kubectl mesh why-no-listener`: why a port is closed, and what opens it. Writes nothing.

pub mod cli;

use std::ffi::OsString;

use mesh_live::exit::Exit;
use mesh_live::io::Io;
use mesh_live::run::{cannot_work, parse};

/// Answers the question in the arguments (without the program's name).
pub fn run(args: Vec<OsString>, io: &mut Io) -> Exit {
    match parse::<cli::Cli>(args, io) {
        Ok(_) => cannot_work(io, "why-no-listener is not built yet"),
        Err(exit) => exit,
    }
}
