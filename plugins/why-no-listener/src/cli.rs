//! The arguments.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use mesh_core::report::ignore::Rule;
use mesh_live::cli::{
    Connect, Input, Istio, Output, ServiceRef, TargetRef, after_help, duration, port,
};

/// Why is a port closed, and what opens it
///
/// Shows the way of a connection up to the first broken hop, names the object and the field at fault, and a fix that
/// was proved: applied to a copy of the objects and predicted again. Nothing is written.
///
/// With a port: every gateway that should have it. With a host and --proxy: where a connection from that pod goes.
/// With neither: everything that is declared and not open, and everything open that leads nowhere.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "kubectl-mesh-why_no_listener",
    bin_name = "kubectl mesh why-no-listener",
    no_binary_name = true,
    args_override_self = true,
    after_long_help = after_help(EXAMPLES)
)]
pub struct Cli {
    /// The port that should be open, or where a connection should lead
    #[arg(value_name = "PORT | HOST:PORT | IP:PORT")]
    pub question: Option<Question>,

    /// Ask about this proxy: pod/X, deploy/X or svc/X
    #[arg(long, value_name = "KIND/NAME", value_parser = TargetRef::proxy)]
    pub proxy: Option<TargetRef>,
    /// The server name that a TLS client sends
    #[arg(long, value_name = "NAME")]
    pub sni: Option<String>,
    /// The host that an HTTP client asks for
    #[arg(long, value_name = "NAME")]
    pub http_host: Option<String>,
    /// Print the listeners themselves: as they should be, as Envoy has them, or how these differ
    #[arg(long, value_name = "WHICH", value_enum)]
    pub show: Option<Show>,
    /// Short for --show predicted
    #[arg(long, conflicts_with = "show")]
    pub predicted: bool,
    /// Tell what a code means, or which causes a line from a log can have; needs no cluster
    #[arg(long, value_name = "CODE | LINE", conflicts_with_all = ["question", "show", "predicted", "fix"])]
    pub explain: Option<String>,

    /// Print the fix, ready to run: a diff of the files, or kubectl commands; =N takes the Nth of several
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub fix: Option<NonZeroUsize>,
    /// Where the port should lead, when several Services could be meant
    #[arg(long, value_name = "SERVICE:PORT", value_parser = ServiceRef::with_port)]
    pub to: Option<ServiceRef>,
    /// Ask again until it is open; the last answer is printed
    #[arg(long, requires = "question", conflicts_with_all = ["filename", "show", "predicted", "fix"])]
    pub watch: bool,
    /// How long --watch asks again, such as 30s or 2m; without it for ever
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "watch")]
    pub timeout: Option<Duration>,
    /// Say nothing of this cause, or of it on this object: CODE or CODE=KIND/NAMESPACE/NAME; may be repeated
    #[arg(long, value_name = "CODE[=OBJECT]", value_parser = Rule::parse)]
    pub ignore: Vec<Rule>,
    /// Say nothing of what an earlier run found: a file with its -o json
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<String>,
    /// What makes the exit code 1
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    pub fail_on: FailOn,

    /// Which files.
    #[command(flatten)]
    pub input: Input,
    /// Lay the files of -f over the objects of the cluster, as an apply would: the effect of a change
    #[arg(long, requires = "filename", help_heading = "Input")]
    pub with_cluster: bool,
    /// What an Envoy holds, from a file with its /config_dump or /clusters?format=json; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub config_dump: Vec<PathBuf>,
    /// Which Istio.
    #[command(flatten)]
    pub istio: Istio,
    /// How the answer is printed.
    #[command(flatten)]
    pub output: Output<Format>,
    /// Which cluster.
    #[command(flatten)]
    pub connect: Connect,
}

const EXAMPLES: &str = "\
Examples:
  # all that is wrong in the mesh
  kubectl mesh why-no-listener

  # one port, on every gateway that should have it
  kubectl mesh why-no-listener 31400

  # the same from files, without a cluster, and the fix applied to them
  kubectl mesh why-no-listener 31400 -f manifests/
  kubectl mesh why-no-listener 31400 -f manifests/ --fix | git apply

  # a chart, before it is installed
  helm template charts/gateway | kubectl mesh why-no-listener -f -

  # where a connection from this pod goes
  kubectl mesh why-no-listener hazelcast:5701 -n manager --proxy deploy/manager

  # until it is open, for two minutes
  kubectl mesh why-no-listener 31400 --watch --timeout 2m

  # with what the Envoys hold, saved from their admin interface
  kubectl exec -n edge edge-0 -- pilot-agent request GET config_dump > edge-0.json
  kubectl mesh why-no-listener 31400 -f manifests/ --config-dump edge-0.json

  # what a change does to the mesh
  kubectl mesh why-no-listener -f change/ --with-cluster

  # the listeners as istiod should send them
  kubectl mesh why-no-listener --show predicted --proxy svc/edge -n edge -o json

  # all that is new since the last time
  kubectl mesh why-no-listener -f manifests/ -o json > known.json
  kubectl mesh why-no-listener -f manifests/ --baseline known.json

  # what a code means, or a line of istiod's log
  kubectl mesh why-no-listener --explain GW-TCP-PORT-MATCH
  kubectl mesh why-no-listener --explain 'omitting listener \"0.0.0.0_31400\"'
";

impl Cli {
    /// Which listeners to print instead of an answer.
    #[must_use]
    pub fn shown(&self) -> Option<Show> {
        self.show.or(self.predicted.then_some(Show::Predicted))
    }
}

/// What is asked about: a port, and perhaps where a connection should lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Host or IP address; an IPv6 address without its brackets.
    pub host: Option<String>,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            None => write!(f, "{}", self.port),
            Some(six) if six.contains(':') => write!(f, "[{six}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
        }
    }
}

impl FromStr for Question {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "this is written PORT, HOST:PORT or IP:PORT".to_owned();
        if text.contains('/') {
            return Err(form());
        }
        let Some((host, number)) = text.rsplit_once(':') else {
            // A word that cannot be a number is a host whose port was forgotten.
            return match port(text) {
                Ok(port) => Ok(Self { host: None, port }),
                Err(_) if text.contains(|c: char| c.is_ascii_alphabetic()) => {
                    Err(format!("the port is missing: {text}:PORT"))
                }
                Err(sentence) => Err(sentence),
            };
        };
        let bare = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']'),
            None => Some(host).filter(|host| !host.contains(':')),
        };
        match bare {
            Some(host) if !host.is_empty() => Ok(Self {
                host: Some(host.to_owned()),
                port: port(number)?,
            }),
            Some(_) => Err(form()),
            None => Err("an IPv6 address stands in brackets: [fd00::1]:PORT".to_owned()),
        }
    }
}

/// The formats of `-o`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For people, with more columns
    Wide,
    /// One document, its keys documented
    Json,
    /// The same as YAML
    Yaml,
    /// The objects at fault, one a line
    Name,
    /// For a pull request: the effect of a change
    Markdown,
}

/// The listeners that `--show` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// As istiod should send them
    Predicted,
    /// As the Envoys have them
    Observed,
    /// Where the two differ
    Diff,
}

/// From which severity on findings make the exit code 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Something does not work
    #[default]
    Error,
    /// Or works, but not as it looks
    Warning,
    /// Or could not be judged
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::{Cli, EXAMPLES, FailOn, Format, Question, Show};
    use clap::{CommandFactory, Parser};
    use mesh_live::examples::examples;

    fn parsed(line: &str) -> Cli {
        Cli::try_parse_from(line.split_whitespace()).unwrap()
    }

    fn refused(line: &str) -> bool {
        Cli::try_parse_from(line.split_whitespace()).is_err()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_example_parses() {
        let examples = examples(EXAMPLES, "kubectl mesh why-no-listener");
        assert_eq!(examples.len(), EXAMPLES.matches("kubectl mesh").count());
        for args in examples {
            assert!(Cli::try_parse_from(&args).is_ok(), "{args:?}");
        }
    }

    #[test]
    fn help_fits_a_terminal() {
        let mut command = Cli::command().term_width(80);
        for line in command.render_long_help().to_string().lines() {
            assert!(line.len() <= 80, "{line}");
        }
    }

    #[test]
    fn defaults() {
        let cli = parsed("");
        assert_eq!(cli.output.format, Format::Text);
        assert_eq!(cli.fail_on, FailOn::Error);
        assert_eq!((cli.shown(), cli.fix), (None, None));
    }

    #[test]
    fn a_fix_has_a_number_only_behind_an_equals_sign() {
        assert_eq!(parsed("--fix 31400").fix.map(usize::from), Some(1));
        assert_eq!(parsed("--fix 31400").question.unwrap().port, 31400);
        assert_eq!(parsed("--fix=2 31400").fix.map(usize::from), Some(2));
        assert!(refused("--fix=0 31400"));
    }

    #[test]
    fn predicted_is_short_for_show_predicted() {
        assert_eq!(parsed("--predicted").shown(), Some(Show::Predicted));
        assert_eq!(parsed("--show diff").shown(), Some(Show::Diff));
        assert!(refused("--predicted --show diff"));
    }

    #[test]
    fn what_cannot_go_together_is_refused() {
        assert!(refused("31400 --explain GW-VS-NONE"));
        assert!(refused("--with-cluster"));
        assert!(refused("--to kafka"));
        assert!(refused("--proxy gateway/x"));
        assert!(refused("--watch"));
        assert!(refused("31400 --watch -f manifests/"));
        assert!(refused("31400 --timeout 1m"));
    }

    #[test]
    fn questions() {
        for (text, host, port) in [
            ("31400", None, 31400),
            ("hazelcast:5701", Some("hazelcast"), 5701),
            ("10.12.2.8:5701", Some("10.12.2.8"), 5701),
            ("[fd00::1]:80", Some("fd00::1"), 80),
        ] {
            let question: Question = text.parse().unwrap();
            assert_eq!((question.host.as_deref(), question.port), (host, port));
        }
        for (text, sentence) in [
            ("hazelcast", "the port is missing: hazelcast:PORT"),
            ("70000", "a port is a number from 1 to 65535"),
            ("a:0", "a port is a number from 1 to 65535"),
            (":80", "this is written PORT, HOST:PORT or IP:PORT"),
            ("tcp://a:80", "this is written PORT, HOST:PORT or IP:PORT"),
            (
                "fd00::1:80",
                "an IPv6 address stands in brackets: [fd00::1]:PORT",
            ),
        ] {
            assert_eq!(text.parse::<Question>(), Err(sentence.to_owned()), "{text}");
        }
    }
}
