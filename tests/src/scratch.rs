//! Folders that a test fills itself.

use std::fs;
use std::path::{Path, PathBuf};

use crate::runner::{Ended, Run};

/// An empty folder, by a name that no other test uses.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// A new folder below `root`, which is `CARGO_TARGET_TMPDIR`.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new(root: &str, name: &str) -> Self {
        let folder = Path::new(root).join(name);
        // What an earlier run left.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        Self { folder }
    }

    /// With this file; the folders above it are made.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn with(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(path);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above).unwrap_or_else(|e| panic!("{}: {e}", above.display()));
        }
        fs::write(&path, content).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self
    }

    /// A path below the folder.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// A run in this folder; the arguments stand between spaces.
    pub fn run(&self, line: &str) -> Run {
        Run::of(line.split_whitespace()).cwd(&self.folder)
    }

    /// A run in this folder, ended.
    #[must_use]
    pub fn ask(&self, line: &str) -> Ended {
        self.run(line).end()
    }
}
