//! Host names as istiod compares them: bytes, `*` first for a wildcard. After istio `pkg/config/host/name.go`,
//! `names.go` and `pilot/pkg/model/config.go` (1.31).

use std::borrow::Cow;

/// Whether a host is a wildcard: its first byte is `*`.
#[must_use]
pub fn is_wildcard(host: &str) -> bool {
    host.starts_with('*')
}

/// Whether two hosts overlap, either way round.
#[must_use]
pub fn overlap(a: &str, b: &str) -> bool {
    match (a.strip_prefix('*'), b.strip_prefix('*')) {
        (Some(x), Some(y)) if a.len() < b.len() => y.ends_with(x),
        (Some(x), Some(y)) => x.ends_with(y),
        (Some(suffix), None) => b.ends_with(suffix),
        (None, Some(suffix)) => a.ends_with(suffix),
        (None, None) => a == b,
    }
}

/// Whether every name of `a` is one of `b`.
#[must_use]
pub fn is_subset(a: &str, b: &str) -> bool {
    match (a.strip_prefix('*'), b.strip_prefix('*')) {
        (Some(x), Some(y)) => a.len() >= b.len() && x.ends_with(y),
        (Some(_), None) => false,
        (None, Some(suffix)) => a.ends_with(suffix),
        (None, None) => a == b,
    }
}

/// The common hosts of two lists, in the order of the first, without repeats.
#[must_use]
pub fn intersection(first: &[&str], second: &[&str]) -> Vec<String> {
    let mut common: Vec<String> = Vec::new();
    for a in first {
        for b in second {
            let narrower = if is_subset(a, b) {
                a
            } else if is_subset(b, a) {
                b
            } else {
                continue;
            };
            if !common.iter().any(|c| c == narrower) {
                common.push((*narrower).to_owned());
            }
        }
    }
    common
}

/// A host as a VirtualService or DestinationRule means it: a name without a dot is looked up in the object's own
/// namespace; `*` and IP addresses stay.
#[must_use]
pub fn resolve_short_name<'a>(host: &'a str, namespace: &str, domain: &str) -> Cow<'a, str> {
    if host.is_empty()
        || host == "*"
        || host.contains('.')
        || host.parse::<std::net::IpAddr>().is_ok()
    {
        Cow::Borrowed(host)
    } else {
        Cow::Owned(format!("{host}.{namespace}.svc.{domain}"))
    }
}

/// A name in `spec.gateways` or `match.gateways` as `namespace/name`; `mesh` stays. A name with dots is the old
/// `name.namespace.svc…` form.
#[must_use]
pub fn resolve_gateway_name(name: &str, namespace: &str) -> String {
    if name == MESH {
        return MESH.to_owned();
    }
    if let Some((ns, rest)) = name.split_once('/') {
        return if ns == "." {
            format!("{namespace}/{rest}")
        } else {
            name.to_owned()
        };
    }
    match name.split_once('.') {
        None => format!("{namespace}/{name}"),
        Some((short, rest)) => {
            let ns = rest.split_once('.').map_or(rest, |(ns, _)| ns);
            format!("{ns}/{short}")
        }
    }
}

/// The gateway name that means the sidecars.
pub const MESH: &str = "mesh";

/// A server's hosts as istiod keeps them: `./h` becomes `<gateway's namespace>/h`, `*/h` becomes `h`, and `*/*`
/// replaces the whole list by `*`. After `pilot/pkg/model/gateway.go:sanitizeServerHostNamespace`.
///
/// # Errors
/// The index of the host at which istiod panics: it goes on with the old indices after the list was replaced.
pub fn sanitize_server_hosts(hosts: &[String], namespace: &str) -> Result<Vec<String>, usize> {
    let mut kept: Vec<String> = hosts.to_vec();
    for (n, host) in hosts.iter().enumerate() {
        let mut parts = host.split('/');
        let (Some(ns), Some(name)) = (parts.next(), parts.next()) else {
            continue;
        };
        let new = match (ns, name) {
            ("*", "*") => {
                kept = vec!["*".to_owned()];
                continue;
            }
            ("*", name) => name.to_owned(),
            (".", name) => format!("{namespace}/{name}"),
            _ => continue,
        };
        match kept.get_mut(n) {
            Some(slot) => *slot = new,
            None => return Err(n),
        }
    }
    Ok(kept)
}

/// Server hosts without their namespace part, leaving out those reserved for another namespace.
pub fn hosts_for_namespace<'a>(
    hosts: &'a [String],
    namespace: &'a str,
) -> impl Iterator<Item = (usize, &'a str)> {
    hosts
        .iter()
        .enumerate()
        .filter_map(move |(n, host)| match host.split_once('/') {
            Some((ns, _)) if ns != namespace && ns != "*" => None,
            Some((_, name)) => Some((n, name)),
            None => Some((n, host.as_str())),
        })
}

/// The most specific of several hosts that `needle` lies under: an equal one, else the longest wildcard.
#[must_use]
pub fn most_specific<T>(needle: &str, candidates: &[(&str, T)]) -> Option<usize> {
    candidates
        .iter()
        .position(|(host, _)| *host == needle)
        .or_else(|| {
            let tail = needle.strip_prefix('*').unwrap_or(needle);
            candidates
                .iter()
                .enumerate()
                .filter(|(_, (host, _))| {
                    host.strip_prefix('*')
                        .is_some_and(|suffix| tail.ends_with(suffix))
                })
                .max_by(|(_, (a, _)), (_, (b, _))| a.len().cmp(&b.len()).then_with(|| b.cmp(a)))
                .map(|(n, _)| n)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_overlap_as_istiod_says() {
        assert!(overlap("*.foo.com", "a.foo.com"));
        assert!(!overlap("*.foo.com", "foo.com"));
        assert!(overlap("*", "anything"));
        assert!(overlap("*.com", "*.foo.com"));
        assert!(!overlap("*.foo.com", "*.bar.com"));
        assert!(!overlap("A.foo.com", "a.foo.com"));
    }

    #[test]
    fn gateway_names_take_every_form() {
        for (name, resolved) in [
            ("gw", "app/gw"),
            ("./gw", "app/gw"),
            ("edge/gw", "edge/gw"),
            ("gw.edge", "edge/gw"),
            ("gw.edge.svc.cluster.local", "edge/gw"),
            ("mesh", "mesh"),
        ] {
            assert_eq!(resolve_gateway_name(name, "app"), resolved);
        }
    }

    #[test]
    fn a_list_that_istiod_panics_on_is_told_by_its_index() {
        let list = |hosts: &[&str]| hosts.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            sanitize_server_hosts(&list(&["./a", "*/b", "x/c", "d"]), "ns"),
            Ok(list(&["ns/a", "b", "x/c", "d"]))
        );
        assert_eq!(
            sanitize_server_hosts(&list(&["a.com", "*/*"]), "ns"),
            Ok(list(&["*"]))
        );
        assert_eq!(
            sanitize_server_hosts(&list(&["*/*", "*/x.com"]), "ns"),
            Err(1)
        );
        assert_eq!(
            sanitize_server_hosts(&list(&["*/*", "x/y.com"]), "ns"),
            Ok(list(&["*"]))
        );
    }
}
