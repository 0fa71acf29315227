//! A real mesh on one machine: etcd, kube-apiserver, kube-controller-manager, kube-proxy, istiod and Envoy, as plain
//! processes in network namespaces of their own, one a pod.
//!
//! Tests call [`harness::main`], which skips them where the machine cannot run a mesh, and otherwise starts one for
//! each. See `README.md` beside this crate.

pub mod enter;
pub mod harness;
pub mod recipe;

#[cfg(target_os = "linux")]
pub mod api;
#[cfg(target_os = "linux")]
mod capture;
#[cfg(target_os = "linux")]
pub mod commands;
#[cfg(target_os = "linux")]
pub mod control_plane;
#[cfg(target_os = "linux")]
pub mod envoy;
#[cfg(target_os = "linux")]
pub mod http;
#[cfg(target_os = "linux")]
pub mod load_balancer;
#[cfg(target_os = "linux")]
pub mod mesh;
#[cfg(target_os = "linux")]
pub mod network;
#[cfg(target_os = "linux")]
pub mod observed;
#[cfg(target_os = "linux")]
pub mod pods;
#[cfg(target_os = "linux")]
pub mod process;

/// One line to the person in front, on stderr, where it is seen also when tests are quiet.
#[expect(clippy::print_stderr, reason = "a test tool speaks for itself")]
pub fn say(line: &str) {
    eprintln!("{line}");
}
