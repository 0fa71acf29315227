//! What Istio's init container does to a pod's network: connections go through Envoy.
//!
//! The rules are those of `tools/istio-iptables/pkg/capture/run.go:Run` of istio for its arguments `-i -x -b -d -q -o`,
//! IPv4 and mode REDIRECT only, in one table of nftables.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::envoy::MARK;
use crate::network::Namespace;

/// Puts the rules of an init container's arguments into a pod's network.
pub(crate) fn apply(pod: &Namespace, init: &Value) -> Result<()> {
    let args: Vec<&str> = init["args"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let rules = rules(&args);
    let mut child = Command::new("nsenter")
        .arg(format!("--net={}", pod.path().display()))
        .args(["--", "nft", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("nft")?;
    child
        .stdin
        .take()
        .context("no pipe")?
        .write_all(rules.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "nft: {}\n{rules}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn rules(args: &[&str]) -> String {
    let value = |flag: &str| {
        let at = args.iter().position(|a| *a == flag);
        at.and_then(|at| args.get(at + 1)).map_or("", |v| v.trim())
    };
    let mut inbound = String::new();
    match value("-b") {
        "" => {}
        "*" => {
            let excluded = joined("15008", value("-d"));
            let _ = writeln!(
                inbound,
                "tcp dport {{ {excluded} }} return\nmeta l4proto tcp redirect to :15006"
            );
        }
        ports => {
            let _ = writeln!(inbound, "tcp dport {{ {ports} }} redirect to :15006");
        }
    }
    let mut outbound = format!(
        "oifname lo ip saddr 127.0.0.6 return\n\
         oifname lo ip daddr != 127.0.0.1 tcp dport != 15008 meta mark {MARK} redirect to :15006\n\
         oifname lo meta mark != {MARK} return\n\
         meta mark {MARK} return\n\
         ip daddr 127.0.0.1 return\n"
    );
    for (flag, matched) in [("-x", "ip daddr"), ("-o", "tcp dport")] {
        if !value(flag).is_empty() {
            let _ = writeln!(outbound, "{matched} {{ {} }} return", value(flag));
        }
    }
    if !value("-q").is_empty() {
        let _ = writeln!(
            outbound,
            "tcp dport {{ {} }} redirect to :15001",
            value("-q")
        );
    }
    match value("-i") {
        "" => {}
        "*" => outbound.push_str("meta l4proto tcp redirect to :15001\n"),
        ranges => {
            let _ = writeln!(
                outbound,
                "ip daddr {{ {ranges} }} meta l4proto tcp redirect to :15001"
            );
        }
    }
    format!(
        "table ip istio {{\n\
         chain inbound {{\ntype nat hook prerouting priority -100;\n{inbound}}}\n\
         chain outbound {{\ntype nat hook output priority -100;\n{outbound}}}\n}}\n"
    )
}

fn joined(one: &str, more: &str) -> String {
    if more.is_empty() {
        one.to_owned()
    } else {
        format!("{one}, {more}")
    }
}

#[cfg(test)]
mod tests {
    use super::rules;

    #[test]
    fn exclusions_come_before_what_they_exclude_from() {
        let args = [
            "istio-iptables",
            "-i",
            "*",
            "-x",
            "10.0.0.0/8",
            "-b",
            "*",
            "-d",
            "15090,15021",
            "-o",
            "6379",
        ];
        let rules = rules(&args);
        let at = |words: &str| {
            rules
                .find(words)
                .unwrap_or_else(|| panic!("{words}: {rules}"))
        };
        assert!(at("tcp dport { 15008, 15090,15021 } return") < at("redirect to :15006\n}"));
        assert!(at("ip daddr { 10.0.0.0/8 } return") < at("redirect to :15001"));
        assert!(at("tcp dport { 6379 } return") < at("redirect to :15001"));
    }
}
