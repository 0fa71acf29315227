//! What the commands that write would do: planned and proved before anything is written.

pub mod expose;
mod prove;
mod route;
pub mod shift;
pub mod weights;

pub use route::RuleRef;
