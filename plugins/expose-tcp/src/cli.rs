//! The arguments.

use std::str::FromStr;

use clap::{Parser, ValueEnum};
use mesh_core::plan::expose::{GatewayKind, GatewayName};
use mesh_live::cli::{
    Connect, Input, Istio, Output, ServiceRef, Weight, Writing, after_help, port,
};

/// Open a TCP port on a gateway for a Service
///
/// Plans a Gateway, a VirtualService and one port of the gateway's Service, proves that the port then opens and that
/// nothing else closes or changes, writes them, and watches the Envoys until they listen. Prints the address.
///
/// Nothing that exists is edited but the Service, and there one item only. --remove takes back exactly what was
/// written.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "kubectl-mesh-expose_tcp",
    bin_name = "kubectl mesh expose-tcp",
    no_binary_name = true,
    args_override_self = true,
    after_long_help = after_help(EXAMPLES)
)]
pub struct Cli {
    /// The Service that the port leads to
    #[arg(value_name = "SERVICE[:PORT]", required_unless_present_any = ["list", "map"])]
    pub service: Option<ServiceRef>,

    /// The port to open on the gateway
    #[arg(long, value_name = "N", value_parser = port, required_unless_present_any = ["list", "map"])]
    pub port: Option<u16>,
    /// The gateway: svc/X, deploy/X or gateway/X, or with its namespace svc/NAMESPACE/X; may be left out where there
    /// is only one
    #[arg(long, value_name = "KIND/NAME", value_parser = gateway)]
    pub gateway: Option<GatewayName>,
    /// Go on although the only labels that select the gateway select others too
    #[arg(long)]
    pub selects_also_ok: bool,
    /// Several ports at once, as the brokers of a Kafka need; may be repeated
    #[arg(long, value_name = "PORT=SERVICE:PORT", conflicts_with_all = ["service", "port"])]
    pub map: Vec<PortMap>,
    /// Lead only connections here that ask for this TLS server name; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub sni: Vec<String>,
    /// End TLS at the gateway with the certificate of this Secret
    #[arg(long, value_name = "SECRET")]
    pub tls_secret: Option<String>,
    /// Spread connections over subsets, such as v1=80,v2=20
    #[arg(long, value_name = "SUBSET=PERCENT", value_delimiter = ',')]
    pub weights: Vec<Weight>,
    /// The port on the gateway's pods; otherwise the same number, or 8000 more below 1024
    #[arg(long, value_name = "N", value_parser = port, conflicts_with = "map")]
    pub target_port: Option<u16>,
    /// The port on the nodes, 30000 to 32767; otherwise the cluster takes one
    #[arg(long, value_name = "N", value_parser = port, conflicts_with = "map")]
    pub node_port: Option<u16>,
    /// Add the server to this Gateway instead of a new one; its owner's next apply may remove it
    #[arg(long, value_name = "NAME")]
    pub into_gateway: Option<String>,
    /// Add the route to this VirtualService instead of a new one; its owner's next apply may remove it
    #[arg(long, value_name = "NAME")]
    pub into_virtualservice: Option<String>,

    /// List what was exposed
    #[arg(long, conflicts_with_all = ["service", "port", "map", "remove"])]
    pub list: bool,
    /// Take back what was exposed
    #[arg(long)]
    pub remove: bool,

    /// Write only this part, where two people must act
    #[arg(long, value_name = "PART", value_enum, help_heading = "Writing")]
    pub only: Option<Part>,
    /// Connect at the end, by the pods and by the address, and hold the connection for a second
    #[arg(long, help_heading = "Writing")]
    pub probe: bool,
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
  # what would change; nothing is written
  kubectl mesh expose-tcp kafka-broker0:9092 --port 16354 -n rcmd --diff

  # open the port, and keep its address
  addr=$(kubectl mesh expose-tcp kafka-broker0:9092 --port 16354 -n rcmd)

  # on this gateway, and try to connect at the end
  kubectl mesh expose-tcp ledger:7000 --port 31401 --gateway svc/edge --probe

  # three brokers in one go
  kubectl mesh expose-tcp -n rcmd --map 16354=kafka-broker0:9092 \\
    --map 16355=kafka-broker1:9092 --map 16356=kafka-broker2:9092

  # the routes by you, the Service by an admin
  kubectl mesh expose-tcp ledger:7000 --port 31401 --only routes
  kubectl mesh expose-tcp ledger:7000 --port 31401 --only service

  # the change of the files that hold the mesh
  kubectl mesh expose-tcp ledger:7000 --port 31401 -f manifests/ | git apply

  # what is exposed, and taking it back
  kubectl mesh expose-tcp --list -A
  kubectl mesh expose-tcp ledger --port 31401 --remove
";

/// One port of `--map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMap {
    /// The port of the gateway.
    pub port: u16,
    /// Where it leads.
    pub service: ServiceRef,
}

impl FromStr for PortMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, service) = text
            .split_once('=')
            .ok_or("a map is written PORT=SERVICE:PORT")?;
        Ok(Self {
            port: port(number)?,
            service: ServiceRef::with_port(service)?,
        })
    }
}

/// Parses a gateway: `svc/X`, `deploy/X` or `gateway/X`, each also with its namespace in front of the name. Kinds as
/// kubectl takes them.
///
/// # Errors
/// A sentence for people.
pub fn gateway(text: &str) -> Result<GatewayName, String> {
    let bad = || "a gateway is written svc/X, deploy/X or gateway/X".to_owned();
    let (kind, name) = text.split_once('/').ok_or_else(bad)?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "svc" | "service" | "services" => GatewayKind::Service,
        "deploy" | "deployment" | "deployments" | "deployment.apps" | "deployments.apps" => {
            GatewayKind::Workload
        }
        "gw"
        | "gateway"
        | "gateways"
        | "gateway.networking.istio.io"
        | "gateways.networking.istio.io" => GatewayKind::Gateway,
        _ => return Err(bad()),
    };
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, name),
    };
    if name.is_empty() || name.contains('/') || namespace.as_deref() == Some("") {
        return Err(bad());
    }
    Ok(GatewayName {
        kind,
        namespace,
        name: name.to_owned(),
    })
}

/// The formats of `-o`. None decides whether something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The address, for people and scripts
    #[default]
    Text,
    /// The new objects, and the patch of the Service as a comment
    Yaml,
    /// The same as JSON
    Json,
    /// The objects, one a line
    Name,
    /// The Service port as values of the gateway's Helm chart
    HelmValues,
    /// The change as a kustomization
    Kustomize,
}

/// The values of `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Gateway, VirtualService and DestinationRule
    Routes,
    /// The port of the gateway's Service
    Service,
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
        let examples = examples(EXAMPLES, "kubectl mesh expose-tcp");
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
            "kafka:9092",
            "--port 1",
            "kafka --port 0",
            "kafka --port 1 --list",
            "kafka --port 1 --map 2=kafka:9092",
            "--map 2=kafka",
            "kafka --port 1 --gateway pod/x",
        ] {
            assert!(refused(line), "{line}");
        }
    }

    #[test]
    fn weights_are_split_at_commas() {
        let cli = Cli::try_parse_from(["kafka", "--port", "1", "--weights", "v1=80,v2=20"]);
        assert_eq!(cli.unwrap().weights.len(), 2);
    }
}
