//! What the API server answered instead of objects, in words.

use kube::Error;
use mesh_core::snapshot::reader::Problem;

use super::connect::{Cluster, reason};

/// Why something asked of the API server did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The user may not.
    #[error("{who} may not {verb} {resource}{}", in_words(.namespace.as_deref()))]
    Forbidden {
        /// The user, or `you`.
        who: String,
        /// `list`, `get`, …
        verb: &'static str,
        /// The resource's plural.
        resource: String,
        /// The namespace; `None` for all.
        namespace: Option<String>,
    },
    /// The API server has no such resource, or no such object.
    #[error("the API server has no {0}")]
    Absent(String),
    /// Nothing that a part of the answer could do without.
    #[error("{what}: {why}")]
    Failed {
        /// What the cluster did, in a sentence.
        what: String,
        /// What is behind it.
        why: String,
    },
}

impl Refused {
    /// The refusal as an error of the command.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (message, why) = match self {
            Self::Failed { what, why } => (what.clone(), Some(why.clone())),
            other => (other.to_string(), None),
        };
        Problem {
            message,
            why,
            ..Problem::default()
        }
    }
}

fn in_words(namespace: Option<&str>) -> String {
    namespace.map_or_else(
        || " in all namespaces".to_owned(),
        |namespace| format!(" in {namespace}"),
    )
}

/// What was asked, for the words of a refusal.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    pub(super) verb: &'static str,
    pub(super) resource: &'a str,
    pub(super) namespace: Option<&'a str>,
}

impl Cluster {
    /// A failed request as a refusal.
    pub(super) fn refused(&self, asked: &Asked<'_>, error: &Error) -> Refused {
        let name = &self.name;
        let request = format!("{} {}", asked.verb, asked.resource);
        match error {
            Error::Api(status) => match status.code {
                401 => self.failed("does not take these credentials", "401, log in again"),
                403 => Refused::Forbidden {
                    who: self.who(&status.message),
                    verb: asked.verb,
                    resource: asked.resource.to_owned(),
                    namespace: asked.namespace.map(str::to_owned),
                },
                404 => Refused::Absent(asked.resource.to_owned()),
                code => {
                    let told = match (code, status.message.as_str()) {
                        (429, _) => "429, too many requests: try again later".to_owned(),
                        (_, "") => code.to_string(),
                        (_, message) => format!("{code}, {message}"),
                    };
                    self.failed(&format!("could not {request}"), &told)
                }
            },
            Error::Auth(error) => Refused::Failed {
                what: format!("no credentials for cluster {name}"),
                why: reason(error),
            },
            other => self.unreachable(&reason(other)),
        }
    }

    /// What the cluster did, and the reason with where that was.
    pub(super) fn failed(&self, did: &str, why: &str) -> Refused {
        let (name, server) = (&self.name, &self.server);
        Refused::Failed {
            what: format!("cluster {name} {did}"),
            why: format!("{server}: {why} (context {name})"),
        }
    }

    /// No answer, for this reason.
    pub(super) fn unreachable(&self, why: &str) -> Refused {
        let words = why.to_ascii_lowercase();
        let known = [
            ("connection refused", "connection refused"),
            ("dns error", "its name is not known"),
            ("failed to lookup", "its name is not known"),
            ("certificate", "its certificate is not trusted"),
            ("timed out", "no answer in time"),
            ("deadline", "no answer in time"),
            ("no route to host", "no route to it"),
            ("network is unreachable", "no route to it"),
        ];
        let known = known.iter().find(|(part, _)| words.contains(part));
        self.failed("does not answer", known.map_or(why, |(_, plain)| plain))
    }

    /// As whom a request was refused: the one impersonated, else the name that the refusal itself begins with.
    fn who(&self, message: &str) -> String {
        let named = || {
            let (_, rest) = message.split_once("User \"")?;
            rest.split_once('"').map(|(name, _)| name.to_owned())
        };
        self.impersonated
            .clone()
            .or_else(named)
            .unwrap_or_else(|| "this user".to_owned())
    }
}
