//! Addresses of a sidecar and of the services it knows.
//! After istio `core/listener_address.go` and `pilot/pkg/model/service.go:GetAddressForProxy` (1.31).

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
}

impl Families {
    /// Those of its addresses; a proxy without any counts as IPv4.
    pub(super) fn of(proxy: &ProxyFacts) -> Self {
        let v6 = proxy.ips.iter().any(|ip| ip.contains(':'));
        Self {
            v4: !v6 || proxy.ips.iter().any(|ip| !ip.contains(':')),
            v6,
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
    pub(super) fn address_of<'i>(self, one: &'i Imported<'_>) -> &'i str {
        let all = one.addresses();
        let own = match one.service.registry {
            Registry::Kubernetes => all.iter().find(|a| self.has(a)),
            Registry::ServiceEntry => None,
        };
        own.or_else(|| all.first())
            .map_or(UNSPECIFIED, String::as_str)
    }

    /// Every address of a service that requests may name as their host.
    /// After `pilot/pkg/model/service.go:getAllAddressesForProxy`.
    pub(super) fn hosts_of<'i>(self, one: &'i Imported<'_>) -> Vec<&'i str> {
        let all = one.addresses().iter().map(String::as_str);
        match one.service.registry {
            Registry::Kubernetes => all.filter(|a| self.has(a)).collect(),
            Registry::ServiceEntry => all.collect(),
        }
    }
}
