//! Which listener and which chain of it take a connection, as Envoy decides.

use std::net::IpAddr;

use crate::predict::{
    Config, FilterChain, Listener, Network, ProxyFacts, UNSPECIFIED, UNSPECIFIED_V6,
};
use crate::walk::narrow;

/// Name of the listener that all outbound connections are redirected to.
pub(super) const VIRTUAL_OUTBOUND: &str = "virtualOutbound";

/// Name of the listener that all inbound connections are redirected to.
pub(super) const VIRTUAL_INBOUND: &str = "virtualInbound";

/// How a listener comes to take a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It has the address.
    Own,
    /// It takes every address on the port.
    CatchAll,
    /// It takes what no other takes.
    Rest,
}

/// The listener that a redirected connection comes to: the one of its address, else the wildcard of its family, else
/// the one that it was redirected to. There is no second choice after the first two.
///
/// `there`: whether Envoy has a listener.
pub(super) fn listener<'c>(
    config: &'c Config,
    proxy: &ProxyFacts,
    address: &str,
    port: u32,
    there: &dyn Fn(&Listener) -> bool,
) -> Option<(&'c Listener, How)> {
    let ip = address.parse::<IpAddr>().ok();
    let of_port = || {
        let all = config.listeners.iter();
        all.filter(move |l| l.port == port && !l.name.starts_with("virtual") && there(l))
    };
    let same = |l: &&Listener| match (ip, l.address.parse::<IpAddr>()) {
        (Some(asked), Ok(own)) => asked == own,
        _ => l.address == address,
    };
    if let Some(found) = of_port().find(same) {
        return Some((found, How::Own));
    }
    let v6 = ip.map_or_else(
        || !proxy.ips.is_empty() && proxy.ips.iter().all(|ip| ip.contains(':')),
        |ip| ip.is_ipv6(),
    );
    // A wildcard listener of a proxy with both families has both addresses.
    let both = proxy.ips.iter().any(|ip| ip.contains(':'));
    let wildcard = |l: &&Listener| match l.address.as_str() {
        UNSPECIFIED => !v6 || both,
        UNSPECIFIED_V6 => v6,
        _ => false,
    };
    if let Some(found) = of_port().find(wildcard) {
        return Some((found, How::CatchAll));
    }
    let rest = config
        .listeners
        .iter()
        .find(|l| l.name == VIRTUAL_OUTBOUND)?;
    Some((rest, How::Rest))
}

/// What a client sends first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// Anything that is neither HTTP nor TLS.
    Bytes,
    /// HTTP in plaintext.
    Http,
    /// TLS with this server name, and the ALPN of Istio's mutual TLS or none.
    Tls {
        /// Server name.
        sni: String,
        /// Whether it is Istio's own.
        mutual: bool,
    },
}

/// The chain that takes a connection: Envoy narrows by port, address, server name, transport and ALPN in this order
/// and never goes back; what is left without a chain goes to the default one, if there is one.
pub(super) fn chain<'c>(
    listener: &'c Listener,
    address: &str,
    port: u32,
    speaks: &Speaks,
) -> Option<&'c FilterChain> {
    narrowed(listener, address, port, speaks).or(listener.default_chain.as_ref())
}

fn narrowed<'c>(
    listener: &'c Listener,
    address: &str,
    port: u32,
    speaks: &Speaks,
) -> Option<&'c FilterChain> {
    let all: Vec<&FilterChain> = listener.chains.iter().collect();
    let by_port = prefer(all, |c| c.matches.destination_port.map(|p| p == port));
    // Without any chain of the port that asks for them, server name and transport are not looked at.
    // After istio `core/listener_inbound.go:populateListenerFilters`.
    let looks_at_tls = by_port
        .iter()
        .any(|c| !c.sni.is_empty() || c.matches.transport_protocol.is_some_and(|t| t == "tls"));
    let looks_at_http = by_port.iter().any(|c| !c.application_protocols.is_empty());
    let by_address = longest(by_port, address.parse().ok());
    let (sni, transport) = match speaks {
        Speaks::Tls { sni, .. } if looks_at_tls => (sni.as_str(), "tls"),
        _ => ("", "raw_buffer"),
    };
    let by_name = by_server_name(by_address, sni);
    let by_transport = prefer(by_name, |c| {
        c.matches.transport_protocol.map(|t| t == transport)
    });
    let offers: &[&str] = match speaks {
        Speaks::Http if looks_at_http => &["http/1.1"],
        Speaks::Tls { mutual: true, .. } if transport == "tls" => &["istio"],
        _ => &[],
    };
    let by_alpn = prefer(by_transport, |c| {
        let asked = &c.application_protocols;
        (!asked.is_empty()).then(|| asked.iter().any(|a| offers.contains(a)))
    });
    by_alpn.first().copied()
}

/// Those that ask for something and get it; without any, those that do not ask.
fn prefer(
    chains: Vec<&FilterChain>,
    asks: impl Fn(&FilterChain) -> Option<bool>,
) -> Vec<&FilterChain> {
    let fitting: Vec<&FilterChain> = chains
        .iter()
        .copied()
        .filter(|c| asks(c) == Some(true))
        .collect();
    if fitting.is_empty() {
        chains.into_iter().filter(|c| asks(c).is_none()).collect()
    } else {
        fitting
    }
}

/// Those of the longest network that holds the address; an address that is not known lies in none.
fn longest(chains: Vec<&FilterChain>, address: Option<IpAddr>) -> Vec<&FilterChain> {
    let length = |c: &FilterChain| {
        let networks = c.matches.prefix_ranges.iter();
        let read = networks.filter_map(|n| n.parse::<Network>().ok());
        let holding = read.filter(|n| address.is_some_and(|a| n.holds(a)));
        holding.map(|n| n.length).max()
    };
    let most = chains.iter().filter_map(|c| length(c)).max();
    chains
        .into_iter()
        .filter(|c| match most {
            Some(most) => length(c) == Some(most),
            None => c.matches.prefix_ranges.is_empty(),
        })
        .collect()
}

fn by_server_name<'c>(chains: Vec<&'c FilterChain>, sni: &str) -> Vec<&'c FilterChain> {
    let Some(best) = narrow::chain_for_sni(&chains, sni) else {
        return Vec::new();
    };
    chains.into_iter().filter(|c| c.sni == best.sni).collect()
}
