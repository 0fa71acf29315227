//! The hop through the gateway's Service.

use super::{Walk, outside};
use crate::causes::{Severity, Symptom};
use crate::ledger::{Effect, Entry, EntryId, Fate, Ledger, Reason, Step};
use crate::predict::selects;
use crate::predict::store::Store;
use crate::report::{HopStatus, Unknown, Verdict};
use crate::snapshot::Object;
use crate::snapshot::views::{self, AsView};

/// The ports of the pods that a gateway Service's port leads to.
pub(super) fn service_targets(ledger: &Ledger, store: &Store<'_>, port: u32) -> Vec<u32> {
    service_ports(ledger, store)
        .filter(|p| p.written.port == port)
        .filter_map(|p| match p.entry.fate {
            Fate::Effective(Effect::TargetPort(target)) => Some(target),
            _ => None,
        })
        .collect()
}

pub(super) struct ServicePort<'w> {
    id: EntryId,
    pub(super) entry: &'w Entry,
    pub(super) service: &'w Object,
    index: usize,
    pub(super) written: &'w views::ServicePort,
}

pub(super) fn service_ports<'w>(
    ledger: &'w Ledger,
    store: &'w Store<'_>,
) -> impl Iterator<Item = ServicePort<'w>> {
    ledger.service_ports().filter_map(|(id, entry)| {
        let Step::ServicePort { service, index } = entry.step else {
            return None;
        };
        let service = store.snapshot.get(service)?;
        let written = views::Service::of(&service.view)?.spec.ports.get(index)?;
        Some(ServicePort {
            id,
            entry,
            service,
            index,
            written,
        })
    })
}

/// Does the gateway's Service lead to the port that is bound?
pub(super) fn service_hop(walk: &mut Walk<'_, '_>, bound: u32, entry: Option<EntryId>) {
    let (store, ledger, port) = (walk.store, walk.ledger(), walk.port);
    let target = |p: &ServicePort<'_>| match &p.entry.fate {
        Fate::Effective(Effect::TargetPort(target)) => Some(*target),
        // kube-proxy translates this port as well, though istiod counts only the first.
        Fate::Dropped(Reason::TargetPortRepeated { by }) => {
            match ledger.get(*by).map(|e| &e.fate) {
                Some(Fate::Effective(Effect::TargetPort(target))) => Some(*target),
                _ => None,
            }
        }
        _ => None,
    };
    let leading = |p: &ServicePort<'_>| {
        target(p) == Some(bound) && !p.written.protocol.eq_ignore_ascii_case("udp")
    };
    let mut found: Vec<ServicePort<'_>> = service_ports(ledger, store)
        .filter(|p| p.written.port == port && leading(p))
        .collect();
    if found.is_empty() {
        found = service_ports(ledger, store).filter(leading).collect();
    }
    if let Some(first) = found.first() {
        let lines: Vec<String> = found
            .iter()
            .flat_map(|p| {
                let way = format!("{}  {} → {bound}", p.service.qualified(), p.written.port);
                std::iter::once(way).chain(addresses(p)).chain(limits(p))
            })
            .collect();
        let repeated: Vec<EntryId> = found
            .iter()
            .filter(|p| {
                matches!(
                    p.entry.fate,
                    Fate::Dropped(Reason::TargetPortRepeated { .. })
                )
            })
            .map(|p| p.id)
            .collect();
        let services: Vec<&Object> = found.iter().map(|p| p.service).collect();
        if !outside::no_ready_pod(walk, &services, &lines, entry) {
            walk.ok("service", Some(first.service.id), lines);
        }
        let node_port = found.iter().find_map(node_port_differs);
        if let (Some(symptom), Some(entry)) = (node_port, entry) {
            walk.tell(entry, symptom);
        }
        for id in repeated {
            walk.tell_dropped(id);
        }
        return;
    }
    let unnamed = service_ports(ledger, store).find(|p| {
        p.written.port == port
            && matches!(
                p.entry.fate,
                Fate::Dropped(Reason::NamedTargetMissing { .. })
            )
    });
    if let Some(p) = unnamed {
        let line = format!(
            "{}  {port} → a name that no container port has",
            p.service.qualified()
        );
        walk.broken("service", Some(p.service.id), line, Verdict::Unreachable);
        walk.tell_dropped(p.id);
        return;
    }
    let elsewhere = service_ports(ledger, store)
        .find(|p| p.written.port == port && !p.written.protocol.eq_ignore_ascii_case("udp"));
    if let Some(p) = elsewhere {
        let leads_to = target(&p).map_or_else(|| "elsewhere".to_owned(), |t| t.to_string());
        let line = format!(
            "{}  {port} → {leads_to}, not {bound}",
            p.service.qualified()
        );
        walk.broken("service", Some(p.service.id), line, Verdict::Unreachable);
        let repeated = matches!(
            p.entry.fate,
            Fate::Dropped(Reason::TargetPortRepeated { .. })
        );
        if repeated {
            // With nothing behind the Service port this is why the port is not reached, no mere oddity.
            if let Some(finding) = walk.tell_dropped(p.id) {
                finding.severity = Severity::Error;
            }
        } else if let Some(entry) = entry {
            let service = p.service.id;
            walk.tell(entry, Symptom::NotOnService { service });
        }
        return;
    }
    match service_ports(ledger, store)
        .map(|p| p.service)
        .next()
        .or_else(|| portless_service(walk))
    {
        Some(service) => {
            let protocols: Vec<&str> = service_ports(ledger, store)
                .filter(|p| p.written.port == port)
                .map(|p| p.written.protocol.as_str())
                .collect();
            let tcp = |p: &&str| p.is_empty() || p.eq_ignore_ascii_case("tcp");
            let name = service.qualified();
            let line = match protocols.as_slice() {
                [] => format!("{name} has no port {port}"),
                several if several.iter().any(tcp) => format!("{name} leads {port} elsewhere"),
                _ => format!("{name} has no TCP port {port}"),
            };
            walk.broken("service", Some(service.id), line, Verdict::Unreachable);
            if let Some(entry) = entry {
                walk.tell(
                    entry,
                    Symptom::NotOnService {
                        service: service.id,
                    },
                );
            }
        }
        None if outside::misses_pods(walk, bound, entry) => {}
        None => {
            let assumed = walk.class.proxy.is_assumed();
            let line = if assumed && walk.store.snapshot.coverage.files_only {
                "not in the files"
            } else if assumed {
                "that of the gateway's pods, which are not known"
            } else {
                "none read that selects these pods"
            };
            walk.hop("service", HopStatus::Unknown, None, vec![line.to_owned()]);
            walk.unknowns.push(Unknown {
                what: format!("whether a Service leads to {port}"),
                fix: "add the gateway's Service to the files".to_owned(),
                commands: Vec::new(),
            });
        }
    }
}

/// Where clients from outside find a Service port, as far as the objects say.
fn addresses(port: &ServicePort<'_>) -> Option<String> {
    let service = views::Service::of(&port.service.view)?;
    let assigned = service
        .status
        .load_balancer
        .ingress
        .iter()
        .map(|i| if i.ip.is_empty() { &i.hostname } else { &i.ip });
    let address = service
        .spec
        .external_ips
        .iter()
        .chain(assigned)
        .find(|a| !a.is_empty());
    let number = port.written.port;
    match (address, port.written.node_port) {
        (Some(address), Some(node)) => {
            Some(format!("at {address}:{number} and on node port {node}"))
        }
        (Some(address), None) => Some(format!("at {address}:{number}")),
        (None, Some(node)) => Some(format!("on node port {node}")),
        (None, None) => None,
    }
}

/// The numbers that nodes have unless the API server is told otherwise.
const NODE_PORTS: std::ops::RangeInclusive<u32> = 30000..=32767;

/// From outside only the nodes lead to such a Service, and a number among theirs looks like one of them.
fn node_port_differs(port: &ServicePort<'_>) -> Option<Symptom<'static>> {
    let view = views::Service::of(&port.service.view)?;
    let number = port.written.port;
    let nodes_alone = view.spec.r#type == "NodePort"
        && view.spec.external_ips.is_empty()
        && view.status.load_balancer.ingress.is_empty();
    let node_port = port.written.node_port.filter(|n| *n != number)?;
    (nodes_alone && NODE_PORTS.contains(&number)).then_some(Symptom::NodePortDiffers {
        service: port.service.id,
        index: port.index,
        node_port,
    })
}

/// Which clients of a load balancer or node are let in, where that is limited.
fn limits(port: &ServicePort<'_>) -> Option<String> {
    let spec = &views::Service::of(&port.service.view)?.spec;
    let ranges = &spec.load_balancer_source_ranges;
    let local = spec.external_traffic_policy == "Local";
    match (ranges.is_empty() || spec.r#type != "LoadBalancer", local) {
        (true, false) => None,
        (true, true) => Some("from outside only on nodes with a ready pod".to_owned()),
        (false, false) => Some(format!("from outside only for {}", ranges.join(", "))),
        (false, true) => Some(format!(
            "from outside only for {}, on nodes with a ready pod",
            ranges.join(", ")
        )),
    }
}

/// A Service without ports that selects the proxy.
fn portless_service<'w>(walk: &Walk<'w, '_>) -> Option<&'w Object> {
    let proxy = &walk.class.proxy;
    walk.store
        .kubernetes_services(&proxy.namespace)
        .find(|(_, s)| !s.spec.selector.is_empty() && selects(&s.spec.selector, &proxy.labels))
        .map(|(o, _)| o)
}
