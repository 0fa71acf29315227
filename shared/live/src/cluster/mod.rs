//! The API server: who asks, what is listed, and in which words it refuses.

mod answer;
mod connect;
mod envoy;
mod fetch;
mod items;
mod list;
mod session;

pub use answer::Refused;
pub use connect::{Cluster, ConnectError, connect};
pub use envoy::{PodName, Question};
pub use fetch::{DECIDING, Live, Pods};
pub use list::{Fresh, Wanted};
pub use session::{Session, SessionError};
