//! Whether a connection comes to the proxy at all: what the pod's rules redirect.
//! After istio `tools/istio-iptables/pkg/capture/run.go:IptablesConfigurator.Run` and the arguments that
//! `injection-template.yaml` gives to it.

use std::net::IpAddr;

use crate::causes::Uncaptured;
use crate::predict::{Injection, Network, ProxyFacts, injection, pod_spec, workload_spec};
use crate::snapshot::views::{Container, Labels, PodSpec};
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

/// The user and the group that the proxy runs as, where nothing says otherwise.
const PROXY_ID: i64 = 1337;

/// What a pod's rules say.
pub(super) struct Rules<'o> {
    annotations: &'o Labels,
    arguments: &'o [String],
    spec: &'o PodSpec,
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
            spec,
        })
    }

    fn argument(&self, flag: &str) -> Option<&'o str> {
        let mut pairs = self.arguments.iter().zip(self.arguments.iter().skip(1));
        let given = pairs.find(|(name, _)| *name == flag);
        given.map(|(_, value)| value.as_str())
    }

    /// What the init container really gets, else what the annotation asks for.
    fn value(&self, flag: &str, annotation: &str) -> Option<&'o str> {
        self.argument(flag).or_else(|| {
            let name = format!("{PREFIX}{annotation}");
            self.annotations.get(&name).map(String::as_str)
        })
    }

    /// The application's containers whose processes have the user or the group of the proxy: what those open is taken
    /// for Envoy's own. Supplementary groups and `fsGroup` do not count. The first of them, and whether it is all.
    pub(super) fn as_proxy(&self) -> Option<(Uncaptured, bool)> {
        let pod = &self.spec.security_context;
        let mut proxies = self
            .spec
            .containers
            .iter()
            .chain(&self.spec.init_containers);
        let proxy = proxies.find(|c| is_proxy(c)).map(|c| &c.security_context);
        let given = |flag: &str| self.argument(flag).and_then(|v| v.parse().ok());
        let user = given("-u").or_else(|| proxy.and_then(|s| s.run_as_user));
        let group = given("-g").or_else(|| given("-u"));
        let group = group.or_else(|| proxy.and_then(|s| s.run_as_group));
        let (user, group) = (user.unwrap_or(PROXY_ID), group.unwrap_or(PROXY_ID));
        let alike = |c: &Container| {
            let own = &c.security_context;
            let by_user = own.run_as_user.or(pod.run_as_user) == Some(user);
            (by_user || own.run_as_group.or(pod.run_as_group) == Some(group)).then_some(!by_user)
        };
        let all = || {
            self.spec
                .containers
                .iter()
                .enumerate()
                .filter(|(_, c)| !is_proxy(c))
        };
        let (container, by_group) = all().find_map(|(n, c)| Some((n, alike(c)?)))?;
        let why = Uncaptured::ProxyUser {
            container,
            by_group,
        };
        Some((why, all().all(|(_, c)| alike(c).is_some())))
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
        if let Some((why, true)) = self.as_proxy() {
            return Captured::No(why);
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

fn is_proxy(container: &Container) -> bool {
    container.name == "istio-proxy"
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
        Injection::IgnoredNamespace => Some(Err(Uncaptured::IgnoredNamespace)),
        Injection::NotSelected => Some(Err(Uncaptured::NotSelected)),
        Injection::WithoutEnvoy => Some(Err(Uncaptured::WithoutEnvoy)),
        Injection::OwnTemplate | Injection::Unknown => None,
    }
}
