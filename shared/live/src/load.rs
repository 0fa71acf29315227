//! From `-f` to a snapshot, with everything told that was not read.

use std::io::{self, Write};

use mesh_core::snapshot::reader::{Loaded, Loader, ReadOptions, render_problem};

use crate::cli::Input;
use crate::files;
use crate::io::Io;

/// The objects of all files, and whether something given could not be read.
#[derive(Debug)]
pub struct FromFiles {
    /// What was read.
    pub loaded: Loaded,
    /// Something given could not be read: the run ends with exit code 2, whatever the answer.
    pub incomplete: bool,
}

impl FromFiles {
    /// `6 objects read from 3 files`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let counts = &self.loaded.counts;
        format!(
            "{} read from {}",
            counted(counts.objects, "object"),
            counted(counts.texts, "file")
        )
    }
}

/// `1 file`, `3 files`.
#[must_use]
pub fn counted(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

/// Reads the files and says on stderr what could not be read, and, unless `quiet`, what was left out.
///
/// # Errors
/// When stderr cannot be written.
pub fn from_files(
    input: &Input,
    options: ReadOptions,
    quiet: bool,
    io: &mut Io,
) -> io::Result<FromFiles> {
    let items: Vec<String> = input
        .filename
        .iter()
        .map(|f| f.to_string_lossy().into_owned())
        .collect();
    let cwd = io.cwd.clone();
    let files = files::read(&items, input.recursive, &cwd, &mut io.stdin);
    let mut loader = Loader::new(options);
    for text in files.texts {
        loader.read(&text.name, text.text);
    }
    let loaded = loader.finish();
    for problem in files
        .errors
        .iter()
        .map(files::FileError::problem)
        .chain(loaded.problems.iter().cloned())
    {
        writeln!(io.stderr, "{}", render_problem(&problem))?;
    }
    if !quiet {
        for notice in &loaded.notices {
            writeln!(io.stderr, "warning: {notice}")?;
        }
        left_out(&loaded, io)?;
    }
    let incomplete = !(files.errors.is_empty() && loaded.problems.is_empty());
    Ok(FromFiles { loaded, incomplete })
}

fn left_out(loaded: &Loaded, io: &mut Io) -> io::Result<()> {
    let counts = &loaded.counts;
    if !counts.without_objects.is_empty() {
        let files = counted(counts.without_objects.len(), "file");
        writeln!(
            io.stderr,
            "{files} without Kubernetes objects skipped: {}",
            listed(&counts.without_objects)
        )?;
    }
    let others: usize = counts.other_kinds.values().sum();
    if others > 0 {
        let kinds: Vec<String> = counts
            .other_kinds
            .keys()
            .map(|(_, kind)| kind.clone())
            .collect();
        let objects = counted(others, "object");
        writeln!(
            io.stderr,
            "{objects} of kinds that decide nothing here skipped: {}",
            listed(&kinds)
        )?;
    }
    Ok(())
}

/// The first names of a list.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<&str> = names.iter().map(String::as_str).collect();
    shown.dedup();
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}
