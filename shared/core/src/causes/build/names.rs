//! Names that were probably meant.

/// How far two names are apart, when that can be a slip: at most two letters added, left out, changed or swapped.
pub(crate) fn slip(a: &str, b: &str) -> Option<usize> {
    if a == b || a.len().min(b.len()) <= 3 {
        return None;
    }
    Some(strsim::osa_distance(a, b)).filter(|distance| *distance <= 2)
}
