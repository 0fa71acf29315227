//! From a server's declared number to the port that is really bound.
//! After istio `serviceregistry/kube/controller/controller.go:GetProxyServiceTargetsByPod`, `util.go:FindPort` and
//! `model/gateway.go:resolvePorts` (1.31).

use super::{Context, selects};
use crate::ledger::{Effect, EntryId, Reason, Step};
use crate::predict::protocol::Protocol;
use crate::predict::store::age;
use crate::snapshot::views::{Container, IntOrString, ServicePort};

/// The label that takes a Service out of port translation.
const NO_TRANSLATION_LABEL: &str = "experimental.istio.io/disable-gateway-port-translation";

/// A Service port that leads to the proxy.
pub(super) struct Target {
    pub(super) service_port: u32,
    pub(super) target_port: u32,
    /// The Service may translate a Gateway's number.
    pub(super) translates: bool,
    pub(super) entry: EntryId,
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

/// The Service ports that lead to the proxy: oldest Service first, then as written.
pub(super) fn targets(context: &mut Context<'_, '_>) -> Vec<Target> {
    let (store, proxy) = (context.store, context.proxy);
    let mut services: Vec<_> = store
        .kubernetes_services(&proxy.namespace)
        .filter(|(_, s)| !s.spec.selector.is_empty() && selects(&s.spec.selector, &proxy.labels))
        .filter(|(_, s)| s.spec.r#type != "ExternalName")
        .collect();
    services.sort_by_key(|(object, _)| (age(object), object.key.name.clone()));

    let mut targets = Vec::new();
    for (object, service) in services {
        let translates = !object.meta.labels.contains_key(NO_TRANSLATION_LABEL);
        let mut kept: Vec<(u32, Protocol, EntryId)> = Vec::new();
        for (index, port) in service.spec.ports.iter().enumerate() {
            let entry = context.ledger.open(
                Step::ServicePort {
                    service: object.id,
                    index,
                },
                None,
            );
            let protocol = Protocol::of_service_port(
                port.port,
                &port.name,
                &port.protocol,
                port.app_protocol.as_deref(),
            );
            let outcome = target_port(port, &proxy.containers).and_then(|target| {
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
                    translates,
                    entry,
                });
            }
        }
    }
    targets
}

/// The port that a server's number is bound on: the first Service port with that number decides, else the number
/// itself.
pub(super) fn resolve(number: u32, targets: &[Target]) -> (u32, Option<EntryId>) {
    targets
        .iter()
        .find(|t| t.translates && t.service_port == number)
        .map_or((number, None), |t| (t.target_port, Some(t.entry)))
}
