//! The only place with I/O: streams and environment, kubectl's flags, exit codes, the run loop.
//!
//! A command is a function of arguments and an [`io::Io`], so that a test can hand it both and read what it wrote.

pub mod cli;
pub mod cluster;
pub mod color;
pub mod examples;
pub mod exit;
pub mod files;
pub mod io;
pub mod load;
pub mod run;
