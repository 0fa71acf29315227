//! What the tests of the commands share: case folders, a runner in process, readable differences, random numbers.
//!
//! A case is a folder of `tests/cases` with an `expect.json`:
//!
//! ```json
//! {
//!     "ask": ["6379", "-f", "manifests/"],
//!     "exit": 1,
//!     "answers": [
//!         {
//!             "proxy": "istio-system/istio-ingressgateway",
//!             "port": 6379,
//!             "verdict": "open",
//!             "findings": [
//!                 {"code": "GW-SRV-L4-DUP", "object": "Gateway redis/redis", "field": ".spec.servers[1].port.number"}
//!             ]
//!         }
//!     ]
//! }
//! ```
//!
//! Beside it may stand the whole output: `expect.txt` and `expect.stderr.txt`. `BLESS=1 cargo test -p mesh-tests`
//! writes them anew.

pub mod binaries;
pub mod case;
pub mod compare;
pub mod fake_api;
pub mod json;
pub mod large;
pub mod manifests;
pub mod random;
pub mod runner;
pub mod scratch;
pub mod served;
#[cfg(unix)]
pub mod transcript;
pub mod watched;
