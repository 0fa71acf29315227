//! What names, hosts, addresses and `exportTo` may be.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Rule, Violation};
use crate::snapshot::FieldPath;
use crate::snapshot::views::Labels;

/// The longest DNS label.
const LABEL: usize = 63;

/// The longest host name.
const NAME: usize = 255;

/// The longest prefix of a label's key.
const PREFIX: usize = 253;

/// What istiod names the clusters of AUTO_PASSTHROUGH by.
const GENERATED: &str = "outbound_";

/// Letters of either case, digits and inner hyphens, as istio takes them. After
/// `pkg/config/labels/instance.go:IsDNS1123Label`.
pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= LABEL && has_label_form(text)
}

fn has_label_form(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A label, `*`, or a label behind `*` or `*-`. After `labels.IsWildcardDNS1123Label`.
fn is_wildcard_label(text: &str) -> bool {
    let rest = text.strip_prefix('*').unwrap_or(text);
    let behind = text.strip_prefix("*-").map_or(rest, |behind| behind);
    text.len() <= LABEL && (text == "*" || has_label_form(rest) || has_label_form(behind))
}

/// After `agent.ValidateDNS1123Labels`: the last part is no number, and may be empty.
fn are_labels(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or(domain);
    if last.parse::<i64>().is_ok() {
        return false;
    }
    let labels = match domain.strip_suffix('.') {
        Some(labels) => labels,
        None if domain.is_empty() => return true,
        None => domain,
    };
    labels.split('.').all(is_label)
}

/// A host name without wildcard. After `agent.ValidateFQDN`.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME && are_labels(text)
}

/// A host name whose first label may be a wildcard. After `agent.ValidateWildcardDomain`.
pub(super) fn is_wildcard_name(text: &str) -> bool {
    if text.is_empty() || text.len() > NAME {
        return false;
    }
    match text.split_once('.') {
        Some((first, rest)) => is_wildcard_label(first) && are_labels(rest),
        None => is_wildcard_label(text),
    }
}

/// A name as istiod makes them for AUTO_PASSTHROUGH, such as `outbound_.80_._.host`.
/// After `agent.ValidateWildcardDomainForVirtualServiceBoundToGateway`.
pub(super) fn is_generated(text: &str) -> Option<bool> {
    if !text.starts_with(GENERATED) || text.len() > NAME {
        return None;
    }
    let parts: Vec<&str> = text.split('_').collect();
    let [_, port, _, host, ..] = parts.as_slice() else {
        return Some(false);
    };
    let has = |text: &str, wanted: fn(&u8) -> bool| text.as_bytes().iter().any(wanted);
    Some(has(port, u8::is_ascii_digit) && has(host, u8::is_ascii_alphabetic))
}

/// An IP address, perhaps with a zone.
pub(super) fn is_address(text: &str) -> bool {
    match text.split_once('%') {
        Some((address, zone)) => {
            !zone.is_empty() && address.parse::<IpAddr>().is_ok_and(|a| a.is_ipv6())
        }
        None => text.parse::<IpAddr>().is_ok(),
    }
}

/// An IP address or a network. After `agent.ValidateIPSubnet`.
pub(super) fn is_network(text: &str) -> bool {
    if text.matches('/').count() != 1 {
        return is_address(text);
    }
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let digits = !bits.is_empty()
        && bits.bytes().all(|b| b.is_ascii_digit())
        && (bits == "0" || !bits.starts_with('0'));
    match address.parse::<IpAddr>() {
        Ok(address) => {
            let most = if address.is_ipv4() { 32 } else { 128 };
            digits && bits.parse::<u32>().is_ok_and(|bits| bits <= most)
        }
        Err(_) => false,
    }
}

/// A wildcard that is more or less than its whole first label. After `agent.ValidatePartialWildCard`.
pub(super) fn is_partial_wildcard(host: &str) -> bool {
    host.contains('*') && host != "*" && !host.starts_with("*.")
}

/// After `agent.ValidatePort`.
pub(super) const fn is_port(number: u32) -> bool {
    1 <= number && number <= 65535
}

/// After `labels.Instance.Validate`.
pub(super) fn are_valid(labels: &Labels) -> bool {
    let qualified = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    labels.iter().all(|(key, value)| {
        let (prefix, name) = match key.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, key.as_ref()),
        };
        let prefixed = prefix.is_none_or(|p| p.len() <= PREFIX && p.split('.').all(has_label_form));
        prefixed && name.len() <= LABEL && qualified(name) && (value.is_empty() || qualified(value))
    })
}

/// The Gateways that a VirtualService or a match names: a name without namespace ends the check.
/// After `validateGatewayNames`.
pub(super) fn gateway_names(list: &FieldPath, names: &[String]) -> Vec<Violation> {
    let refused =
        |n: usize, says: &str| Violation::new(Rule::GatewayNames, list.clone().index(n), says);
    let mut found = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let Some((namespace, name)) = name.split_once('/') else {
            if !is_name(name) {
                found.push(refused(n, "is no name of a Gateway"));
            }
            return found;
        };
        if namespace == "." {
            found.push(refused(n, "`.` is no namespace here: write its name"));
        } else if !is_label(namespace) {
            found.push(refused(n, "the namespace is no DNS label"));
        } else if !is_label(name) {
            found.push(refused(n, "the name is no DNS label"));
        }
    }
    found
}

/// What `exportTo` may be. After `validateExportTo`.
pub(super) fn export_to(
    rule: Rule,
    namespace: &str,
    names: &[String],
    selects_workloads: bool,
) -> Vec<Violation> {
    let list = FieldPath::of("spec.exportTo");
    let refused =
        |n: usize, says: &str| Violation::new(rule, list.clone().index(n), says.to_owned());
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let resolved = if name == "." { namespace } else { name };
        if seen.contains(resolved) {
            found.push(refused(n, "is there twice"));
        } else if resolved == "~" && rule != Rule::ServiceEntry {
            found.push(refused(
                n,
                "`~`, nobody, is for Services and ServiceEntries only",
            ));
        } else if !matches!(resolved, "*" | "~") && !is_label(resolved) {
            found.push(refused(n, "is no namespace, `.` or `*`"));
        } else {
            seen.insert(resolved);
        }
    }
    let alone = |what: &str| {
        let at = names.iter().position(|n| n == what);
        at.filter(|_| seen.contains(what) && names.len() > 1)
    };
    if let Some(n) = alone("*") {
        found.push(refused(
            n,
            "`*` is everybody: nothing else may stand beside it",
        ));
    }
    if let Some(n) = alone("~") {
        found.push(refused(
            n,
            "`~` is nobody: nothing else may stand beside it",
        ));
    }
    let beyond = seen.iter().any(|name| *name != namespace);
    if selects_workloads && beyond {
        let says = "with a workloadSelector only the own namespace may see it";
        found.push(Violation::new(rule, list.clone(), says));
    }
    found
}
