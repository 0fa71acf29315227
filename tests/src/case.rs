//! The case folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use mesh_live::files::{self, Text};
use serde::Deserialize;

use crate::runner::{Ended, Run};

/// A folder with an `expect.json`.
#[derive(Debug)]
pub struct Case {
    /// Its path below `tests/cases`, such as `GW-VS-NONE/fires`.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    /// What is asked and answered.
    pub expect: Expect,
}

/// An `expect.json`. Keys that are not listed here are left to other tests.
#[derive(Debug, Deserialize)]
pub struct Expect {
    /// The arguments; paths are relative to the folder.
    pub ask: Vec<String>,
    /// The exit code.
    pub exit: u8,
    /// The answers, in order.
    pub answers: Vec<ExpectedAnswer>,
    /// `expect.txt` holds the fix already: only what stands before it is compared.
    #[serde(default)]
    pub until_fix: bool,
}

/// One answer.
#[derive(Debug, Deserialize)]
pub struct ExpectedAnswer {
    /// As `namespace/name`.
    pub proxy: String,
    /// The port asked for.
    pub port: u64,
    /// The verdict, in JSON's words.
    pub verdict: String,
    /// The findings, in order.
    pub findings: Vec<ExpectedFinding>,
}

/// One finding.
#[derive(Debug, Deserialize)]
pub struct ExpectedFinding {
    /// The cause.
    pub code: String,
    /// As `Kind namespace/name`.
    pub object: String,
    /// The field's path.
    pub field: String,
    /// `conditional` where its first fix is proved under conditions; without it the fix is proved.
    #[serde(default)]
    pub fix: Option<String>,
    /// Why there is no fix that was proved: no change of objects helps, or what is left to a person.
    #[serde(default)]
    pub no_fix: Option<String>,
}

impl Case {
    /// The code that the case is about; `None` for a showpiece.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        let (folder, _) = self.name.split_once('/')?;
        is_code(folder).then_some(folder)
    }

    /// Whether this is the case in which the cause is not to be found.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.name.ends_with("/silent")
    }

    /// Asks the question, with further arguments.
    pub fn ask(&self, more: &[&str]) -> Run {
        let ask = self.expect.ask.iter().map(String::as_str);
        Run::of(ask.chain(more.iter().copied())).cwd(&self.folder)
    }

    /// The same, asked once for all tests of a program: an answer with its proofs takes a while.
    ///
    /// # Panics
    /// When another test panicked while it asked.
    #[must_use]
    pub fn answered(&self, more: &[&str]) -> Ended {
        type Asked = BTreeMap<(String, Vec<String>), Arc<OnceLock<Ended>>>;
        static ASKED: Mutex<Asked> = Mutex::new(BTreeMap::new());
        let words = more.iter().map(|word| (*word).to_owned()).collect();
        let slot = {
            let mut asked = ASKED.lock().expect("no test panics while it holds this");
            Arc::clone(asked.entry((self.name.clone(), words)).or_default())
        };
        slot.get_or_init(|| self.ask(more).end()).clone()
    }

    /// Whether it is a scan.
    #[must_use]
    pub fn asks_all(&self) -> bool {
        self.ask_without_files().is_empty()
    }

    /// The question without its files.
    #[must_use]
    pub fn ask_without_files(&self) -> Vec<&str> {
        let mut kept = Vec::new();
        let mut words = self.expect.ask.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "-f" {
                words.next();
            } else {
                kept.push(word);
            }
        }
        kept
    }

    /// The port asked for, perhaps behind a host; a scan asks for none.
    #[must_use]
    pub fn port(&self) -> Option<u32> {
        let port = |word: &String| word.rsplit(':').next()?.parse().ok();
        self.expect.ask.iter().find_map(port)
    }

    /// The value of a flag of the question.
    #[must_use]
    pub fn option(&self, flag: &str) -> Option<&str> {
        let at = self.expect.ask.iter().position(|word| word == flag)?;
        self.expect.ask.get(at + 1).map(String::as_str)
    }

    /// The manifests.
    ///
    /// # Panics
    /// When one cannot be read.
    #[must_use]
    pub fn texts(&self) -> Vec<Text> {
        let items: Vec<String> = self
            .expect
            .ask
            .windows(2)
            .filter(|pair| pair[0] == "-f")
            .map(|pair| pair[1].clone())
            .collect();
        let read = files::read(&items, false, &self.folder, &mut std::io::empty());
        assert!(read.errors.is_empty(), "{}: {:?}", self.name, read.errors);
        read.texts
    }
}

/// Where the cases are.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// Whether a folder's name is a cause's code.
#[must_use]
pub fn is_code(name: &str) -> bool {
    name.contains('-')
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-')
}

/// Every case, by name.
///
/// # Panics
/// When a folder cannot be read, or an `expect.json` lacks something.
#[must_use]
pub fn all() -> Vec<Case> {
    let root = root();
    let mut cases = Vec::new();
    collect(&root, &root, &mut cases);
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!cases.is_empty(), "no case below {}", root.display());
    cases
}

fn collect(root: &Path, folder: &Path, cases: &mut Vec<Case>) {
    let expect = folder.join("expect.json");
    if let Ok(text) = fs::read_to_string(&expect) {
        let expect = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", expect.display()));
        let name = folder.strip_prefix(root).unwrap_or(folder);
        cases.push(Case {
            name: name.to_string_lossy().replace('\\', "/"),
            folder: folder.to_owned(),
            expect,
        });
        return;
    }
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        // Those of the other commands have tests of their own.
        let other = path.ends_with("expose-tcp") || path.ends_with("shift");
        if path.is_dir() && !other {
            collect(root, &path, cases);
        }
    }
}
