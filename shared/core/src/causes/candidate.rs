//! What might help: changes that a cause suggests. Whether they do help is for the proof to say.

use crate::snapshot::Change;

/// A change that might help.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What it does, in words: `add this VirtualService`.
    pub title: String,
    /// The changes.
    pub changes: Vec<Change>,
    /// The port that is open afterwards, when it is another than the one asked about.
    pub opens: Option<u32>,
    /// What only a person can decide, as a question: `which Service?`. Then it is never proved.
    pub choice: Option<Choice>,
    /// Why this one was chosen: said in brackets behind the proof.
    pub because: Option<String>,
}

/// A decision that is left to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The question, such as `which Service?`.
    pub question: &'static str,
    /// Up to three ways, as `--to` takes them: `namespace/service:port`.
    pub ways: Vec<String>,
}

/// What the user asked a fix to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// `--to NAMESPACE/SERVICE:PORT`: where the port should lead.
    pub to: Option<Destination>,
}

/// A Service port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// Namespace.
    pub namespace: String,
    /// The Service's name.
    pub service: String,
    /// Its port.
    pub port: u32,
}

impl Candidate {
    /// A change with its title.
    #[must_use]
    pub fn new(title: impl Into<String>, changes: Vec<Change>) -> Self {
        Self {
            title: title.into(),
            changes,
            opens: None,
            choice: None,
            because: None,
        }
    }
}
