//! Route configurations: one a port that services share by host, and one for each service whose protocol is detected
//! at its own address. After istio `core/httproute.go:BuildSidecarOutboundVirtualHosts` and
//! `core/route/route.go:BuildSidecarVirtualHostWrapper` (1.31).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::address::Families;
use super::chains::add_cluster;
use super::domains::{self, with_port};
use super::fallback;
use super::outbound::Family;
use super::scope::{Egress, Imported, Scope};
use crate::ledger::{Block, Effect, EntryId, Reason, Step};
use crate::predict::cluster::Named;
use crate::predict::config::{Cluster, Listener, Route, RouteAction, VirtualHost};
use crate::predict::gateway::Context;
use crate::predict::hosts::{MESH, is_wildcard, overlap};
use crate::predict::http::{At, vs_routes};
use crate::predict::protocol::Protocol;
use crate::predict::store::{Resolution, ServicePort, VirtualService};
use crate::snapshot::ObjectId;

/// Route configurations of this port also hold hosts of VirtualServices that no service has.
const HTTP_PORT: u32 = 80;

/// The services that requests to a port may be for, by host name.
pub(in crate::predict) struct Listed<'l> {
    /// 0 for an HTTP proxy or a socket: then all ports count.
    port: u32,
    services: BTreeMap<String, &'l Imported<'l>>,
    /// Their names, in the order of the services. istiod walks through a hash map here: where two want one domain it
    /// is chance who gets it, and mostly the first.
    order: Vec<String>,
    /// Those that are wildcards.
    wildcards: Vec<String>,
}

impl<'l> Listed<'l> {
    /// Those of an egress entry with this port. Of two with one name the later stays.
    fn of(egress: &'l Egress<'_, '_>, port: u32) -> Self {
        let mut found = Self {
            port,
            services: BTreeMap::new(),
            order: Vec::new(),
            wildcards: Vec::new(),
        };
        for one in &egress.services {
            let has = |p: &ServicePort| p.number == port && p.protocol != Protocol::Udp;
            if port != 0 && !one.service.ports.iter().any(has) {
                continue;
            }
            let name = match port {
                0 => one.service.hostname.clone(),
                _ => one.service.hostname.to_lowercase(),
            };
            if found.services.insert(name.clone(), one).is_none() {
                if is_wildcard(&name) {
                    found.wildcards.push(name.clone());
                }
                found.order.push(name);
            }
        }
        found
    }

    fn in_order(&self) -> impl Iterator<Item = (&String, &'l Imported<'l>)> {
        let one = |name: &String| self.services.get(name).copied();
        self.order.iter().filter_map(move |n| Some((n, one(n)?)))
    }

    /// What a cluster's name takes from a service: here each has the listener's port alone.
    pub(in crate::predict) fn get(&self, hostname: &str) -> Option<Named> {
        let service = &self.services.get(hostname)?.service;
        let only_port = match self.port {
            0 => service.only_port(),
            port => Some(port),
        };
        Some(Named {
            external_name: service.external_name.clone(),
            only_port,
        })
    }

    /// The ports of a service that count here and take HTTP.
    fn http_ports<'p>(&self, one: &'p Imported<'_>) -> impl Iterator<Item = u32> + use<'p> {
        let only = self.port;
        let ports = one.service.ports.iter();
        ports
            .filter(move |p| only == 0 || p.number == only)
            .filter(|p| takes_http(p.protocol))
            .map(|p| p.number)
    }
}

fn takes_http(protocol: Protocol) -> bool {
    matches!(Family::of(protocol), Some(Family::Http | Family::Auto))
}

/// Routes for some hosts.
struct Group<'g> {
    port: u32,
    services: Vec<&'g Imported<'g>>,
    /// Of a VirtualService; a service without one has the route to itself.
    rules: Option<Rules>,
}

/// What a VirtualService has for its hosts.
#[derive(Clone)]
struct Rules {
    virtual_service: ObjectId,
    attachment: EntryId,
    /// Hosts that no service has, each with its index.
    hosts: Vec<(usize, String)>,
    routes: Vec<Route>,
}

/// The route configurations that the listeners name.
pub(super) fn routes<'s, 'a>(
    context: &mut Context<'s, 'a>,
    scope: &Scope<'s, 'a>,
    listeners: &[Listener],
    clusters: &mut BTreeMap<String, Cluster>,
) -> BTreeMap<String, Vec<VirtualHost>> {
    let names: BTreeSet<&str> = listeners
        .iter()
        .flat_map(Listener::all_chains)
        .filter_map(|c| c.route.as_deref())
        .filter(|name| !name.starts_with("(inline) "))
        .collect();
    let fallback = fallback::entry(context);
    let mut by_port: BTreeMap<u32, OfPort> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for name in names {
        let socket = name.starts_with("unix://");
        let sniffed = name.rsplit_once(':').filter(|_| !socket);
        let port = sniffed.map_or(name, |(_, port)| port);
        let port: u32 = port.parse().unwrap_or(0);
        if port == 0 || !by_port.contains_key(&port) {
            let hosts = match entry_for(scope, port, name) {
                Some((n, egress)) => {
                    let effect = Effect::RoutedBy { egress: n };
                    virtual_hosts(context, egress, port, effect, clusters)
                }
                None => Vec::new(),
            };
            by_port.insert(port, OfPort::new(hosts));
        }
        let Some(of_port) = by_port.get(&port) else {
            continue;
        };
        let hosts = match sniffed {
            Some((host, _)) => of_port.only(host, name),
            None => {
                let mut hosts = of_port.hosts.clone();
                hosts.push(fallback::virtual_host(&scope.policy, fallback));
                hosts
            }
        };
        found.insert(name.to_owned(), hosts);
    }
    found
}

/// The virtual hosts of a port, and where each domain stands.
struct OfPort {
    hosts: Vec<VirtualHost>,
    // Only looked up.
    by_domain: HashMap<String, usize>,
}

impl OfPort {
    fn new(hosts: Vec<VirtualHost>) -> Self {
        let domains = hosts.iter().enumerate();
        let by_domain = domains
            .flat_map(|(n, host)| host.domains.iter().map(move |d| (d.clone(), n)))
            .collect();
        Self { hosts, by_domain }
    }

    /// The virtual host of one service, which takes every name then: the address has told which service is meant.
    /// After `core/httproute.go:getVirtualHostsForSniffedServicePort`.
    fn only(&self, host: &str, name: &str) -> Vec<VirtualHost> {
        let places = [host, name].map(|domain| self.by_domain.get(domain).copied());
        let places: BTreeSet<usize> = places.into_iter().flatten().collect();
        let own = places.into_iter().filter_map(|n| self.hosts.get(n));
        let mut own: Vec<VirtualHost> = own.cloned().collect();
        if let [only] = own.as_mut_slice() {
            only.domains = vec!["*".to_owned()];
        }
        own
    }
}

/// The egress entry that decides about a route: the one with its port, or the one without any, whichever comes
/// first. After `model/sidecar.go:GetEgressListenerForRDS`.
fn entry_for<'e, 's, 'a>(
    scope: &'e Scope<'s, 'a>,
    port: u32,
    name: &str,
) -> Option<(usize, &'e Egress<'s, 'a>)> {
    let mut all = scope.egress.iter().enumerate();
    all.find(|(_, egress)| match egress.port() {
        None => true,
        Some(own) if own.number != port => false,
        Some(_) => port > 0 || egress.view.is_some_and(|v| v.bind == name),
    })
}

fn virtual_hosts<'s, 'a>(
    context: &mut Context<'s, 'a>,
    egress: &Egress<'s, 'a>,
    port: u32,
    effect: Effect,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<VirtualHost> {
    let port = if egress.is_http_proxy() { 0 } else { port };
    let step = Step::Routes {
        proxy: context.proxy.object().unwrap_or_default(),
        port,
    };
    let under = context.ledger.open(step, None);
    context.ledger.settle(under, Ok(((), effect)));
    let listed = Listed::of(egress, port);
    let mut groups = Vec::new();
    let mut with_rules: BTreeSet<String> = BTreeSet::new();
    for vs in &egress.virtual_services {
        if port != HTTP_PORT && !concerns(vs, &listed) {
            continue;
        }
        groups.extend(of_rules(context, egress, vs, &listed, under, clusters));
    }
    for group in &groups {
        for one in &group.services {
            with_rules.insert(one.service.hostname.to_lowercase());
        }
    }
    for (name, one) in listed.in_order() {
        if with_rules.contains(&name.to_lowercase()) || one.service.resolution == Resolution::Alias
        {
            continue;
        }
        groups.extend(listed.http_ports(one).map(|port| Group {
            port,
            services: vec![one],
            rules: None,
        }));
    }
    Domains::default().all(context, &listed, groups, under, clusters)
}

/// Whether a host of a VirtualService is that of a service here. After `core/httproute.go:selectVirtualServices`.
fn concerns(vs: &VirtualService<'_>, listed: &Listed<'_>) -> bool {
    vs.hosts.iter().any(|host| {
        let host = host.to_lowercase();
        if listed.services.contains_key(&host) {
            return true;
        }
        let fits = |name: &String| overlap(&host, name);
        if is_wildcard(&host) {
            listed.order.iter().any(fits)
        } else {
            listed.wildcards.iter().any(fits)
        }
    })
}

/// The groups of one VirtualService. After `core/route/route.go:buildSidecarVirtualHostsForVirtualService`.
fn of_rules<'g, 's, 'a>(
    context: &mut Context<'s, 'a>,
    egress: &Egress<'s, 'a>,
    vs: &'s VirtualService<'a>,
    listed: &Listed<'g>,
    under: EntryId,
    clusters: &mut BTreeMap<String, Cluster>,
) -> Vec<Group<'g>> {
    let step = Step::Attachment {
        virtual_service: vs.object.id,
    };
    let attachment = context.ledger.open(step, Some(under));
    let outcome = if vs.spec.http.is_empty() {
        Err(Reason::NoBlock {
            needed: Block::Http,
        })
    } else {
        Ok(((), Effect::Attached))
    };
    if context.ledger.settle(attachment, outcome).is_none() {
        return Vec::new();
    }
    let at = At {
        gateway: MESH,
        port: listed.port,
        listed: Some(listed),
    };
    let routes = vs_routes(context, vs, &at, attachment, clusters);
    if routes.is_empty() {
        return Vec::new();
    }
    let (hosts, services) = split(egress, vs, listed);
    let mut by_port: Vec<(u32, Vec<&'g Imported<'g>>)> = Vec::new();
    for one in services {
        for port in listed.http_ports(one) {
            match by_port.iter_mut().find(|(known, _)| *known == port) {
                Some((_, services)) => services.push(one),
                None => by_port.push((port, vec![one])),
            }
        }
    }
    if by_port.is_empty() && listed.port == HTTP_PORT {
        by_port.push((HTTP_PORT, Vec::new()));
    }
    let rules = Rules {
        virtual_service: vs.object.id,
        attachment,
        hosts,
        routes,
    };
    let group = |(port, services)| Group {
        port,
        services,
        rules: Some(rules.clone()),
    };
    by_port.into_iter().map(group).collect()
}

/// The hosts of a VirtualService that no service has, and the services of the others. A wildcard host stands for the
/// services that no nearer host of another VirtualService stands for.
/// After `core/route/route.go:separateVSHostsAndServices`.
fn split<'g>(
    egress: &Egress<'_, '_>,
    vs: &VirtualService<'_>,
    listed: &Listed<'g>,
) -> (Vec<(usize, String)>, Vec<&'g Imported<'g>>) {
    let mut hosts = Vec::new();
    let mut services = Vec::new();
    let all = || vs.hosts.iter().enumerate();
    for (n, host) in all().filter(|(_, h)| !is_wildcard(h)) {
        match listed.services.get(&host.to_lowercase()) {
            Some(one) => services.push(*one),
            None => hosts.push((n, host.to_lowercase())),
        }
    }
    for (n, host) in all().filter(|(_, h)| is_wildcard(h)) {
        let host = host.to_lowercase();
        let mut any = false;
        for (name, one) in listed.in_order() {
            if overlap(name, &host) {
                any = true;
                // istiod keeps the nearest rule by the host as written: in another letter case it finds none.
                let found = one.service.hostname == *name;
                if found && egress.nearest(name) == Some(vs.object.id) {
                    services.push(one);
                }
            }
        }
        if !any {
            hosts.push((n, host));
        }
    }
    (hosts, services)
}

/// Names and domains of virtual hosts that are taken, each with the decision that took it.
#[derive(Default)]
struct Domains {
    names: BTreeMap<String, EntryId>,
    domains: BTreeMap<String, EntryId>,
    /// Whole host names of services: no short form of another may be one of them.
    whole: BTreeSet<String>,
}

impl Domains {
    fn all(
        mut self,
        context: &mut Context<'_, '_>,
        listed: &Listed<'_>,
        groups: Vec<Group<'_>>,
        under: EntryId,
        clusters: &mut BTreeMap<String, Cluster>,
    ) -> Vec<VirtualHost> {
        for group in &groups {
            for one in &group.services {
                let name = host_of(one, listed);
                self.whole.insert(with_port(&name, group.port));
                self.whole.insert(name);
            }
        }
        let mut found = Vec::new();
        for group in groups {
            let mut hosts = Vec::new();
            if let Some(rules) = &group.rules {
                for (host, name) in &rules.hosts {
                    let step = Step::RuleHost {
                        virtual_service: rules.virtual_service,
                        host: *host,
                    };
                    let entry = context.ledger.open(step, Some(rules.attachment));
                    let free = self.free(name, group.port, vec![name.clone()], &[], entry);
                    let outcome = free.map(|domains| (domains.clone(), Effect::Domains(domains)));
                    if let Some(domains) = context.ledger.settle(entry, outcome) {
                        hosts.push(virtual_host(domains, rules.routes.clone()));
                    }
                }
            }
            for one in &group.services {
                hosts.extend(self.of_service(context, listed, &group, one, under, clusters));
            }
            if listed.port == 0 && group.port != HTTP_PORT {
                // Without a port in the Host header it is port 80 that is meant.
                for host in &mut hosts {
                    host.domains.retain(|d| d.contains(':'));
                }
                hosts.retain(|h| !h.domains.is_empty());
            }
            found.extend(hosts);
        }
        found
    }

    fn of_service(
        &mut self,
        context: &mut Context<'_, '_>,
        listed: &Listed<'_>,
        group: &Group<'_>,
        one: &Imported<'_>,
        under: EntryId,
        clusters: &mut BTreeMap<String, Cluster>,
    ) -> Option<VirtualHost> {
        let step = Step::VirtualHost {
            of: one.of,
            port: one.port_index(context.store, group.port),
        };
        let under = group.rules.as_ref().map_or(under, |r| r.attachment);
        let entry = context.ledger.open(step, Some(under));
        let name = host_of(one, listed);
        let (all, short) = domains::of_service(
            one,
            &name,
            (listed.port == 0).then_some(group.port),
            Families::of(context.proxy),
            &context.proxy.namespace,
            &context.store.mesh.domain,
        );
        let outcome = self
            .free(&name, group.port, all, &short, entry)
            .map(|domains| (domains.clone(), Effect::Domains(domains)));
        let domains = context.ledger.settle(entry, outcome)?;
        let routes = match &group.rules {
            Some(rules) => rules.routes.clone(),
            None => {
                let cluster = format!("outbound|{}||{name}", group.port);
                add_cluster(context, &name, group.port, &cluster, clusters);
                vec![Route {
                    matches: Some("prefix /".to_owned()),
                    action: RouteAction::Clusters(vec![(cluster, 100)]),
                    clause: entry,
                    catch_all: true,
                }]
            }
        };
        Some(virtual_host(domains, routes))
    }

    /// Those of a virtual host's domains that are free. After `core/httproute.go:dedupeDomains`.
    fn free(
        &mut self,
        name: &str,
        port: u32,
        domains: Vec<String>,
        short: &[String],
        entry: EntryId,
    ) -> Result<Vec<String>, Reason> {
        match self.names.entry(with_port(name, port)) {
            Entry::Occupied(taken) => return Err(Reason::DomainsTaken { by: *taken.get() }),
            Entry::Vacant(free) => free.insert(entry),
        };
        let mut free = Vec::new();
        let mut taken = None;
        for domain in domains {
            if short.contains(&domain) && self.whole.contains(&domain) {
                continue;
            }
            match self.domains.entry(domain.to_lowercase()) {
                Entry::Occupied(by) => {
                    taken.get_or_insert(*by.get());
                }
                Entry::Vacant(own) => {
                    own.insert(entry);
                    free.push(domain);
                }
            }
        }
        if free.is_empty() {
            let by = taken.unwrap_or(entry);
            return Err(Reason::DomainsTaken { by });
        }
        Ok(free)
    }
}

/// A service's host name as the route configuration has it.
fn host_of(one: &Imported<'_>, listed: &Listed<'_>) -> String {
    if listed.port == 0 {
        one.service.hostname.clone()
    } else {
        one.service.hostname.to_lowercase()
    }
}

const fn virtual_host(domains: Vec<String>, routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        domains,
        routes,
        require_tls: false,
    }
}
