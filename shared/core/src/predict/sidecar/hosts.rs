//! The hosts of an egress entry: `namespace/host`, and `~namespace/host` for what is left out.
//! After istio `pilot/pkg/model/sidecar.go:convertIstioListenerToWrapper` (1.31).

use std::collections::BTreeMap;

use crate::predict::hosts::{is_subset, is_wildcard, overlap};

/// Every namespace.
const ANY: &str = "*";

/// The hosts of an egress entry by namespace.
#[derive(Debug, Default)]
pub(super) struct Hosts<'h> {
    by_namespace: BTreeMap<&'h str, InNamespace<'h>>,
    /// Every host that takes something in is exact, and its namespace is named.
    pub(super) exact: bool,
}

#[derive(Debug, Default)]
struct InNamespace<'h> {
    taken: Vec<&'h str>,
    /// With the index in `hosts`.
    left_out: Vec<(usize, &'h str)>,
}

impl InNamespace<'_> {
    /// Whether a service of this host name, all its names, is taken.
    fn takes(&self, hostname: &str) -> bool {
        self.taken.iter().any(|h| is_subset(hostname, h))
    }

    fn takes_part(&self, host: &str) -> bool {
        self.taken.iter().any(|h| overlap(host, h))
    }

    fn leaves_out(&self, host: &str) -> Option<usize> {
        let mut entries = self.left_out.iter();
        entries.find(|(_, h)| is_subset(host, h)).map(|(n, _)| *n)
    }
}

impl<'h> Hosts<'h> {
    /// Reads an entry's hosts for proxies of a namespace. What is not `namespace/host` is skipped, as istiod does.
    pub(super) fn of(written: &'h [String], namespace: &'h str) -> Self {
        let mut found = Self {
            exact: true,
            ..Self::default()
        };
        for (n, host) in written.iter().enumerate() {
            let Some((at, name)) = host.split_once('/').filter(|(_, h)| !h.contains('/')) else {
                continue;
            };
            let (at, left_out) = match at.strip_prefix('~') {
                Some("") => (ANY, true),
                Some(rest) => (rest, true),
                None => (at, false),
            };
            let at = if at == "." { namespace } else { at };
            let here = found.by_namespace.entry(at).or_default();
            if left_out {
                here.left_out.push((n, name));
                continue;
            }
            here.taken.push(name);
            found.exact &= !is_wildcard(name) && at != ANY;
        }
        found
    }

    fn asked(&self, namespace: &str) -> impl Iterator<Item = &InNamespace<'h>> {
        let own = self.by_namespace.get(namespace);
        let any = self.by_namespace.get(ANY);
        own.into_iter().chain(any)
    }

    /// The entry that leaves a host of this namespace out.
    pub(super) fn leaves_out(&self, namespace: &str, host: &str) -> Option<usize> {
        self.asked(namespace)
            .find_map(|hosts| hosts.leaves_out(host))
    }

    /// Whether a service of this namespace is taken, and which of its aliases with it.
    pub(super) fn take<'n>(
        &self,
        namespace: &str,
        hostname: &str,
        aliases: &'n [String],
    ) -> Option<Vec<&'n str>> {
        let hosts = self.asked(namespace).find(|h| h.takes(hostname))?;
        let taken = aliases.iter().filter(|a| hosts.takes(a));
        Some(taken.map(String::as_str).collect())
    }

    /// Whether a VirtualService of this namespace takes part: one of its hosts overlaps, and is not left out.
    /// After `model/virtualservice.go:SelectVirtualServices`.
    pub(super) fn takes_part(&self, namespace: &str, hosts: &[String]) -> bool {
        self.asked(namespace).any(|here| {
            hosts
                .iter()
                .any(|h| here.takes_part(h) && self.leaves_out(namespace, h).is_none())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(hosts: &[&str]) -> Vec<String> {
        hosts.iter().map(|h| (*h).to_owned()).collect()
    }

    #[test]
    fn a_service_is_taken_with_all_its_names_or_not_at_all() {
        let written = list(&[
            "./*",
            "apps/a.apps",
            "*/*.com",
            "~apps/b.com",
            "bad",
            "a/b/c",
        ]);
        let hosts = Hosts::of(&written, "own");
        assert!(hosts.take("own", "x.own", &[]).is_some());
        assert!(hosts.take("apps", "a.apps", &[]).is_some());
        assert!(hosts.take("apps", "b.apps", &[]).is_none());
        assert!(hosts.take("apps", "*.shop.com", &[]).is_some());
        assert!(hosts.take("apps", "*", &[]).is_none());
        assert_eq!(hosts.leaves_out("apps", "b.com"), Some(3));
        assert_eq!(hosts.leaves_out("own", "b.com"), None);
        assert!(!hosts.exact);
    }

    #[test]
    fn a_virtual_service_needs_an_overlap_only() {
        let written = list(&["apps/a.shop.com", "~*/b.com"]);
        let hosts = Hosts::of(&written, "own");
        assert!(hosts.exact);
        assert!(hosts.takes_part("apps", &list(&["*.shop.com"])));
        assert!(!hosts.takes_part("own", &list(&["*.shop.com"])));
        assert!(!hosts.takes_part("apps", &list(&["b.com"])));
    }
}
