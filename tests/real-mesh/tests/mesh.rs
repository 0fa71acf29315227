//! Tests against a real mesh.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    let tests = [real_mesh::harness::Test {
        name: "starts",
        run: |_| Ok(()),
    }];
    #[cfg(not(target_os = "linux"))]
    let tests = [];
    real_mesh::harness::main(&tests)
}
