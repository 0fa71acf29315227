//! The arguments.

use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use mesh_core::ledger::Block;
use mesh_live::cli::{
    Connect, Input, Istio, Output, Weight, Writing, after_help, duration, percent, port,
};

/// Move weights between versions: tcp, tls and http routes
///
/// Sets the weights of the destinations that are named; the others keep theirs, and all together must be 100. Then
/// reads back from every proxy whether it holds them.
///
/// A changed tcp or tls route closes all its open connections after the drain time, also those to versions that did
/// not change. They are counted first, and more than none needs --allow-disconnect.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "kubectl-mesh-shift",
    bin_name = "kubectl mesh shift",
    no_binary_name = true,
    args_override_self = true,
    after_long_help = after_help(EXAMPLES)
)]
pub struct Cli {
    /// The host or Service whose routes change, or virtualservice/NAME
    #[arg(value_name = "HOST")]
    pub host: String,
    /// The weights of subsets or hosts, such as v1=80 v2=20
    #[arg(value_name = "SUBSET=PERCENT", conflicts_with_all = ["by", "all_to", "swap", "steps", "undo", "status"])]
    pub weights: Vec<Weight>,

    /// Only the rules for this port, as the Gateway declares it
    #[arg(long, value_name = "PORT", value_parser = port)]
    pub port: Option<u16>,
    /// Only the rules for this server name of TLS
    #[arg(long, value_name = "NAME")]
    pub sni: Option<String>,
    /// Only the rule with this number, such as 1 or tcp[1]
    #[arg(long, value_name = "N")]
    pub r#match: Option<RuleNumber>,

    /// Move so many per cent; needs --to
    #[arg(long, value_name = "PERCENT", value_parser = percent, requires = "to", conflicts_with = "steps")]
    pub by: Option<u8>,
    /// The subset that gets more
    #[arg(long, value_name = "SUBSET")]
    pub to: Option<String>,
    /// Give this subset everything
    #[arg(long, value_name = "SUBSET", conflicts_with_all = ["by", "to", "swap", "steps"])]
    pub all_to: Option<String>,
    /// Exchange the weights of the two subsets
    #[arg(long, conflicts_with_all = ["by", "to", "steps"])]
    pub swap: bool,
    /// Add subsets that are missing to the DestinationRule in force
    #[arg(long)]
    pub create_subsets: bool,
    /// Let subsets without a ready endpoint get more
    #[arg(long)]
    pub allow_empty: bool,
    /// Go on although open connections will be cut
    #[arg(long)]
    pub allow_disconnect: bool,
    /// Bring back the weights from before
    #[arg(long, conflicts_with_all = ["by", "to", "all_to", "swap", "steps", "status"])]
    pub undo: bool,
    /// Print the weights, and which proxies hold them; writes nothing
    #[arg(long, conflicts_with_all = ["by", "to", "all_to", "swap", "steps"])]
    pub status: bool,
    /// Go on printing the status
    #[arg(short, long, requires = "status")]
    pub watch: bool,

    /// Move in steps of so many per cent; needs --to
    #[arg(long, value_name = "PERCENT", value_parser = percent, value_delimiter = ',', requires = "to", help_heading = "Stages")]
    pub steps: Vec<u8>,
    /// How long a step lasts at least
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s", help_heading = "Stages")]
    pub every: Duration,
    /// Fewer new connections in a step are no evidence: it waits for them
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Stages")]
    pub min_connections: u32,
    /// More failed per cent than this brings back the weights from before the first step
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "5", help_heading = "Stages")]
    pub max_failed: u8,

    /// Whether to write.
    #[command(flatten)]
    pub writing: Writing,
    /// Which files.
    #[command(flatten)]
    pub input: Input,
    /// Which Istio.
    #[command(flatten)]
    pub istio: Istio,
    /// How the result is printed.
    #[command(flatten)]
    pub output: Output<Format>,
    /// Which cluster.
    #[command(flatten)]
    pub connect: Connect,
}

const EXAMPLES: &str = "\
Examples:
  # who holds which weights, and how many connections are open
  kubectl mesh shift tcp-echo --status

  # what would change; nothing is written
  kubectl mesh shift tcp-echo v1=60 v2=40 --diff

  # the same for manifests in Git: a diff, and nothing is written
  kubectl mesh shift tcp-echo v1=60 v2=40 -f manifests/ | git apply

  # set weights, although open connections will be cut
  kubectl mesh shift tcp-echo v1=60 v2=40 --allow-disconnect

  # move ten per cent, everything, or back again
  kubectl mesh shift tcp-echo --by 10 --to v2
  kubectl mesh shift tcp-echo --all-to v2
  kubectl mesh shift tcp-echo --undo

  # in stages, going back when connections fail
  kubectl mesh shift tcp-echo --steps 10,25,50,100 --to v2 --every 60s \\
    --allow-disconnect
";

/// A rule of a VirtualService: its number, perhaps with its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleNumber {
    /// `tcp`, `tls` or `http`.
    pub block: Option<Block>,
    /// From 0.
    pub index: usize,
}

impl FromStr for RuleNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "a rule is written 0 or tcp[0]".to_owned();
        let (block, number) = match text.split_once('[') {
            None => (None, text),
            Some((name, rest)) => {
                let block = [Block::Tcp, Block::Tls, Block::Http]
                    .into_iter()
                    .find(|block| block.field() == name)
                    .ok_or_else(bad)?;
                (Some(block), rest.strip_suffix(']').ok_or_else(bad)?)
            }
        };
        Ok(Self {
            block,
            index: number.parse().map_err(|_| bad())?,
        })
    }
}

/// The formats of `-o`. None decides whether something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One document, its keys documented
    Json,
    /// The same as YAML
    Yaml,
    /// The VirtualService
    Name,
}

#[cfg(test)]
mod tests {
    use super::{Cli, EXAMPLES};
    use clap::{CommandFactory, Parser};
    use mesh_live::examples::examples;

    fn refused(line: &str) -> bool {
        Cli::try_parse_from(line.split_whitespace()).is_err()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_example_parses() {
        let examples = examples(EXAMPLES, "kubectl mesh shift");
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
    fn what_is_missing_or_cannot_go_together_is_refused() {
        for line in [
            "",
            "echo v1=101",
            "echo v1=80 --swap",
            "echo --by 10",
            "echo --steps 10,50",
            "echo --undo --status",
            "echo --watch",
            "echo --all-to v2 --to v1",
        ] {
            assert!(refused(line), "{line}");
        }
    }

    #[test]
    fn steps_are_split_at_commas() {
        let cli = Cli::try_parse_from(["echo", "--steps", "10,25,100", "--to", "v2"]).unwrap();
        assert_eq!(cli.steps, [10, 25, 100]);
    }
}
