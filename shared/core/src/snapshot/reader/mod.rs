//! Reads YAML and JSON texts into objects, and finds the place of a field again.
//!
//! ```text
//! text ─► split ─► yaml | json ─► scratch ─► view ─► draft    (load)
//!                                              └► problem: the place by tree
//! source + origin + field ─► tree of that one document ─► line and column   (locate)
//! ```

mod json;
mod live;
mod load;
mod locate;
mod problem;
mod scalar;
mod scratch;
mod text;
mod tree;
mod yaml;

#[cfg(test)]
mod tests;

pub(crate) use json::looks_like_json;
pub use live::LiveLoader;
pub(crate) use load::tidy;
pub use load::{Counts, Loaded, Loader, Notice, ReadOptions, parse, raw_value};
pub(crate) use locate::block_item;
pub use locate::{locate, locate_key};
pub use problem::{Excerpt, Place, Problem, render_problem};
pub(crate) use tree::{Entry, Node, Shape, Tree};
