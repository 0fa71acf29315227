//! Where a command's program lies.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What a search found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A program.
    Program(PathBuf),
    /// A file that may not be run, and no other.
    NotExecutable(PathBuf),
    /// Nothing.
    Nowhere,
}

/// The file of a command. kubectl reads dashes in a file name as spaces between words, so the dash of a word is an
/// underscore there. `None` for a word that can be no command, so that `../x` is never looked for.
pub(crate) fn file_name(word: &OsStr) -> Option<String> {
    let word = word.to_str()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!word.is_empty() && word.chars().all(allowed))
        .then(|| format!("kubectl-mesh-{}", word.replace('-', "_")))
}

/// Looks beside this program, then on PATH: one archive holds versions that belong together.
pub(crate) fn find(file: &str, own: Option<&Path>, path: Option<&OsStr>) -> Found {
    let file = format!("{file}{}", std::env::consts::EXE_SUFFIX);
    let on_path = path.map(std::env::split_paths).into_iter().flatten();
    let mut barred = None;
    for directory in own.map(Path::to_path_buf).into_iter().chain(on_path) {
        // The current directory is no place to run programs from.
        if !directory.is_absolute() {
            continue;
        }
        let candidate = directory.join(&file);
        if !candidate.is_file() {
            continue;
        }
        if is_executable(&candidate) {
            return Found::Program(candidate);
        }
        barred.get_or_insert(candidate);
    }
    barred.map_or(Found::Nowhere, Found::NotExecutable)
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_file: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::file_name;
    use std::ffi::OsStr;

    #[test]
    fn dashes_become_underscores() {
        for word in ["why-no-listener", "why_no_listener", "why_no-listener"] {
            assert_eq!(
                file_name(OsStr::new(word)).as_deref(),
                Some("kubectl-mesh-why_no_listener")
            );
        }
    }

    #[test]
    fn a_path_is_no_command() {
        for word in ["", "../shift", "a/b", "a b", "é"] {
            assert_eq!(file_name(OsStr::new(word)), None, "{word}");
        }
    }
}
