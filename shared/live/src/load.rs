//! From `-f` or a cluster to a snapshot, with everything told that was not read.

use std::io::{self, Write};

use mesh_core::snapshot::Forbidden;
use mesh_core::snapshot::reader::{Counts, Loaded, Loader, Problem, ReadOptions, render_problem};

use crate::cli::{Connect, Input};
use crate::cluster::{Fresh, Live, Pods, Refused, Session};
use crate::files;
use crate::io::Io;

/// The objects that were read, and whether something given could not be.
#[derive(Debug)]
pub struct Read {
    /// What was read.
    pub loaded: Loaded,
    /// Something given could not be read: the run ends with exit code 2, whatever the answer.
    pub incomplete: bool,
    /// Where names without a namespace are looked up: `-n`, else the context's, else `default`.
    pub namespace: String,
    /// The cluster they come from; `None` for files.
    pub cluster: Option<Session>,
}

impl Read {
    /// `6 objects read from 3 files`; of a cluster, whose objects nobody counts, what the user may not read.
    #[must_use]
    pub fn in_words(&self) -> String {
        if self.cluster.is_some() {
            return self.forbidden_in_words();
        }
        let counts = &self.loaded.counts;
        format!(
            "{} read from {}",
            counted(counts.objects, "object"),
            counted(counts.texts, "file")
        )
    }

    /// `not read: services outside of rcmd, pods (forbidden)`; empty when the user may read everything.
    #[must_use]
    pub fn forbidden_in_words(&self) -> String {
        let kinds: Vec<String> = self
            .loaded
            .snapshot
            .coverage
            .forbidden
            .iter()
            .map(Forbidden::in_words)
            .collect();
        match kinds.as_slice() {
            [] => String::new(),
            kinds => format!("not read: {} (forbidden)", kinds.join(", ")),
        }
    }

    /// `3 files`, or `live objects`.
    #[must_use]
    pub fn source_in_words(&self) -> String {
        match self.cluster {
            Some(_) => "live objects".to_owned(),
            None => counted(self.loaded.counts.texts, "file"),
        }
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
) -> io::Result<Read> {
    let namespace = options.default_namespace.clone();
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
    Ok(Read {
        loaded,
        incomplete,
        namespace,
        cluster: None,
    })
}

/// Reads the cluster that the flags name. The outer error is a stream's.
///
/// # Errors
/// When stderr cannot be written; when there is no cluster, or it does not answer.
pub fn from_cluster(
    flags: &Connect,
    fresh: Fresh,
    pods: Pods,
    quiet: bool,
    io: &mut Io,
) -> io::Result<Result<Read, Problem>> {
    let session = match Session::open(flags) {
        Ok(session) => session,
        Err(error) => {
            return Ok(Err(Problem {
                message: error.to_string(),
                ..Problem::default()
            }));
        }
    };
    match session.read(fresh, pods, quiet, io) {
        Ok(live) => read_live(session, live, io).map(Ok),
        Err(refused) => Ok(Err(told_by(&session, &refused))),
    }
}

/// The same reading with every pod: what is told about a closed port concerns all of them.
///
/// # Errors
/// As for [`from_cluster`].
pub fn with_all_pods(
    read: Read,
    fresh: Fresh,
    quiet: bool,
    io: &mut Io,
) -> io::Result<Result<Read, Problem>> {
    let Some(session) = read.cluster else {
        // Files are read whole.
        return Ok(Ok(read));
    };
    let live = Live {
        snapshot: read.loaded.snapshot,
        problems: Vec::new(),
    };
    match session.with_all_pods(fresh, live, quiet, io) {
        Ok(live) => read_live(session, live, io).map(Ok),
        Err(refused) => Ok(Err(told_by(&session, &refused))),
    }
}

fn told_by(session: &Session, refused: &Refused) -> Problem {
    Problem {
        run: Some(format!("kubectl cluster-info --context {}", session.name())),
        ..refused.problem()
    }
}

fn read_live(session: Session, live: Live, io: &mut Io) -> io::Result<Read> {
    let Live { snapshot, problems } = live;
    for problem in &problems {
        writeln!(io.stderr, "error: {problem}")?;
    }
    let counts = Counts {
        objects: snapshot.len(),
        ..Counts::default()
    };
    Ok(Read {
        incomplete: !problems.is_empty(),
        loaded: Loaded {
            snapshot,
            problems: Vec::new(),
            notices: Vec::new(),
            counts,
        },
        namespace: session.namespace.clone(),
        cluster: Some(session),
    })
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
