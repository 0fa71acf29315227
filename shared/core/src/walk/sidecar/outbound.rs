//! Listener, chain and cluster: what Envoy does with a connection that was redirected to it.

use super::dialled::Meant;
use super::envoy::{self, How, Speaks};
use super::{Way, dialled};
use crate::causes::Symptom;
use crate::ledger::{Fate, Reason, Step};
use crate::predict::protocol::Protocol;
use crate::predict::{FilterChain, Listener, RouteAction, UNSPECIFIED};
use crate::report::{HopStatus, Verdict};
use crate::snapshot::ObjectId;
use crate::walk::{names, narrow};

/// On to where the connection was going.
pub(super) const PASSTHROUGH: &str = "PassthroughCluster";

/// No endpoint at all.
pub(super) const BLACK_HOLE: &str = "BlackHoleCluster";

/// Where a chain leads.
enum Leads {
    /// To clusters, with weights.
    Clusters(Vec<(String, u32)>),
    /// Envoy answers itself.
    Status(u32),
    /// No route.
    Nowhere,
}

/// What takes the connection.
struct Taken<'w> {
    listener: &'w Listener,
    how: How,
    chain: &'w FilterChain,
    leads: Leads,
    /// It is what the name or the address says.
    right: bool,
    /// The object that made it.
    made_by: Option<ObjectId>,
}

impl<'w> Way<'w, '_> {
    /// From the listener to the endpoints.
    pub(super) fn outbound(&mut self) {
        let proxy = &self.walk.class.proxy;
        let config = self.walk.config();
        let found = envoy::listener(config, proxy, &self.dialled.address, self.walk.port);
        let Some((listener, how)) = found else {
            let line = format!("none for {}", self.place());
            self.walk.broken("listener", None, line, Verdict::Missing);
            self.tell_why_none(false);
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
        let (leads, right) = self.leads(chain, how);
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
            made_by,
        };
        self.hops(&taken, &speaks);
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
                let is_ip = host.parse::<std::net::IpAddr>().is_ok();
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
    fn http_host(&self) -> String {
        let question = self.walk.question;
        let host = question.http_host.clone().or_else(|| question.host.clone());
        host.unwrap_or_default()
    }

    /// Where a chain leads, and whether it is for what was asked.
    fn leads(&self, chain: &FilterChain, how: How) -> (Leads, bool) {
        let origin = self.walk.ledger().get(chain.origin).map(|e| &e.step);
        let meant = self.dialled.meant.service().map(|s| s.object);
        let own = match origin {
            Some(Step::Put { of, .. }) => Some(of.service) == meant,
            Some(Step::Instance { of, .. }) => how == How::Own || Some(of.service) == meant,
            _ => false,
        };
        let Some(route) = &chain.route else {
            return (Leads::Clusters(chain.clusters.clone()), own);
        };
        let hosts = self.walk.config().routes.get(route);
        let host = hosts.and_then(|h| narrow::virtual_host(h.iter(), &self.http_host()));
        let Some(host) = host else {
            return (Leads::Nowhere, own);
        };
        // Without a path the route that takes every request stands for all.
        let catch_all = host.routes.iter().find(|r| r.catch_all);
        let Some(route) = catch_all.or(host.routes.first()) else {
            return (Leads::Nowhere, own);
        };
        let right = route.clause != self.rest;
        match &route.action {
            RouteAction::Clusters(clusters) => (Leads::Clusters(clusters.clone()), right),
            RouteAction::DirectResponse(status) => (Leads::Status(*status), right),
            RouteAction::Redirect => (Leads::Clusters(Vec::new()), right),
        }
    }

    /// The hops of what takes the connection.
    fn hops(&mut self, taken: &Taken<'w>, speaks: &Speaks) {
        let place = self.place();
        let none = match self.dialled.ip() {
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
        let other = !taken.right && !goes_on && !ends && taken.made_by.is_some();
        let to_itself = first.is_some_and(|name| {
            let cluster = self.walk.config().clusters.get(name);
            cluster.is_some_and(|c| c.discovery == "ORIGINAL_DST")
        });
        if other && !to_itself {
            let line = match taken.how {
                How::Own => format!("{name}, which another service has"),
                _ => format!("{name}, a catch-all; {none}"),
            };
            self.walk
                .broken("listener", taken.made_by, line, Verdict::Diverted);
            self.taken_by = taken.made_by;
            self.chain_hop(taken, HopStatus::Instead);
            self.clusters(&taken.leads, taken, HopStatus::Instead, speaks);
            self.tell_diverted(taken.how, taken.chain);
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
            self.tell_diverted(taken.how, taken.chain);
            self.none = Some(self.walk.findings.len().saturating_sub(1));
        } else if !taken.right {
            self.tell_why_none(ends);
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
            format!("HTTP, routed by host {} in route {route}", self.http_host())
        } else if !chain.sni.is_empty() {
            format!("SNI {}", chain.sni.join(", "))
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
                return;
            }
            Leads::Nowhere => {
                let line = "none: no virtual host for it, Envoy answers 404".to_owned();
                self.walk
                    .broken("cluster", None, line, Verdict::LeadsNowhere);
                return;
            }
        };
        let Some((first, _)) = clusters.first() else {
            let line = "none: Envoy redirects the client".to_owned();
            self.walk.hop("cluster", status, None, vec![line]);
            return;
        };
        if first == PASSTHROUGH {
            let line = format!("PassthroughCluster: on to {} as it is", self.place());
            self.walk.hop("cluster", status, None, vec![line]);
            self.pass_on();
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
            let under = taken.chain.clause.into_iter();
            let dropped: Vec<_> = under
                .flat_map(|clause| self.walk.ledger().under(clause))
                .filter(|(_, e)| matches!(e.fate, Fate::Dropped(_)))
                .map(|(id, _)| id)
                .collect();
            for id in dropped {
                self.walk.tell_dropped(id);
            }
            return;
        }
        self.walk.hop("cluster", status, None, lines);
        self.endpoints(first, status, speaks);
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
    fn tell_diverted(&mut self, how: How, chain: &FilterChain) {
        // Where the own port was left out of that listener, prediction says why.
        let lost = self.meant_entry(|reason| match reason {
            Reason::ChainTaken { .. } => how == How::Own,
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
        let services: Vec<ObjectId> = self.pod_services().iter().map(|(o, _)| o.id).collect();
        let entry = chain.origin;
        let symptom = Symptom::CatchAll {
            services: &services,
        };
        let captured = self.captured(chain);
        let so = self.so_of_pod();
        let Some(finding) = self.walk.tell(entry, symptom) else {
            return;
        };
        finding.so.extend(so);
        finding.so.extend(captured);
    }

    /// How many sidecars a catch-all takes connections of.
    fn captured(&self, chain: &FilterChain) -> Option<String> {
        let entry = self.walk.ledger().get(chain.origin)?;
        let object = entry.step.object();
        let store = self.walk.store;
        let service = store.services.iter().find(|s| s.object == object)?;
        let seen = |namespace: &str| service.visibility.includes(namespace);
        let count = crate::predict::sidecar_pods(store.snapshot, &seen) as usize;
        let port = self.walk.port;
        let whose = names::counted(count, "sidecar");
        (count > 1).then(|| format!("it takes {port} in all {whose} that see it"))
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
    pub(super) fn meant_entry(
        &self,
        wanted: impl Fn(&Reason) -> bool,
    ) -> Option<crate::ledger::EntryId> {
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
