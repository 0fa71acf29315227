//! Would Envoy take the listeners? istiod does not ask: a listener that Envoy refuses is sent all the same, and the
//! others of the same answer are applied.
//!
//! The checks are those of Envoy 1.40 for one listener: its address, also beside the others', the names in its filter
//! chains, and whether two chains take the same connections.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::ProxyFacts;
use super::config::{Config, FilterChain, Listener};
use super::network::Network;
use super::proxy::ProxyKind;
use crate::ledger::EntryId;

/// What the static listener of a port that every gateway has is for.
#[must_use]
pub fn own_listener(port: u32) -> Option<&'static str> {
    match port {
        15021 => Some("readiness"),
        15090 => Some("metrics"),
        _ => None,
    }
}

/// Ports that the agent or Envoy's admin has in the pod.
const AGENT_PORTS: [u32; 4] = [15000, 15004, 15020, 15053];

/// Why Envoy refuses a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A static listener has the same address.
    StaticListener {
        /// The port.
        port: u32,
    },
    /// Another listener of the same answer has the address. Connections that are only redirected count as well.
    SameAddress {
        /// The other one's name.
        listener: String,
    },
    /// Another process of the pod has the port.
    AgentPort {
        /// The port.
        port: u32,
    },
    /// The port needs a privilege that the pod does not have.
    NotPermitted {
        /// The port.
        port: u32,
        /// The first port that needs none.
        first: u32,
    },
    /// The address is none of the pod's.
    NoAddress {
        /// The address.
        bind: String,
    },
    /// A server name with `*` elsewhere than in front of a dot.
    PartialWildcard {
        /// The name.
        name: String,
        /// The chain that has it.
        chain: Origin,
    },
    /// Two chains match the same connections to the letter.
    IdenticalChains {
        /// The first.
        first: Origin,
        /// The one that Envoy stumbles over.
        second: Origin,
    },
    /// A server name stands in two chains, or twice in one; letter case does not count.
    OverlappingNames {
        /// The name.
        name: String,
        /// The first.
        first: Origin,
        /// The one that Envoy stumbles over.
        second: Origin,
    },
}

/// Where a filter chain comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The `Chains` entry of its server, or the `Put` entry of a service's port.
    pub server: EntryId,
    /// The clause whose destinations it has.
    pub clause: Option<EntryId>,
}

impl Origin {
    fn of(chain: &FilterChain) -> Self {
        Self {
            server: chain.origin,
            clause: chain.clause,
        }
    }
}

/// The listeners that Envoy refuses, by name, each with the first reason it would give.
#[must_use]
pub fn refusals(config: &Config, proxy: &ProxyFacts) -> BTreeMap<String, Refusal> {
    let judged = config
        .listeners
        .iter()
        .map(|l| (l.name.clone(), refused(config, l, proxy)));
    judged
        .filter_map(|(name, refusal)| Some((name, refusal?)))
        .collect()
}

/// Why Envoy refuses one of the listeners, if it does.
///
/// Of two with one address, a sidecar's own one stays: that is how it is in a running proxy. After
/// `listener_manager_impl.cc:hasListenerWithDuplicatedAddress`.
#[must_use]
pub fn refused(config: &Config, listener: &Listener, proxy: &ProxyFacts) -> Option<Refusal> {
    let own = |l: &Listener| l.name.starts_with("virtual");
    if proxy.kind != ProxyKind::Sidecar {
        return refusal(listener, proxy);
    }
    if own(listener) {
        return None;
    }
    // Listeners are sorted by name: its own ones are the last.
    let mut all = config.listeners.iter().rev().take_while(|l| own(l));
    let beside = all.find(|other| other.port == listener.port && other.address == listener.address);
    beside
        .map(|other| Refusal::SameAddress {
            listener: other.name.clone(),
        })
        .or_else(|| refusal(listener, proxy))
}

fn refusal(listener: &Listener, proxy: &ProxyFacts) -> Option<Refusal> {
    by_names(&listener.chains).or_else(|| by_address(listener, proxy))
}

fn by_address(listener: &Listener, proxy: &ProxyFacts) -> Option<Refusal> {
    let address: IpAddr = listener.address.parse().ok()?;
    let port = listener.port;
    if address.is_unspecified() && own_listener(port).is_some() {
        return Some(Refusal::StaticListener { port });
    }
    // What connections are only redirected to is not bound.
    if listener.redirected_only {
        return None;
    }
    if address.is_unspecified() && AGENT_PORTS.contains(&port) {
        return Some(Refusal::AgentPort { port });
    }
    if let Some(first) = proxy.first_port.filter(|first| port < *first) {
        return Some(Refusal::NotPermitted { port, first });
    }
    let own = proxy.ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok());
    let known: BTreeSet<IpAddr> = own.collect();
    let elsewhere =
        !address.is_unspecified() && !address.is_loopback() && !known.contains(&address);
    (elsewhere && !known.is_empty()).then(|| Refusal::NoAddress {
        bind: listener.address.clone(),
    })
}

fn by_names(chains: &[FilterChain]) -> Option<Refusal> {
    // Most listeners of sidecars have just one, which asks for nothing.
    if let [only] = chains
        && only.sni.is_empty()
        && only.matches.prefix_ranges.is_empty()
    {
        return None;
    }
    for chain in chains {
        if let Some(name) = chain.sni.iter().find(|n| is_partial_wildcard(n)) {
            return Some(Refusal::PartialWildcard {
                name: name.clone(),
                chain: Origin::of(chain),
            });
        }
    }
    // What a chain takes: a port, a network, a name, a transport and an ALPN; what it does not ask for is `None`.
    let mut taken: BTreeMap<Takes<'_>, &FilterChain> = BTreeMap::new();
    for chain in chains {
        for takes in takes(chain) {
            let name = takes.2.clone();
            let Some(first) = taken.insert(takes, chain) else {
                continue;
            };
            let (first_origin, second) = (Origin::of(first), Origin::of(chain));
            let identical = !std::ptr::eq(first, chain) && asks_alike(first, chain);
            return Some(match name {
                Some(name) if !identical => Refusal::OverlappingNames {
                    name,
                    first: first_origin,
                    second,
                },
                _ => Refusal::IdenticalChains {
                    first: first_origin,
                    second,
                },
            });
        }
    }
    None
}

/// One of the places of a chain in Envoy's tables.
type Takes<'c> = (
    Option<u32>,
    Option<String>,
    Option<String>,
    Option<&'static str>,
    Option<&'c str>,
);

/// Every place that a chain has in Envoy's tables: networks count masked, names in lower case.
/// After `filter_chain_manager_impl.cc:addFilterChainForDestinationPorts` and those that it calls.
fn takes(chain: &FilterChain) -> Vec<Takes<'_>> {
    let port = chain.matches.destination_port;
    let transport = chain.matches.transport_protocol;
    let networks = one_or_none(&chain.matches.prefix_ranges, |text| {
        let read = text.parse::<Network>();
        read.map_or_else(|_| text.clone(), |n| n.masked().to_string())
    });
    let names = one_or_none(&chain.sni, |name| name.to_lowercase());
    let protocols = one_or_none(&chain.application_protocols, |p| *p);
    let mut found = Vec::new();
    for network in &networks {
        for name in &names {
            for protocol in &protocols {
                found.push((port, network.clone(), name.clone(), transport, *protocol));
            }
        }
    }
    found
}

/// Each of a list, or once nothing.
fn one_or_none<'t, T, U>(all: &'t [T], each: impl Fn(&'t T) -> U) -> Vec<Option<U>> {
    if all.is_empty() {
        return vec![None];
    }
    all.iter().map(|one| Some(each(one))).collect()
}

/// Whether two chains are alike to the letter.
fn asks_alike(a: &FilterChain, b: &FilterChain) -> bool {
    (&a.sni, &a.matches, &a.application_protocols) == (&b.sni, &b.matches, &b.application_protocols)
}

/// `*.a.com` is a wildcard; `*a.com` and `a.*.com` are not.
fn is_partial_wildcard(name: &str) -> bool {
    name.strip_prefix("*.").unwrap_or(name).contains('*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Ledger, Step};
    use crate::predict::{ChainKind, ChainMatch};
    use crate::snapshot::ObjectId;
    use crate::snapshot::views::Labels;

    fn listener(address: &str, port: u32, names: &[&[&str]]) -> Listener {
        let mut ledger = Ledger::default();
        let chain = |sni: &&[&str]| FilterChain {
            kind: ChainKind::Tcp,
            sni: sni.iter().map(|n| (*n).to_owned()).collect(),
            application_protocols: Vec::new(),
            matches: ChainMatch::default(),
            terminates_tls: false,
            clusters: Vec::new(),
            route: None,
            origin: ledger.open(Step::Gateway(ObjectId(0)), None),
            clause: None,
        };
        let chains = names.iter().map(chain).collect();
        Listener {
            name: format!("{address}_{port}"),
            address: address.to_owned(),
            port,
            redirected_only: false,
            chains,
            default_chain: None,
        }
    }

    fn judged(listener: &Listener, ips: &[&str]) -> Option<Refusal> {
        let mut proxy = ProxyFacts::assumed("istio-system", &Labels::new());
        proxy.ips = ips.iter().map(|ip| (*ip).to_owned()).collect();
        refusal(listener, &proxy)
    }

    #[test]
    fn an_ordinary_listener_is_taken() {
        assert_eq!(
            judged(&listener("0.0.0.0", 31400, &[&[]]), &["10.0.0.1"]),
            None
        );
        assert_eq!(
            judged(
                &listener("0.0.0.0", 443, &[&["a.com"], &["*.a.com"], &[]]),
                &[]
            ),
            None
        );
        assert_eq!(
            judged(&listener("10.0.0.1", 80, &[&[]]), &["10.0.0.1"]),
            None
        );
    }

    #[test]
    fn addresses_that_are_taken_or_not_there_are_refused() {
        let refused = |address, port| judged(&listener(address, port, &[&[]]), &["10.0.0.1"]);
        assert_eq!(
            refused("0.0.0.0", 15021),
            Some(Refusal::StaticListener { port: 15021 })
        );
        assert_eq!(
            refused("::", 15020),
            Some(Refusal::AgentPort { port: 15020 })
        );
        assert_eq!(
            refused("10.0.0.9", 80),
            Some(Refusal::NoAddress {
                bind: "10.0.0.9".to_owned()
            })
        );
        assert_eq!(
            judged(&listener("10.0.0.9", 80, &[&[]]), &[]),
            None,
            "the pod's addresses are not known"
        );
    }

    #[test]
    fn chains_that_take_the_same_connections_are_refused() {
        let refused = |names: &[&[&str]]| judged(&listener("0.0.0.0", 443, names), &[]);
        assert!(matches!(
            refused(&[&[], &[]]),
            Some(Refusal::IdenticalChains { .. })
        ));
        assert!(matches!(
            refused(&[&["a.com"], &["a.com"]]),
            Some(Refusal::IdenticalChains { .. })
        ));
        assert!(matches!(
            refused(&[&["a.com", "b.com"], &["B.com"]]),
            Some(Refusal::OverlappingNames { .. })
        ));
        assert!(matches!(
            refused(&[&["a.com", "a.com"]]),
            Some(Refusal::OverlappingNames { .. })
        ));
        assert!(matches!(
            refused(&[&["*a.com"]]),
            Some(Refusal::PartialWildcard { .. })
        ));
    }

    fn sidecar(listeners: Vec<Listener>) -> Vec<(String, Refusal)> {
        let mut proxy = ProxyFacts::assumed("shop", &Labels::new());
        proxy.kind = ProxyKind::Sidecar;
        let config = Config {
            listeners,
            ..Config::default()
        };
        refusals(&config, &proxy).into_iter().collect()
    }

    #[test]
    fn what_is_redirected_is_refused_for_an_address_that_is_taken_alone() {
        let redirected = |address, port| Listener {
            redirected_only: true,
            ..listener(address, port, &[&[]])
        };
        let own = Listener {
            name: "virtualOutbound".to_owned(),
            ..listener("0.0.0.0", 15001, &[&[]])
        };
        let refused = sidecar(vec![
            redirected("0.0.0.0", 15001),
            redirected("0.0.0.0", 15020),
            redirected("0.0.0.0", 15021),
            redirected("10.9.9.9", 15001),
            own,
        ]);
        let same = Refusal::SameAddress {
            listener: "virtualOutbound".to_owned(),
        };
        let fixed = Refusal::StaticListener { port: 15021 };
        assert_eq!(
            refused,
            [
                ("0.0.0.0_15001".to_owned(), same),
                ("0.0.0.0_15021".to_owned(), fixed)
            ]
        );
    }

    #[test]
    fn networks_are_compared_masked() {
        let with = |networks: [&str; 2]| {
            let mut one = listener("10.9.9.9", 5432, &[&[], &[]]);
            for (chain, network) in one.chains.iter_mut().zip(networks) {
                chain.matches.prefix_ranges = vec![network.to_owned()];
            }
            sidecar(vec![Listener {
                redirected_only: true,
                ..one
            }])
        };
        assert_eq!(with(["10.1.0.0/16", "10.2.0.0/16"]), []);
        assert_eq!(with(["10.1.0.0/16", "10.1.0.0/24"]), []);
        assert!(matches!(
            with(["10.1.7.7/16", "10.1.0.0/16"]).as_slice(),
            [(_, Refusal::IdenticalChains { .. })]
        ));
    }
}
