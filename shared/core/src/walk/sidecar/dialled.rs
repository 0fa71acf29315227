//! What a name or an address in a question stands for: the address that the client dials, and what it means there.

use std::cmp::Reverse;
use std::net::IpAddr;

use super::why;
use crate::predict::hosts::{is_subset, is_wildcard};
use crate::predict::store::{Registry, Resolution, Service, Store};
use crate::predict::{Network, ProxyFacts, UNSPECIFIED, addresses_of};
use crate::snapshot::views::{self, AsView};
use crate::snapshot::{Kind, Object, ObjectId};

/// How many ExternalNames are followed one behind the other.
const MOST_ALIASES: usize = 8;

/// What is behind an address.
#[derive(Clone, Copy, Debug)]
pub(in crate::walk) enum Meant<'s> {
    /// An address of this service.
    Service(&'s Service),
    /// One of several addresses that a headless service's name stands for, and the pod that has it.
    Instance {
        /// The service whose name was asked for.
        service: &'s Service,
        /// The pod, or the workload whose pods do not exist yet.
        pod: Option<&'s Object>,
    },
    /// A pod's own address.
    Pod(&'s Object),
    /// An address at which only the nodes know this Service: a load balancer's, or one of `externalIPs`.
    AtNodes(&'s Object),
    /// An endpoint of a host that istiod gave another address, which its listener has.
    Behind(&'s Service),
    /// Nothing that was read.
    Nothing,
}

impl<'s> Meant<'s> {
    /// The pod that is dialled.
    pub(super) const fn pod(&self) -> Option<&'s Object> {
        match self {
            Self::Instance { pod, .. } => *pod,
            Self::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// Whether nothing that was read has the address.
    pub(super) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// The service that is dialled, by its address or its name.
    pub(super) const fn service(&self) -> Option<&'s Service> {
        match self {
            Self::Service(service) | Self::Instance { service, .. } => Some(service),
            _ => None,
        }
    }
}

/// A destination as a client dials it.
#[derive(Clone, Debug)]
pub(in crate::walk) struct Dialled<'s> {
    /// As listeners have it: an IP address, or words in angle brackets that stand for one.
    pub(in crate::walk) address: String,
    /// What it means.
    pub(in crate::walk) meant: Meant<'s>,
    /// An ExternalName on the way: its own name has no listener.
    pub(in crate::walk) alias: Option<&'s Service>,
    /// A ServiceEntry with the name, whose addresses cannot be read.
    pub(super) unaddressed: Option<ObjectId>,
    /// What the answer rests on.
    pub(super) assumption: Option<String>,
}

impl<'s> Dialled<'s> {
    fn new(address: impl Into<String>, meant: Meant<'s>) -> Self {
        Self {
            address: address.into(),
            meant,
            alias: None,
            unaddressed: None,
            assumption: None,
        }
    }

    /// The IP address, where it is known.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }

    /// As people read it, with a port.
    pub(super) fn with_port(&self, port: u32) -> String {
        with_port(&self.address, port)
    }
}

/// An address with a port.
pub(in crate::walk) fn with_port(address: &str, port: u32) -> String {
    match address.parse() {
        Ok(IpAddr::V6(_)) => format!("[{address}]:{port}"),
        _ => format!("{address}:{port}"),
    }
}

/// What a host in a question stands for, asked from a proxy's pod.
pub(super) fn dial<'s>(
    store: &'s Store<'_>,
    proxy: &ProxyFacts,
    host: &str,
    port: u32,
) -> Dialled<'s> {
    match host.parse::<IpAddr>() {
        Ok(ip) => by_address(store, proxy, ip, port),
        Err(_) => by_name(store, proxy, host),
    }
}

/// What has an address.
fn by_address<'s>(store: &'s Store<'_>, proxy: &ProxyFacts, ip: IpAddr, port: u32) -> Dialled<'s> {
    let has = |s: &&Service| {
        let mut own = s.addresses.iter();
        if proxy.metadata.dns_capture && s.given.contains(&ip) {
            return true;
        }
        s.resolution != Resolution::Alias
            && own.any(|a| a != UNSPECIFIED && a.parse::<Network>().is_ok_and(|n| n.holds(ip)))
    };
    let unseen = || store.unseen_services().map(|(service, _)| service);
    let all = || store.services.iter().chain(unseen()).filter(has);
    let kubernetes = all().find(|s| s.registry == Registry::Kubernetes);
    let exact = || all().find(|s| s.addresses.iter().any(|a| a.parse() == Ok(ip)));
    // Envoy takes the longest network of those that have a chain for the port.
    let length = |s: &&Service| {
        let read = s.addresses.iter().filter_map(|a| a.parse::<Network>().ok());
        let holding = read.filter(|n| n.holds(ip)).map(|n| n.length);
        let has_port = s.ports.iter().any(|p| p.number == port);
        Reverse((has_port, holding.max()))
    };
    let meant = kubernetes
        .or_else(exact)
        .map(Meant::Service)
        .or_else(|| store.pod_by_ip(&ip.to_string()).map(Meant::Pod))
        .or_else(|| all().min_by_key(length).map(Meant::Service))
        .or_else(|| endpoint(store, &ip.to_string()))
        .or_else(|| at_nodes(store, &ip.to_string()).map(Meant::AtNodes))
        .or_else(|| {
            let given = proxy.metadata.dns_capture;
            given.then(|| behind_given(store, &ip.to_string()).map(Meant::Behind))?
        });
    Dialled::new(ip.to_string(), meant.unwrap_or(Meant::Nothing))
}

/// A headless service with this address for an endpoint: one outside of the cluster, as no pod has it.
fn endpoint<'s>(store: &'s Store<'_>, address: &str) -> Option<Meant<'s>> {
    let mut headless = store.services.iter().filter(|s| is_headless(s));
    let service = headless.find(|s| addresses_of(store, s).iter().any(|a| a == address))?;
    Some(Meant::Instance { service, pod: None })
}

/// A host of a ServiceEntry that istiod gave an address, and that has this one for an endpoint.
fn behind_given<'s>(store: &'s Store<'_>, address: &str) -> Option<&'s Service> {
    store.services.iter().find(|s| {
        let object = store.snapshot.get(s.object);
        let view = object.and_then(|o| views::ServiceEntry::of(&o.view));
        let mut endpoints = view.iter().flat_map(|v| &v.spec.endpoints);
        !s.given.is_empty() && endpoints.any(|e| e.address == address)
    })
}

/// A Kubernetes Service without an address of its own.
pub(super) fn is_headless(service: &Service) -> bool {
    service.registry == Registry::Kubernetes && service.resolution == Resolution::Passthrough
}

/// The Service that nodes know at an address.
fn at_nodes<'s>(store: &Store<'s>, address: &str) -> Option<&'s Object> {
    store.snapshot.of_kind(Kind::Service).find(|object| {
        views::Service::of(&object.view).is_some_and(|s| {
            let balancers = s.status.load_balancer.ingress.iter().map(|i| &i.ip);
            s.spec
                .external_ips
                .iter()
                .chain(balancers)
                .any(|ip| ip == address)
        })
    })
}

/// The names that a pod's resolver asks for, in order: the cluster's search domains come first, as pods are given
/// `ndots:5`.
fn candidates(host: &str, namespace: &str, domain: &str) -> Vec<String> {
    if let Some(whole) = host.strip_suffix('.') {
        return vec![whole.to_owned()];
    }
    let searched = || {
        [
            format!("{host}.{namespace}.svc.{domain}"),
            format!("{host}.svc.{domain}"),
            format!("{host}.{domain}"),
        ]
    };
    let own = host.to_owned();
    if host.matches('.').count() >= 5 {
        std::iter::once(own).chain(searched()).collect()
    } else {
        searched().into_iter().chain([own]).collect()
    }
}

pub(in crate::walk) fn by_name<'s>(
    store: &'s Store<'_>,
    proxy: &ProxyFacts,
    host: &str,
) -> Dialled<'s> {
    let host = host.to_lowercase();
    let names = candidates(&host, &proxy.namespace, &store.mesh.domain);
    let mut alias = None;
    let mut found = names.iter().find_map(|n| in_cluster(store, proxy, n));
    for _ in 0..MOST_ALIASES {
        let Some(Named::Alias(service, target)) = &found else {
            break;
        };
        alias.get_or_insert(*service);
        found = Some(
            in_cluster(store, proxy, target).unwrap_or_else(|| Named::Other((*target).to_owned())),
        );
    }
    let mut dialled = match found {
        Some(Named::Found(dialled)) => dialled,
        Some(Named::Other(name)) => outside(store, proxy, std::slice::from_ref(&name)),
        Some(Named::Alias(..)) | None => outside(store, proxy, &names),
    };
    dialled.alias = alias;
    dialled
}

/// A name of the cluster's own DNS.
enum Named<'s> {
    Found(Dialled<'s>),
    Alias(&'s Service, &'s str),
    Other(String),
}

/// What the cluster's DNS says to a whole name.
fn in_cluster<'s>(store: &'s Store<'_>, proxy: &ProxyFacts, name: &str) -> Option<Named<'s>> {
    let kubernetes = |name: &str| {
        // DNS knows a Service that istiod does not see.
        let unseen = store.unseen_service(name).map(|(service, _)| service);
        let mut all = store.services_named(name).chain(unseen);
        all.find(|s| s.registry == Registry::Kubernetes)
    };
    if let Some(service) = kubernetes(name) {
        if let Some(target) = service.external_name.as_deref() {
            return Some(Named::Alias(service, target));
        }
        if is_headless(service) {
            return Some(Named::Found(one_of(store, proxy, service)));
        }
        let address = service
            .addresses
            .first()
            .map_or(UNSPECIFIED, String::as_str);
        return Some(Named::Found(Dialled::new(address, Meant::Service(service))));
    }
    // A pod of a StatefulSet has a name below its headless Service.
    let (pod, rest) = name.split_once('.')?;
    let service = kubernetes(rest).filter(|s| is_headless(s))?;
    let object = store.snapshot.find(Kind::Pod, &service.namespace, pod)?;
    let ip = views::Pod::of(&object.view).map(|p| p.status.pod_ip.clone())?;
    let meant = Meant::Instance {
        service,
        pod: Some(object),
    };
    Some(Named::Found(Dialled::new(ip, meant)))
}

/// One of the addresses behind a headless service's name: another pod's, if there is one.
fn one_of<'s>(store: &'s Store<'_>, proxy: &ProxyFacts, service: &'s Service) -> Dialled<'s> {
    let all = addresses_of(store, service);
    let other = all.iter().find(|a| !proxy.ips.contains(a));
    let Some(address) = other.or_else(|| all.first()) else {
        // Without ports there are no endpoints, but DNS has the pods' addresses.
        let pod = why::selected(store, service).filter(|_| service.ports.is_empty());
        let view = pod.and_then(|pod| views::Pod::of(&pod.view));
        if let Some(ip) = view.map(|p| &p.status.pod_ip).filter(|ip| !ip.is_empty()) {
            return Dialled::new(ip.clone(), Meant::Instance { service, pod });
        }
        let name = format!("<no address of {}>", service.hostname);
        return Dialled::new(name, Meant::Instance { service, pod: None });
    };
    let pod = store
        .pod_by_ip(address)
        .or_else(|| workload(store, address));
    Dialled::new(address.clone(), Meant::Instance { service, pod })
}

/// The workload that pods of are meant which do not exist yet: prediction calls their address after it.
pub(in crate::walk) fn workload<'s>(store: &Store<'s>, address: &str) -> Option<&'s Object> {
    let name = address.strip_prefix("<pods of ")?.strip_suffix('>')?;
    let kinds = crate::predict::WORKLOAD_KINDS.into_iter();
    let mut all = kinds.flat_map(|kind| store.snapshot.of_kind(kind));
    all.find(|o| o.key.to_string() == name)
}

/// A name that another DNS answers: the address is not in any object, unless a ServiceEntry says it.
fn outside<'s>(store: &'s Store<'_>, proxy: &ProxyFacts, names: &[String]) -> Dialled<'s> {
    let known = names.iter().rev().find_map(|n| {
        let unseen = store.unseen_service(n).map(|(service, _)| service);
        let mut all = store.services_named(n).chain(unseen);
        all.find(|s| s.registry == Registry::ServiceEntry)
    });
    let known = known.or_else(|| below_wildcard(store, names.last()?));
    let name = names.last().map_or("", String::as_str);
    let Some(service) = known else {
        return Dialled {
            unaddressed: names.iter().rev().find_map(|n| store.unaddressed(n)),
            ..Dialled::new(format!("<address of {name}>"), Meant::Nothing)
        };
    };
    let meant = Meant::Service(service);
    let written = service
        .addresses
        .iter()
        .find(|a| a.parse::<IpAddr>().is_ok());
    let networks = service.addresses.iter().filter(|a| a.contains('/'));
    let network = networks
        .filter_map(|a| Some((a, a.parse::<Network>().ok()?)))
        .next();
    if let (None, Some((network, read))) = (written, network) {
        let (address, host) = (read.first(), &service.hostname);
        return Dialled {
            assumption: Some(format!(
                "DNS gives an address in {network} for {host}, such as {address}"
            )),
            ..Dialled::new(address.to_string(), meant)
        };
    }
    if written.is_none_or(|a| a == UNSPECIFIED)
        && proxy.metadata.dns_capture
        && let Some(given) = given(service, proxy)
    {
        return Dialled::new(given.to_string(), meant);
    }
    match written.filter(|a| *a != UNSPECIFIED) {
        Some(address) if proxy.metadata.dns_capture => Dialled::new(address.as_str(), meant),
        Some(address) => Dialled {
            assumption: Some(format!("DNS gives {address} for {}", service.hostname)),
            ..Dialled::new(address.as_str(), meant)
        },
        None => Dialled::new(format!("<address of {}>", service.hostname), meant),
    }
}

/// The ServiceEntry whose wildcard host a name lies below: the nearest.
fn below_wildcard<'s>(store: &'s Store<'_>, name: &str) -> Option<&'s Service> {
    let fits = |s: &&Service| is_wildcard(&s.hostname) && is_subset(name, &s.hostname);
    let all = store.services.iter().filter(fits);
    all.min_by_key(|s| Reverse(s.hostname.len()))
}

/// The address that a proxy's own DNS answers for a host, where istiod gave it one.
fn given(service: &Service, proxy: &ProxyFacts) -> Option<IpAddr> {
    let v6 = |ip: &String| ip.contains(':');
    let has_v4 = proxy.ips.is_empty() || !proxy.ips.iter().all(v6);
    let given = || service.given.iter().copied();
    given()
        .rfind(|a| a.is_ipv4() && has_v4)
        .or_else(|| given().rfind(|a| a.is_ipv6() && proxy.ips.iter().any(v6)))
}

#[cfg(test)]
mod tests {
    use super::candidates;

    #[test]
    fn search_domains_come_first() {
        assert_eq!(
            candidates("db", "shop", "cluster.local"),
            [
                "db.shop.svc.cluster.local",
                "db.svc.cluster.local",
                "db.cluster.local",
                "db"
            ]
        );
        assert_eq!(candidates("db.", "shop", "cluster.local"), ["db"]);
        let long = candidates("a.b.c.d.e.f", "shop", "cluster.local");
        assert_eq!(long.first().map(String::as_str), Some("a.b.c.d.e.f"));
    }
}
