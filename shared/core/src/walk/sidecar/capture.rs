//! Whether a connection comes to the proxy at all: what the pod's rules redirect.
//! After istio `tools/istio-iptables/pkg/capture/run.go:IptablesConfigurator.Run` and the arguments that
//! `injection-template.yaml` gives to it.

use std::net::IpAddr;

use crate::causes::Uncaptured;
use crate::predict::{Injection, Network, ProxyFacts, injection, pod_spec, workload_spec};
use crate::snapshot::views::{Container, Labels};
use crate::snapshot::{Object, Snapshot};

/// Prefix of the annotations about what is redirected.
const PREFIX: &str = "traffic.sidecar.istio.io/";

/// Ports that are never redirected on their way in: the agent's, readiness, metrics, and HBONE's own.
const NEVER_IN: [u32; 4] = [15008, 15020, 15021, 15090];

/// Whether a connection is redirected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Captured {
    /// It is.
    Yes,
    /// It is not, and why.
    No(Uncaptured),
    /// The address decides, and is not known.
    ByAddress,
}

/// What a pod's rules say.
pub(super) struct Rules<'o> {
    annotations: &'o Labels,
    arguments: &'o [String],
}

impl<'o> Rules<'o> {
    /// Those of a pod, or of a workload's template.
    pub(super) fn of(object: &'o Object) -> Option<Self> {
        let spec = pod_spec(object)?;
        let annotations = match workload_spec(object) {
            Some(workload) => &workload.template.metadata.annotations,
            None => &object.meta.annotations,
        };
        let mut inits = spec.init_containers.iter();
        let init =
            inits.find(|c: &&Container| c.args.first().is_some_and(|a| a == "istio-iptables"));
        Some(Self {
            annotations,
            arguments: init.map_or(&[], |c| c.args.as_slice()),
        })
    }

    /// What the init container really gets, else what the annotation asks for.
    fn value(&self, flag: &str, annotation: &str) -> Option<&'o str> {
        let mut pairs = self.arguments.iter().zip(self.arguments.iter().skip(1));
        let given = pairs.find(|(name, _)| *name == flag);
        given.map(|(_, value)| value.as_str()).or_else(|| {
            let name = format!("{PREFIX}{annotation}");
            self.annotations.get(&name).map(String::as_str)
        })
    }

    /// Whether a connection of the pod to an address is redirected.
    pub(super) fn outbound(
        &self,
        proxy: &ProxyFacts,
        address: Option<IpAddr>,
        port: u32,
    ) -> Captured {
        let has_port = |list: &str| items(list).any(|item| item.parse() == Ok(port));
        let excluded = self.value("-o", "excludeOutboundPorts").unwrap_or_default();
        if has_port(excluded) {
            return Captured::No(Uncaptured::PortExcluded);
        }
        let own = |ip: IpAddr| proxy.ips.iter().any(|own| own.parse() == Ok(ip));
        let included = self.value("-i", "includeOutboundIPRanges").unwrap_or("*");
        let with_loopback = networks(included).any(|n| n.address.is_loopback());
        if let Some(ip) = address
            && ((own(ip) && !with_loopback) || ip.is_loopback())
        {
            return Captured::No(Uncaptured::OwnAddress);
        }
        let left_out = self
            .value("-x", "excludeOutboundIPRanges")
            .unwrap_or_default();
        let lies_in = |list: &str| address.map(|ip| networks(list).any(|n| n.holds(ip)));
        match lies_in(left_out) {
            Some(true) => return Captured::No(Uncaptured::AddressExcluded),
            None if networks(left_out).next().is_some() => return Captured::ByAddress,
            _ => {}
        }
        if has_port(self.value("-q", "includeOutboundPorts").unwrap_or_default()) {
            return Captured::Yes;
        }
        if included.trim() == "*" {
            return Captured::Yes;
        }
        match lies_in(included) {
            Some(true) => Captured::Yes,
            None if networks(included).next().is_some() => Captured::ByAddress,
            _ => Captured::No(Uncaptured::AddressNotIncluded),
        }
    }

    /// Whether a connection to a port of the pod is redirected.
    pub(super) fn inbound(&self, port: u32) -> bool {
        let has_port = |list: &str| items(list).any(|item| item.parse() == Ok(port));
        if NEVER_IN.contains(&port) {
            return false;
        }
        let included = self.value("-b", "includeInboundPorts").unwrap_or("*");
        if included.trim() == "*" {
            return !has_port(self.value("-d", "excludeInboundPorts").unwrap_or_default());
        }
        has_port(included)
    }

    /// The annotation that a rule comes from, if that is where it is written.
    pub(super) fn annotated(&self, why: Uncaptured) -> Option<String> {
        let name = match why {
            Uncaptured::PortExcluded => "excludeOutboundPorts",
            Uncaptured::AddressExcluded => "excludeOutboundIPRanges",
            Uncaptured::AddressNotIncluded => "includeOutboundIPRanges",
            _ => return None,
        };
        let name = format!("{PREFIX}{name}");
        self.annotations.contains_key(&name).then_some(name)
    }
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn networks(list: &str) -> impl Iterator<Item = Network> {
    items(list).filter_map(|item| item.parse().ok())
}

/// Whether there is a proxy beside the application; `None` when that was not read.
pub(super) fn has_proxy(snapshot: &Snapshot, object: &Object) -> Option<Result<(), Uncaptured>> {
    match injection(snapshot, object) {
        Injection::Yes => Some(Ok(())),
        Injection::HostNetwork => Some(Err(Uncaptured::HostNetwork)),
        Injection::OptedOut => Some(Err(Uncaptured::OptedOut)),
        Injection::No => Some(Err(Uncaptured::NoProxy)),
        Injection::Unknown => None,
    }
}
