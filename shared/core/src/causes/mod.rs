//! One file a cause: its code, its page, and how it is told. Causes never decide: prediction records a reason, a
//! cause only tells it.

mod page;

pub use page::{Page, Severity};
