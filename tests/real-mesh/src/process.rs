//! Processes that a test can kill, pause and start again.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process};

/// What is to be run, and where.
#[derive(Clone, Debug)]
pub struct Program {
    /// How messages call it.
    pub name: String,
    /// The file that is run.
    pub binary: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment, but for `PATH`: what the person has set must not switch a feature of istiod.
    pub env: Vec<(String, String)>,
    /// The network namespace, where it is not the node's.
    pub namespace: Option<PathBuf>,
    /// Where its output goes; also the folder of this file is its working directory.
    pub log: PathBuf,
}

impl Program {
    /// A program in the node's own network.
    pub fn new(name: &str, binary: &Path, logs: &Path) -> Self {
        Self {
            name: name.to_owned(),
            binary: binary.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            namespace: None,
            log: logs.join(format!("{name}.log")),
        }
    }

    /// With these arguments.
    #[must_use]
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    fn command(&self) -> Result<Command> {
        // Each of these becomes the next by exec, so the child's id is the program's own.
        let mut words: Vec<String> = Vec::new();
        if let Some(namespace) = &self.namespace {
            words.push("nsenter".to_owned());
            words.push(format!("--net={}", namespace.display()));
            words.push("--".to_owned());
        }
        words.push(self.binary.display().to_string());
        words.extend(self.args.iter().cloned());
        let (program, args) = words.split_first().context("nothing to run")?;
        let folder = self.log.parent().context("a log in no folder")?;
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| self.log.display().to_string())?;
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }
}

/// Starts a child from a thread that never ends.
///
/// Envoy asks the kernel to kill it when its parent dies, and to the kernel that is the thread which started it.
fn spawn(command: Command) -> Result<Child> {
    type Order = (Command, Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let orders = SPAWNER.get_or_init(|| {
        let (sender, orders) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (answer, child) = channel();
    locked(orders)
        .send((command, answer))
        .map_err(|_| anyhow!("no thread starts processes"))?;
    Ok(child.recv()??)
}

/// What a mutex guards, also after a panic elsewhere: the mesh is taken down then, and that must go on.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running program. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    program: Program,
    child: Mutex<Child>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: Program) -> Result<Self> {
        let child = spawn(program.command()?).with_context(|| program.name.clone())?;
        Ok(Self {
            program,
            child: Mutex::new(child),
        })
    }

    /// How messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.program.name
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        locked(&self.child).id()
    }

    fn signal(&self, signal: Signal) {
        let mut child = locked(&self.child);
        // Waited for, its id may be another process's.
        if let Ok(None) = child.try_wait()
            && let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(id, signal);
        }
    }

    /// Ends it at once, as an out-of-memory kill does.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        let _ = locked(&self.child).wait();
    }

    /// Asks it to end, and kills it after `grace`.
    pub fn terminate(&self, grace: Duration) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + grace;
        while self.ended().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }

    /// Stops it where it is: its sockets stay open and nobody answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it if need be, and starts it again.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&self) -> Result<()> {
        self.kill();
        let child = spawn(self.program.command()?).with_context(|| self.program.name.clone())?;
        *locked(&self.child) = child;
        Ok(())
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<ExitStatus> {
        let mut child = locked(&self.child);
        // Without a child to wait for there is none that runs.
        child
            .try_wait()
            .unwrap_or_else(|_| Some(ExitStatus::from_raw(0)))
    }

    /// All that it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.program.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The end of a log.
#[must_use]
pub fn tail(log: &str, lines: usize) -> String {
    let all: Vec<&str> = log.lines().collect();
    all.get(all.len().saturating_sub(lines)..)
        .unwrap_or_default()
        .join("\n")
}
