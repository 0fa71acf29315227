//! Free ports, and a server's new place.

use super::matches::matches_of;
use super::objects::unique;
use super::{
    FIRST_UNPRIVILEGED_PORT, HIGHER, ISTIO_PORTS, LAST_PORT, Server, add, append, in_use,
    match_path, name_as_written, replace, spec,
};
use crate::causes::{Candidate, Tale};
use crate::ledger::Step;
use crate::predict::{hosts, selects, target_port};
use crate::snapshot::views::{self};
use crate::snapshot::{Change, Object, Operation};
use serde_json::json;
use std::collections::BTreeSet;

/// The Services that lead to the proxy.
pub(in crate::causes) fn gateway_services<'t>(
    tale: &Tale<'t, '_>,
) -> Vec<(&'t Object, &'t views::ServiceSpec)> {
    let proxy = tale.proxy;
    tale.store
        .kubernetes_services(&proxy.namespace)
        .filter(|(_, s)| !s.spec.selector.is_empty() && selects(&s.spec.selector, &proxy.labels))
        .filter(|(_, s)| s.spec.r#type != "ExternalName")
        .map(|(o, s)| (o, &s.spec))
        .collect()
}

/// The first number from here on that no Gateway, no port of the gateway's Services and nothing of Istio uses.
pub(in crate::causes) fn free_port(tale: &Tale<'_, '_>, from: u32) -> Option<u32> {
    let mut taken: BTreeSet<u32> = BTreeSet::new();
    for gateway in &tale.store.gateways {
        let numbers = gateway.spec.servers.iter().filter_map(|s| s.port.as_ref());
        taken.extend(numbers.map(|p| p.number));
    }
    for (_, service) in gateway_services(tale) {
        for port in &service.ports {
            taken.insert(port.port);
            taken.extend(target_port(port, &tale.proxy.containers).ok());
            taken.extend(port.node_port);
        }
    }
    for (_, entry) in tale.ledger.entries() {
        if let Step::BoundServer { port, .. } = entry.step {
            taken.insert(port);
        }
    }
    let from = if may_bind(tale, from) {
        from
    } else {
        FIRST_UNPRIVILEGED_PORT
    };
    (from..=LAST_PORT).find(|n| !taken.contains(n) && !ISTIO_PORTS.contains(n))
}

/// Whether the pod may listen there.
fn may_bind(tale: &Tale<'_, '_>, port: u32) -> bool {
    port >= FIRST_UNPRIVILEGED_PORT || !tale.proxy.unprivileged
}

/// The port of the pods for a Service port: its own number, or for one that the pod may not bind, one behind 8000.
pub(in crate::causes) fn bindable(tale: &Tale<'_, '_>, number: u32) -> Option<u32> {
    if may_bind(tale, number) {
        return Some(number);
    }
    free_port(tale, HIGHER.checked_add(number)?)
}

/// Adds a port to a Service. With several ports each needs a name, so a lone one without gets its own.
pub(in crate::causes) fn service_port(
    service: &views::ServiceSpec,
    prefix: &str,
    port: u32,
    target: u32,
) -> Vec<Operation> {
    let list = spec().key("ports");
    let mut operations = Vec::new();
    if let [only] = service.ports.as_slice()
        && only.name.is_empty()
    {
        let name = format!("port-{}", only.port);
        operations.push(add(&list.clone().index(0).key("name"), name));
    }
    let name = unique(&format!("{prefix}-{port}"), |name| {
        service.ports.iter().any(|p| p.name == name)
    });
    let item = json!({ "name": name, "port": port, "targetPort": target });
    operations.push(append(&list, service.ports.len(), item));
    operations
}

/// Gives the server of a decision the next free port: in its Gateway, in the routes that lead on from it, and in the
/// Services that had the old number.
pub(in crate::causes) fn move_away(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let server = Server::of(tale)?;
    let old = server.number();
    let new = free_port(tale, old.checked_add(1)?)?;
    let number = server.path().key("port").key("number");
    let mut changes = vec![Change::Patch {
        object: server.gateway.id,
        operations: vec![replace(&number, new)],
    }];
    for (vs, _) in tale.store.naming(&server.gateway.qualified()) {
        let attached = server
            .hosts_for(vs.namespace())
            .iter()
            .any(|a| vs.hosts.iter().any(|b| hosts::overlap(a, b)));
        if !attached
            || changes
                .iter()
                .any(|c| matches!(c, Change::Patch { object, .. } if *object == vs.object.id))
        {
            continue;
        }
        let qualified = server.gateway.qualified();
        let operations: Vec<Operation> = matches_of(vs.spec)
            .iter()
            .filter(|m| m.port == old && Some(m.block) == server.block())
            .filter(|m| {
                m.gateways.is_empty()
                    || m.gateways
                        .iter()
                        .any(|g| hosts::resolve_gateway_name(g, vs.namespace()) == qualified)
            })
            .filter_map(|m| {
                let others = in_use(tale, vs.object.id, m.block, m.rule)
                    || m.is_shared(vs.spec, vs.namespace(), server.gateway)
                    || has_twin(tale, &server, &vs.hosts);
                if !others {
                    return Some(replace(&m.path().key("port"), new));
                }
                // What others have by the old number must stay.
                let name = name_as_written(vs.spec, vs.namespace(), server.gateway);
                let value = m.for_port(new, m.restricted(vs.spec, &name));
                m.plain
                    .then(|| append(&match_path(m.block, m.rule), 1, value))
            })
            .collect();
        if !operations.is_empty() {
            changes.push(Change::Patch {
                object: vs.object.id,
                operations,
            });
        }
    }
    for (object, service) in gateway_services(tale) {
        let had = |p: &views::ServicePort| p.port == old && !p.protocol.eq_ignore_ascii_case("udp");
        if service.ports.iter().any(had) {
            changes.push(Change::Patch {
                object: object.id,
                operations: service_port(service, server.prefix(), new, new),
            });
        }
    }
    let mut candidate = Candidate::new(format!("move to {new}, the next free port"), changes);
    candidate.opens = Some(new);
    Some(candidate)
}

/// Whether another server of the same Gateway has the number, and hosts of the same routes.
fn has_twin(tale: &Tale<'_, '_>, server: &Server<'_>, routes: &[String]) -> bool {
    let servers = tale.view::<views::Gateway>(server.gateway.id);
    let count = servers.map_or(0, |g| g.spec.servers.len());
    (0..count)
        .filter(|n| *n != server.index)
        .filter_map(|n| Server::at(tale, server.gateway.id, n))
        .filter(|twin| twin.number() == server.number())
        .flat_map(|twin| twin.kept_hosts())
        .any(|host| {
            let name = host.rsplit('/').next().unwrap_or(&host);
            routes.iter().any(|route| hosts::overlap(name, route))
        })
}

// Names.
