//! Network namespaces: the node's own, one for each pod, and one outside of the cluster.
//!
//! There is no bridge. Each pod has a veth pair to the node and a route for its one address, so that every packet passes
//! the node's rules, also between two pods.

use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The node's address: of the API server and of node ports. The API takes no loopback address for an endpoint.
pub const NODE: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 1);

/// Where `ip netns` keeps namespaces. `/run` is a file system of this mesh alone.
pub const NAMESPACES: &str = "/run/netns";

/// Makes the node out of an empty network namespace.
///
/// # Errors
/// When `ip` or the kernel refuses.
pub fn node() -> Result<()> {
    fs::create_dir_all(NAMESPACES)?;
    ip(
        None,
        // Cluster IPs are nobody's address: a packet needs some route before the node's rules turn it to a pod.
        &format!(
            "link set lo up\n\
             address replace {NODE}/32 dev lo\n\
             route replace default dev lo src {NODE}"
        ),
    )?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("forwarding between pods")?;
    Ok(())
}

/// Runs lines of `ip`, in a namespace where one is named.
fn ip(namespace: Option<&str>, lines: &str) -> Result<()> {
    let mut command = Command::new("ip");
    if let Some(name) = namespace {
        command.args(["-netns", name]);
    }
    let mut child = command
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("ip")?;
    child
        .stdin
        .take()
        .context("no pipe")?
        .write_all(lines.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "ip: {}\n{lines}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// The network namespace of a pod, or of a client outside.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    device: String,
    address: Ipv4Addr,
}

impl Namespace {
    /// A new one, with one address and a way to the node.
    ///
    /// # Errors
    /// When `ip` or the kernel refuses.
    pub fn new(name: &str, address: Ipv4Addr) -> Result<Self> {
        // Names of devices are short, and pods' names are not.
        static DEVICES: AtomicUsize = AtomicUsize::new(0);
        let device = format!("veth{}", DEVICES.fetch_add(1, Ordering::Relaxed));
        let namespace = Self {
            name: name.to_owned(),
            device,
            address,
        };
        let device = &namespace.device;
        ip(
            None,
            &format!(
                "netns add {name}\n\
                 link add {device} type veth peer name eth0 netns {name}\n\
                 address add {NODE}/32 dev {device}"
            ),
        )?;
        ip(
            Some(name),
            &format!(
                "link set lo up\n\
                 address add {address}/32 dev eth0\n\
                 link set eth0 up\n\
                 route add {NODE} dev eth0\n\
                 route add default via {NODE}"
            ),
        )?;
        namespace.connect()?;
        Ok(namespace)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The file that stands for it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(NAMESPACES).join(&self.name)
    }

    /// Takes its link down: packets get lost, and nobody is told.
    ///
    /// # Errors
    /// When `ip` or the kernel refuses.
    pub fn cut_off(&self) -> Result<()> {
        ip(None, &format!("link set {} down", self.device))
    }

    /// Brings its link up again.
    ///
    /// # Errors
    /// When `ip` or the kernel refuses.
    pub fn connect(&self) -> Result<()> {
        let (device, address) = (&self.device, self.address);
        // A link that goes down takes its routes along.
        ip(
            None,
            &format!("link set {device} up\nroute replace {address} dev {device}"),
        )
    }

    /// Runs something on a thread inside: its sockets are the namespace's.
    ///
    /// # Errors
    /// When the namespace is gone.
    pub fn within<T: Send>(&self, run: impl FnOnce() -> T + Send) -> Result<T> {
        let path = self.path();
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        thread::scope(|scope| {
            let inside = scope.spawn(move || {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(run())
            });
            match inside.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A socket that is not closed yet would keep the namespace, and with it the link.
        let _ = ip(None, &format!("link delete {}", self.device));
        let _ = ip(None, &format!("netns delete {}", self.name));
    }
}
