//! What ztunnel takes an address for: a workload, else a service, else nothing.
//! After ztunnel `src/state.rs:ProxyState.find_address` and, for names, `src/dns/server.rs`.

use std::net::IpAddr;

use crate::predict::ambient::{is_external_name, will_be_given};
use crate::predict::store::{Registry, Service, Store};
use crate::predict::{Network, ProxyFacts, UNSPECIFIED, hosts, pod_spec};
use crate::snapshot::Object;
use crate::walk::sidecar::dialled::{self, Meant};

/// What is dialled, and what ztunnel makes of it.
pub(super) struct Target<'s> {
    /// An IP address, or words in angle brackets that stand for one.
    pub(super) address: String,
    /// What it is.
    pub(super) is: Is<'s>,
    /// What the answer rests on.
    pub(super) assumes: Vec<String>,
}

/// What has an address.
#[derive(Clone, Copy)]
pub(super) enum Is<'s> {
    /// A service.
    Service(&'s Service),
    /// A pod.
    Pod {
        /// The pod, or the workload whose pods do not exist yet.
        pod: &'s Object,
        /// The headless Service whose name was asked for.
        service: Option<&'s Service>,
    },
    /// Nothing that ztunnel knows.
    Unknown(Unknown<'s>),
}

/// Why ztunnel knows nothing at an address.
#[derive(Clone, Copy)]
pub(super) enum Unknown<'s> {
    /// No object says anything about it.
    Nothing,
    /// It is that of a name which istiod does not tell ztunnel an address of.
    Service(&'s Service),
    /// A headless Service without pods: there is no address to dial.
    NoEndpoint(&'s Service),
}

impl<'s> Target<'s> {
    /// What a host in a question stands for.
    pub(super) fn of(store: &'s Store<'_>, proxy: &ProxyFacts, host: &str) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => Self {
                address: ip.to_string(),
                is: by_address(store, proxy, ip),
                assumes: Vec::new(),
            },
            Err(_) => by_name(store, proxy, host),
        }
    }

    /// As people read it, with a port.
    pub(super) fn with_port(&self, port: u32) -> String {
        dialled::with_port(&self.address, port)
    }

    /// The pod that is dialled.
    pub(super) const fn pod(&self) -> Option<&'s Object> {
        match self.is {
            Is::Pod { pod, .. } => Some(pod),
            _ => None,
        }
    }

    /// The Kubernetes Service whose address is dialled.
    pub(super) fn kubernetes_service(&self) -> Option<&'s Service> {
        match self.is {
            Is::Service(service) => Some(service).filter(|s| s.registry == Registry::Kubernetes),
            _ => None,
        }
    }
}

fn shares_node(pod: &Object) -> bool {
    pod_spec(pod).is_some_and(|s| s.host_network)
}

/// A pod with an address of its own first, then a service: of several the client's namespace's, then Kubernetes' own.
fn by_address<'s>(store: &'s Store<'_>, proxy: &ProxyFacts, ip: IpAddr) -> Is<'s> {
    let pod = store.pod_by_ip(&ip.to_string());
    if let Some(pod) = pod.filter(|p| !shares_node(p)) {
        return Is::Pod { pod, service: None };
    }
    let has = |s: &&Service| {
        let own = s.addresses.iter().any(|a| {
            a != UNSPECIFIED && a.parse::<Network>().is_ok_and(|network| network.holds(ip))
        });
        !is_external_name(s) && (own || s.given.contains(&ip))
    };
    let all = || store.services.iter().filter(has);
    let found = all()
        .find(|s| s.namespace == proxy.namespace)
        .or_else(|| all().find(|s| s.registry == Registry::Kubernetes))
        .or_else(|| all().next());
    found.map_or(Is::Unknown(Unknown::Nothing), Is::Service)
}

fn by_name<'s>(store: &'s Store<'_>, proxy: &ProxyFacts, host: &str) -> Target<'s> {
    // ztunnel answers the DNS queries of its pods.
    let mut asking = proxy.clone();
    asking.metadata.dns_capture = true;
    let found = dialled::by_name(store, &asking, host);
    let target = |is| Target {
        address: found.address.clone(),
        is,
        assumes: Vec::new(),
    };
    match found.meant {
        // Pods that share their node's address are no workload of it.
        Meant::Instance { pod: Some(pod), .. } | Meant::Pod(pod) if shares_node(pod) => {
            target(Is::Unknown(Unknown::Nothing))
        }
        Meant::Instance {
            service,
            pod: Some(pod),
        } => target(Is::Pod {
            pod,
            service: Some(service),
        }),
        Meant::Instance { service, pod: None } => target(Is::Unknown(Unknown::NoEndpoint(service))),
        Meant::Pod(pod) => target(Is::Pod { pod, service: None }),
        Meant::Service(service) if is_external_name(service) => {
            target(Is::Unknown(Unknown::Service(service)))
        }
        Meant::Service(service) if service.registry == Registry::Kubernetes => {
            target(Is::Service(service))
        }
        Meant::Service(service) | Meant::Behind(service) => {
            of_entry(store, proxy, service, found.address)
        }
        Meant::AtNodes(_) => target(Is::Unknown(Unknown::Nothing)),
        Meant::Nothing => match (wildcard(store, proxy, host), found.alias) {
            (Some(service), _) => of_entry(store, proxy, service, found.address),
            (None, Some(alias)) => target(Is::Unknown(Unknown::Service(alias))),
            (None, None) => target(Is::Unknown(Unknown::Nothing)),
        },
    }
}

/// A host of a ServiceEntry: by the address that it says, or that istiod gave to it.
fn of_entry<'s>(
    store: &'s Store<'_>,
    proxy: &ProxyFacts,
    service: &'s Service,
    address: String,
) -> Target<'s> {
    let mut same = store.services_named(&service.hostname);
    let own = same.find(|s| s.registry == Registry::ServiceEntry && s.namespace == proxy.namespace);
    let service = own.unwrap_or(service);
    let mut written = service.addresses.iter().filter(|a| *a != UNSPECIFIED);
    let written = written.find(|a| a.parse::<IpAddr>().is_ok());
    let answered = "ztunnel answers the pod's DNS queries, as istio-cni sets it up".to_owned();
    if let Some(address) = written {
        return Target {
            address: address.clone(),
            is: Is::Service(service),
            assumes: vec![answered],
        };
    }
    if let Some(given) = service.given.first() {
        return Target {
            address: given.to_string(),
            is: Is::Service(service),
            assumes: vec![answered],
        };
    }
    if will_be_given(store, service) {
        let given = format!("istiod gives {} an address", service.hostname);
        return Target {
            address: format!("<address given to {}>", service.hostname),
            is: Is::Service(service),
            assumes: vec![given, answered],
        };
    }
    Target {
        address,
        is: Is::Unknown(Unknown::Service(service)),
        assumes: Vec::new(),
    }
}

/// The host of a ServiceEntry that stands for a name, the longest first.
fn wildcard<'s>(store: &'s Store<'_>, proxy: &ProxyFacts, host: &str) -> Option<&'s Service> {
    let host = host.trim_end_matches('.').to_lowercase();
    let fits = |s: &&Service| {
        s.registry == Registry::ServiceEntry
            && hosts::is_wildcard(&s.hostname)
            && hosts::is_subset(&host, &s.hostname)
    };
    let all = store.services.iter().filter(fits);
    all.max_by_key(|s| (s.hostname.len(), s.namespace == proxy.namespace))
}
