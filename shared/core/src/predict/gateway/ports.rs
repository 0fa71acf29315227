//! From a server's declared number to the port that is really bound.
//! After istio `serviceregistry/kube/controller/controller.go:GetProxyServiceTargetsByPod`, `util.go:FindPort` and
//! `model/gateway.go:resolvePorts` (1.31).

use super::{Context, selects};
use crate::ledger::{Effect, EntryId, Reason, Step};
use crate::predict::endpoints::{port_of_entry, targets_of_service_entry};
use crate::predict::protocol::Protocol;
use crate::predict::store::{Registry, Store, age};
use crate::snapshot::Object;
use crate::snapshot::views::{
    AsView, Container, EndpointSlice, IntOrString, Service, ServiceEntrySpec, ServicePort, View,
    WorkloadEntrySpec,
};

/// The label that takes a Service out of port translation.
const NO_TRANSLATION_LABEL: &str = "experimental.istio.io/disable-gateway-port-translation";

/// A Service port that leads to the proxy.
pub(in crate::predict) struct Target {
    pub(super) service_port: u32,
    pub(in crate::predict) target_port: u32,
    /// Protocol of the Service port, for the mesh.
    pub(in crate::predict) protocol: Protocol,
    /// The Service may translate a Gateway's number.
    pub(super) translates: bool,
    pub(in crate::predict) entry: EntryId,
}

/// The target port of a Service port on pods with these containers.
///
/// # Errors
/// [`Reason::NamedTargetMissing`] when it is a name that no container port of that transport has.
pub(crate) fn target_port(port: &ServicePort, containers: &[Container]) -> Result<u32, Reason> {
    let name = match &port.target_port {
        None => return Ok(port.port),
        Some(IntOrString::Int(0)) => return Ok(port.port),
        Some(IntOrString::Int(number)) => return Ok(*number),
        Some(IntOrString::Name(name)) => name,
    };
    let transport = |text: &str| {
        if text.is_empty() {
            "TCP".to_owned()
        } else {
            text.to_uppercase()
        }
    };
    containers
        .iter()
        .flat_map(|c| &c.ports)
        .find(|p| p.name == *name && transport(&p.protocol) == transport(&port.protocol))
        .map(|p| p.container_port)
        .ok_or_else(|| Reason::NamedTargetMissing { name: name.clone() })
}

/// The Service ports that lead to the proxy: oldest first, then by host name, then as written.
/// After `pilot/pkg/model/context.go:SetServiceTargets`.
pub(in crate::predict) fn targets(context: &mut Context<'_, '_>) -> Vec<Target> {
    let store = context.store;
    let proxy = context.proxy;
    let entry = store.workload_entry_of(proxy);
    let entry = entry.filter(|_| context.scope.is_some());
    let (mut services, by_label) = match entry {
        Some((object, entry)) => (of_entry(context, object, entry), false),
        None => of_pod(context),
    };
    for service in &store.services {
        if service.registry == Registry::ServiceEntry
            && service.namespace == proxy.namespace
            && let Some(object) = store.snapshot.get(service.object)
        {
            services.push((object, service.hostname.clone()));
        }
    }
    services.sort_by(|(a, x), (b, y)| (age(a), x).cmp(&(age(b), y)));

    let mut targets = Vec::new();
    for (object, host) in services {
        match &object.view {
            View::Service(view) if by_label => of_service(context, object, view, &mut targets),
            View::Service(view) if entry.is_some() => {
                if let Some((_, entry)) = entry {
                    at_entry(context, object, view, entry, &mut targets);
                }
            }
            View::Service(view) => of_slices(context, object, view, &mut targets),
            View::ServiceEntry(view) => {
                of_service_entry(context, object, &host, &view.spec, &mut targets);
            }
            _ => {}
        }
    }
    targets
}

/// The Services that select the pod, else those whose slices hold its address; and which of both it is.
fn of_pod<'a>(context: &mut Context<'_, 'a>) -> (Vec<(&'a Object, String)>, bool) {
    let store = context.store;
    let proxy = context.proxy;
    let mut services: Vec<(&Object, String)> = store
        .kubernetes_services(&proxy.namespace)
        .filter(|(_, s)| !s.spec.selector.is_empty() && selects(&s.spec.selector, &proxy.labels))
        .map(|(object, _)| (object, host_of(object, store)))
        .collect();
    let by_label = services.first().map(|(object, _)| object.id);
    let by_slice = store
        .kubernetes_services(&proxy.namespace)
        .filter(|(object, s)| {
            (by_label.is_none() || s.spec.selector.is_empty())
                && !slice_ports(store, object, &proxy.ips).is_empty()
        })
        .collect::<Vec<_>>();
    let Some(by) = by_label else {
        services.extend(by_slice.iter().map(|(o, _)| (*o, host_of(o, store))));
        return (services, false);
    };
    if context.scope.is_some() {
        for (object, service) in by_slice {
            for (name, _) in slice_ports(store, object, &proxy.ips) {
                if let Some(index) = service.spec.ports.iter().position(|p| p.name == name) {
                    let entry = open(context, object, index);
                    let reason = Reason::SelectedByOthers { by };
                    context.ledger.settle::<()>(entry, Err(reason));
                }
            }
        }
    }
    (services, true)
}

/// The Services that select the WorkloadEntry in the pod's place, headless ones left out; those that select the pod
/// alone do not count.
/// After `serviceregistry/kube/controller/controller.go:serviceTargetsFromWorkloadInstance`.
fn of_entry<'a>(
    context: &mut Context<'_, 'a>,
    object: &'a Object,
    entry: &WorkloadEntrySpec,
) -> Vec<(&'a Object, String)> {
    let store = context.store;
    let proxy = context.proxy;
    let takes = |s: &Service| {
        let headless = s.spec.cluster_ip == "None" || s.spec.r#type == "ExternalName";
        !headless && !s.spec.selector.is_empty() && selects(&s.spec.selector, &entry.labels)
    };
    let all = store.kubernetes_services(&object.key.namespace);
    let found: Vec<(&Object, String)> = all
        .filter(|(_, s)| takes(s))
        .map(|(object, _)| (object, host_of(object, store)))
        .collect();
    for (service, view) in store.kubernetes_services(&proxy.namespace) {
        let selector = &view.spec.selector;
        let lost = !selector.is_empty() && selects(selector, &proxy.labels);
        if lost && !found.iter().any(|(o, _)| o.id == service.id) {
            for index in 0..view.spec.ports.len() {
                let entry = open(context, service, index);
                let reason = Reason::WorkloadEntryInstead { by: object.id };
                context.ledger.settle::<()>(entry, Err(reason));
            }
        }
    }
    found
}

/// The ports of a Service at a WorkloadEntry.
fn at_entry(
    context: &mut Context<'_, '_>,
    object: &Object,
    service: &Service,
    entry: &WorkloadEntrySpec,
    targets: &mut Vec<Target>,
) {
    let translates = !object.meta.labels.contains_key(NO_TRANSLATION_LABEL);
    for (index, port) in service.spec.ports.iter().enumerate() {
        let protocol = protocol_of(port);
        if protocol == Protocol::Udp {
            continue;
        }
        let id = open(context, object, index);
        let outcome = match port_of_entry(entry, port) {
            Some(target) => Ok((target, Effect::TargetPort(target))),
            None => Err(Reason::NamedTargetMissing {
                name: port.name.clone(),
            }),
        };
        if let Some(target_port) = context.ledger.settle(id, outcome) {
            targets.push(Target {
                service_port: port.port,
                target_port,
                protocol,
                translates,
                entry: id,
            });
        }
    }
}

fn host_of(object: &Object, store: &Store<'_>) -> String {
    format!(
        "{}.{}.svc.{}",
        object.key.name, object.key.namespace, store.mesh.domain
    )
}

/// A Service that selects the pod.
fn of_service(
    context: &mut Context<'_, '_>,
    object: &Object,
    service: &Service,
    targets: &mut Vec<Target>,
) {
    let translates = !object.meta.labels.contains_key(NO_TRANSLATION_LABEL);
    let mut kept: Vec<(u32, Protocol, EntryId)> = Vec::new();
    for (index, port) in service.spec.ports.iter().enumerate() {
        let entry = open(context, object, index);
        let protocol = protocol_of(port);
        let outcome = target_port(port, &context.proxy.containers).and_then(|target| {
            match kept.iter().find(|(t, p, _)| *t == target && *p == protocol) {
                Some((_, _, by)) => Err(Reason::TargetPortRepeated { by: *by }),
                None => Ok((target, Effect::TargetPort(target))),
            }
        });
        if let Some(target_port) = context.ledger.settle(entry, outcome) {
            kept.push((target_port, protocol, entry));
            targets.push(Target {
                service_port: port.port,
                target_port,
                protocol,
                translates,
                entry,
            });
        }
    }
}

fn protocol_of(port: &ServicePort) -> Protocol {
    Protocol::of_service_port(
        port.port,
        &port.name,
        &port.protocol,
        port.app_protocol.as_deref(),
    )
}

fn open(context: &mut Context<'_, '_>, object: &Object, index: usize) -> EntryId {
    let step = Step::ServicePort {
        service: object.id,
        index,
    };
    context.ledger.open(step, None)
}

/// Name and number of the ports of slices that hold the pod's address.
fn slice_ports(store: &Store<'_>, service: &Object, ips: &[String]) -> Vec<(String, u32)> {
    let Some(ip) = ips.first() else {
        return Vec::new();
    };
    store
        .slices(&service.key.namespace, &service.key.name)
        .iter()
        .filter_map(|o| EndpointSlice::of(&o.view))
        .filter(|s| s.endpoints.iter().any(|e| e.addresses.contains(ip)))
        .flat_map(|s| s.ports.iter().map(|p| (p.name.clone(), p.port)))
        .collect()
}

/// A Service whose EndpointSlice holds the pod's address: where no Service selects the pod.
/// After `serviceregistry/kube/controller/endpointslice.go:serviceTargets`.
fn of_slices(
    context: &mut Context<'_, '_>,
    object: &Object,
    service: &Service,
    targets: &mut Vec<Target>,
) {
    let translates = !object.meta.labels.contains_key(NO_TRANSLATION_LABEL);
    for (name, number) in slice_ports(context.store, object, &context.proxy.ips) {
        let Some(index) = service.spec.ports.iter().position(|p| p.name == name) else {
            continue;
        };
        let Some(port) = service.spec.ports.get(index) else {
            continue;
        };
        let entry = open(context, object, index);
        context
            .ledger
            .settle(entry, Ok(((), Effect::TargetPort(number))));
        targets.push(Target {
            service_port: port.port,
            target_port: number,
            protocol: protocol_of(port),
            translates,
            entry,
        });
    }
}

/// A ServiceEntry with the pod among its endpoints.
/// After `serviceregistry/serviceentry/controller.go:GetProxyServiceTargets`.
fn of_service_entry(
    context: &mut Context<'_, '_>,
    object: &Object,
    host: &str,
    spec: &ServiceEntrySpec,
    targets: &mut Vec<Target>,
) {
    let store = context.store;
    let Some(service) = store
        .services_named(host)
        .find(|s| s.object == object.id && s.hostname == host)
    else {
        return;
    };
    let translates = !object.meta.labels.contains_key(NO_TRANSLATION_LABEL);
    for (index, number) in targets_of_service_entry(store, service, spec, &context.proxy.ips) {
        let Some(port) = spec.ports.get(index) else {
            continue;
        };
        let entry = open(context, object, index);
        context
            .ledger
            .settle(entry, Ok(((), Effect::TargetPort(number))));
        targets.push(Target {
            service_port: port.number,
            target_port: number,
            protocol: Protocol::parse(&port.protocol),
            translates,
            entry,
        });
    }
}

/// The port that a server's number is bound on: the first Service port with that number decides, else the number
/// itself.
pub(super) fn resolve(number: u32, targets: &[Target]) -> (u32, Option<EntryId>) {
    targets
        .iter()
        .find(|t| t.translates && t.service_port == number)
        .map_or((number, None), |t| (t.target_port, Some(t.entry)))
}
