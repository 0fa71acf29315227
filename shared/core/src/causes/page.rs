//! The page of a cause: what `--explain CODE` prints and `docs/causes` holds.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; never an exit code.
    Info,
    /// Works, but not as it looks.
    Warning,
    /// A connection fails or goes astray.
    Error,
}

impl Severity {
    /// The word in text and JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Everything that is always true of a cause. Texts are prose in one line each; rendering wraps them.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The catalogue's id.
    pub code: &'static str,
    /// Constant for its code, lower case, at most 42 columns, no full stop.
    pub title: &'static str,
    /// How bad it is as a rule.
    pub severity: Severity,
    /// What happens to the connection or the listener.
    pub what: &'static str,
    /// The exact condition, in terms of fields.
    pub when: &'static str,
    /// Why istiod or Envoy behaves so.
    pub why: &'static str,
    /// How to see it on a live mesh: lines, verbatim where they are log lines. May begin with spaces.
    pub seen: &'static [&'static str],
    /// What to change.
    pub fix: &'static str,
    /// The smallest example: lines of `Kind  field: value`, with `- ` and `+ ` in front of what changes.
    pub example: &'static [&'static str],
    /// Codes of causes that look alike.
    pub also: &'static [&'static str],
    /// Where the behaviour is decided: istio path and function.
    pub source: &'static str,
}
