//! What commands that write are going to do, before anything is written.

mod prove;
mod route;
pub mod shift;
pub mod weights;

pub use route::RuleRef;
