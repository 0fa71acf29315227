//! What the commands print: one [`Answer`] a question, rendered as text, table, JSON or YAML.
//!
//! Rendering is pure: it returns strings. Facts are decided before; nothing here looks at objects except to find
//! line, column and source text of a field.

pub mod effect;
pub mod excerpt;
pub mod explain;
pub mod ignore;
pub mod json;
pub mod markdown;
pub mod model;
pub mod name;
pub mod observed;
pub mod pasted;
pub mod plan;
pub mod predicted;
pub mod shift;
pub mod style;
pub mod table;
pub mod text;
mod wrap;
pub mod yaml;

#[cfg(test)]
mod samples;

pub use model::*;
pub use style::{Layout, Paint, Style};
pub use text::{FixBody, render_answer, render_answers};
