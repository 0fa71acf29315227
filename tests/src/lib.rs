//! Case folders and their loader.
