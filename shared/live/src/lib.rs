//! I/O: files and streams.

pub mod files;
