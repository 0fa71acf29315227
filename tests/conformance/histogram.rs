//! How often each reason of the prediction and each trap of gateways occurred.

use std::collections::{BTreeMap, BTreeSet};

use mesh_core::ledger::{Effect, Entry, EntryId, Fate, Ledger, Reason, Step};
use mesh_core::predict::protocol::Protocol;
use mesh_core::predict::store::Store;
use mesh_core::snapshot::views::{self, AsView};

use crate::compare::Predicted;

/// The name of every reason.
pub(crate) const REASONS: [&str; 39] = [
    "NotSelected",
    "NoPort",
    "HostListPanics",
    "NamedTargetMissing",
    "TargetPortRepeated",
    "PortTaken",
    "TlsHostTaken",
    "HttpsNameTaken",
    "PrivilegedPort",
    "NoRoute",
    "NoServiceForHosts",
    "UnknownGateway",
    "MeshOnly",
    "NotExported",
    "NoHosts",
    "HostMismatch",
    "HostNamespace",
    "NoBlock",
    "PortMismatch",
    "GatewayMismatch",
    "EmptyRoute",
    "ZeroSum",
    "NoMatch",
    "SniTaken",
    "SourceMismatch",
    "DelegateMissing",
    "DelegateConflict",
    "AfterCatchAll",
    "UnknownHost",
    "NotVisible",
    "PortAbsent",
    "NotForwarded",
    "PortUnclear",
    "SubsetUndefined",
    "EmptyHost",
    "NoEndpoints",
    "ZeroWeight",
    "OutlierPanics",
    "Displaced",
];

/// The reasons that a sidecar's prediction gives.
pub(crate) const SIDECAR_REASONS: [&str; 43] = [
    "NamedTargetMissing",
    "TargetPortRepeated",
    "PrivilegedPort",
    "NoBlock",
    "PortMismatch",
    "GatewayMismatch",
    "SourceMismatch",
    "AfterCatchAll",
    "UnknownHost",
    "NotVisible",
    "PortAbsent",
    "PortUnclear",
    "SubsetUndefined",
    "NoEndpoints",
    "ZeroWeight",
    "Displaced",
    "SidecarNotSelected",
    "ServiceNotExported",
    "VisibilityCapped",
    "NotImported",
    "RoutedOnly",
    "PortNotAsked",
    "WrongBlock",
    "ImportExcluded",
    "EgressPortAbsent",
    "HostnameElsewhere",
    "OnlyOneFound",
    "IsAlias",
    "NotTcp",
    "ReservedPort",
    "NoInstances",
    "OwnAddress",
    "NotAnAddress",
    "ListenerLocked",
    "WellKnownProtocol",
    "SniffedAlready",
    "ChainTaken",
    "DomainsTaken",
    "InboundTaken",
    "IngressListed",
    "SelectedByOthers",
    "WorkloadEntryInstead",
    "NotIntercepted",
];

/// A new reason has to be named here and in [`REASONS`] or [`SIDECAR_REASONS`]; but all objects of a scenario are
/// stored, so those of manifests never occur.
const fn name(reason: &Reason) -> &'static str {
    match reason {
        Reason::NotAdmitted(_) => "NotAdmitted",
        Reason::NotStored { .. } => "NotStored",
        Reason::NotSelected => "NotSelected",
        Reason::ScopedToNamespace => "ScopedToNamespace",
        Reason::Unseen(_) => "Unseen",
        Reason::NoPort => "NoPort",
        Reason::HostListPanics { .. } => "HostListPanics",
        Reason::NamedTargetMissing { .. } => "NamedTargetMissing",
        Reason::TargetPortRepeated { .. } => "TargetPortRepeated",
        Reason::PortTaken { .. } => "PortTaken",
        Reason::TlsHostTaken { .. } => "TlsHostTaken",
        Reason::HttpsNameTaken { .. } => "HttpsNameTaken",
        Reason::PrivilegedPort => "PrivilegedPort",
        Reason::NoRoute => "NoRoute",
        Reason::NoServiceForHosts => "NoServiceForHosts",
        Reason::UnknownGateway { .. } => "UnknownGateway",
        Reason::MeshOnly => "MeshOnly",
        Reason::NotExported => "NotExported",
        Reason::NoHosts => "NoHosts",
        Reason::HostMismatch => "HostMismatch",
        Reason::HostNamespace { .. } => "HostNamespace",
        Reason::NoBlock { .. } => "NoBlock",
        Reason::WrongBlock { .. } => "WrongBlock",
        Reason::PortMismatch { .. } => "PortMismatch",
        Reason::GatewayMismatch { .. } => "GatewayMismatch",
        Reason::EmptyRoute => "EmptyRoute",
        Reason::ZeroSum => "ZeroSum",
        Reason::NoMatch => "NoMatch",
        Reason::SniTaken { .. } => "SniTaken",
        Reason::SourceMismatch { .. } => "SourceMismatch",
        Reason::DelegateMissing { .. } => "DelegateMissing",
        Reason::DelegateConflict => "DelegateConflict",
        Reason::AfterCatchAll { .. } => "AfterCatchAll",
        Reason::UnknownHost { .. } => "UnknownHost",
        Reason::NotVisible { .. } => "NotVisible",
        Reason::PortAbsent { .. } => "PortAbsent",
        Reason::NotForwarded { .. } => "NotForwarded",
        Reason::PortUnclear { .. } => "PortUnclear",
        Reason::SubsetUndefined { .. } => "SubsetUndefined",
        Reason::EmptyHost => "EmptyHost",
        Reason::NoEndpoints { .. } => "NoEndpoints",
        Reason::ZeroWeight => "ZeroWeight",
        Reason::SidecarNotSelected => "SidecarNotSelected",
        Reason::ServiceNotExported => "ServiceNotExported",
        Reason::VisibilityCapped => "VisibilityCapped",
        Reason::NotImported => "NotImported",
        Reason::RoutedOnly { .. } => "RoutedOnly",
        Reason::PortNotAsked => "PortNotAsked",
        Reason::ImportExcluded { .. } => "ImportExcluded",
        Reason::EgressPortAbsent { .. } => "EgressPortAbsent",
        Reason::HostnameElsewhere { .. } => "HostnameElsewhere",
        Reason::OnlyOneFound { .. } => "OnlyOneFound",
        Reason::IsAlias => "IsAlias",
        Reason::NotTcp => "NotTcp",
        Reason::ReservedPort { .. } => "ReservedPort",
        Reason::NoInstances => "NoInstances",
        Reason::OwnAddress => "OwnAddress",
        Reason::NotAnAddress => "NotAnAddress",
        Reason::ListenerLocked { .. } => "ListenerLocked",
        Reason::WellKnownProtocol { .. } => "WellKnownProtocol",
        Reason::SniffedAlready { .. } => "SniffedAlready",
        Reason::ChainTaken { .. } => "ChainTaken",
        Reason::DomainsTaken { .. } => "DomainsTaken",
        Reason::InboundTaken { .. } => "InboundTaken",
        Reason::IngressListed { .. } => "IngressListed",
        Reason::NotIntercepted => "NotIntercepted",
        Reason::OutlierPanics { .. } => "OutlierPanics",
        Reason::Ambient(_) => "Ambient",
        Reason::SelectedByOthers { .. } => "SelectedByOthers",
        Reason::WorkloadEntryInstead { .. } => "WorkloadEntryInstead",
    }
}

/// The reasons that occur in one prediction.
pub(crate) fn reasons(ledger: &Ledger) -> BTreeSet<&'static str> {
    ledger
        .entries()
        .filter_map(|(_, e)| match &e.fate {
            Fate::Dropped(reason) => Some(name(reason)),
            Fate::Displaced { .. } => Some("Displaced"),
            _ => None,
        })
        .collect()
}

/// Every trap that is looked for.
pub(crate) const TRAPS: [&str; 36] = [
    "1 declared number is not the bound one",
    "1 match.port is the bound number, not the declared",
    "2 TCP servers on one port, other hosts",
    "3 newer private VirtualService beats older public one",
    "4 equal age of Gateways, the name decides",
    "4 equal age of VirtualServices, the name decides",
    "4 equal age and name of Gateways, the namespace decides",
    "5 older Gateway of another namespace takes the port",
    "6 TLS before plaintext on one port",
    "6 plaintext before TLS drops the TLS server",
    "7 duplicate TLS host drops the whole server",
    "7 duplicate host of a redirect server",
    "7 a server that was left out still claims its TLS host",
    "8 passthrough names come from the VirtualService",
    "8 passthrough on HTTPS without tls rules",
    "11 UDP makes a TCP listener",
    "19 listener without cluster",
    "19 listener without endpoints",
    "20 wildcard host beside a narrower one",
    "21 UDP Service port translates",
    "bind shadow: the third server is no conflict",
    "bind alias: absent and 0.0.0.0",
    "bind to one address or socket",
    "protocol spelled in two ways on one port",
    "ns/host and host in two TLS servers",
    "a Gateway named twice by one VirtualService",
    "redirect server with ns/host",
    "no-translation label",
    "Services disagree about a target port",
    "ExternalName destination",
    "a host of several services",
    "subset of a DestinationRule that is merged",
    "DestinationRule for chosen workloads",
    "weight of a single destination ignored",
    "IPv6 wildcard",
    "mesh configuration with defaults",
];

/// The traps that one scenario walks into.
pub(crate) fn traps(predicted: &Predicted) -> BTreeSet<&'static str> {
    let store = Store::new(&predicted.snapshot);
    let mut found = Found {
        store: &store,
        predicted,
        traps: BTreeSet::new(),
    };
    found.ports();
    found.servers();
    found.virtual_services();
    found.destinations();
    found.surroundings();
    found.traps
}

struct Found<'s> {
    store: &'s Store<'s>,
    predicted: &'s Predicted,
    traps: BTreeSet<&'static str>,
}

impl<'s> Found<'s> {
    fn note(&mut self, trap: &'static str, present: bool) {
        debug_assert!(TRAPS.contains(&trap), "{trap}");
        if present {
            self.traps.insert(trap);
        }
    }

    fn entries(&self) -> impl Iterator<Item = (EntryId, &'s Entry)> + use<'s> {
        let ledger: &'s Ledger = self.predicted.ledger();
        ledger.entries()
    }

    fn server(&self, entry: &Entry) -> Option<(&'s views::Server, &'s str)> {
        let (Step::Server { gateway, index }
        | Step::BoundServer { gateway, index, .. }
        | Step::Chains { gateway, index, .. }) = &entry.step
        else {
            return None;
        };
        let gateway = self
            .store
            .gateways
            .iter()
            .find(|g| g.object.id == *gateway)?;
        let server = gateway.spec.servers.get(*index)?;
        Some((server, gateway.object.key.namespace.as_str()))
    }

    fn ports(&mut self) {
        for (id, entry) in self.entries() {
            if let Fate::Effective(Effect::Resolved { port, via }) = &entry.fate
                && let Some((server, _)) = self.server(entry)
            {
                let declared = server.port.as_ref().map_or(0, |p| p.number);
                self.note(TRAPS[0], *port != declared);
                let through_udp = via
                    .and_then(|id| self.predicted.ledger().get(id))
                    .is_some_and(|e| {
                        let Step::ServicePort { service, index } = &e.step else {
                            return false;
                        };
                        self.predicted
                            .snapshot
                            .get(*service)
                            .and_then(|o| views::Service::of(&o.view))
                            .and_then(|s| s.spec.ports.get(*index))
                            .is_some_and(|p| p.protocol == "UDP")
                    });
                self.note("21 UDP Service port translates", through_udp);
            }
            if let Fate::Dropped(Reason::PortMismatch { declared, r#match }) = &entry.fate
                && let Step::Clause {
                    virtual_service,
                    block,
                    rule,
                    ..
                } = &entry.step
            {
                let bound = self
                    .predicted
                    .ledger()
                    .above(id)
                    .find_map(|(_, e)| match e.step {
                        Step::BoundServer { port, .. } | Step::Chains { port, .. } => Some(port),
                        _ => None,
                    });
                let written = self
                    .store
                    .virtual_services
                    .iter()
                    .find(|v| v.object.id == *virtual_service)
                    .and_then(|v| match block {
                        mesh_core::ledger::Block::Tcp => {
                            v.spec.tcp.get(*rule)?.r#match.get(*r#match).map(|m| m.port)
                        }
                        mesh_core::ledger::Block::Tls => {
                            v.spec.tls.get(*rule)?.r#match.get(*r#match).map(|m| m.port)
                        }
                        mesh_core::ledger::Block::Http => v
                            .spec
                            .http
                            .get(*rule)?
                            .r#match
                            .get(*r#match)
                            .map(|m| m.port),
                    });
                self.note(
                    TRAPS[1],
                    bound.is_some() && bound == written && bound != Some(*declared),
                );
            }
        }
        let mut targets: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (_, entry) in self.entries() {
            if let (
                Step::ServicePort { service, index },
                Fate::Effective(Effect::TargetPort(target)),
            ) = (&entry.step, &entry.fate)
                && let Some(object) = self.predicted.snapshot.get(*service)
                && let Some(view) = views::Service::of(&object.view)
                && let Some(port) = view.spec.ports.get(*index)
            {
                let unlabelled = !object
                    .meta
                    .labels
                    .contains_key("experimental.istio.io/disable-gateway-port-translation");
                self.note("no-translation label", !unlabelled);
                targets.entry(port.port).or_default().insert(*target);
            }
        }
        self.note(
            "Services disagree about a target port",
            targets.values().any(|t| t.len() > 1),
        );
    }

    fn servers(&mut self) {
        let ledger = self.predicted.ledger();
        // Bound servers that have their place, by port, in the order of the decisions.
        let mut placed: BTreeMap<u32, Vec<(&views::Server, Protocol)>> = BTreeMap::new();
        for (_, entry) in self.entries() {
            let Some((server, namespace)) = self.server(entry) else {
                continue;
            };
            let Some(written) = &server.port else {
                continue;
            };
            let protocol = Protocol::parse(&written.protocol);
            match (&entry.step, &entry.fate) {
                (
                    Step::BoundServer { .. },
                    Fate::Dropped(Reason::PortTaken { by, holder, own }),
                ) => {
                    if let Some((other, other_namespace)) =
                        ledger.get(*by).and_then(|e| self.server(e))
                    {
                        self.note(
                            "2 TCP servers on one port, other hosts",
                            *holder == Protocol::Tcp
                                && *own == Protocol::Tcp
                                && other.hosts != server.hosts,
                        );
                        self.note(
                            "5 older Gateway of another namespace takes the port",
                            other_namespace != namespace,
                        );
                        self.note(
                            "6 plaintext before TLS drops the TLS server",
                            server.tls.is_some() && !protocol.is_http() && other.tls.is_none(),
                        );
                    }
                }
                (Step::BoundServer { .. }, Fate::Dropped(Reason::TlsHostTaken { by, .. })) => {
                    self.note(
                        "7 a server that was left out still claims its TLS host",
                        ledger
                            .get(*by)
                            .is_some_and(|e| matches!(e.fate, Fate::Dropped(_))),
                    );
                    self.note(
                        "7 duplicate TLS host drops the whole server",
                        server.hosts.len() > 1,
                    );
                    self.note(
                        "7 duplicate host of a redirect server",
                        server.tls.as_ref().is_some_and(|t| t.https_redirect),
                    );
                }
                (Step::BoundServer { port, .. }, Fate::Effective(_)) => {
                    self.note("11 UDP makes a TCP listener", protocol == Protocol::Udp);
                    placed.entry(*port).or_default().push((server, protocol));
                }
                (Step::Chains { .. }, Fate::Dropped(Reason::NoRoute)) => {
                    let passes = server
                        .tls
                        .as_ref()
                        .is_some_and(|t| matches!(t.mode.as_str(), "" | "PASSTHROUGH"));
                    self.note(
                        "8 passthrough on HTTPS without tls rules",
                        passes && protocol == Protocol::Https,
                    );
                }
                _ => {}
            }
        }
        for servers in placed.values() {
            let plain = |s: &views::Server, p: Protocol| s.tls.is_none() || p.is_http();
            for (n, (server, protocol)) in servers.iter().enumerate() {
                for (earlier, other) in servers.iter().take(n) {
                    self.note(
                        "6 TLS before plaintext on one port",
                        !plain(earlier, *other)
                            && plain(server, *protocol)
                            && earlier.bind == server.bind,
                    );
                    let texts = (
                        earlier.port.as_ref().map(|p| p.protocol.as_str()),
                        server.port.as_ref().map(|p| p.protocol.as_str()),
                    );
                    self.note(
                        "protocol spelled in two ways on one port",
                        protocol == other && texts.0 != texts.1,
                    );
                    self.note(
                        "bind alias: absent and 0.0.0.0",
                        [&earlier.bind, &server.bind].iter().any(|b| b.is_empty())
                            && [&earlier.bind, &server.bind]
                                .iter()
                                .any(|b| *b == "0.0.0.0"),
                    );
                    let bare = |h: &String| h.rsplit('/').next().unwrap_or_default().to_owned();
                    self.note(
                        "ns/host and host in two TLS servers",
                        !plain(earlier, *other)
                            && !plain(server, *protocol)
                            && earlier
                                .hosts
                                .iter()
                                .any(|a| server.hosts.iter().any(|b| a != b && bare(a) == bare(b))),
                    );
                }
                let same = |k: usize| {
                    servers
                        .get(k)
                        .is_some_and(|(s, p)| plain(s, *p) && s.bind == server.bind)
                };
                let between = |k: usize| {
                    servers
                        .iter()
                        .take(n)
                        .skip(k + 1)
                        .any(|(s, p)| plain(s, *p) && s.bind != server.bind)
                };
                self.note(
                    "bind shadow: the third server is no conflict",
                    plain(server, *protocol) && (0..n).any(|k| same(k) && between(k)),
                );
                self.note(
                    "redirect server with ns/host",
                    server.tls.as_ref().is_some_and(|t| t.https_redirect)
                        && protocol.is_http()
                        && server.hosts.iter().any(|h| h.contains('/')),
                );
            }
        }
        let applying: Vec<_> = self
            .entries()
            .filter(|(_, e)| e.fate == Fate::Effective(Effect::Applies))
            .filter_map(|(_, e)| self.predicted.snapshot.get(e.step.object()))
            .collect();
        for (n, a) in applying.iter().enumerate() {
            let ties = applying
                .iter()
                .skip(n + 1)
                .filter(|b| a.meta.creation_timestamp == b.meta.creation_timestamp);
            for b in ties {
                let trap = if a.key.name == b.key.name {
                    "4 equal age and name of Gateways, the namespace decides"
                } else {
                    "4 equal age of Gateways, the name decides"
                };
                self.note(trap, true);
            }
        }
    }

    fn virtual_services(&mut self) {
        let ledger = self.predicted.ledger();
        for (_, entry) in self.entries() {
            if let Fate::Displaced { by } = entry.fate
                && let Some(winner) = ledger.get(by)
                && let (Some(loser), Some(winner)) = (
                    self.predicted.snapshot.get(entry.step.object()),
                    self.predicted.snapshot.get(winner.step.object()),
                )
            {
                let ages = (
                    winner.meta.creation_timestamp,
                    loser.meta.creation_timestamp,
                );
                self.note(
                    "3 newer private VirtualService beats older public one",
                    ages.0 > ages.1,
                );
                self.note(
                    "4 equal age of VirtualServices, the name decides",
                    ages.0 == ages.1 && winner.id != loser.id,
                );
            }
            if let Step::Chains { .. } = entry.step
                && let Some((server, _)) = self.server(entry)
                && let Fate::Effective(Effect::Chains { listener, .. }) = &entry.fate
                && server
                    .tls
                    .as_ref()
                    .is_some_and(|t| matches!(t.mode.as_str(), "" | "PASSTHROUGH"))
            {
                let chains = self
                    .predicted
                    .class
                    .prediction
                    .config
                    .listeners
                    .iter()
                    .filter(|l| l.name == *listener)
                    .flat_map(|l| &l.chains);
                let foreign = chains
                    .flat_map(|c| &c.sni)
                    .any(|sni| !server.hosts.iter().any(|h| h.ends_with(sni.as_str())));
                self.note("8 passthrough names come from the VirtualService", foreign);
            }
        }
        for vs in &self.store.virtual_services {
            let unique: BTreeSet<&String> = vs.gateways.iter().collect();
            self.note(
                "a Gateway named twice by one VirtualService",
                unique.len() < vs.gateways.len(),
            );
        }
        for hosts in self.predicted.class.prediction.config.routes.values() {
            let domains: Vec<&String> = hosts.iter().flat_map(|h| &h.domains).collect();
            let wide = |d: &&&String| d.starts_with("*.");
            let beside = domains.iter().filter(wide).any(|w| {
                domains
                    .iter()
                    .any(|d| d != w && d.ends_with(w.trim_start_matches('*')))
            });
            self.note("20 wildcard host beside a narrower one", beside);
        }
    }

    fn destinations(&mut self) {
        for (_, entry) in self.entries() {
            let Step::Destination {
                virtual_service,
                block,
                rule,
                index,
            } = &entry.step
            else {
                continue;
            };
            match &entry.fate {
                Fate::Dropped(
                    Reason::UnknownHost { .. }
                    | Reason::NotVisible { .. }
                    | Reason::PortAbsent { .. }
                    | Reason::PortUnclear { .. }
                    | Reason::SubsetUndefined { .. },
                ) => self.note("19 listener without cluster", true),
                Fate::Dropped(Reason::NoEndpoints { .. }) => {
                    self.note("19 listener without endpoints", true);
                }
                _ => {}
            }
            let Some(vs) = self
                .store
                .virtual_services
                .iter()
                .find(|v| v.object.id == *virtual_service)
            else {
                continue;
            };
            let route = match block {
                mesh_core::ledger::Block::Tcp => vs.spec.tcp.get(*rule).map(|r| &r.route),
                mesh_core::ledger::Block::Tls => vs.spec.tls.get(*rule).map(|r| &r.route),
                mesh_core::ledger::Block::Http => vs.spec.http.get(*rule).map(|r| &r.route),
            };
            let Some(destination) = route.and_then(|r| r.get(*index)) else {
                continue;
            };
            self.note(
                "weight of a single destination ignored",
                route.is_some_and(|r| r.len() == 1) && destination.weight.is_some_and(|w| w != 100),
            );
            let host = mesh_core::predict::hosts::resolve_short_name(
                &destination.destination.host,
                vs.namespace(),
                &self.store.mesh.domain,
            );
            let services: Vec<_> = self.store.services_named(&host).collect();
            self.note("a host of several services", services.len() > 1);
            self.note(
                "ExternalName destination",
                services.iter().any(|s| s.external_name.is_some()),
            );
            if !destination.destination.subset.is_empty() {
                let proxy = &self.predicted.class.proxy;
                for service in services {
                    if let Some(rule) =
                        self.store
                            .destination_rule(service, &proxy.namespace, &proxy.labels)
                    {
                        self.note(
                            "subset of a DestinationRule that is merged",
                            rule.objects.len() > 1,
                        );
                        self.note(
                            "DestinationRule for chosen workloads",
                            rule.workload_selector.is_some(),
                        );
                    }
                }
            }
        }
    }

    fn surroundings(&mut self) {
        let config = &self.predicted.class.prediction.config;
        self.note(
            "IPv6 wildcard",
            config.listeners.iter().any(|l| l.address == "::"),
        );
        self.note(
            "bind to one address or socket",
            config
                .listeners
                .iter()
                .any(|l| l.address != "::" && l.address != "0.0.0.0"),
        );
        let defaults = mesh_core::predict::mesh::MeshConfig::default();
        self.note(
            "mesh configuration with defaults",
            self.store.mesh != defaults,
        );
    }
}
