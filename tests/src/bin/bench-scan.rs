//! What a scan costs: `cargo run --release -p mesh-tests --bin bench-scan [--sidecars] [SERVICES …]`.
//!
//! Runs the release binary on generated meshes, YAML and JSON, and prints a table: wall clock, processor time, peak
//! memory, and the cost of an object. The best of several runs counts; a shared machine only ever adds.

#![allow(clippy::disallowed_methods)] // It measures the world: clocks and processes are what it is about.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use mesh_tests::large::{Form, Mesh, OBJECTS_A_SERVICE, write_mesh};

/// Objects: 5,000, 50,000 and 500,000.
const SERVICES: [usize; 3] = [1_000, 10_000, 100_000];

/// How often each is run.
const RUNS: usize = 5;

/// What a run took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: f64,
    cpu: f64,
    peak: f64,
}

impl Cost {
    /// From `%e %U %S %M` of GNU time, the last line of stderr.
    fn of(stderr: &str) -> Option<Self> {
        let line = stderr.lines().next_back()?;
        let numbers: Vec<f64> = line.split(' ').flat_map(str::parse).collect();
        let [wall, user, system, kilobytes] = numbers.as_slice() else {
            return None;
        };
        Some(Self {
            wall: *wall,
            cpu: user + system,
            peak: kilobytes / 1024.0,
        })
    }

    fn best(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            peak: self.peak.min(other.peak),
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> io::Result<()> {
    // The binary beside this one, as cargo builds them.
    let folder = std::env::current_exe()?;
    let folder = folder.parent().unwrap_or(Path::new("."));
    let binary = folder.join("kubectl-mesh-why_no_listener");
    if !binary.exists() {
        return Err(io::Error::other(format!(
            "no {}: cargo build --release --workspace",
            binary.display()
        )));
    }
    let sidecars = std::env::args().any(|arg| arg == "--sidecars");
    let asked: Vec<usize> = std::env::args().skip(1).flat_map(|n| n.parse()).collect();
    let sizes = if asked.is_empty() {
        SERVICES.to_vec()
    } else {
        asked
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:>8}  {:<4}  {:>8}  {:>8}  {:>8}  {:>10}  {:>10}",
        "OBJECTS", "FORM", "WALL", "CPU", "PEAK", "CPU/OBJECT", "PEAK/OBJECT"
    )?;
    for form in [Form::Yaml, Form::Json] {
        for services in &sizes {
            let file = Scratch::mesh(
                Mesh {
                    sidecars,
                    ..Mesh::of(*services)
                },
                form,
            )?;
            let cost = measure(&binary, &file.0)?;
            #[allow(clippy::cast_precision_loss)]
            let objects = (services * OBJECTS_A_SERVICE) as f64;
            writeln!(
                out,
                "{:>8}  {:<4}  {:>6.2} s  {:>6.2} s  {:>5.0} MB  {:>7.1} µs  {:>8.2} kB",
                services * OBJECTS_A_SERVICE,
                format!("{form:?}").to_lowercase(),
                cost.wall,
                cost.cpu,
                cost.peak,
                cost.cpu * 1e6 / objects,
                cost.peak * 1024.0 / objects,
            )?;
            out.flush()?;
        }
    }
    Ok(())
}

/// The best of several runs of a scan.
fn measure(binary: &Path, mesh: &Path) -> io::Result<Cost> {
    let mut best: Option<Cost> = None;
    for _ in 0..RUNS {
        let output = Command::new("/usr/bin/time")
            .args(["-f", "%e %U %S %M"])
            .arg(binary)
            .arg("-f")
            .arg(mesh)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| io::Error::other(format!("GNU time: {error}")))?;
        let told = String::from_utf8_lossy(&output.stderr);
        let cost = Cost::of(&told).ok_or_else(|| io::Error::other(told.into_owned()))?;
        best = Some(best.map_or(cost, |b| b.best(cost)));
    }
    best.ok_or_else(|| io::Error::other("nothing was run"))
}

/// A generated file, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn mesh(mesh: Mesh, form: Form) -> io::Result<Self> {
        let (own, services) = (std::process::id(), mesh.services);
        let name = format!("mesh-bench-{own}-{services}.{form:?}");
        let file = Self(std::env::temp_dir().join(name.to_lowercase()));
        let mut to = BufWriter::new(File::create(&file.0)?);
        write_mesh(mesh, form, &mut to)?;
        to.flush()?;
        Ok(file)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
