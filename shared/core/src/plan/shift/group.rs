//! The destinations of a rule as people name them, and what is behind each.

use super::{Ready, Row, written};
use crate::ledger::Reason;
use crate::plan::route::{self, RuleRef, Uses};
use crate::plan::weights;
use crate::predict::hosts::resolve_short_name;
use crate::predict::store::{Store, VirtualService};
use crate::predict::{Endpoint, ProxyFacts, reached};
use crate::snapshot::views::Destination;
use crate::walk::Class;

/// Destinations of a rule that are the same: one, as a rule.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) destination: Destination,
    pub(super) host: String,
    /// Places in the rule; none for a new one.
    pub(super) places: Vec<usize>,
    /// What each place has.
    pub(super) shares: Vec<u32>,
    pub(super) now: u32,
    pub(super) label: String,
}

impl Group {
    pub(super) fn row(&self, after: u32, ready: Ready) -> Row {
        Row {
            label: self.label.clone(),
            host: self.host.clone(),
            subset: self.destination.subset.clone(),
            port: self.destination.port.as_ref().map(|p| p.number),
            now: self.now,
            after,
            ready,
        }
    }
}

pub(super) fn groups(store: &Store<'_>, vs: &VirtualService<'_>, rule: RuleRef) -> Vec<Group> {
    let route = route::destinations(vs, rule);
    let shares = weights::effective(&written(vs, rule));
    let mut groups: Vec<Group> = Vec::new();
    for (n, (destination, share)) in route.iter().zip(shares).enumerate() {
        let destination = &destination.destination;
        let host = resolve_short_name(&destination.host, vs.namespace(), &store.mesh.domain);
        let same = |g: &&mut Group| {
            g.host == host
                && g.destination.subset == destination.subset
                && g.destination.port == destination.port
        };
        if let Some(group) = groups.iter_mut().find(same) {
            group.places.push(n);
            group.shares.push(share);
            group.now += share;
            continue;
        }
        groups.push(Group {
            destination: destination.clone(),
            host: host.into_owned(),
            places: vec![n],
            shares: vec![share],
            now: share,
            label: String::new(),
        });
    }
    label(&mut groups, vs.namespace(), &store.mesh.domain);
    groups
}

/// A host as people write it from a namespace: the Service's name, with its namespace when that is another.
pub(super) fn short_host(host: &str, namespace: &str, domain: &str) -> String {
    let parts = host
        .strip_suffix(&format!(".svc.{domain}"))
        .and_then(|h| h.split_once('.'));
    match parts {
        Some((name, ns)) if ns == namespace => name.to_owned(),
        Some((name, ns)) => format!("{name}.{ns}"),
        None => host.to_owned(),
    }
}

/// Gives each destination the shortest name that means no other.
pub(super) fn label(groups: &mut [Group], namespace: &str, domain: &str) {
    let forms = |g: &Group| -> Vec<String> {
        let host = short_host(&g.host, namespace, domain);
        let subset = &g.destination.subset;
        let port = g.destination.port.as_ref().map_or(0, |p| p.number);
        let whole = if subset.is_empty() {
            host.clone()
        } else {
            format!("{host}/{subset}")
        };
        let short = if subset.is_empty() {
            host
        } else {
            subset.clone()
        };
        vec![short, whole.clone(), format!("{whole}:{port}")]
    };
    let all: Vec<Vec<String>> = groups.iter().map(forms).collect();
    for (n, group) in groups.iter_mut().enumerate() {
        let unique = |level: usize| {
            let own = all.get(n).and_then(|f| f.get(level));
            let same = all.iter().filter(|f| f.get(level) == own).count();
            own.filter(|_| same == 1).cloned()
        };
        let last = all.get(n).and_then(|f| f.last()).cloned();
        group.label = (0..3).find_map(unique).or(last).unwrap_or_default();
    }
}

/// The proxies that a rule's destinations are looked up for, with the declared number of the server.
pub(super) fn proxies(
    classes: &[Class],
    uses: &Uses,
    vs: &VirtualService<'_>,
) -> Vec<(ProxyFacts, u32)> {
    let mut found: Vec<(ProxyFacts, u32)> = uses
        .gateways
        .iter()
        .filter_map(|(n, ports)| {
            let class = classes.get(*n)?;
            Some((class.proxy.clone(), ports.first().copied().unwrap_or(0)))
        })
        .collect();
    if uses.sidecars > 0 || found.is_empty() {
        found.push((route::some_sidecar(vs), 0));
    }
    found
}

/// What is behind a destination, for the proxy that sees least of it.
pub(super) fn ready(
    store: &Store<'_>,
    proxies: &[(ProxyFacts, u32)],
    vs: &VirtualService<'_>,
    rule: RuleRef,
    destination: &Destination,
) -> Ready {
    let one = |(proxy, declared): &(ProxyFacts, u32)| {
        let reached = reached(store, proxy, vs, rule.block, destination, *declared);
        match reached.cluster {
            Err(reason) => Ready::None(reason),
            Ok((cluster, all)) => {
                let written = cluster
                    .endpoints
                    .iter()
                    .any(|e| matches!(e, Endpoint::Replicas { .. }));
                if written {
                    Ready::Replicas(cluster.endpoint_count())
                } else {
                    Ready::Pods {
                        ready: cluster.endpoint_count(),
                        all,
                    }
                }
            }
        }
    };
    proxies
        .iter()
        .map(one)
        .min_by_key(Ready::rank)
        .unwrap_or(Ready::Replicas(0))
}

/// What stands for a reason in a sentence about a destination.
pub(super) fn reason_words(reason: &Reason) -> String {
    match reason {
        Reason::UnknownHost { host } => format!("no Service is named {host}"),
        Reason::NotVisible { host } => format!("{host} is not exported to that namespace"),
        Reason::PortAbsent { host, port } => format!("{host} has no port {port}"),
        Reason::PortUnclear { host, port } => {
            format!("{host} has several ports, and none is {port}")
        }
        Reason::SubsetUndefined { subset, .. } => format!("subset {subset} is not defined"),
        Reason::NotForwarded { host, port } => {
            format!("port {port} of {host} is not of a protocol that is forwarded by name")
        }
        Reason::EmptyHost => "it has no host".to_owned(),
        Reason::PortMismatch { declared, .. } => {
            format!("its match.port is not {declared}, the Gateway's number")
        }
        Reason::GatewayMismatch { .. } => "its match.gateways leaves the Gateway out".to_owned(),
        Reason::EmptyRoute => "it has no destinations".to_owned(),
        Reason::ZeroSum => "no destination has a weight above 0".to_owned(),
        Reason::NoMatch => "a tls rule without match is never used".to_owned(),
        Reason::NotExported => "its exportTo leaves the gateway's namespace out".to_owned(),
        Reason::HostMismatch => "its hosts and the Gateway's have none in common".to_owned(),
        Reason::HostNamespace { .. } => {
            "the Gateway keeps the host for another namespace".to_owned()
        }
        Reason::NoBlock { needed } => {
            format!("the Gateway's server takes {} rules", needed.field())
        }
        Reason::NoHosts => "its VirtualService has no hosts".to_owned(),
        Reason::SourceMismatch { .. } => "it is for other proxies".to_owned(),
        _ => "no Gateway server takes it".to_owned(),
    }
}
