//! Answers and objects that tests render.
