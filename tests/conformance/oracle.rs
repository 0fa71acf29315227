//! istiod's own code, in processes that stay: built once, outside of the checkout.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use serde_json::{Value, json};

use crate::scenario::Scenario;

/// A process is replaced after so many scenarios: istiod's test server gives memory back only at its end.
const REQUESTS_A_PROCESS: usize = 250;

/// What istiod said.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// Its answer, or `{"panic": …}`; and what its webhook refuses.
    Answer(Value, Vec<String>),
    /// The scenario could not be read.
    Unreadable(String),
}

/// Several processes of istiod's code.
pub(crate) struct Oracle {
    binary: PathBuf,
    workers: Vec<Mutex<Option<Worker>>>,
}

struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: thread::JoinHandle<String>,
    asked: usize,
}

impl Oracle {
    /// Builds it where that was not done yet.
    pub(crate) fn new(jobs: usize) -> Result<Self, String> {
        let binary = match env::var_os("CONFORMANCE_ORACLE") {
            Some(path) => path.into(),
            None => build()?,
        };
        Ok(Self {
            binary,
            workers: (0..jobs.max(1)).map(|_| Mutex::new(None)).collect(),
        })
    }

    /// The answers to several scenarios, in their order.
    pub(crate) fn ask(&self, scenarios: &[Scenario]) -> Vec<Said> {
        let next = AtomicUsize::new(0);
        let mut found: Vec<(usize, Said)> = thread::scope(|scope| {
            let handles: Vec<_> = self
                .workers
                .iter()
                .map(|slot| {
                    let next = &next;
                    scope.spawn(move || {
                        let mut own = Vec::new();
                        loop {
                            let n = next.fetch_add(1, Ordering::Relaxed);
                            let Some(scenario) = scenarios.get(n) else {
                                return own;
                            };
                            own.push((n, self.one(slot, scenario)));
                        }
                    })
                })
                .collect();
            handles
                .into_iter()
                .flat_map(|h| h.join().unwrap_or_default())
                .collect()
        });
        found.sort_by_key(|(n, _)| *n);
        found.into_iter().map(|(_, said)| said).collect()
    }

    /// What the webhook refuses among the objects of a scenario, as `Kind namespace/name: why`.
    pub(crate) fn refuses(&self, scenario: &Scenario) -> Result<Vec<String>, String> {
        let slot = self.workers.first().ok_or("no process")?;
        let mut slot = slot.lock().map_err(|_| "another thread failed")?;
        if slot.is_none() {
            *slot = Some(Worker::start(&self.binary)?);
        }
        let worker = slot.as_mut().ok_or("no process")?;
        let request = json!({"id": "", "cluster": scenario.cluster(), "proxy": scenario.proxy(), "admission": true});
        let response = worker.ask(&request).ok_or("the process ended")?;
        match response["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(rejected(&response)),
        }
    }

    fn one(&self, slot: &Mutex<Option<Worker>>, scenario: &Scenario) -> Said {
        let Ok(mut slot) = slot.lock() else {
            return Said::Unreadable("another thread failed".to_owned());
        };
        if slot.as_ref().is_some_and(|w| w.asked >= REQUESTS_A_PROCESS) {
            slot.take().map(Worker::end);
        }
        if slot.is_none() {
            match Worker::start(&self.binary) {
                Ok(worker) => *slot = Some(worker),
                Err(error) => return Said::Unreadable(error),
            }
        }
        let Some(worker) = slot.as_mut() else {
            return Said::Unreadable("no process".to_owned());
        };
        let request = json!({"id": "", "cluster": scenario.cluster(), "proxy": scenario.proxy()});
        match worker.ask(&request) {
            Some(response) => read(&response),
            // Another goroutine of istiod panicked: that ends the process.
            None => {
                let text = slot.take().map(Worker::end).unwrap_or_default();
                let line = text.lines().find(|l| l.starts_with("panic:"));
                Said::Answer(
                    json!({"panic": line.unwrap_or("the process ended")}),
                    Vec::new(),
                )
            }
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        for slot in &self.workers {
            if let Ok(mut slot) = slot.lock() {
                slot.take().map(Worker::end);
            }
        }
    }
}

fn rejected(response: &Value) -> Vec<String> {
    let listed = response["rejected"].as_array().into_iter().flatten();
    listed
        .filter_map(|r| r.as_str().map(str::to_owned))
        .collect()
}

fn read(response: &Value) -> Said {
    let rejected = rejected(response);
    if let Some(panic) = response.get("panic") {
        Said::Answer(json!({"panic": panic}), rejected)
    } else if let Some(answer) = response.get("answer") {
        Said::Answer(answer.clone(), rejected)
    } else {
        Said::Unreadable(response["error"].as_str().unwrap_or("no answer").to_owned())
    }
}

impl Worker {
    fn start(binary: &Path) -> Result<Self, String> {
        let mut child = Command::new(binary)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", binary.display()))?;
        let (Some(stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("no pipes".to_owned());
        };
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Ok(Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            stderr,
            asked: 0,
        })
    }

    fn ask(&mut self, request: &Value) -> Option<Value> {
        self.asked += 1;
        writeln!(self.stdin, "{request}").ok()?;
        self.stdin.flush().ok()?;
        let mut line = String::new();
        self.stdout.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    /// Ends the process; its last words.
    fn end(self) -> String {
        let Self {
            mut child,
            stdin,
            stderr,
            ..
        } = self;
        drop(stdin);
        let _ = child.wait();
        stderr.join().unwrap_or_default()
    }
}

/// `${XDG_CACHE_HOME:-~/.cache}/kubectl-mesh/conformance`.
fn cache() -> Result<PathBuf, String> {
    let base = env::var_os("XDG_CACHE_HOME")
        .filter(|p| !p.is_empty())
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor a home directory is known")?;
    Ok(base.join("kubectl-mesh").join("conformance"))
}

/// FNV-1a over the module's files: another text, another binary.
fn fingerprint(sources: &Path) -> Result<u64, String> {
    let mut files: Vec<PathBuf> = fs::read_dir(sources)
        .map_err(|e| format!("{}: {e}", sources.display()))?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|p| p.is_file())
        .collect();
    files.sort();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in files {
        let bytes = fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        for byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Ok(hash)
}

fn build() -> Result<PathBuf, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/istiod");
    let binary = cache()?.join(format!("istiod-{:016x}", fingerprint(&sources)?));
    if binary.is_file() {
        return Ok(binary);
    }
    let missing = |e: std::io::Error| {
        format!(
            "Go is needed to build istiod's own code, and `go` could not be started: {e}. \
             Install Go 1.26 or newer, or compare with the kept answers only: cargo test -p mesh-tests"
        )
    };
    Command::new("go")
        .arg("version")
        .output()
        .map_err(missing)?;
    let status = Command::new("go")
        .args(["build", "-o"])
        .arg(&binary)
        .arg(".")
        .current_dir(&sources)
        .status()
        .map_err(missing)?;
    if status.success() {
        Ok(binary)
    } else {
        Err(format!("`go build` in {} failed", sources.display()))
    }
}
