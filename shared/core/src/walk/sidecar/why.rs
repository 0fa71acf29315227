//! Why a destination has no listener of its own, looked for after the listeners have decided.

use std::net::IpAddr;

use super::Way;
use super::dialled::{Meant, is_headless};
use super::envoy::Speaks;
use super::inbound::{self, Far};
use super::outbound::Taken;
use crate::causes::Symptom;
use crate::ledger::{Effect, EntryId, Fate, Step};
use crate::predict::features::Feature;
use crate::predict::protocol::Protocol;
use crate::predict::store::{Service, Store};
use crate::predict::{WORKLOAD_KINDS, imports, pod_spec, selects, target_port, workload_spec};
use crate::report::Mark;
use crate::snapshot::views::{self, AsView, Labels};
use crate::snapshot::{FieldPath, Kind, Object, ObjectId};

/// The labels of a pod, or of the pods that a workload makes.
pub(super) fn labels_of(object: &Object) -> &Labels {
    match workload_spec(object) {
        Some(workload) => &workload.template.metadata.labels,
        None => &object.meta.labels,
    }
}

/// The Services with an address that lead to a port of a pod, and their port that does.
pub(in crate::walk) fn services_of<'s>(
    store: &Store<'s>,
    pod: &Object,
    port: u32,
) -> Vec<(&'s Object, u32)> {
    let labels = labels_of(pod);
    let containers = pod_spec(pod).map_or(&[][..], |s| s.containers.as_slice());
    store
        .kubernetes_services(&pod.key.namespace)
        .filter(|(_, s)| s.spec.cluster_ip != "None" && s.spec.r#type != "ExternalName")
        .filter(|(_, s)| !s.spec.selector.is_empty() && selects(&s.spec.selector, labels))
        .filter_map(|(object, s)| {
            let mut ports = s.spec.ports.iter();
            let leading = ports.find(|p| {
                !p.protocol.eq_ignore_ascii_case("udp") && target_port(p, containers) == Ok(port)
            })?;
            Some((object, leading.port))
        })
        .collect()
}

/// A pod behind a port of a Kubernetes Service, and the port of the pod.
pub(super) fn behind<'s>(
    store: &Store<'s>,
    service: &Service,
    port: u32,
) -> Option<(&'s Object, u32)> {
    some_behind(store, service, port, 1).into_iter().next()
}

/// The first pods behind a port of a Kubernetes Service, each with its port.
pub(super) fn some_behind<'s>(
    store: &Store<'s>,
    service: &Service,
    port: u32,
    most: usize,
) -> Vec<(&'s Object, u32)> {
    let object = store.snapshot.get(service.object);
    let view = object.and_then(|o| views::Service::of(&o.view));
    let Some(spec) = view.map(|s| &s.spec).filter(|s| !s.selector.is_empty()) else {
        return Vec::new();
    };
    let Some(written) = spec.ports.iter().find(|p| p.port == port) else {
        return Vec::new();
    };
    let workloads = WORKLOAD_KINDS
        .into_iter()
        .flat_map(|kind| store.snapshot.of_kind(kind))
        .filter(|o| o.key.namespace == service.namespace);
    let pods = store.pods(&service.namespace).iter().copied();
    pods.chain(workloads)
        .filter(|o| selects(&spec.selector, labels_of(o)))
        .filter_map(|pod| {
            let containers = pod_spec(pod).map_or(&[][..], |s| s.containers.as_slice());
            Some((pod, target_port(written, containers).ok()?))
        })
        .take(most)
        .collect()
}

/// A pod that a Kubernetes Service selects, whatever its ports.
pub(super) fn selected<'s>(store: &Store<'s>, service: &Service) -> Option<&'s Object> {
    let object = store.snapshot.get(service.object)?;
    let selector = &views::Service::of(&object.view)?.spec.selector;
    let mut pods = store.pods(&service.namespace).iter().copied();
    pods.find(|o| !selector.is_empty() && selects(selector, labels_of(o)))
}

/// A pod without an address that prediction calls by its name.
pub(in crate::walk) fn pod_named<'s>(store: &Store<'s>, name: &str) -> Option<&'s Object> {
    let mut pods = store.snapshot.of_kind(Kind::Pod);
    pods.find(|o| o.key.name == name)
}

impl Way<'_, '_> {
    /// Tells why the destination has no listener of its own. `ends`: the connection ends in Envoy, as nothing is let
    /// out that nobody declared.
    pub(super) fn tell_why_none(&mut self, ends: bool, taken: Option<&Taken<'_>>) {
        if self.explained {
            if ends {
                self.fold_policy(self.walk.findings.len().saturating_sub(1));
            }
            return;
        }
        let before = self.walk.findings.len();
        let by_port = taken.is_some_and(Taken::is_listen_port);
        if !by_port || !self.tell_listen_port() {
            self.tell_cause(ends, taken);
        }
        if self.walk.findings.len() == before {
            return;
        }
        self.none = Some(before);
        if ends && !by_port {
            self.fold_policy(before);
        }
    }

    fn tell_cause(&mut self, ends: bool, taken: Option<&Taken<'_>>) {
        let port = self.walk.port;
        let alias = self.dialled.alias;
        match self.dialled.meant {
            Meant::Nothing if alias.is_some() => {
                let port_of = |s: &Service| s.ports.iter().position(|p| p.number == port);
                let entry = alias.and_then(|s| self.dropped(s.object, port_of(s)));
                if let Some(entry) = entry {
                    self.walk.tell_dropped(entry);
                }
            }
            Meant::Service(service) | Meant::Instance { service, .. } => {
                let index = service.ports.iter().position(|p| p.number == port);
                let Some(index) = index else {
                    let service = service.object;
                    let symptom = if self.is_target(service) {
                        Symptom::HeadlessPort { service }
                    } else {
                        Symptom::NoSuchPort { service }
                    };
                    let finding = self.walk.tell(self.rest, symptom);
                    if let (Some(finding), Some(alias)) = (finding, alias) {
                        finding.so.push(format!(
                            "{} is another name for it (SC-EXTERNALNAME-ALIAS)",
                            alias.hostname
                        ));
                    }
                    return;
                };
                if let Some(entry) = self.dropped(service.object, Some(index)) {
                    self.walk.tell_dropped(entry);
                    self.tell_other_sidecar(service.object);
                } else if self.is_other_family(service) {
                    let service = service.object;
                    self.walk.tell(self.rest, Symptom::OtherFamily { service });
                } else {
                    let before = self.walk.findings.len();
                    self.tell_placed_elsewhere(service, index);
                    if let Some(taken) = taken.filter(|_| self.walk.findings.len() == before) {
                        self.tell_other_name(service, index, taken);
                    }
                }
            }
            Meant::Pod(pod) => {
                if taken.is_some_and(|taken| self.tell_headless_http(pod, taken)) {
                    return;
                }
                let services = services_of(self.walk.store, pod, port);
                let services: Vec<ObjectId> = services.iter().map(|(o, _)| o.id).collect();
                let unnamed = services.is_empty()
                    && matches!(
                        inbound::far(self.views, pod),
                        Some(Far::Sidecar(far)) if far.is_unnamed()
                    );
                let symptom = if unnamed {
                    Symptom::UnnamedPod { pod: pod.id }
                } else {
                    Symptom::PodAddress {
                        pod: pod.id,
                        services: &services,
                    }
                };
                self.walk.tell(self.rest, symptom);
            }
            Meant::Behind(service) => {
                let service = service.object;
                self.walk.tell(self.rest, Symptom::GivenAddress { service });
            }
            Meant::AtNodes(service) => {
                let service = service.id;
                let address = self.dialled.address.clone();
                let address = address.as_str();
                self.walk
                    .tell(self.rest, Symptom::AtNodes { service, address });
            }
            Meant::Nothing if self.dialled.unaddressed.is_some() => {
                let found = self.dialled.unaddressed;
                let symptom =
                    found.map(|service_entry| Symptom::NoReadableAddress { service_entry });
                symptom.and_then(|symptom| self.walk.tell(self.rest, symptom));
            }
            Meant::Nothing if ends => {
                let host = self.walk.question.host.clone().unwrap_or_default();
                let policy = self.policy();
                let symptom = Symptom::UnknownDestination {
                    host: &host,
                    policy,
                };
                self.walk.tell(self.rest, symptom);
            }
            Meant::Nothing => {}
        }
    }

    /// The port has a listener, and the connection does not come to it, or not to what it is: by the egress entry.
    fn tell_placed_elsewhere(&mut self, service: &Service, index: usize) {
        let ledger = self.walk.ledger();
        let mut puts = ledger
            .entries()
            .filter_map(|(id, e)| match (&e.step, &e.fate) {
                (Step::Put { of, port, egress }, Fate::Effective(effect))
                    if of.service == service.object && *port == index =>
                {
                    Some((id, *egress, effect))
                }
                _ => None,
            });
        let Some((entry, egress, effect)) = puts.next() else {
            return;
        };
        let deciding = self.deciding();
        let view = deciding.and_then(|id| self.walk.store.snapshot.get(id));
        let view = view.and_then(|o| views::Sidecar::of(&o.view));
        let Some(entry_view) = view.and_then(|s| s.spec.egress.get(egress)) else {
            return;
        };
        let own = service.ports.get(index).map(|p| p.protocol);
        let asked = entry_view.port.as_ref();
        let asked = asked.map(|p| Protocol::parse(&p.protocol));
        let elsewhere = !entry_view.bind.is_empty() || entry_view.capture_mode == "NONE";
        match (effect, own, asked) {
            (Effect::Chains { listener, .. } | Effect::Shares { listener }, ..) if elsewhere => {
                let symptom = Symptom::EgressBind { listener };
                self.walk.tell(entry, symptom);
            }
            (_, Some(own), Some(asked))
                if asked.is_http() && !own.is_http() && own != Protocol::Unsupported =>
            {
                self.walk.tell(entry, Symptom::EgressProtocol { own });
            }
            _ => {}
        }
    }

    /// The Sidecar that decides for the pod.
    fn deciding(&self) -> Option<ObjectId> {
        self.walk.ledger().entries().find_map(|(_, e)| {
            let own = matches!(e.step, Step::Sidecar(_)) && matches!(e.fate, Fate::Effective(_));
            own.then(|| e.step.object())
        })
    }

    /// Whether the address is the second one of a Service, of the other IP family: listeners have the first alone.
    /// After istio `pilot/pkg/model/service.go:GetAddressForProxy`.
    fn is_other_family(&self, service: &Service) -> bool {
        let store = self.walk.store;
        let family = |text: &str| text.parse::<IpAddr>().ok().map(|ip| ip.is_ipv6());
        let own = family(&self.dialled.address);
        let mut others = service.addresses.iter().map(|a| family(a));
        own.is_some()
            && !store.istiod.features.has(Feature::DualStack)
            && service.addresses.contains(&self.dialled.address)
            && others.any(|other| other.is_some() && other != own)
    }

    /// A Sidecar that would take the service in, and is not for this pod.
    fn tell_other_sidecar(&mut self, service: ObjectId) {
        let store = self.walk.store;
        let namespace = &self.walk.class.proxy.namespace;
        let ledger = self.walk.ledger();
        let other = ledger.entries().find(|(_, e)| match (&e.step, &e.fate) {
            (Step::Sidecar(id), Fate::Dropped(_) | Fate::Displaced { .. }) => store
                .snapshot
                .get(*id)
                .is_some_and(|sidecar| imports(store, namespace, sidecar, service)),
            _ => false,
        });
        match other.map(|(id, e)| (id, &e.fate)) {
            Some((entry, Fate::Displaced { by })) => {
                self.walk.tell(entry, Symptom::Displaced { by: *by });
            }
            Some((entry, _)) => {
                self.walk.tell_dropped(entry);
            }
            None => {}
        }
    }

    /// Whether a port is the pods' port of a headless Service.
    fn is_target(&self, service: ObjectId) -> bool {
        let store = self.walk.store;
        let headless = store
            .services
            .iter()
            .any(|s| s.object == service && is_headless(s));
        let Some(pod) = self.dialled.meant.pod().filter(|_| headless) else {
            return false;
        };
        let containers = pod_spec(pod).map_or(&[][..], |s| s.containers.as_slice());
        let view = store.snapshot.get(service).map(|o| &o.view);
        let view = view.and_then(views::Service::of);
        let mut ports = view.iter().flat_map(|s| &s.spec.ports);
        ports.any(|p| target_port(p, containers) == Ok(self.walk.port))
    }

    /// The decision that left a service, or one of its ports, out.
    pub(super) fn dropped(&self, service: ObjectId, index: Option<usize>) -> Option<EntryId> {
        let ledger = self.walk.ledger();
        let address = &self.dialled.address;
        let of_port = |step: &Step| match step {
            Step::Put { of, port, .. } => {
                of.service == service && index.is_none_or(|index| *port == index)
            }
            Step::Instance {
                of,
                port,
                address: own,
            } => {
                let nameless = self.dialled.ip().is_none() && own.parse::<IpAddr>().is_err();
                of.service == service && Some(*port) == index && (own == address || nameless)
            }
            _ => false,
        };
        let of_import =
            |step: &Step| matches!(step, Step::Import { of, .. } if of.service == service);
        let dropped = |wanted: &dyn Fn(&Step) -> bool| {
            let mut all = ledger.entries();
            let found = all.find(|(_, e)| matches!(e.fate, Fate::Dropped(_)) && wanted(&e.step));
            found.map(|(id, _)| id)
        };
        dropped(&of_port).or_else(|| dropped(&of_import))
    }

    /// The object that says where undeclared connections go, where one does.
    pub(super) fn policy(&self) -> Option<(ObjectId, &'static str)> {
        let store = self.walk.store;
        let says = self.deciding().filter(|id| {
            store
                .snapshot
                .get(*id)
                .and_then(|o| views::Sidecar::of(&o.view))
                .is_some_and(|s| s.spec.outbound_traffic_policy.is_some())
        });
        let mesh = || {
            let found = store
                .snapshot
                .find(Kind::ConfigMap, "istio-system", "istio");
            found.map(|o| (o.id, "data.mesh"))
        };
        says.map(|id| (id, "spec.outboundTrafficPolicy"))
            .or_else(mesh)
    }

    /// A consequence under the finding: nothing is let out that nobody declared.
    fn fold_policy(&mut self, finding: usize) {
        let Some((object, field)) = self.policy() else {
            return;
        };
        let name = self
            .walk
            .store
            .snapshot
            .get(object)
            .map(|o| o.key.to_string());
        let name = name.unwrap_or_default();
        let Some(finding) = self.walk.findings.get_mut(finding) else {
            return;
        };
        let mark = Mark {
            object,
            field: FieldPath::of(field),
            value: None,
            label: "nothing undeclared is let out".to_owned(),
        };
        if finding.primary.object != object && !finding.related.contains(&mark) {
            finding.related.push(mark);
        }
        finding.so.push(format!(
            "REGISTRY_ONLY of {name} ends it in Envoy (SC-E-BLACKHOLE)"
        ));
        finding.also_known_as.push("SC-E-BLACKHOLE");
    }

    /// The far end takes mutual TLS only, and the connection is none: a consequence of the finding about its listener,
    /// or a finding of its own.
    pub(super) fn tell_refused(&mut self, pod: &Object, policy: Option<ObjectId>, speaks: &Speaks) {
        let store = self.walk.store;
        let name = policy
            .and_then(|id| store.snapshot.get(id))
            .map(|o| o.key.to_string());
        let asks = name.unwrap_or_else(|| "its policy".to_owned());
        let comes = match speaks {
            Speaks::Tls { .. } => "with its own TLS",
            _ => "in plaintext",
        };
        let open = self.none.and_then(|n| self.walk.findings.get_mut(n));
        if let Some(finding) = open {
            finding.so.push(format!(
                "it comes {comes}, and {asks} asks for mutual TLS: the sidecar of {} resets it (SC-E-PASSTHROUGH-STRICT)",
                pod.key.name
            ));
            finding.also_known_as.push("SC-E-PASSTHROUGH-STRICT");
            if let Some(object) = policy {
                finding.related.push(Mark {
                    object,
                    field: FieldPath::of("spec.mtls.mode"),
                    value: None,
                    label: "no plaintext".to_owned(),
                });
            }
            return;
        }
        let pod = pod.id;
        let symptom = Symptom::RefusedPlaintext { pod, policy };
        let finding = self.walk.tell(self.rest, symptom);
        if let Some(finding) = finding.filter(|_| !store.mesh.enable_auto_mtls) {
            finding.so.push(
                "enableAutoMtls is false in the mesh configuration: sidecars speak mutual TLS only where a DestinationRule asks for it"
                    .to_owned(),
            );
        }
    }
}
