//! Tests against a real mesh.

use std::process::ExitCode;

use real_mesh::harness;

#[cfg(target_os = "linux")]
#[path = "mesh/agreement.rs"]
mod agreement;
#[cfg(target_os = "linux")]
#[path = "mesh/broker.rs"]
mod broker;
#[cfg(target_os = "linux")]
#[path = "mesh/echo.rs"]
mod echo;
#[cfg(target_os = "linux")]
#[path = "mesh/live.rs"]
mod live;
#[cfg(target_os = "linux")]
#[path = "mesh/parts.rs"]
mod parts;
#[cfg(target_os = "linux")]
#[path = "mesh/services.rs"]
mod services;
#[cfg(target_os = "linux")]
#[path = "mesh/sidecar.rs"]
mod sidecar;

#[cfg(target_os = "linux")]
const TESTS: &[harness::Test] = &[
    echo::SHIFTED,
    echo::DRAINED,
    broker::HTTP_OPENS_AND_TCP_DOES_NOT,
    services::LEAD_TO_PODS,
    sidecar::CARRY,
    live::ASKS,
    parts::BREAK_AND_HEAL,
    parts::REFUSE,
    parts::NOTHING_OUTLIVES,
];
#[cfg(not(target_os = "linux"))]
const TESTS: &[harness::Test] = &[];

fn main() -> ExitCode {
    harness::main(TESTS)
}
