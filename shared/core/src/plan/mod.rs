//! What the commands that write would do: planned and proved before anything is written.

pub mod expose;
