//! What the commands print: one [`Answer`] a question, rendered as text, table, JSON or YAML.
//!
//! Rendering is pure: it returns strings. Facts are decided before; nothing here looks at objects except to find
//! line, column and source text of a field.

pub mod model;

pub use model::*;
