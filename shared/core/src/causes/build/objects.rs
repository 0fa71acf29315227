//! Whole objects and larger pieces of them: VirtualServices, subsets, what is exported to whom.

use super::destinations::{choose, destination};
use super::{ISTIO_API, Server, add, append, gateway_name, name_as_written, patch, replace, spec};
use crate::causes::{Candidate, Tale, Wish};
use crate::ledger::Block;
use crate::predict::hosts;
use crate::predict::store::Service;
use crate::snapshot::views::L4Match;
use crate::snapshot::views::{self, AsView, Labels};
use crate::snapshot::{Change, Kind, Object, ObjectId, Operation};
use serde_json::{Value, json};

/// A VirtualService that gives a server its route.
pub(in crate::causes) fn virtual_service(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    server: &Server<'_>,
) -> Option<Candidate> {
    let namespace = server.namespace_of_routes()?;
    let names = server.hosts_for(&namespace);
    virtual_service_for(tale, wish, server, &namespace, &names)
}

/// What lets a server take a host that nothing takes yet: a VirtualService for it, and the host in the server's list
/// where that lacks it.
pub(in crate::causes) fn take_host(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    server: &Server<'_>,
    host: &str,
) -> Option<Candidate> {
    let own = server.gateway.key.namespace.clone();
    let namespace = server.namespace_of_routes().unwrap_or(own);
    let names = vec![host.to_owned()];
    let mut candidate = virtual_service_for(tale, wish, server, &namespace, &names)?;
    let mut taken = server.hosts_for(&namespace).into_iter();
    if !taken.any(|wide| hosts::is_subset(host, &wide)) {
        let list = spec().key("servers").index(server.index).key("hosts");
        let wider = append(&list, server.view.hosts.len(), host);
        let change = patch("", server.gateway.id, vec![wider]).changes;
        candidate.changes.splice(0..0, change);
        candidate.title = "add the host, and this VirtualService".to_owned();
    }
    Some(candidate)
}

fn virtual_service_for(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    server: &Server<'_>,
    namespace: &str,
    names: &[String],
) -> Option<Candidate> {
    let block = server.block()?;
    let number = server.number();
    let own = server.gateway.key.namespace.as_str();
    let chosen = choose(tale, wish, block, number, &[namespace, own])?;
    let base = format!("{}-{number}", chosen.to.service);
    let name = unique(&base, |name| {
        let kind = Kind::VirtualService;
        tale.store.snapshot.find(kind, namespace, name).is_some()
    });
    let route = json!([{ "destination": destination(tale, &chosen.to) }]);
    let rule = match block {
        Block::Tcp => json!({ "match": [{ "port": number }], "route": route }),
        Block::Tls => json!({ "match": [{ "port": number, "sniHosts": names }], "route": route }),
        Block::Http => json!({ "route": route }),
    };
    let object = json!({
        "apiVersion": ISTIO_API,
        "kind": "VirtualService",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "hosts": names,
            "gateways": [gateway_name(server.gateway, namespace)],
            block.field(): [rule],
        },
    });
    let change = Change::Create {
        kind: Kind::VirtualService,
        object,
        beside: Some(server.gateway.id),
    };
    Some(chosen.on(Candidate::new("add this VirtualService", vec![change])))
}

/// A DestinationRule with one subset.
pub(in crate::causes) fn destination_rule(
    tale: &Tale<'_, '_>,
    service: &Service,
    subset: &Value,
) -> Change {
    let namespace = service.namespace.as_str();
    let name = unique(&service.sort_name, |name| {
        let kind = Kind::DestinationRule;
        tale.store.snapshot.find(kind, namespace, name).is_some()
    });
    Change::Create {
        kind: Kind::DestinationRule,
        object: json!({
            "apiVersion": ISTIO_API,
            "kind": "DestinationRule",
            "metadata": { "name": name, "namespace": namespace },
            "spec": { "host": service.hostname, "subsets": [subset] },
        }),
        beside: Some(service.object),
    }
}

/// A name that is not taken: itself, or with the first free number behind.
pub(in crate::causes) fn unique(base: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(base) {
        return base.to_owned();
    }
    (2_u32..)
        .map(|n| format!("{base}-{n}"))
        .find(|name| !taken(name))
        .unwrap_or_default()
}

/// Adds a block of the kind that the server needs, with the destinations of a block that is there.
pub(in crate::causes) fn needed_block(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    needed: Block,
) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let spec_view = tale.virtual_service()?;
    let number = server.number();
    let article = if needed == Block::Http { "an" } else { "a" };
    let title = format!("add {article} `{}` rule", needed.field());
    let (route, chosen) =
        match destinations_of(spec_view, needed, number).filter(|_| wish.to.is_none()) {
            Some(route) => (json!(route), None),
            None => {
                let namespaces = [vs.key.namespace.as_str(), &server.gateway.key.namespace];
                let chosen = choose(tale, wish, needed, number, &namespaces)?;
                let route = json!([{ "destination": destination(tale, &chosen.to) }]);
                (route, Some(chosen))
            }
        };
    let mut matched = json!({ "port": number });
    if let Some(map) = matched.as_object_mut() {
        if needed == Block::Tls {
            map.insert("sniHosts".to_owned(), json!(sni(tale, &server)));
        }
        // Its other gateways, and the sidecars, are to see no difference.
        if spec_view.gateways.len() > 1 {
            let name = name_as_written(spec_view, &vs.key.namespace, server.gateway);
            map.insert("gateways".to_owned(), json!([name]));
        }
    }
    let rule = json!({ "match": [matched], "route": route });
    let list = spec().key(needed.field());
    let mut operations = vec![append(&list, 0, rule)];
    if needed == Block::Tls {
        operations.extend(hosts_as_sni(tale));
    }
    let candidate = patch(title, vs.id, operations);
    Some(match chosen {
        Some(chosen) => chosen.on(candidate),
        None => candidate,
    })
}

/// Writes the short hosts of the VirtualService in full: istiod resolves them, its webhook does not when it holds
/// server names against them. After `pkg/config/validation/validation.go:validateSniHost`.
pub(in crate::causes) fn hosts_as_sni(tale: &Tale<'_, '_>) -> Vec<Operation> {
    let (Some(vs), Some(view)) = (tale.object(), tale.virtual_service()) else {
        return Vec::new();
    };
    let (namespace, domain) = (&vs.key.namespace, &tale.store.mesh.domain);
    let in_full = |(n, host): (usize, &String)| {
        let full = hosts::resolve_short_name(host, namespace, domain);
        let field = spec().key("hosts").index(n);
        (full != *host).then(|| replace(&field, full.into_owned()))
    };
    view.hosts.iter().enumerate().filter_map(in_full).collect()
}

/// The server names for a `tls` match: what the VirtualService and the server have in common.
pub(in crate::causes) fn sni(tale: &Tale<'_, '_>, server: &Server<'_>) -> Vec<String> {
    let Some(vs) = tale.object() else {
        return Vec::new();
    };
    let namespace = vs.key.namespace.as_str();
    let written = tale.virtual_service().map(|s| s.hosts.as_slice());
    let own: Vec<String> = written
        .unwrap_or_default()
        .iter()
        .map(|h| hosts::resolve_short_name(h, namespace, &tale.store.mesh.domain).into_owned())
        .collect();
    let servers = server.hosts_for(namespace);
    let a: Vec<&str> = own.iter().map(String::as_str).collect();
    let b: Vec<&str> = servers.iter().map(String::as_str).collect();
    let common = hosts::intersection(&a, &b);
    if common.is_empty() { own } else { common }
}

/// The destinations of another kind of rules, as a new rule writes them: those of the rule for this port first.
fn destinations_of(
    spec: &views::VirtualServiceSpec,
    needed: Block,
    number: u32,
) -> Option<Vec<Value>> {
    let fits = |ports: &[u32]| ports.is_empty() || ports.iter().any(|p| *p == 0 || *p == number);
    let l4 = |m: &[L4Match]| fits(&m.iter().map(|m| m.port).collect::<Vec<_>>());
    let tcp = spec
        .tcp
        .iter()
        .map(|r| (Block::Tcp, l4(&r.r#match), &r.route));
    let tls = spec
        .tls
        .iter()
        .map(|r| (Block::Tls, l4(&r.r#match), &r.route));
    let http = spec.http.iter().map(|r| {
        let ports: Vec<u32> = r.r#match.iter().map(|m| m.port).collect();
        (Block::Http, fits(&ports), &r.route)
    });
    let mut rules: Vec<_> = tls
        .chain(tcp)
        .chain(http)
        .filter(|(block, _, route)| *block != needed && !route.is_empty())
        .collect();
    rules.sort_by_key(|(_, fits, _)| !fits);
    let (_, _, route) = rules.first()?;
    Some(route.iter().map(route_destination).collect())
}

/// A destination of a rule with everything that tcp and tls rules know.
fn route_destination(from: &views::RouteDestination) -> Value {
    let mut destination = json!({ "host": from.destination.host });
    if let Some(map) = destination.as_object_mut() {
        if let Some(port) = &from.destination.port {
            map.insert("port".to_owned(), json!({ "number": port.number }));
        }
        if !from.destination.subset.is_empty() {
            map.insert("subset".to_owned(), json!(from.destination.subset));
        }
    }
    match from.weight {
        Some(weight) => json!({ "destination": destination, "weight": weight }),
        None => json!({ "destination": destination }),
    }
}

// Ports.

/// Something that is exported to some namespaces.
pub(in crate::causes) struct Exported<'e> {
    pub(in crate::causes) object: &'e Object,
    /// `spec.exportTo` as written.
    pub(in crate::causes) written: &'e [String],
    /// What counts when it is absent.
    pub(in crate::causes) default: &'e [String],
}

/// Adds a namespace to `spec.exportTo`.
pub(in crate::causes) fn export(what: &Exported<'_>, namespace: &str) -> Candidate {
    let list = spec().key("exportTo");
    let nobody = what.written.iter().position(|name| name == "~");
    let operation = match (nobody, what.written.len()) {
        (Some(n), _) => replace(&list.index(n), namespace),
        (None, 0) => {
            let mut names: Vec<&str> = what.default.iter().map(String::as_str).collect();
            names.retain(|name| *name != "~");
            names.push(namespace);
            add(&list, json!(names))
        }
        (None, several) => append(&list, several, namespace),
    };
    let title = format!("export it to {namespace} too");
    patch(title, what.object.id, vec![operation])
}

/// Adds the proxy's namespace to `spec.exportTo`.
pub(in crate::causes) fn export_to(
    tale: &Tale<'_, '_>,
    object: &Object,
    written: &[String],
    default: &[String],
) -> Candidate {
    let what = Exported {
        object,
        written,
        default,
    };
    export(&what, &tale.proxy.namespace)
}

// A destination that is there, but wrong.

/// A policy of our own for the gateway's pods, in their namespace: it opens one port, and changes no one else's.
pub(in crate::causes) fn policy(
    tale: &Tale<'_, '_>,
    kind: Kind,
    port: u32,
    beside: ObjectId,
    title: String,
    spec: impl Fn(&Labels) -> Value,
) -> Option<Candidate> {
    let server = Server::of(tale)?;
    let gateway = views::Gateway::of(&server.gateway.view)?;
    let selector = Some(&gateway.spec.selector).filter(|s| !s.is_empty())?;
    let namespace = tale.proxy.namespace.as_str();
    let name = unique(&format!("{}-{port}", tale.proxy.name), |name| {
        tale.store.snapshot.find(kind, namespace, name).is_some()
    });
    let object = json!({
        "apiVersion": format!("{}/v1", kind.group()),
        "kind": kind.name(),
        "metadata": { "name": name, "namespace": namespace },
        "spec": spec(selector),
    });
    let change = Change::Create {
        kind,
        object,
        beside: Some(beside),
    };
    Some(Candidate::new(title, vec![change]))
}
