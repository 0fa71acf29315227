//! Listener, chain and cluster: what Envoy does with a connection that was redirected to it.

use std::net::IpAddr;

use super::dialled::Meant;
use super::envoy::{self, How, Speaks};
use super::{Way, dialled};
use crate::causes::Symptom;
use crate::ledger::{Effect, Entry, EntryId, Fate, Reason, Served, Step};
use crate::predict::envoy::{Refusal, refused};
use crate::predict::hosts::overlap;
use crate::predict::protocol::Protocol;
use crate::predict::reach::{Side, patches};
use crate::predict::store::Service;
use crate::predict::{
    FilterChain, Listener, ProxyFacts, RouteAction, UNSPECIFIED, VirtualHost, by_outlook,
    predict_port, sidecars,
};
use crate::report::{HopStatus, Verdict};
use crate::snapshot::ObjectId;
use crate::walk::{names, narrow};

/// On to where the connection was going.
pub(super) const PASSTHROUGH: &str = "PassthroughCluster";

/// No endpoint at all.
pub(super) const BLACK_HOLE: &str = "BlackHoleCluster";

/// To what DNS says for the Host header.
pub(super) const DYNAMIC_DNS: &str = "AllowAnyDynamicDNSCluster";

/// What the name of a route begins with that stands in its listener.
const INLINE: &str = "(inline) ";

/// Where a chain leads.
pub(super) enum Leads {
    /// To clusters, with weights.
    Clusters(Vec<(String, u32)>),
    /// Envoy answers itself.
    Status(u32),
    /// No route.
    Nowhere,
}

/// Where a chain leads, and whose it is.
pub(super) struct Led {
    pub(super) leads: Leads,
    /// It is what the name or the address says.
    pub(super) right: bool,
    /// The decision behind it: the route's, else the chain's.
    pub(super) by: EntryId,
}

/// What takes the connection.
pub(super) struct Taken<'w> {
    pub(super) listener: &'w Listener,
    pub(super) how: How,
    pub(super) chain: &'w FilterChain,
    pub(super) leads: Leads,
    /// It is what the name or the address says.
    pub(super) right: bool,
    /// The decision behind it: the route's, else the chain's.
    pub(super) by: EntryId,
    /// The object that made the chain.
    pub(super) made_by: Option<ObjectId>,
}

impl<'w> Way<'w, '_> {
    /// From the listener to the endpoints.
    pub(super) fn outbound(&mut self) {
        let proxy = &self.walk.class.proxy;
        let config = self.walk.config();
        let (address, port) = (&self.dialled.address, self.walk.port);
        let refused = |l: &Listener| refused(config, l, proxy);
        let sent = envoy::listener(config, proxy, address, port, &|_| true);
        if let Some((listener, _)) = sent
            && let Some(refusal) = refused(listener)
        {
            self.tell_refused_listener(listener, &refusal);
        }
        let (address, port) = (&self.dialled.address, self.walk.port);
        let there = |l: &Listener| refused(l).is_none();
        let found = envoy::listener(config, proxy, address, port, &there);
        let Some((listener, how)) = found else {
            let line = format!("none for {}", self.place());
            self.walk.broken("listener", None, line, Verdict::Missing);
            self.tell_why_none(false, None);
            return;
        };
        let speaks = self.speaks();
        let chain = envoy::chain(listener, &self.dialled.address, self.walk.port, &speaks);
        let Some(chain) = chain else {
            self.walk.ok("listener", None, vec![shown(listener)]);
            let line = "none takes the connection: Envoy closes it".to_owned();
            self.walk.broken("chain", None, line, Verdict::Missing);
            return;
        };
        let reaching = patches(
            self.walk.store,
            proxy,
            listener,
            Side::Outbound,
            Some(chain),
        );
        self.walk.tell_patched(chain.origin, reaching);
        self.tell_behind_networks(listener, chain, &speaks);
        let Led { leads, right, by } = self.leads(chain, how);
        let by_rest = chain.origin == self.rest;
        let made_by = (!by_rest)
            .then(|| self.walk.ledger().get(chain.origin))
            .flatten()
            .map(|e| e.step.object());
        let taken = Taken {
            listener,
            how,
            chain,
            leads,
            right,
            by,
            made_by,
        };
        self.hops(&taken, &speaks);
    }

    /// The listener that was meant for the connection, which Envoy does not take: another one gets it.
    fn tell_refused_listener(&mut self, listener: &Listener, refusal: &Refusal) {
        let ledger = self.walk.ledger();
        let mut origins = listener.all_chains().map(|chain| chain.origin);
        let of_service = |id: &EntryId| {
            let step = ledger.get(*id).map(|e| &e.step);
            matches!(step, Some(Step::Put { .. } | Step::Instance { .. }))
        };
        let Some(origin) = origins.find(of_service) else {
            return;
        };
        if self.walk.tell(origin, Symptom::Refused(refusal)).is_some() {
            let finding = self.walk.findings.len().saturating_sub(1);
            self.refused = Some((shown(listener), finding));
            self.explained = true;
        }
    }

    /// A chain with the client's server name that does not take the address, as it has another match's networks.
    fn tell_behind_networks(&mut self, listener: &Listener, chosen: &FilterChain, speaks: &Speaks) {
        let Speaks::Tls { sni, .. } = speaks else {
            return;
        };
        let behind = listener.all_chains().find_map(|chain| {
            let named = !chain.sni.is_empty() && narrow::chain_for_sni(&[chain], sni).is_some();
            let entry = chain.clause.filter(|_| named && chain != chosen)?;
            match self.walk.ledger().get(entry)?.fate {
                Fate::Effective(Effect::UsedBehind { networks }) => Some((entry, networks)),
                _ => None,
            }
        });
        if let Some((entry, of)) = behind {
            self.walk.tell(entry, Symptom::BehindNetworks { of });
            self.explained = true;
        }
    }

    /// A VirtualService of a third namespace that is for the service by a wildcard alone, and leads elsewhere.
    fn wildcard_rule(&self, taken: &Taken<'_>) -> Option<(EntryId, usize)> {
        let entry = taken.chain.clause?;
        let store = self.walk.store;
        let service = self.dialled.meant.service().filter(|s| s.host.is_none())?;
        let object = self.walk.ledger().get(entry)?.step.object();
        let vs = store.virtual_service(object)?;
        let third = vs.namespace() != service.namespace
            && vs.namespace() != self.walk.class.proxy.namespace;
        let Leads::Clusters(clusters) = &taken.leads else {
            return None;
        };
        let own = |name: &str| names::parts(name).is_some_and(|(.., h)| h == service.hostname);
        if !third || vs.hosts.contains(&service.hostname) || clusters.iter().any(|(n, _)| own(n)) {
            return None;
        }
        let mut hosts = vs.hosts.iter();
        let host = hosts.position(|h| overlap(h, &service.hostname))?;
        Some((entry, host))
    }

    /// Rules for the port that are of a kind which it does not take.
    fn tell_other_blocks(&mut self, chain: &FilterChain) {
        let ledger = self.walk.ledger();
        let wrong = |e: &Entry| matches!(e.fate, Fate::Dropped(Reason::WrongBlock { .. }));
        let under = ledger.under(chain.origin).filter(|(_, e)| wrong(e));
        let entries: Vec<EntryId> = under.map(|(id, _)| id).collect();
        for entry in entries {
            self.walk.tell_dropped(entry);
        }
    }

    /// What the client sends first: what was asked for, else by the protocol of the port.
    pub(super) fn speaks(&self) -> Speaks {
        let question = self.walk.question;
        if let Some(sni) = &question.sni {
            let (sni, mutual) = (sni.clone(), false);
            return Speaks::Tls { sni, mutual };
        }
        if question.http_host.is_some() {
            return Speaks::Http;
        }
        let service = self.dialled.meant.service();
        let mut ports = service.iter().flat_map(|s| &s.ports);
        let protocol = ports
            .find(|p| p.number == self.walk.port)
            .map(|p| p.protocol);
        match protocol {
            Some(p) if p.is_http() => Speaks::Http,
            Some(Protocol::Https | Protocol::Tls) => {
                let host = question.host.clone().unwrap_or_default();
                let is_ip = host.parse::<IpAddr>().is_ok();
                let sni = if is_ip {
                    service.map_or_else(String::new, |s| s.hostname.clone())
                } else {
                    host
                };
                Speaks::Tls { sni, mutual: false }
            }
            _ => Speaks::Bytes,
        }
    }

    /// The Host header that an HTTP client sends.
    pub(super) fn http_host(&self) -> String {
        let question = self.walk.question;
        let host = question.http_host.clone().or_else(|| question.host.clone());
        host.map_or_else(String::new, |host| match host.parse() {
            Ok(IpAddr::V6(_)) => format!("[{host}]"),
            _ => host,
        })
    }

    /// Where a chain leads, and whether it is for what was asked.
    pub(super) fn leads(&self, chain: &FilterChain, how: How) -> Led {
        let origin = self.walk.ledger().get(chain.origin).map(|e| &e.step);
        let own = match origin {
            Some(Step::Put { of, .. }) => self.is_meant(*of),
            Some(Step::Instance { of, .. }) => how == How::Own || self.is_meant(*of),
            _ => false,
        };
        // Of several services that one rule is for, the first makes the chains of all.
        let own = own || self.is_for_meant(chain);
        let by_chain = |leads| Led {
            leads,
            right: own,
            by: chain.origin,
        };
        let Some(route) = &chain.route else {
            return by_chain(Leads::Clusters(chain.clusters.clone()));
        };
        if route.starts_with(INLINE) {
            return by_chain(Leads::Clusters(vec![(DYNAMIC_DNS.to_owned(), 100)]));
        }
        let hosts = self.walk.config().routes.get(route).map(Vec::as_slice);
        let hosts = hosts.unwrap_or_default();
        let Some(host) = narrow::virtual_host(hosts.iter(), &self.http_host()) else {
            return by_chain(Leads::Nowhere);
        };
        // Without a path the route that takes every request stands for all.
        let catch_all = host.routes.iter().find(|r| r.catch_all);
        let Some(route) = catch_all.or(host.routes.first()) else {
            return by_chain(Leads::Nowhere);
        };
        let leads = match &route.action {
            RouteAction::Clusters(clusters) => Leads::Clusters(clusters.clone()),
            RouteAction::DirectResponse(status) => Leads::Status(*status),
            RouteAction::Redirect => Leads::Clusters(Vec::new()),
        };
        Led {
            leads,
            right: route.clause != self.rest
                && self.is_host_of_dialled(hosts, host)
                && self.replaced(chain).is_none(),
            by: route.clause,
        }
    }

    /// Whether a virtual host is that of the service which was dialled, by any of its names. An address that no service
    /// has tells nothing: then the Host alone says what is wanted.
    fn is_host_of_dialled(&self, hosts: &[VirtualHost], host: &VirtualHost) -> bool {
        let Some(dialled) = self.dialled.meant.service() else {
            return true;
        };
        let named = |s: &Service| narrow::virtual_host(hosts.iter(), &s.hostname);
        let all = self.walk.store.services.iter();
        let mut own = all.filter(|s| s.object == dialled.object).filter_map(named);
        own.any(|own| own == host)
    }

    /// Whether a service is the one that was dialled, or of its name in its namespace.
    pub(super) fn is_meant(&self, of: Served) -> bool {
        let Some(meant) = self.dialled.meant.service() else {
            return false;
        };
        let mut named = self.walk.store.services_named(&meant.hostname);
        of.service == meant.object
            || named.any(|s| s.object == of.service && s.namespace == meant.namespace)
    }

    /// Whether a chain is of a VirtualService that is for the service that was dialled.
    fn is_for_meant(&self, chain: &FilterChain) -> bool {
        let Some(meant) = self.dialled.meant.service() else {
            return false;
        };
        let clause = chain.clause.and_then(|id| self.walk.ledger().get(id));
        let object = clause.map(|e| e.step.object());
        let vs = object.and_then(|id| self.walk.store.virtual_service(id));
        let named = !chain.sni.is_empty();
        named && vs.is_some_and(|vs| vs.hosts.iter().any(|h| overlap(h, &meant.hostname)))
    }

    /// The hops of what takes the connection.
    fn hops(&mut self, taken: &Taken<'w>, speaks: &Speaks) {
        let place = self.place();
        let none = match self.dialled.ip() {
            _ if self.refused.is_some() => {
                let refused = self.refused.as_ref().map(|(name, _)| name.as_str());
                format!("Envoy refuses {}", refused.unwrap_or_default())
            }
            Some(_) => format!("{place} has none of its own"),
            None => "there is none of its own".to_owned(),
        };
        let name = shown(taken.listener);
        let first = match &taken.leads {
            Leads::Clusters(clusters) => clusters.first().map(|(name, _)| name.as_str()),
            _ => None,
        };
        let goes_on = first == Some(PASSTHROUGH);
        let ends = first == Some(BLACK_HOLE) || matches!(taken.leads, Leads::Status(_));
        let by_rest = taken.by == self.rest;
        let other = !taken.right && !goes_on && !ends && !by_rest && taken.made_by.is_some();
        let to_itself = first.is_some_and(|name| {
            let cluster = self.walk.config().clusters.get(name);
            cluster.is_some_and(|c| c.discovery == "ORIGINAL_DST")
        });
        if taken.right {
            self.tell_other_blocks(taken.chain);
        }
        if let Some((entry, host)) = self.wildcard_rule(taken) {
            let line = format!("{name}, which another namespace's rule leads away");
            self.walk
                .broken("listener", taken.made_by, line, Verdict::Diverted);
            self.taken_by = self.walk.ledger().get(entry).map(|e| e.step.object());
            self.chain_hop(taken, HopStatus::Instead);
            self.clusters(&taken.leads, taken, HopStatus::Instead, speaks);
            if let Some(service) = self.dialled.meant.service().map(|s| s.object) {
                self.walk.tell(entry, Symptom::ByWildcard { service, host });
            }
            return;
        }
        if other && !to_itself {
            let line = match taken.how {
                How::Own => format!("{name}, which another service has"),
                _ if taken.chain.route.is_some() => format!("{name}, shared by host name"),
                _ => format!("{name}, a catch-all; {none}"),
            };
            let by = self.walk.ledger().get(taken.by).map(|e| e.step.object());
            self.walk
                .broken("listener", taken.made_by, line, Verdict::Diverted);
            self.taken_by = by;
            self.chain_hop(taken, HopStatus::Instead);
            self.clusters(&taken.leads, taken, HopStatus::Instead, speaks);
            self.tell_diverted(taken);
            return;
        }
        let line = match (taken.how, taken.right) {
            (How::Own, _) => name,
            (How::CatchAll, true) if taken.chain.route.is_some() => {
                format!("{name}, shared by host name")
            }
            (How::CatchAll, true) => format!("{name}, a catch-all of its own"),
            (How::CatchAll, false) => format!("{name}, a catch-all; {none}"),
            (How::Rest, _) => format!("virtualOutbound; {none}"),
        };
        if ends {
            self.walk
                .broken("listener", taken.made_by, line, Verdict::LeadsNowhere);
            self.chain_hop(taken, HopStatus::Instead);
        } else {
            self.walk.ok("listener", taken.made_by, vec![line]);
            self.chain_hop(taken, HopStatus::Ok);
        }
        if other {
            // It reaches the address all the same, but as a connection to another service.
            self.tell_diverted(taken);
            self.none = Some(self.walk.findings.len().saturating_sub(1));
        } else if !taken.right {
            self.tell_why_none(ends, Some(taken));
            self.tell_shared(taken);
        } else {
            self.tell_own(taken);
        }
        let status = if ends {
            HopStatus::Instead
        } else {
            HopStatus::Ok
        };
        self.clusters(&taken.leads, taken, status, speaks);
    }

    fn chain_hop(&mut self, taken: &Taken<'_>, status: HopStatus) {
        let chain = taken.chain;
        let default = taken.listener.default_chain.as_ref();
        let only = taken.listener.all_chains().count() == 1;
        let line = if let Some(route) = &chain.route {
            let route = route.trim_start_matches(INLINE);
            format!("HTTP, routed by host {} in route {route}", self.http_host())
        } else if !chain.sni.is_empty() {
            format!("SNI {}", chain.sni.join(", "))
        } else if let Some(port) = chain.matches.destination_port {
            format!("the one for port {port}")
        } else if !chain.matches.prefix_ranges.is_empty() {
            format!("networks {}", chain.matches.prefix_ranges.join(", "))
        } else if only {
            "the only one, it takes everything".to_owned()
        } else if default.is_some_and(|d| d == chain) || taken.how == How::Rest {
            "the last one, it takes what is left".to_owned()
        } else {
            "takes every connection".to_owned()
        };
        let clause = chain.clause.and_then(|id| self.walk.ledger().get(id));
        let object = clause.map(|e| e.step.object());
        let line = match object {
            Some(vs) => format!("{line}, by VirtualService {}", self.walk.name_of(vs)),
            None => line,
        };
        self.walk.hop("chain", status, object, vec![line]);
    }

    /// The clusters, and what is behind them.
    fn clusters(&mut self, leads: &Leads, taken: &Taken<'_>, status: HopStatus, speaks: &Speaks) {
        let clusters = match leads {
            Leads::Clusters(clusters) => clusters,
            Leads::Status(code) => {
                let line = format!("none: Envoy answers {code} itself");
                self.walk.hop("cluster", status, None, vec![line]);
                self.tell_through_proxy(taken);
                return;
            }
            Leads::Nowhere => {
                let line = "none: no virtual host for it, Envoy answers 404".to_owned();
                self.walk
                    .broken("cluster", None, line, Verdict::LeadsNowhere);
                self.tell_routed_by_entry(taken.chain);
                return;
            }
        };
        let Some((first, _)) = clusters.first() else {
            let line = "none: Envoy redirects the client".to_owned();
            self.walk.hop("cluster", status, None, vec![line]);
            return;
        };
        if first == PASSTHROUGH {
            if !taken.listener.redirected_only && taken.how == How::Own {
                let line = "PassthroughCluster: nothing was redirected, so it has no address";
                let verdict = Verdict::LeadsNowhere;
                self.walk.broken("cluster", None, line.to_owned(), verdict);
                self.tell_through_proxy(taken);
                return;
            }
            let line = format!("PassthroughCluster: on to {} as it is", self.place());
            self.walk.hop("cluster", status, None, vec![line]);
            self.pass_on();
            return;
        }
        if first == DYNAMIC_DNS {
            let host = self.http_host();
            let line = format!("{DYNAMIC_DNS}: on to what DNS says for {host}");
            self.walk.hop("cluster", status, None, vec![line]);
            self.lead = Some(("it goes to", format!("what DNS says for {host}")));
            self.tell_dynamic_dns();
            return;
        }
        if first == BLACK_HOLE {
            let line = "BlackHoleCluster: it has no endpoint".to_owned();
            self.walk.hop("cluster", status, None, vec![line]);
            return;
        }
        let shares = names::percentages(clusters);
        let config = self.walk.config();
        let lines = clusters.iter().zip(&shares).map(|((name, _), share)| {
            let exists = config.clusters.contains_key(name);
            let remark = if exists { "" } else { ", which does not exist" };
            let name = self.cluster_name(name);
            if clusters.len() > 1 {
                format!("{share:>2}%  {name}{remark}")
            } else {
                format!("{name}{remark}")
            }
        });
        let lines: Vec<String> = lines.collect();
        let absent = clusters
            .iter()
            .any(|(name, _)| !config.clusters.contains_key(name));
        self.lead = Some(if clusters.len() > 1 {
            let shares = names::lead(clusters, &self.walk.store.mesh.domain);
            ("it leads", shares)
        } else {
            ("it leads to", self.cluster_name(first))
        });
        if absent {
            self.walk.hop("cluster", HopStatus::Broken, None, lines);
            self.walk.verdict = self.walk.verdict.max(Verdict::LeadsNowhere);
            if taken.by == self.rest {
                self.tell_egress_proxy();
                return;
            }
            let under = [taken.chain.clause, Some(taken.by)].into_iter().flatten();
            let dropped: Vec<_> = under
                .flat_map(|clause| self.walk.ledger().under(clause))
                .filter(|(_, e)| matches!(e.fate, Fate::Dropped(_)))
                .map(|(id, _)| id)
                .collect();
            for id in dropped {
                self.walk.tell_dropped(id);
            }
            self.tell_twin(taken.chain, first);
            return;
        }
        let by_rest = taken.by == self.rest;
        let object = by_rest.then(|| self.egress_proxy()).flatten();
        let lines = match object.and_then(|id| self.walk.store.snapshot.get(id)) {
            Some(sidecar) => lines
                .into_iter()
                .map(|line| format!("{line}, the egress proxy of {}", sidecar.key))
                .collect(),
            None => lines,
        };
        self.walk.hop("cluster", status, object, lines);
        self.endpoints(first, status, speaks);
    }

    /// Routes of the service's port that come from another egress entry.
    fn tell_routed_by_entry(&mut self, chain: &FilterChain) {
        let ledger = self.walk.ledger();
        let Some(Step::Put { egress: own, .. }) = ledger.get(chain.origin).map(|e| &e.step) else {
            return;
        };
        let port = self.walk.port;
        let other = ledger
            .entries()
            .find_map(|(_, e)| match (&e.step, &e.fate) {
                (Step::Routes { port: of, .. }, Fate::Effective(Effect::RoutedBy { egress }))
                    if *of == port && egress != own =>
                {
                    Some(*egress)
                }
                _ => None,
            });
        if let Some(egress) = other {
            self.walk
                .tell(chain.origin, Symptom::RoutedByEntry { egress });
        }
    }

    /// A Service of the cluster's host name and of the same namespace as the one that has the listener.
    fn tell_twin(&mut self, chain: &FilterChain, cluster: &str) {
        let (store, ledger) = (self.walk.store, self.walk.ledger());
        let Some(origin) = ledger.get(chain.origin).map(|e| e.step.object()) else {
            return;
        };
        let Some((_, _, host)) = names::parts(cluster) else {
            return;
        };
        let named = || store.services_named(host);
        let own = named().find(|s| s.object == origin);
        let twin = own.and_then(|own| {
            let mut others = named().filter(|s| s.namespace == own.namespace);
            others.find(|s| own.host.is_some() && s.host.is_none())
        });
        if let Some(service) = twin.map(|s| s.object) {
            self.walk.tell(chain.origin, Symptom::Twin { service });
        }
    }

    /// A cluster as people name it: `namespace/service:port` for Kubernetes, else host and port.
    pub(super) fn cluster_name(&self, cluster: &str) -> String {
        let Some((port, subset, host)) = names::parts(cluster) else {
            return cluster.to_owned();
        };
        let mut all = self.walk.store.services_named(host);
        let name = match all.find(|s| s.host.is_none()) {
            Some(service) => format!("{}/{}:{port}", service.namespace, service.sort_name),
            None => dialled::with_port(host, port.parse().unwrap_or_default()),
        };
        if subset.is_empty() {
            name
        } else {
            format!("{name} {subset}")
        }
    }

    /// Another service takes the connection: why, and what is in its way.
    fn tell_diverted(&mut self, taken: &Taken<'_>) {
        let (how, chain) = (taken.how, taken.chain);
        // Where the own port was left out of that listener, prediction says why.
        let lost = self.meant_entry(|reason| match reason {
            // On a catch-all only if it is the one that it lost to.
            Reason::ChainTaken { by } => {
                how == How::Own || *by == chain.origin || !chain.matches.prefix_ranges.is_empty()
            }
            Reason::ListenerLocked { .. }
            | Reason::WellKnownProtocol { .. }
            | Reason::SniffedAlready { .. } => true,
            _ => false,
        });
        if let Some(entry) = lost {
            if self.walk.tell_dropped(entry).is_some() {
                self.none = Some(self.walk.findings.len().saturating_sub(1));
            }
            return;
        }
        if chain.route.is_some() {
            match self.replaced(chain) {
                Some((entry, by)) => {
                    self.walk.tell(entry, Symptom::Displaced { by });
                }
                None => self.tell_another_host(taken.by),
            }
            return;
        }
        let address = self.dialled.address.clone();
        let services: Vec<ObjectId> = self.pod_services().iter().map(|(o, _)| o.id).collect();
        let entry = chain.origin;
        let ip = self.dialled.ip().map(|ip| ip.to_string());
        let symptom = if chain.matches.prefix_ranges.is_empty() {
            Symptom::CatchAll {
                services: &services,
                unknown: ip.as_deref().filter(|_| self.dialled.meant.is_nothing()),
            }
        } else {
            Symptom::Network {
                address: &address,
                service: self.dialled.meant.service().map(|s| s.object),
                services: &services,
            }
        };
        let so = self.so_of_pod().into_iter().chain(self.so_of_none(chain));
        let so: Vec<String> = so.collect();
        let captured = self.counts.then(|| self.captured(chain)).flatten();
        let Some(finding) = self.walk.tell(entry, symptom) else {
            return;
        };
        finding.so.extend(so);
        finding.so.extend(captured);
    }

    /// That nothing is behind what takes the connection.
    fn so_of_none(&self, chain: &FilterChain) -> Option<String> {
        let (name, _) = chain.clusters.first()?;
        let cluster = self.walk.config().clusters.get(name)?;
        let none = cluster.discovery == "EDS" && cluster.endpoint_count() == 0;
        let name = self.cluster_name(name);
        none.then(|| format!("{name} has no endpoint: there the connection ends (SC-E-UH)"))
    }

    /// How many sidecars a catch-all takes connections of: those that have its chain.
    fn captured(&self, chain: &FilterChain) -> Option<String> {
        let object = self.walk.ledger().get(chain.origin)?.step.object();
        let port = self.walk.port;
        let store = self.walk.store;
        let own = |p: &ProxyFacts| store.istiod_of(p).sees_as(&store.istiod);
        let proxies = sidecars(store).into_iter().filter(own).collect();
        let has = |proxy: &ProxyFacts| {
            let found = predict_port(store, proxy, port);
            let mut chains = found.config.listeners.iter().flat_map(Listener::all_chains);
            chains.any(|c| {
                let of = found.ledger.get(c.origin).map(|e| e.step.object());
                of == Some(object) && (&c.sni, &c.matches) == (&chain.sni, &chain.matches)
            })
        };
        let groups = by_outlook(&[store], proxies).into_iter();
        let captured = groups.filter(|group| group.first().is_some_and(has));
        let count: u32 = captured.flatten().map(|proxy| proxy.replicas).sum();
        let whose = names::counted(count as usize, "sidecar");
        (count > 1).then(|| format!("it takes {port} in {whose}"))
    }

    /// What a pod's address means to Envoy, where a pod was dialled.
    pub(super) fn so_of_pod(&self) -> Option<String> {
        let pod = match self.dialled.meant {
            Meant::Pod(pod) if self.is_pod_address() => pod,
            _ => return None,
        };
        let address = &self.dialled.address;
        let name = &pod.key.name;
        let services = self.pod_services();
        Some(match services.first() {
            Some((service, _)) => format!(
                "{address} is pod {name}. Service {} has a ClusterIP, and only that has a listener (SC-PODIP-DIRECT)",
                service.qualified()
            ),
            None => format!(
                "{address} is pod {name}, and no Service selects it for this port (SC-PODIP-DIRECT)"
            ),
        })
    }

    /// The decision about the port that was meant, where it was left out for such a reason.
    pub(super) fn meant_entry(&self, wanted: impl Fn(&Reason) -> bool) -> Option<EntryId> {
        let service = self.dialled.meant.service()?;
        let index = service
            .ports
            .iter()
            .position(|p| p.number == self.walk.port)?;
        let address = &self.dialled.address;
        let mut all = self.walk.ledger().entries();
        let found = all.find(|(_, e)| {
            let about = match &e.step {
                Step::Put { of, port, .. } => of.service == service.object && *port == index,
                Step::Instance {
                    of,
                    port,
                    address: own,
                } => of.service == service.object && *port == index && own == address,
                _ => false,
            };
            about && matches!(&e.fate, Fate::Dropped(reason) if wanted(reason))
        });
        found.map(|(id, _)| id)
    }
}

/// `address:port` of a listener; the one for the rest has a name.
fn shown(listener: &Listener) -> String {
    if listener.name == envoy::VIRTUAL_OUTBOUND {
        return listener.name.clone();
    }
    let address = if listener.address.is_empty() {
        UNSPECIFIED
    } else {
        &listener.address
    };
    dialled::with_port(address, listener.port)
}
