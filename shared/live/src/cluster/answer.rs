//! What the API server answered instead of objects, in words.

use kube::Error;

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
    #[error("{0}")]
    Failed(String),
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
        let server = &self.server;
        match error {
            Error::Api(status) => match status.code {
                401 => Refused::Failed(format!(
                    "{server} does not take these credentials: log in again (context {})",
                    self.name
                )),
                403 => Refused::Forbidden {
                    who: self.who(&status.message),
                    verb: asked.verb,
                    resource: asked.resource.to_owned(),
                    namespace: asked.namespace.map(str::to_owned),
                },
                404 => Refused::Absent(asked.resource.to_owned()),
                429 => Refused::Failed(format!(
                    "{server} answers too many requests: try again later"
                )),
                code => Refused::Failed(format!(
                    "{server} answered {} {} with {code}: {}",
                    asked.verb, asked.resource, status.message
                )),
            },
            Error::Auth(error) => Refused::Failed(format!(
                "the credentials of context {} cannot be got: {}",
                self.name,
                reason(error)
            )),
            other => Refused::Failed(self.unreachable(&reason(other))),
        }
    }

    /// No answer, for this reason.
    pub(super) fn unreachable(&self, why: &str) -> String {
        let server = &self.server;
        let words = why.to_ascii_lowercase();
        let known = [
            ("connection refused", "nothing listens there"),
            ("dns error", "its name is not known"),
            ("failed to lookup", "its name is not known"),
            ("invalid peer certificate", "its certificate is not trusted"),
            ("certificate", "its certificate is not trusted"),
            ("timed out", "no answer in time"),
            ("deadline", "no answer in time"),
            ("no route to host", "there is no route to it"),
            ("network is unreachable", "there is no route to it"),
        ];
        match known.iter().find(|(part, _)| words.contains(part)) {
            Some((_, plain)) => format!("{server} cannot be asked: {plain} ({why})"),
            None => format!("{server} cannot be asked: {why}"),
        }
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
