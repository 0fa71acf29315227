//! The answer to one question, before it is rendered.

use crate::causes::{Candidate, Page, Severity};
use crate::snapshot::{Change, FieldPath, ObjectId};

/// How a question about a port ends. The first broken hop decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// A connection reaches an endpoint.
    Open,
    /// What was not read decides.
    Unknown,
    /// Another one takes the connection.
    Diverted,
    /// No cluster or endpoint, or no HTTP route.
    LeadsNowhere,
    /// The Service or the network does not lead to it.
    Unreachable,
    /// No listener or chain.
    Missing,
}

impl Verdict {
    /// The word in JSON.
    #[must_use]
    pub const fn json(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unknown => "unknown",
            Self::Diverted => "diverted",
            Self::LeadsNowhere => "leads-nowhere",
            Self::Unreachable => "unreachable",
            Self::Missing => "missing",
        }
    }

    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "closed",
            other => other.json(),
        }
    }
}

/// What the answers of one run rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// The second line, such as `predicted from 3 files, Istio 1.31`.
    pub line: String,
    /// For the summary on stderr, such as `6 objects read from 3 files`.
    pub read: String,
    /// For the summary on stderr, what was left out of the findings, such as `2 ignored`; may be empty.
    pub ignored: String,
    /// Words of the command as typed, without `-o` and `--fix`: for the `run:` lines.
    pub command: String,
}

/// The answer for one workload and port.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The workload.
    pub proxy: ProxyRef,
    /// The question.
    pub asked: Asked,
    /// How it ends.
    pub verdict: Verdict,
    /// The first line without its glyph: one sentence, no full stop.
    pub summary: String,
    /// What could void it.
    pub assumptions: Vec<String>,
    /// Hop by hop.
    pub path: Vec<Hop>,
    /// What is wrong, in the order of the path.
    pub findings: Vec<Finding>,
    /// What was not read and would decide, told after the findings.
    pub unknowns: Vec<Unknown>,
    /// How single pods stand, where they differ; empty otherwise. JSON's `pods`.
    pub pods: Vec<PodAnswer>,
    /// What to type next: the first is the `run:` line, each other one an `or, REMARK:` line.
    pub commands: Vec<Command>,
}

/// How one pod of the workload stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodAnswer {
    /// The pod's name.
    pub name: String,
    /// How the question ends on this pod.
    pub verdict: Verdict,
    /// Why, in a few words; may be empty.
    pub detail: String,
}

/// A command that works when pasted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Between `or, ` and the colon; the first command of a list shows none.
    pub remark: Option<String>,
    /// Its words, quoted for a shell where they need it. A long command is broken in front of a word that is a flag,
    /// so flags that belong together are one word: `--verb=get,list --resource=services`.
    pub words: Vec<String>,
}

impl Command {
    /// A command of these words.
    #[must_use]
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            remark: None,
            words: words.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The same command, offered as another way.
    #[must_use]
    pub fn remarked(mut self, remark: &str) -> Self {
        self.remark = Some(remark.to_owned());
        self
    }
}

/// A proxy, or the group of like proxies, that a question is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProxyRef {
    /// Namespace.
    pub namespace: String,
    /// Name of the workload (a Deployment's, else a pod's).
    pub name: String,
    /// `router` or `sidecar`.
    pub kind: &'static str,
}

/// The question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Port; 0 for a finding of the scan that belongs to no port.
    pub port: u32,
    /// Host or IP.
    pub host: Option<String>,
    /// Server name of a TLS client.
    pub sni: Option<String>,
}

/// Whether a connection passes a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopStatus {
    /// `✓`
    Ok,
    /// `✗`
    Broken,
    /// `→`: the way taken instead; `broken` in JSON.
    Instead,
    /// `·`
    NotReached,
    /// `?`
    Unknown,
}

/// One hop of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// `service`, `proxy`, `gateway`, `server`, `route`, `listener`, `chain`, `cluster`, `endpoints`, ….
    pub name: &'static str,
    /// Whether it is passed.
    pub status: HopStatus,
    /// The object it is about.
    pub object: Option<ObjectId>,
    /// What stands behind the name; the second and later lines hang under the first. In JSON they are joined by `; `.
    pub lines: Vec<String>,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Computed from objects.
    Predicted,
    /// Seen in Envoy.
    Observed,
    /// Rests on what was not read.
    Unknown,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its page: code, title, severity.
    pub page: &'static Page,
    /// Severity here; mostly the page's.
    pub severity: Severity,
    /// How sure it is.
    pub certainty: Certainty,
    /// The object and field at fault, and what stands at its caret.
    pub primary: Mark,
    /// Said in brackets behind the field, such as `(no addresses; ports[0] is 5701 TCP)`.
    pub remark: Option<String>,
    /// Other places that matter.
    pub related: Vec<Mark>,
    /// Why Istio behaves so: the `= why:` line.
    pub why: String,
    /// What follows from it: `= so:` lines.
    pub so: Vec<String>,
    /// Evidence, verbatim: `= seen:` lines.
    pub seen: Vec<String>,
    /// Other catalogue ids that fit as well.
    pub also_known_as: Vec<&'static str>,
    /// Conditions that it rests on, such as which object is older.
    pub assumes: Vec<String>,
    /// What might help; [`crate::change::repair`] makes fixes of it.
    pub candidates: Vec<Candidate>,
    /// Why no change of objects can help.
    pub no_fix: Option<&'static str>,
    /// Changes that help.
    pub fixes: Vec<Fix>,
}

/// A field, and the words at its caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The object.
    pub object: ObjectId,
    /// The field. When it is not written, its nearest parent is shown.
    pub field: FieldPath,
    /// The value as a person reads it, for objects without a file.
    pub value: Option<String>,
    /// Words at the caret; may be empty.
    pub label: String,
}

/// Something that was not read and would decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Behind `unknown: `.
    pub what: String,
    /// The `= fix:` line.
    pub fix: String,
    /// Commands under it, such as the ones that grant a right.
    pub commands: Vec<Command>,
}

/// How far a fix was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Predicted again: the port opens and nothing else is disturbed.
    Proved,
    /// Proved under assumptions.
    Conditional(Vec<String>),
    /// Not proved, with the reason.
    Unproved(String),
}

/// A change that helps.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// What it does, in words: behind `= fix (proved): `.
    pub title: String,
    /// How far it was proved.
    pub proof: Proof,
    /// What else it changes: the `also:` lines.
    pub also_changes: Vec<String>,
    /// The changes that this finding itself needs: what is shown under it.
    pub own: Vec<Change>,
    /// The changes, complete; empty where [`Fix::part_of`] names the finding that has them.
    pub changes: Vec<Change>,
    /// Its changes stand in the fix of the finding with this code.
    pub part_of: Option<&'static str>,
}
