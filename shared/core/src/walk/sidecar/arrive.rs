//! Where a connection ends: the endpoints of a cluster, or the address that was dialled, and the sidecar there.

use super::Way;
use super::dialled::{self, Meant};
use super::envoy::Speaks;
use super::inbound::{self, End, Far, FarSidecar};
use super::why::{self, behind};
use crate::causes::{Severity, Symptom};
use crate::ledger::{Fate, Reason};
use crate::predict::store::{DestinationRule, Service};
use crate::predict::{Endpoint, is_namespace_plaintext};
use crate::report::{HopStatus, Verdict};
use crate::snapshot::Object;
use crate::walk::names;

/// What was left out at the far end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// The port is the proxy's own: the application is not reached.
    Reserved,
    /// Another thing: the connection takes other chains.
    Other,
}

impl<'w, 'a> Way<'w, 'a> {
    /// The endpoints of a cluster, and what the first of them does.
    pub(super) fn endpoints(&mut self, cluster: &str, status: HopStatus, speaks: &Speaks) {
        let Some(found) = self.walk.config().clusters.get(cluster) else {
            return;
        };
        let (_, _, host) = names::parts(cluster).unwrap_or(("", "", cluster));
        let service = self.service_of(host);
        match found.discovery {
            "ORIGINAL_DST" => {
                let line = self.with_pod();
                self.walk.hop("endpoints", status, None, vec![line]);
                if let Some(pod) = self.dialled.meant.pod() {
                    let mutual = service.is_some_and(|s| self.every_pod_speaks(s));
                    let speaks = self.by_rule(service, pod, speaks, mutual);
                    self.far_end(pod, self.walk.port, &speaks, status);
                }
            }
            "STRICT_DNS" | "LOGICAL_DNS" => self.by_name(&found.endpoints, status),
            _ if found.endpoint_count() == 0 && found.discovery == "EDS" => {
                let instead = status == HopStatus::Instead;
                let status = if instead { status } else { HopStatus::Broken };
                let line = "none".to_owned();
                self.walk.hop("endpoints", status, None, vec![line]);
                if !instead {
                    self.walk.verdict = self.walk.verdict.max(Verdict::LeadsNowhere);
                }
                if let Some(service) = service.filter(|_| !instead) {
                    let pod = why::selected(self.walk.store, service);
                    let far = pod.and_then(|pod| inbound::far(self.views, pod));
                    if let Some(Far::Sidecar(far)) = far
                        && self.left_out(&far, None).is_some()
                    {
                        return;
                    }
                    let service = service.object;
                    self.walk.tell(self.rest, Symptom::NoEndpoint { service });
                }
            }
            _ => {
                let line = names::endpoints(self.walk.config(), cluster);
                self.walk.hop("endpoints", status, None, vec![line]);
                if let Some((pod, port)) = found.endpoints.iter().find_map(|e| self.pod_of(e)) {
                    let mutual = inbound::speaks_mutual_tls(self.walk.store, pod, port);
                    let sent = self.by_rule(service, pod, speaks, mutual);
                    self.far_end(pod, port, &sent, status);
                    if status != HopStatus::Instead {
                        // A DestinationRule may put other TLS around it: HTTP is read behind that, a server name is not.
                        let seen = match speaks {
                            Speaks::Tls { .. } if sent != *speaks => &Speaks::Bytes,
                            _ => speaks,
                        };
                        self.through_gateway(pod, cluster, seen);
                    }
                }
            }
        }
    }

    fn service_of(&self, host: &str) -> Option<&'w Service> {
        let store = self.walk.store;
        let own = self.dialled.meant.service().filter(|s| s.hostname == host);
        own.or_else(|| store.services_named(host).next())
    }

    /// The pod of an endpoint, and its port.
    fn pod_of(&self, endpoint: &Endpoint) -> Option<(&'w Object, u32)> {
        match endpoint {
            Endpoint::Address(place) => {
                let (host, port) = place.rsplit_once(':')?;
                let pod = self
                    .walk
                    .store
                    .pod_by_ip(host.trim_matches(['[', ']']))
                    .or_else(|| why::pod_named(self.walk.store, host))?;
                Some((pod, port.parse().ok()?))
            }
            Endpoint::Replicas { workload, port, .. } => {
                let address = format!("<pods of {workload}>");
                Some((dialled::workload(self.walk.store, &address)?, *port))
            }
        }
    }

    /// What the sidecar sends: mutual TLS by itself where the other end speaks it, unless a DestinationRule or the mesh
    /// configuration says otherwise. After istio `core/cluster_tls.go:ClusterBuilder.buildUpstreamTLSSettings`.
    fn by_rule(
        &self,
        service: Option<&Service>,
        pod: &Object,
        speaks: &Speaks,
        mutual: bool,
    ) -> Speaks {
        let proxy = &self.walk.class.proxy;
        let rule = service.and_then(|s| {
            let store = self.walk.store;
            let rule = store.destination_rule(s, &proxy.namespace, &proxy.labels)?;
            rule.tls_mode(None, self.walk.port)
        });
        let tls = |mutual| Speaks::Tls {
            sni: pod.key.name.clone(),
            mutual,
        };
        match rule {
            Some("DISABLE") => speaks.clone(),
            Some("ISTIO_MUTUAL") => tls(true),
            Some("SIMPLE" | "MUTUAL") => tls(false),
            _ if mutual && self.walk.store.mesh.enable_auto_mtls => tls(true),
            _ => speaks.clone(),
        }
    }

    /// Whether every pod of a service speaks mutual TLS: where the address decides, one mode is for all.
    /// After istio `pilot/pkg/model/push_context.go:BestEffortInferServiceMTLSMode`.
    fn every_pod_speaks(&self, service: &Service) -> bool {
        let store = self.walk.store;
        let addresses = crate::predict::addresses_of(store, service);
        let mut pods = addresses
            .iter()
            .map(|a| store.pod_by_ip(a).or_else(|| dialled::workload(store, a)));
        pods.all(|pod| pod.is_some_and(|p| inbound::has_mutual_tls(store, p)))
            && !is_namespace_plaintext(store, &service.namespace)
    }

    /// Endpoints that DNS gives: names of the cluster's own are known.
    fn by_name(&mut self, endpoints: &[Endpoint], status: HopStatus) {
        let mut lines = Vec::new();
        let mut broken = None;
        for endpoint in endpoints {
            let Endpoint::Address(place) = endpoint else {
                continue;
            };
            let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
            let port: u32 = port.parse().unwrap_or_default();
            let dialled = dialled::dial(self.walk.store, &self.walk.class.proxy, host, port);
            let line = match dialled.meant {
                Meant::Service(s) if s.host.is_none() => {
                    let name = format!("{}.{}", s.sort_name, s.namespace);
                    self.lead = Some(("it leads to", format!("{name}:{port}")));
                    if s.ports.iter().any(|p| p.number == port) {
                        format!("{} ({name})", dialled.with_port(port))
                    } else {
                        broken = Some((s.object, port));
                        format!(
                            "{} ({name}), which has no port {port}",
                            dialled.with_port(port)
                        )
                    }
                }
                _ => place.clone(),
            };
            lines.push(line);
        }
        let instead = status == HopStatus::Instead;
        if let (Some((service, port)), false) = (broken, instead) {
            self.walk.hop("endpoints", HopStatus::Broken, None, lines);
            self.walk.verdict = self.walk.verdict.max(Verdict::LeadsNowhere);
            if port == self.walk.port {
                self.walk.tell(self.rest, Symptom::NoSuchPort { service });
            }
        } else {
            self.walk.hop("endpoints", status, None, lines);
        }
    }

    /// The address that was dialled, with the pod that has it.
    fn with_pod(&self) -> String {
        let place = self.place();
        match self.dialled.meant {
            Meant::Pod(pod) | Meant::Instance { pod: Some(pod), .. } => {
                format!("{place} ({})", pod.qualified())
            }
            Meant::Service(s) if s.host.is_none() => {
                format!("{place} ({}.{})", s.sort_name, s.namespace)
            }
            _ => place,
        }
    }

    /// Past Envoy: the connection goes out as the application makes it.
    pub(super) fn bypass(&mut self) {
        self.pass_on();
        if self.lead.is_none() {
            self.lead = Some(("it goes to", self.place()));
        }
    }

    /// On to the address that was dialled, as the client sends it.
    pub(super) fn pass_on(&mut self) {
        let line = self.with_pod();
        let port = self.walk.port;
        let to = match self.dialled.meant {
            Meant::Service(s) if s.host.is_none() => {
                format!("{}/{}:{port}", s.namespace, s.sort_name)
            }
            Meant::Pod(pod) | Meant::Instance { pod: Some(pod), .. } => {
                format!("pod {}", pod.qualified())
            }
            _ => self.place(),
        };
        self.lead = Some(("it passes on to", to));
        if let Meant::Service(s) = self.dialled.meant
            && s.host.is_none()
        {
            // Nodes know a Service's address on its ports alone.
            if !s.ports.iter().any(|p| p.number == port) {
                let line = format!("{line}, which has no port {port}");
                self.walk
                    .broken("endpoints", Some(s.object), line, Verdict::LeadsNowhere);
                return;
            }
            let found = behind(self.walk.store, s, port);
            self.walk.ok("endpoints", Some(s.object), vec![line]);
            if let Some((pod, port)) = found {
                self.far_end(pod, port, &self.speaks(), HopStatus::Ok);
            }
            return;
        }
        if let Meant::Instance { service, pod: None } = self.dialled.meant
            && self.dialled.address.starts_with('<')
        {
            let line = format!("none: {} has no address", service.hostname);
            self.walk.broken(
                "endpoints",
                Some(service.object),
                line,
                Verdict::LeadsNowhere,
            );
            return;
        }
        self.walk.ok("endpoints", None, vec![line]);
        if let Some(pod) = self.dialled.meant.pod() {
            self.far_end(pod, port, &self.speaks(), HopStatus::Ok);
        }
    }

    /// Tells what was left out of the pod's own configuration for the port that is dialled.
    fn left_out(&mut self, far: &FarSidecar<'_, 'a>, reached: Option<u32>) -> Option<Left> {
        let service = self.dialled.meant.service()?;
        let entry = far.left_out(service, self.walk.port, reached)?;
        let ledger = &far.prediction.ledger;
        let Fate::Dropped(reason) = &ledger.get(entry)?.fate else {
            return None;
        };
        let symptom = Symptom::Reason(reason);
        self.walk
            .tell_of(far.store, &far.facts, ledger, entry, symptom)?;
        Some(match reason {
            Reason::ReservedPort { .. } => Left::Reserved,
            _ => Left::Other,
        })
    }

    /// What the sidecar of the pod that is reached does.
    fn far_end(&mut self, pod: &'w Object, port: u32, speaks: &Speaks, status: HopStatus) {
        if status == HopStatus::Instead {
            return;
        }
        let mutual = matches!(speaks, Speaks::Tls { mutual: true, .. });
        let end = match inbound::far(self.views, pod) {
            None => {
                let line = format!("whether {} has a sidecar was not read", pod.qualified());
                self.walk
                    .hop("inbound", HopStatus::Unknown, Some(pod.id), vec![line]);
                return;
            }
            Some(Far::Gateway) => {
                let line = format!("{} is a gateway", pod.qualified());
                self.walk.ok("inbound", Some(pod.id), vec![line]);
                return;
            }
            Some(Far::None { own_tls: false, .. }) if mutual => End::NoMutualTls { policy: None },
            Some(Far::None { line, .. }) => End::Taken(line),
            Some(Far::Sidecar(far)) => {
                if self.left_out(&far, Some(port)) == Some(Left::Reserved) {
                    let line = format!("{port} of {} is the proxy's own port", pod.qualified());
                    self.walk
                        .broken("inbound", Some(pod.id), line, Verdict::LeadsNowhere);
                    return;
                }
                let end = far.end(port, speaks);
                if !matches!(end, End::Past(_))
                    && let Some(reaching) = far.patched(port, speaks)
                {
                    self.walk.tell_patched(self.rest, reaching);
                }
                end
            }
        };
        let name = pod.qualified();
        let line = match &end {
            End::Taken(line) => {
                self.walk.ok("inbound", Some(pod.id), vec![line.clone()]);
                return;
            }
            End::Past(line) if !mutual => {
                self.walk.ok("inbound", Some(pod.id), vec![line.clone()]);
                return;
            }
            End::Past(line) => format!("{line}, and the client sends mutual TLS"),
            End::ListenPort => {
                let line = format!("{port} of {name} is the proxy's own port");
                self.walk
                    .broken("inbound", Some(pod.id), line, Verdict::LeadsNowhere);
                // Without a listener of its own it would arrive all the same.
                if let Some(open) = self.none.take().and_then(|n| self.walk.findings.get_mut(n)) {
                    open.severity = Severity::Warning;
                }
                let object = pod.id;
                self.walk.tell(self.rest, Symptom::ListenPort { object });
                return;
            }
            End::NoMutualTls { .. } => {
                format!("{port} of {name} has no mutual TLS, the client sends it")
            }
            End::NotHttp => format!("{port} of {name} takes HTTP, and no TLS of the client's own"),
            End::Refused { .. } => format!("{port} of {name} takes mutual TLS only"),
        };
        self.walk
            .broken("inbound", Some(pod.id), line, Verdict::Missing);
        match end {
            End::Refused { policy } => self.tell_refused(pod, policy, speaks),
            End::NotHttp => {
                let service = self.dialled.meant.service().map(|s| s.object);
                let pod = pod.id;
                self.walk
                    .tell(self.rest, Symptom::TlsMeetsHttp { pod, port, service });
            }
            End::Past(_) => {
                let service = self.dialled.meant.service().map(|s| s.object);
                let pod = pod.id;
                self.walk.tell(
                    self.rest,
                    Symptom::MutualTlsPastSidecar { pod, port, service },
                );
            }
            End::NoMutualTls { policy } => {
                let rule = self.rule().map(|rule| rule.traffic_policy_of);
                let service = self.dialled.meant.service().map(|s| s.object);
                let symptom = Symptom::MutualTlsMeetsNone {
                    pod: pod.id,
                    service,
                    rule,
                    policy,
                };
                self.walk.tell(self.rest, symptom);
            }
            End::Taken(_) | End::ListenPort => {}
        }
    }

    /// The DestinationRule that gives the client's TLS mode.
    fn rule(&self) -> Option<&'w DestinationRule> {
        let proxy = &self.walk.class.proxy;
        let service = self.dialled.meant.service()?;
        let store = self.walk.store;
        let rule = store.destination_rule(service, &proxy.namespace, &proxy.labels)?;
        rule.tls_mode(None, self.walk.port)
            .is_some()
            .then_some(rule)
    }
}
