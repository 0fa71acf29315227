//! Which filter chain takes a server name and which virtual host takes a host, as Envoy decides: the exact name, then
//! the longest wildcard, then what takes everything.

use crate::predict::{FilterChain, VirtualHost};

/// The chain that takes a TLS client's server name.
pub(super) fn chain_for_sni<'c>(chains: &[&'c FilterChain], sni: &str) -> Option<&'c FilterChain> {
    let sni = sni.to_lowercase();
    let rank = |chain: &FilterChain| {
        if chain.sni.is_empty() {
            return Some(0);
        }
        chain
            .sni
            .iter()
            .filter_map(|name| rank(&name.to_lowercase(), &sni))
            .max()
    };
    best(chains.iter().copied(), rank)
}

/// The virtual host that answers a Host header.
pub(super) fn virtual_host<'h>(
    hosts: impl Iterator<Item = &'h VirtualHost>,
    host: &str,
) -> Option<&'h VirtualHost> {
    let host = host.to_lowercase();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => &host,
    };
    best(hosts, |h| {
        h.domains
            .iter()
            .filter_map(|domain| rank(&domain.to_lowercase(), host))
            .max()
    })
}

/// How specific a name is that takes `wanted`; `None` when it does not.
fn rank(name: &str, wanted: &str) -> Option<usize> {
    if name == wanted {
        return Some(usize::MAX);
    }
    let suffix = name.strip_prefix('*')?;
    (wanted.ends_with(suffix) && wanted.len() > suffix.len()).then_some(name.len())
}

/// The first of the most specific ones.
fn best<'t, T>(
    all: impl Iterator<Item = &'t T>,
    rank: impl Fn(&T) -> Option<usize>,
) -> Option<&'t T> {
    let mut found: Option<(usize, &T)> = None;
    for one in all {
        if let Some(rank) = rank(one)
            && found.is_none_or(|(most, _)| rank > most)
        {
            found = Some((rank, one));
        }
    }
    found.map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_virtual_host_answers() {
        let host = |domains: &[&str]| VirtualHost {
            domains: domains.iter().map(|d| (*d).to_owned()).collect(),
            routes: Vec::new(),
            require_tls: false,
        };
        let hosts = [
            host(&["*"]),
            host(&["*.example.com"]),
            host(&["a.example.com"]),
        ];
        let found = |name: &str| virtual_host(hosts.iter(), name).map(|h| h.domains[0].clone());
        assert_eq!(found("A.example.com:80"), Some("a.example.com".to_owned()));
        assert_eq!(found("b.example.com"), Some("*.example.com".to_owned()));
        assert_eq!(found("example.com"), Some("*".to_owned()));
        let hosts = [host(&["*"]), host(&["[fd00::1]"])];
        let found = |name: &str| virtual_host(hosts.iter(), name).map(|h| h.domains[0].clone());
        assert_eq!(found("[fd00::1]:80"), Some("[fd00::1]".to_owned()));
        assert_eq!(found("[fd00::1]"), Some("[fd00::1]".to_owned()));
    }
}
