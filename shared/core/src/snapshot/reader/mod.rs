//! Reads YAML and JSON texts into objects, and finds the place of a field again.

mod json;
mod locate;
mod scalar;
mod text;
mod tree;
mod yaml;

pub use locate::{locate, locate_key};
