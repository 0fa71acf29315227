//! What `kubectl mesh` says without a command.

/// The commands and where to start.
pub(crate) const TEXT: &str = "\
TCP ports of an Istio mesh: why closed, how to open, how to move

  why-no-listener  why is a port closed, and what opens it
  expose-tcp       open a TCP port on a gateway for a Service
  shift            move weights between versions: tcp, tls, http

start here
  kubectl mesh why-no-listener                       all that is wrong
  kubectl mesh why-no-listener 31400                 one port
  kubectl mesh why-no-listener 31400 -f manifests/   without a cluster

nothing is written by why-no-listener, --diff, --dry-run, --list, --status
help: kubectl mesh COMMAND --help
";

/// What `kubectl mesh version` prints: the client's line.
pub(crate) fn version() -> String {
    format!("client version: {}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::TEXT;
    use crate::suggest::COMMANDS;

    #[test]
    fn lists_every_command_and_fits_a_terminal() {
        for command in COMMANDS {
            assert!(TEXT.contains(&format!("\n  {command} ")), "{command}");
        }
        for line in TEXT.lines() {
            assert!(line.len() <= 80, "{line}");
        }
    }
}
