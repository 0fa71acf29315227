//! The API server: who asks, what is listed, and in which words it refuses.

mod answer;
mod connect;
mod fetch;
mod items;
mod list;

pub use answer::Refused;
pub use connect::{Cluster, ConnectError, connect};
pub use fetch::{DECIDING, Live};
pub use list::{Fresh, Wanted};
