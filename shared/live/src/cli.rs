//! kubectl's flags and ways to name things, for all commands alike.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use mesh_core::predict::version::Version;

use crate::color::Color;
use crate::exit::Exit;

/// Which cluster, and as whom. Spelt and meant as in kubectl.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct Connect {
    /// Kubeconfig file to use instead of KUBECONFIG and the default one
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Ask about this namespace only; names without a namespace are looked up in it
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Ask about all namespaces; undoes -n
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// User to impersonate
    #[arg(long = "as", value_name = "USER")]
    pub as_user: Option<String>,
    /// Group to impersonate; may be repeated
    #[arg(long, value_name = "GROUP")]
    pub as_group: Vec<String>,
    /// How long to wait for one answer of the API server, such as 5s or 1m; 0 is for ever
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub request_timeout: Option<Duration>,
}

impl Connect {
    /// The namespace that was asked about. `-A` beats `-n`, as in kubectl.
    #[must_use]
    pub fn only_namespace(&self) -> Option<&str> {
        self.namespace.as_deref().filter(|_| !self.all_namespaces)
    }
}

/// Which files.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Input")]
pub struct Input {
    /// Read this file or directory instead of the cluster; - is stdin; may be repeated
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,
    /// Read directories of -f with everything below
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

/// Which Istio.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Input")]
pub struct Istio {
    /// Predict as this version of Istio would, such as 1.24; an istiod among the objects says its own
    #[arg(long, value_name = "VERSION", value_parser = Version::from_str)]
    pub istio_version: Option<Version>,
}

/// How the result is printed. `F` holds the formats of the command; its default is the text for people.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Output<F: ValueEnum + Clone + Default + Send + Sync + 'static> {
    /// Format of the result
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub format: F,
    /// Colour; auto follows NO_COLOR, CLICOLOR_FORCE and the terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
    /// Leave out plans, progress and summaries; errors stay
    #[arg(short, long)]
    pub quiet: bool,
}

/// Whether a command that writes really does.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Writing")]
pub struct Writing {
    /// Plan and prove, but write nothing; server also asks the API server and its webhooks
    #[arg(long, value_name = "WHERE", value_enum)]
    pub dry_run: Option<DryRun>,
    /// Print what would change, and write nothing; exit code 1 when something would
    #[arg(long)]
    pub diff: bool,
    /// How long to wait until the proxies have it, such as 30s or 2m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
}

/// The values of `--dry-run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Nothing is sent
    Client,
    /// The API server checks every write and stores none
    Server,
}

/// What stands at the end of every long help: the examples and the exit codes.
#[must_use]
pub fn after_help(examples: &str) -> String {
    format!("{examples}\n{}", Exit::HELP.trim_end())
}

/// Parses a duration as kubectl takes it: `30s`, `1m30s`, `500ms`; a plain number is seconds.
///
/// # Errors
/// A sentence for people.
pub fn duration(text: &str) -> Result<Duration, String> {
    let bad = || "a time is written like 30s, 2m or 1h30m".to_owned();
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit());
        let (unit, tail) = tail.split_at(unit.unwrap_or(tail.len()));
        let number: u32 = number.parse().map_err(|_| bad())?;
        let one = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return Err(bad()),
        };
        total += one * number;
        rest = tail;
    }
    if text.is_empty() {
        Err(bad())
    } else {
        Ok(total)
    }
}

/// Parses a port: 1 to 65535.
///
/// # Errors
/// A sentence for people.
pub fn port(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err("a port is a number from 1 to 65535".to_owned()),
    }
}

/// A Service, and perhaps a port of it: `[NAMESPACE/]SERVICE[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRef {
    /// Its namespace, if it was said.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The port, if it was said.
    pub port: Option<u16>,
}

impl ServiceRef {
    /// Parses a Service where the port must be said.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn with_port(text: &str) -> Result<Self, String> {
        let service: Self = text.parse()?;
        match service.port {
            Some(_) => Ok(service),
            None => Err("the port is missing: SERVICE:PORT".to_owned()),
        }
    }
}

impl FromStr for ServiceRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, rest) = match text.split_once('/') {
            Some((namespace, rest)) => (Some(namespace), rest),
            None => (None, text),
        };
        let (name, number) = match rest.split_once(':') {
            Some((name, number)) => (name, Some(port(number)?)),
            None => (rest, None),
        };
        if namespace == Some("") || name.is_empty() || name.contains('/') {
            return Err("a Service is written SERVICE:PORT or NAMESPACE/SERVICE:PORT".to_owned());
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            port: number,
        })
    }
}

/// The kinds that name pods, or the gateway that they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// `pod/X`
    Pod,
    /// `deploy/X`
    Deployment,
    /// `svc/X`
    Service,
    /// `gateway/X`: Istio's.
    Gateway,
}

impl TargetKind {
    /// The kind's name for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Deployment => "workload",
            Self::Service => "Service",
            Self::Gateway => "Gateway",
        }
    }
}

/// Something that is named with its kind: `deploy/istio-ingressgateway`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRef {
    /// Its kind.
    pub kind: TargetKind,
    /// Its name.
    pub name: String,
}

impl TargetRef {
    /// Parses a proxy: `pod/X`, `deploy/X` or `svc/X`.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn proxy(text: &str) -> Result<Self, String> {
        Self::parse(text)
            .filter(|target| target.kind != TargetKind::Gateway)
            .ok_or_else(|| "a proxy is written pod/X, deploy/X or svc/X".to_owned())
    }

    /// Parses a gateway: `svc/X`, `deploy/X` or `gateway/X`.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn gateway(text: &str) -> Result<Self, String> {
        Self::parse(text)
            .filter(|target| target.kind != TargetKind::Pod)
            .ok_or_else(|| "a gateway is written svc/X, deploy/X or gateway/X".to_owned())
    }

    /// Kinds as kubectl takes them: short, singular, plural, with their group, in any case.
    fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        let kind = match kind.to_ascii_lowercase().as_str() {
            "po" | "pod" | "pods" => TargetKind::Pod,
            "deploy" | "deployment" | "deployments" | "deployment.apps" | "deployments.apps" => {
                TargetKind::Deployment
            }
            "svc" | "service" | "services" => TargetKind::Service,
            "gw"
            | "gateway"
            | "gateways"
            | "gateway.networking.istio.io"
            | "gateways.networking.istio.io" => TargetKind::Gateway,
            _ => return None,
        };
        (!name.is_empty() && !name.contains('/')).then(|| Self {
            kind,
            name: name.to_owned(),
        })
    }
}

/// How much of the traffic a destination gets: `v1=80`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The subset or host.
    pub destination: String,
    /// 0 to 100.
    pub percent: u8,
}

impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "a weight is written v1=80".to_owned();
        let (destination, number) = text.split_once('=').ok_or_else(bad)?;
        if destination.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            destination: destination.to_owned(),
            percent: percent(number)?,
        })
    }
}

/// Parses a percentage: `80` or `80%`.
///
/// # Errors
/// A sentence for people.
pub fn percent(text: &str) -> Result<u8, String> {
    match text.strip_suffix('%').unwrap_or(text).parse() {
        Ok(percent) if percent <= 100 => Ok(percent),
        _ => Err("a percentage is a whole number from 0 to 100".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Connect, Input, Istio, Output, ServiceRef, TargetKind, TargetRef, Weight, duration, port,
    };
    use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};
    use std::time::Duration;

    #[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
    enum Format {
        #[default]
        Text,
        Json,
    }

    #[derive(Debug, Parser)]
    #[command(no_binary_name = true, args_override_self = true)]
    struct Cli {
        #[command(flatten)]
        connect: Connect,
        #[command(flatten)]
        input: Input,
        #[command(flatten)]
        output: Output<Format>,
    }

    fn parsed(line: &str) -> Cli {
        Cli::try_parse_from(line.split_whitespace()).unwrap()
    }

    #[test]
    fn the_groups_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_are_kubectls() {
        let cli = parsed(
            "-nfoo --context=c --kubeconfig K --as a --as-group g --as-group h \
             --request-timeout 1m -f a -f - -R -o json -q",
        );
        assert_eq!(cli.connect.only_namespace(), Some("foo"));
        assert_eq!(cli.connect.as_group, ["g", "h"]);
        assert_eq!(cli.connect.request_timeout, Some(Duration::from_secs(60)));
        assert_eq!(cli.input.filename.len(), 2);
        assert!(cli.input.recursive && cli.output.quiet);
        assert_eq!(cli.output.format, Format::Json);
    }

    #[test]
    fn the_last_flag_wins_and_all_namespaces_beats_one() {
        assert_eq!(
            parsed("-n a -n b").connect.only_namespace(),
            Some("b"),
            "the dispatcher puts a flag in front of those that stand behind the command"
        );
        assert_eq!(parsed("-A -n a").connect.only_namespace(), None);
        assert_eq!(parsed("-A -A -q -q").connect.only_namespace(), None);
        assert_eq!(parsed("-f a -f b").input.filename.len(), 2);
    }

    #[test]
    fn any_version_of_istio_is_taken_and_nothing_else() {
        let parsed = |version: &str| {
            let istio = Command::new("test").no_binary_name(true);
            let matches =
                Istio::augment_args(istio).try_get_matches_from(["--istio-version", version])?;
            Istio::from_arg_matches(&matches)
        };
        for version in ["1.31", "v1.24.1", "1.19", "1.40.2"] {
            assert!(
                parsed(version).unwrap().istio_version.is_some(),
                "{version}"
            );
        }
        for version in ["abc", "1", "", "latest"] {
            assert!(parsed(version).is_err(), "{version}");
        }
    }

    #[test]
    fn times_are_kubectls() {
        let ms = Duration::from_millis;
        for (text, expected) in [
            ("0", ms(0)),
            ("30", ms(30_000)),
            ("5s", ms(5_000)),
            ("1m30s", ms(90_000)),
            ("1h", ms(3_600_000)),
            ("500ms", ms(500)),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "5x", "-1s", "1m30", "5 s", "99999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_are_in_range() {
        assert_eq!(port("65535"), Ok(65535));
        for text in ["0", "65536", "-1", "http", ""] {
            assert!(port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn services_are_named() {
        let service: ServiceRef = "rcmd/kafka:9092".parse().unwrap();
        assert_eq!(service.namespace.as_deref(), Some("rcmd"));
        assert_eq!((service.name.as_str(), service.port), ("kafka", Some(9092)));
        assert_eq!("kafka".parse::<ServiceRef>().unwrap().port, None);
        for text in ["", ":1", "/a", "a/", "a/b/c", "a:b", "a:0"] {
            assert!(text.parse::<ServiceRef>().is_err(), "{text}");
        }
        assert!(ServiceRef::with_port("kafka").is_err());
    }

    #[test]
    fn targets_are_named_with_their_kind() {
        for text in ["deploy/x", "Deployment/x", "deployments.apps/x"] {
            let target = TargetRef::proxy(text).unwrap();
            assert_eq!(
                (target.kind, target.name.as_str()),
                (TargetKind::Deployment, "x")
            );
        }
        assert_eq!(
            TargetRef::gateway("gw/x").unwrap().kind,
            TargetKind::Gateway
        );
        for text in ["x", "gateway/x", "pod/", "pod/a/b", "node/x"] {
            assert!(TargetRef::proxy(text).is_err(), "{text}");
        }
        assert!(TargetRef::gateway("pod/x").is_err());
    }

    #[test]
    fn weights_are_percent() {
        let weight: Weight = "v1=80%".parse().unwrap();
        assert_eq!((weight.destination.as_str(), weight.percent), ("v1", 80));
        for text in ["v1", "=80", "v1=", "v1=101", "v1=-1", "v1=1.5"] {
            assert!(text.parse::<Weight>().is_err(), "{text}");
        }
    }
}
