//! What a listener does that several services share, and what takes the rest: by host name, by server name, by
//! network, by the outbound traffic policy.

use std::net::IpAddr;

use super::Way;
use super::dialled::{self, Meant, is_headless};
use super::envoy::{self, How, Speaks};
use super::outbound::{BLACK_HOLE, DYNAMIC_DNS, Leads, PASSTHROUGH, Taken};
use super::why::labels_of;
use crate::causes::{Severity, Symptom};
use crate::ledger::{Effect, EntryId, Fate, Reason, Step};
use crate::predict::protocol::Protocol;
use crate::predict::store::{Registry, Service};
use crate::predict::{FilterChain, Listener, selects};
use crate::report::Mark;
use crate::snapshot::views::{AsView, Sidecar};
use crate::snapshot::{Object, ObjectId};

/// Whether requests to a port of this protocol are routed by their Host: it is HTTP, or is detected.
fn takes_http(protocol: Protocol) -> bool {
    protocol.is_http() || protocol == Protocol::Unsupported
}

/// The route of requests that are sent to Envoy as to a proxy.
const HTTP_PROXY: &str = "http_proxy";

impl Taken<'_> {
    /// Whether the connection ends as its port is the one that everything is redirected to.
    pub(super) fn is_listen_port(&self) -> bool {
        self.how == How::Rest && self.chain.matches.destination_port.is_some()
    }

    /// The chain for plaintext HTTP.
    fn http(&self) -> Option<&FilterChain> {
        self.listener.all_chains().find(|c| c.route.is_some())
    }
}

impl Way<'_, '_> {
    /// The decision that put a port on a listener.
    fn put_on(
        &self,
        listener: &Listener,
        about: impl Fn(ObjectId, usize) -> bool,
    ) -> Option<EntryId> {
        let mut all = self.walk.ledger().entries();
        let found = all.find(|(_, e)| {
            let Step::Put { of, port, .. } = &e.step else {
                return false;
            };
            let Fate::Effective(
                Effect::Chains { listener: name, .. } | Effect::Shares { listener: name },
            ) = &e.fate
            else {
                return false;
            };
            *name == listener.name && about(of.service, *port)
        });
        found.map(|(id, _)| id)
    }

    /// The port that is dialled has its place on a listener that tells services apart by name, and the client's is
    /// another one.
    pub(super) fn tell_other_name(&mut self, service: &Service, index: usize, taken: &Taken<'_>) {
        let object = service.object;
        let own = |of: ObjectId, port: usize| of == object && port == index;
        let Some(entry) = self.put_on(taken.listener, own) else {
            return;
        };
        let mut chains = taken.listener.all_chains();
        let by_name = chains.any(|c| c.origin == entry && !c.sni.is_empty());
        match self.speaks() {
            Speaks::Tls { sni, .. } if by_name => {
                let symptom = Symptom::OtherName {
                    asked: &sni,
                    tls: true,
                };
                self.walk.tell(entry, symptom);
            }
            Speaks::Http if taken.chain.route.is_some() => {
                let port = service.ports.get(index);
                let host = self.http_host();
                let symptom = if port.is_some_and(|p| takes_http(p.protocol)) {
                    Symptom::OtherName {
                        asked: &host,
                        tls: false,
                    }
                } else {
                    Symptom::Merged {
                        http: taken.chain.origin,
                    }
                };
                self.walk.tell(entry, symptom);
            }
            _ if by_name => {
                let symptom = Symptom::OtherName {
                    asked: "",
                    tls: true,
                };
                self.walk.tell(entry, symptom);
            }
            _ => {}
        }
    }

    /// The Host header is that of another service than the one that was dialled.
    pub(super) fn tell_another_host(&mut self, by: EntryId) {
        let host = self.http_host();
        let address = self.dialled.address.clone();
        let symptom = Symptom::AnotherHost {
            host: &host,
            address: &address,
        };
        self.walk.tell(by, symptom);
    }

    /// The connection is taken by what it is for; what is to know about that all the same.
    pub(super) fn tell_own(&mut self, taken: &Taken<'_>) {
        if taken.chain.route.is_some() {
            self.tell_no_domain();
            let by_address = match self.dialled.meant {
                Meant::Pod(_) | Meant::AtNodes(_) | Meant::Behind(_) => true,
                Meant::Nothing => {
                    self.dialled.ip().is_some() && !self.is_bound() && self.is_of_cluster(taken.by)
                }
                Meant::Service(_) | Meant::Instance { .. } => false,
            };
            if by_address {
                self.tell_another_host(taken.by);
                if let Some(finding) = self.walk.findings.last_mut() {
                    finding.severity = Severity::Warning;
                }
            }
            return;
        }
        let port = self.walk.port;
        let service = self.dialled.meant.service();
        let mut ports = service.iter().flat_map(|s| &s.ports);
        if ports.any(|p| p.number == port && takes_http(p.protocol)) {
            return;
        }
        let http = taken.http().map(|c| c.origin);
        if let Some(http) = http.filter(|http| *http != taken.chain.origin)
            && taken.how == How::CatchAll
            && taken.chain.sni.is_empty()
        {
            let entry = taken.chain.origin;
            self.walk.tell(entry, Symptom::Merged { http });
        }
    }

    /// Whether a route leads to a service of the cluster itself, or is a rule's.
    fn is_of_cluster(&self, by: EntryId) -> bool {
        let Some(Step::VirtualHost { of, .. }) = self.walk.ledger().get(by).map(|e| &e.step) else {
            return false;
        };
        of.host.is_none()
    }

    /// Where another virtual host has all domains of the service, prediction says which.
    fn tell_no_domain(&mut self) {
        let Some(service) = self.dialled.meant.service() else {
            return;
        };
        let port = self.walk.port;
        let index = service.ports.iter().position(|p| p.number == port);
        let ledger = self.walk.ledger();
        let rules = |entry: EntryId| {
            let mut above = ledger.above(entry);
            above.find_map(|(_, e)| match e.step {
                Step::Attachment { virtual_service } => Some(virtual_service),
                _ => None,
            })
        };
        let mut all = ledger.entries();
        let lost = all.find(|(id, e)| match (&e.step, &e.fate) {
            // One VirtualService may have a host in two spellings.
            (Step::VirtualHost { of, port }, Fate::Dropped(Reason::DomainsTaken { by })) => {
                let one = rules(*id).is_some_and(|own| rules(*by) == Some(own));
                of.service == service.object && Some(*port) == index && !one
            }
            _ => false,
        });
        if let Some((entry, _)) = lost
            && self.walk.tell_dropped(entry).is_some()
        {
            self.none = Some(self.walk.findings.len().saturating_sub(1));
        }
    }

    /// What a listener that HTTP services share does to an address that has none of its own.
    pub(super) fn tell_shared(&mut self, taken: &Taken<'_>) {
        let Some(http) = taken.http().filter(|_| taken.how == How::CatchAll) else {
            return;
        };
        let Some(Step::Put { of, .. }) = self.walk.ledger().get(http.origin).map(|e| &e.step)
        else {
            return;
        };
        let (entry, maker) = (http.origin, of.service);
        let own = self.dialled.meant.service().map(|s| s.object);
        let has_place =
            own.is_some_and(|own| self.put_on(taken.listener, |of, _| of == own).is_some());
        if self.none.is_some() && has_place {
            return;
        }
        let outcome = |speaks: &Speaks| {
            let address = &self.dialled.address;
            let chain = envoy::chain(taken.listener, address, self.walk.port, speaks);
            chain.map_or_else(
                || "ends in Envoy".to_owned(),
                |chain| self.outcome(&self.leads(chain, taken.how).leads),
            )
        };
        let http_goes = outcome(&Speaks::Http);
        let rest_goes = outcome(&Speaks::Bytes);
        let host = self.http_host();
        let lines = vec![
            format!("HTTP is routed by its Host: with {host} it {http_goes}"),
            format!("what is not HTTP {rest_goes}"),
        ];
        let step = self.walk.ledger().get(entry).map(|e| e.step.clone());
        let object = self.walk.store.snapshot.get(maker);
        let made_by = object.map_or_else(String::new, |o| o.key.to_string());
        let Some(finding) = self.none.and_then(|n| self.walk.findings.get_mut(n)) else {
            let symptom = Symptom::SharedHttp { own: has_place };
            if let Some(finding) = self.walk.tell(entry, symptom) {
                finding.so.extend(lines);
                self.none = Some(self.walk.findings.len().saturating_sub(1));
            }
            return;
        };
        finding.so.push(format!(
            "{} is an HTTP port of {made_by}, whose listener takes every address (SC-WILD-HTTP)",
            self.walk.port
        ));
        finding.so.extend(lines);
        finding.also_known_as.push("SC-WILD-HTTP");
        if finding.primary.object != maker
            && let Some(step) = step
        {
            finding.related.push(Mark {
                object: maker,
                field: step.field(),
                value: None,
                label: "an HTTP port takes every address".to_owned(),
            });
        }
    }

    /// Where something leads, as the end of a sentence.
    fn outcome(&self, leads: &Leads) -> String {
        let place = self.place();
        match leads {
            Leads::Status(status) => format!("is answered {status}"),
            Leads::Nowhere => "is answered 404".to_owned(),
            Leads::Clusters(clusters) => match clusters.first().map(|(name, _)| name.as_str()) {
                Some(PASSTHROUGH) => format!("goes on to {place} as it is"),
                Some(BLACK_HOLE) => "ends in Envoy".to_owned(),
                Some(DYNAMIC_DNS) => "goes to what DNS says for that name".to_owned(),
                Some(name) => format!("goes to {}", self.cluster_name(name)),
                None => "is redirected".to_owned(),
            },
        }
    }

    /// A pod is dialled by its address, and its headless Service's port is HTTP: no pod has a listener of its own.
    pub(super) fn tell_headless_http(&mut self, pod: &Object, taken: &Taken<'_>) -> bool {
        if taken.how != How::CatchAll || taken.http().is_none() {
            return false;
        }
        let store = self.walk.store;
        let labels = labels_of(pod);
        let port = self.walk.port;
        let leads = |s: &&Service| {
            let mut ports = s.ports.iter();
            s.registry == Registry::Kubernetes
                && is_headless(s)
                && s.namespace == pod.key.namespace
                && !s.selector.is_empty()
                && selects(&s.selector, labels)
                && ports.any(|p| p.number == port && p.protocol.is_http())
        };
        let Some(service) = store.services.iter().find(leads) else {
            return false;
        };
        let index = service.ports.iter().position(|p| p.number == port);
        let own = |of: ObjectId, port: usize| of == service.object && Some(port) == index;
        let Some(entry) = self.put_on(taken.listener, own) else {
            return false;
        };
        let pod = pod.id;
        self.walk
            .tell(entry, Symptom::HeadlessHttp { pod })
            .is_some()
    }

    /// The port is the one that Envoy itself listens on for what is redirected.
    pub(super) fn tell_listen_port(&mut self) -> bool {
        let service = self.dialled.meant.service();
        let port = self.walk.port;
        let index = service.and_then(|s| s.ports.iter().position(|p| p.number == port));
        if let Some(service) = service
            && self.dropped(service.object, index).is_some()
        {
            return false;
        }
        let object = match self.dialled.meant {
            Meant::Service(service) | Meant::Behind(service) | Meant::Instance { service, .. } => {
                Some(service.object)
            }
            Meant::Pod(object) | Meant::AtNodes(object) => Some(object.id),
            Meant::Nothing => self.walk.class.proxy.object(),
        };
        let Some(object) = object else {
            return false;
        };
        self.walk
            .tell(self.rest, Symptom::ListenPort { object })
            .is_some()
    }

    /// What nobody declared goes to a proxy: why there is no cluster for it.
    pub(super) fn tell_egress_proxy(&mut self) {
        let mut all = self.walk.ledger().entries();
        let entry = all.find(|(_, e)| matches!(e.step, Step::EgressProxy(_)));
        if let Some((entry, _)) = entry
            && self.walk.tell_dropped(entry).is_some()
            && self.none.is_none()
        {
            self.none = Some(self.walk.findings.len().saturating_sub(1));
        }
    }

    /// The Sidecar that sends what nobody declared to a proxy.
    pub(super) fn egress_proxy(&self) -> Option<ObjectId> {
        let mut all = self.walk.ledger().entries();
        all.find_map(|(_, e)| match e.step {
            Step::EgressProxy(sidecar) => Some(sidecar),
            _ => None,
        })
    }

    /// What nobody declared goes to the address that DNS has for its Host.
    pub(super) fn tell_dynamic_dns(&mut self) {
        let host = self.http_host();
        let Some((object, field)) = self.policy() else {
            return;
        };
        let symptom = Symptom::DynamicDns {
            host: &host,
            policy: (object, field),
        };
        self.walk.tell(self.rest, symptom);
    }

    /// The listener that Envoy really binds at an address of the pod for itself.
    pub(super) fn is_bound(&self) -> bool {
        let Some(ip) = self.dialled.ip().filter(IpAddr::is_loopback) else {
            return false;
        };
        let mut all = self.walk.config().listeners.iter();
        all.any(|l| !l.redirected_only && l.port == self.walk.port && l.address.parse() == Ok(ip))
    }

    /// The service that the Host names, where nothing was redirected and so the address says nothing.
    fn named_by_host(&self) -> Option<&Service> {
        let host = self.http_host();
        let host = host.split(':').next().filter(|h| !h.is_empty())?;
        let (store, proxy) = (self.walk.store, &self.walk.class.proxy);
        dialled::dial(store, proxy, host, self.walk.port)
            .meant
            .service()
    }

    /// A service that the Host names and whose place on this listener another one took, and which.
    pub(super) fn replaced(&self, chain: &FilterChain) -> Option<(EntryId, EntryId)> {
        if !self.is_bound() {
            return None;
        }
        let service = self.named_by_host()?;
        let port = self.walk.port;
        let index = service.ports.iter().position(|p| p.number == port);
        let mut all = self.walk.ledger().entries();
        all.find_map(|(id, e)| match (&e.step, &e.fate) {
            (Step::Put { of, port, .. }, Fate::Displaced { by })
                if of.service == service.object && Some(*port) == index && *by == chain.origin =>
            {
                Some((id, *by))
            }
            _ => None,
        })
    }

    /// Nothing was redirected, and no virtual host has the Host: of an HTTP proxy, or of services that share a listener.
    pub(super) fn tell_through_proxy(&mut self, taken: &Taken<'_>) {
        let Some(route) = &taken.chain.route else {
            return;
        };
        if taken.listener.redirected_only || taken.how != How::Own {
            return;
        }
        let host = self.http_host();
        let entry = taken.chain.origin;
        if route == HTTP_PROXY || self.is_http_proxy(entry) {
            let service = self.named_by_host().map(|s| s.object);
            let symptom = Symptom::ThroughProxy {
                host: &host,
                service,
            };
            self.walk.tell(self.rest, symptom);
        } else {
            let symptom = Symptom::OtherName {
                asked: &host,
                tls: false,
            };
            self.walk.tell(entry, symptom);
        }
    }

    /// Whether a port was put on the listener of an egress entry that is an HTTP proxy.
    fn is_http_proxy(&self, entry: EntryId) -> bool {
        let ledger = self.walk.ledger();
        let Some(Step::Put { egress, .. }) = ledger.get(entry).map(|e| &e.step) else {
            return false;
        };
        let deciding = ledger.entries().find_map(|(_, e)| match e.step {
            Step::Sidecar(id) if matches!(e.fate, Fate::Effective(_)) => Some(id),
            _ => None,
        });
        let object = deciding.and_then(|id| self.walk.store.snapshot.get(id));
        let view = object.and_then(|o| Sidecar::of(&o.view));
        let port = view
            .and_then(|s| s.spec.egress.get(*egress))
            .and_then(|e| e.port.as_ref());
        port.is_some_and(|p| Protocol::parse(&p.protocol) == Protocol::HttpProxy)
    }
}
