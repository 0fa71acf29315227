//! The files of `-f`: found, read, and handed on as texts.
//!
//! What cannot be read is told item by item, and hides nothing else.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mesh_core::snapshot::reader::Problem;

/// The name of standard input, in places.
pub const STDIN: &str = "<stdin>";

/// How deep directories may nest: far beyond any repository, and an end for what loops in ways unseen.
const DEPTH: usize = 128;

/// The files of `-f`.
#[derive(Debug, Default)]
pub struct Files {
    /// Texts in the order asked for, a directory's by name.
    pub texts: Vec<Text>,
    /// What could not be read.
    pub errors: Vec<FileError>,
    /// Files of directories that are no manifests, by their ending or their bytes.
    pub skipped: usize,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The name as a person would type it.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// An item of `-f` that could not be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum FileError {
    #[error("no file or directory {name}")]
    Missing { name: String },
    #[error("no permission to read {name}")]
    Forbidden { name: String },
    #[error("{name} holds no text{}", if *.utf16 { ": it is UTF-16" } else { "" })]
    NotText { name: String, utf16: bool },
    #[error("no *.yaml, *.yml or *.json in {name}")]
    EmptyDirectory { name: String, deeper: bool },
    #[error("cannot read {name}")]
    Io { name: String, source: io::Error },
}

impl FileError {
    fn of(name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { name },
            io::ErrorKind::PermissionDenied => Self::Forbidden { name },
            _ => Self::Io { name, source },
        }
    }

    /// The error as a problem, to be rendered like those of the texts.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (why, fix) = match self {
            Self::Missing { .. } => (None, None),
            Self::Forbidden { .. } => (None, Some("ask for the right to read it, or leave it out")),
            Self::NotText { utf16: true, .. } => (None, Some("save it as UTF-8")),
            Self::NotText { .. } => (None, Some("manifests are UTF-8 text; leave it out")),
            Self::EmptyDirectory { deeper: true, .. } => {
                (None, Some("add -R to read its subdirectories too"))
            }
            Self::EmptyDirectory { .. } => (None, Some("name a directory that holds manifests")),
            Self::Io { source, .. } => (Some(source.to_string()), None),
        };
        Problem {
            message: self.to_string(),
            why,
            fix: fix.map(str::to_owned),
            ..Problem::default()
        }
    }
}

/// Reads the items of `-f`: files, directories, and `-` for standard input. Relative paths begin at `cwd`; names stay
/// as typed. A file that is named twice is read once.
pub fn read(items: &[String], recursive: bool, cwd: &Path, stdin: &mut dyn Read) -> Files {
    let mut walk = Walk {
        recursive,
        files: Files::default(),
        seen: BTreeSet::new(),
        above: Vec::new(),
    };
    let mut stdin = Some(stdin);
    for item in items {
        if item == "-" {
            if let Some(stdin) = stdin.take() {
                walk.text(STDIN, read_all(stdin), true);
            }
            continue;
        }
        walk.item(item, &cwd.join(item));
    }
    walk.files
}

fn read_all(from: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    Ok(bytes)
}

struct Walk {
    recursive: bool,
    files: Files,
    /// Real paths of the files read.
    seen: BTreeSet<PathBuf>,
    /// Real paths of the directories that the walk is in: a link to one of them is a loop.
    above: Vec<PathBuf>,
}

impl Walk {
    fn item(&mut self, name: &str, path: &Path) {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => {
                let name = name.trim_end_matches('/');
                let name = if name.is_empty() { "/" } else { name };
                let before = self.files.texts.len() + self.files.errors.len();
                let mut directories = false;
                self.directory(name, path, &mut directories);
                let nothing = before == self.files.texts.len() + self.files.errors.len();
                if nothing && !self.seen_in(path) {
                    self.files.errors.push(FileError::EmptyDirectory {
                        name: name.to_owned(),
                        deeper: directories && !self.recursive,
                    });
                }
            }
            Ok(_) => self.file(name, path, true),
            Err(error) => self.files.errors.push(FileError::of(name, error)),
        }
    }

    /// Whether files below this directory were read already, for another item.
    fn seen_in(&self, path: &Path) -> bool {
        fs::canonicalize(path)
            .is_ok_and(|real| self.seen.iter().any(|seen| seen.starts_with(&real)))
    }

    fn directory(&mut self, name: &str, path: &Path, directories: &mut bool) {
        let entries = fs::canonicalize(path).and_then(|real| {
            // A loop of links ends where it would begin again.
            if self.above.contains(&real) || self.above.len() >= DEPTH {
                return Ok(None);
            }
            let mut entries = Vec::new();
            for entry in fs::read_dir(path)? {
                entries.push(entry?.file_name());
            }
            entries.sort();
            Ok(Some((real, entries)))
        });
        let (real, entries) = match entries {
            Ok(Some(entries)) => entries,
            Ok(None) => return,
            Err(error) => {
                self.files.errors.push(FileError::of(name, error));
                return;
            }
        };
        self.above.push(real);
        for entry in entries {
            let path = path.join(&entry);
            let name = join(name, &entry);
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => {
                    *directories = true;
                    if self.recursive {
                        self.directory(&name, &path, directories);
                    }
                }
                // A pipe or a device would wait for ever.
                Ok(meta) if is_manifest(&path) && meta.is_file() => {
                    self.file(&name, &path, false);
                }
                Err(error) if is_manifest(&path) => {
                    self.files.errors.push(FileError::of(&name, error));
                }
                _ => self.files.skipped += 1,
            }
        }
        self.above.pop();
    }

    fn file(&mut self, name: &str, path: &Path, named: bool) {
        let real = fs::canonicalize(path).ok();
        if let Some(real) = &real
            && !self.seen.insert(real.clone())
        {
            return;
        }
        let skipped = self.files.skipped;
        self.text(name, fs::read(path), named);
        // What a directory's walk skips is not read yet, should it also be named.
        if let Some(real) = real
            && self.files.skipped > skipped
        {
            self.seen.remove(&real);
        }
    }

    fn text(&mut self, name: &str, bytes: io::Result<Vec<u8>>, named: bool) {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return self.files.errors.push(FileError::of(name, error)),
        };
        let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let binary = bytes.contains(&0) && !utf16;
        match String::from_utf8(bytes) {
            Ok(text) if !binary => self.files.texts.push(Text {
                name: name.to_owned(),
                text,
            }),
            // A binary file that only ends like a manifest is nobody's mistake; a manifest in another encoding is.
            _ if binary && !named => self.files.skipped += 1,
            _ => self.files.errors.push(FileError::NotText {
                name: name.to_owned(),
                utf16,
            }),
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    })
}

fn join(directory: &str, entry: &OsStr) -> String {
    let entry = entry.to_string_lossy();
    if directory.ends_with('/') {
        format!("{directory}{entry}")
    } else {
        format!("{directory}/{entry}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A directory of its own for each test, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("mesh-files-{}-{n}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn with(self, name: &str, content: &[u8]) -> Self {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
            self
        }

        fn read(&self, items: &[&str], recursive: bool) -> Files {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            read(&items, recursive, &self.0, &mut "kind: x\n".as_bytes())
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn names(files: &Files) -> Vec<&str> {
        files.texts.iter().map(|text| text.name.as_str()).collect()
    }

    fn errors(files: &Files) -> Vec<String> {
        files.errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_directory_is_read_by_name_and_only_walked_when_asked() {
        let folder = Folder::new()
            .with("m/b.yaml", b"b: 1")
            .with("m/a.yml", b"a: 1")
            .with("m/c.json", b"{}")
            .with("m/README.md", b"x")
            .with("m/sub/d.YAML", b"d: 1");
        let files = folder.read(&["m/"], false);
        assert_eq!(names(&files), ["m/a.yml", "m/b.yaml", "m/c.json"]);
        assert_eq!((files.skipped, files.errors.len()), (1, 0));
        let files = folder.read(&["./m"], true);
        assert_eq!(
            names(&files),
            ["./m/a.yml", "./m/b.yaml", "./m/c.json", "./m/sub/d.YAML"]
        );
    }

    #[test]
    fn standard_input_and_files_are_read_once() {
        let folder = Folder::new()
            .with("a.txt", b"a: 1")
            .with("m/b.yaml", b"b: 1");
        let files = folder.read(&["-", "a.txt", "-", "./a.txt", "m/b.yaml", "m"], false);
        assert_eq!(names(&files), ["<stdin>", "a.txt", "m/b.yaml"]);
        assert!(files.errors.is_empty(), "{:?}", files.errors);
        assert_eq!(files.texts[0].text, "kind: x\n");
    }

    #[test]
    fn what_cannot_be_read_is_told_and_hides_nothing() {
        let folder = Folder::new()
            .with("a.yaml", b"a: 1")
            .with("bin.yaml", b"\x00\x01")
            .with("win.yaml", b"\xff\xfea\x00")
            .with("latin.yaml", b"a: \xe9")
            .with("none/sub/x.yaml", b"x: 1");
        let items = [
            "gone.yaml",
            "bin.yaml",
            "win.yaml",
            "latin.yaml",
            "none",
            "a.yaml",
        ];
        let files = folder.read(&items, false);
        assert_eq!(names(&files), ["a.yaml"]);
        assert_eq!(
            errors(&files),
            [
                "no file or directory gone.yaml",
                "bin.yaml holds no text",
                "win.yaml holds no text: it is UTF-16",
                "latin.yaml holds no text",
                "no *.yaml, *.yml or *.json in none",
            ]
        );
        let fixes: Vec<_> = files.errors.iter().map(|e| e.problem().fix).collect();
        assert_eq!(fixes[2].as_deref(), Some("save it as UTF-8"));
        assert_eq!(
            fixes[4].as_deref(),
            Some("add -R to read its subdirectories too")
        );
        // In a directory the binary one is skipped, a manifest in another encoding is not.
        let files = folder.read(&["."], false);
        assert_eq!(names(&files), ["./a.yaml"]);
        assert_eq!((files.skipped, files.errors.len()), (1, 2));
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends() {
        use std::os::unix::fs::symlink;
        let folder = Folder::new()
            .with("m/a.yaml", b"a: 1")
            .with("m/s/b.yaml", b"b: 1");
        symlink("..", folder.0.join("m/s/up")).unwrap();
        symlink(".", folder.0.join("m/here")).unwrap();
        symlink("self.yaml", folder.0.join("m/self.yaml")).unwrap();
        symlink("gone", folder.0.join("m/broken.yaml")).unwrap();
        let files = folder.read(&["m"], true);
        assert_eq!(names(&files), ["m/a.yaml", "m/s/b.yaml"]);
        assert_eq!(errors(&files).len(), 2, "{:?}", files.errors);
    }
}
