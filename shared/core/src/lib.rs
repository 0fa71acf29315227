//! What istiod would build from a set of objects, and why each thing that is absent is absent.
//!
//! ```text
//! Snapshot ─► store ─► predict ─► Config + Ledger ─► walk ─► findings ─► report
//! (objects)  (istiod's  (one proxy's                 (one connection)
//!             own view)  listeners, and why)
//! ```
//!
//! This crate is pure: no I/O, no clock, no environment. The same objects give the same listeners.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::iter_over_hash_type
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod admission;
pub mod causes;
pub mod change;
pub mod ledger;
pub mod observed;
pub mod plan;
pub mod predict;
pub mod report;
pub mod snapshot;
pub mod walk;
