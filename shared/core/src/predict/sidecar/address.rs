//! Addresses of a sidecar and of the services it knows.
//! After istio `core/listener_address.go` and `pilot/pkg/model/service.go:GetAddressForProxy` (1.31).

use std::borrow::Cow;
use std::net::IpAddr;

use super::scope::Imported;
use crate::predict::network::{UNSPECIFIED, UNSPECIFIED_V6};
use crate::predict::proxy::ProxyFacts;
use crate::predict::store::Registry;

/// The address families of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Families {
    v4: bool,
    v6: bool,
    /// It answers DNS queries, so that addresses which istiod gave to hosts are used.
    answers_dns: bool,
}

impl Families {
    /// Those of its addresses; a proxy without any counts as IPv4.
    pub(super) fn of(proxy: &ProxyFacts) -> Self {
        let v6 = proxy.ips.iter().any(|ip| ip.contains(':'));
        Self {
            v4: !v6 || proxy.ips.iter().any(|ip| !ip.contains(':')),
            v6,
            answers_dns: proxy.metadata.dns_capture,
        }
    }

    pub(super) const fn only_v6(self) -> bool {
        self.v6 && !self.v4
    }

    /// The address that stands for all.
    pub(super) const fn wildcard(self) -> &'static str {
        if self.v4 { UNSPECIFIED } else { UNSPECIFIED_V6 }
    }

    /// The address of the pod for itself.
    pub(super) const fn localhost(self) -> &'static str {
        if self.v4 { "127.0.0.1" } else { "::1" }
    }

    fn has(self, address: &str) -> bool {
        match address.parse() {
            Ok(IpAddr::V4(_)) => self.v4,
            Ok(IpAddr::V6(_)) => self.v6,
            // A name that stands for an address that is not given yet.
            Err(_) => true,
        }
    }

    /// The address that a proxy reaches a service at: an address, a network, or the unspecified one.
    pub(super) fn address_of<'i>(self, one: &'i Imported<'_>) -> Cow<'i, str> {
        let all = one.addresses();
        let own = match one.service.registry {
            Registry::Kubernetes => all.iter().find(|a| self.has(a)),
            Registry::ServiceEntry => None,
        };
        let address = own
            .or_else(|| all.first())
            .map_or(UNSPECIFIED, String::as_str);
        if address == UNSPECIFIED && self.answers_dns {
            let given = || one.service.given.iter();
            let v4 = || given().rfind(|a| a.is_ipv4() && self.v4);
            if let Some(given) = v4().or_else(|| given().rfind(|a| a.is_ipv6() && self.v6)) {
                return Cow::Owned(given.to_string());
            }
        }
        Cow::Borrowed(address)
    }

    /// Every address of a service that requests may name as their host.
    /// After `pilot/pkg/model/service.go:getAllAddressesForProxy`.
    pub(super) fn hosts_of<'i>(self, one: &'i Imported<'_>) -> Vec<Cow<'i, str>> {
        match one.service.registry {
            Registry::Kubernetes => {
                let all = one.addresses();
                // A proxy of both families takes those of the first address's.
                let first = all.first().is_some_and(|a| a.contains(':'));
                let family = |a: &&String| !(self.v4 && self.v6) || a.contains(':') == first;
                all.iter()
                    .filter(|a| self.has(a))
                    .filter(family)
                    .map(|a| Cow::Borrowed(a.as_str()))
                    .collect()
            }
            Registry::ServiceEntry => vec![self.address_of(one)],
        }
    }
}
