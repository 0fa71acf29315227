//! The destinations that could be meant.

use super::{Server, WAYS, add, patch, replace};
use crate::causes::{Candidate, Choice, Destination, Tale, Wish};
use crate::ledger::Block;
use crate::predict::protocol::Protocol;
use crate::predict::store::Registry;
use crate::predict::{ProxyFacts, routers, selects};
use crate::snapshot::views::{self};
use crate::snapshot::{Kind, Object, Operation};
use serde_json::{Value, json};

/// Where a route should lead, and why.
pub(in crate::causes) struct Chosen {
    pub(in crate::causes) to: Destination,
    pub(in crate::causes) because: Option<String>,
    pub(in crate::causes) choice: Option<Choice>,
}

impl Chosen {
    /// The candidate with what was chosen, and what is left to a person.
    pub(in crate::causes) fn on(self, mut candidate: Candidate) -> Candidate {
        candidate.because = self.because;
        candidate.choice = self.choice;
        candidate
    }
}

/// The host name of a Service.
fn host_of(tale: &Tale<'_, '_>, to: &Destination) -> String {
    let domain = &tale.store.mesh.domain;
    format!("{}.{}.svc.{domain}", to.service, to.namespace)
}

/// A `destination`.
pub(in crate::causes) fn destination(tale: &Tale<'_, '_>, to: &Destination) -> Value {
    json!({ "host": host_of(tale, to), "port": { "number": to.port } })
}

/// A way as `--to` takes it.
pub(in crate::causes) fn way(to: &Destination) -> String {
    format!("{}/{}:{}", to.namespace, to.service, to.port)
}

/// A port of a Service that a route could lead to.
pub(in crate::causes) struct Port<'t> {
    to: Destination,
    view: &'t views::ServicePort,
    protocol: Protocol,
    service: &'t views::ServiceSpec,
}

impl Port<'_> {
    fn has_target(&self, number: u32) -> bool {
        self.view.target_port == Some(views::IntOrString::Int(number))
    }
}

/// Whether rules of this kind may lead to a port.
pub(in crate::causes) fn carries(block: Block, protocol: Protocol) -> bool {
    protocol != Protocol::Udp && (block == Block::Http || !protocol.is_http())
}

/// The ports of a Service that rules of this kind may lead to.
pub(in crate::causes) fn ports_of<'t>(
    object: &'t Object,
    service: &'t views::ServiceSpec,
    block: Block,
) -> impl Iterator<Item = Port<'t>> {
    service.ports.iter().filter_map(move |view| {
        let protocol = Protocol::of_service_port(
            view.port,
            &view.name,
            &view.protocol,
            view.app_protocol.as_deref(),
        );
        let to = Destination {
            namespace: object.key.namespace.clone(),
            service: object.key.name.clone(),
            port: view.port,
        };
        (carries(block, protocol) && !view.protocol.eq_ignore_ascii_case("SCTP")).then_some(Port {
            to,
            view,
            protocol,
            service,
        })
    })
}

/// Services of the platform itself: nobody means them.
fn of_the_platform(object: &Object) -> bool {
    let key = &object.key;
    key.namespace == "kube-system"
        || (key.namespace == "default" && key.name == "kubernetes")
        || object.meta.labels.get("app").is_some_and(|a| a == "istiod")
}

/// The Service ports of a namespace that a route could mean.
fn ports_in<'t>(
    tale: &Tale<'t, '_>,
    block: Block,
    namespace: &str,
    gateways: &[ProxyFacts],
) -> Vec<Port<'t>> {
    let leads_to_gateway = |o: &Object, s: &views::ServiceSpec| {
        !s.selector.is_empty()
            && gateways
                .iter()
                .any(|g| g.namespace == o.key.namespace && selects(&s.selector, &g.labels))
    };
    let mut found: Vec<Port<'t>> = tale
        .store
        .kubernetes_services(namespace)
        .filter(|(o, s)| {
            s.spec.r#type != "ExternalName"
                && !of_the_platform(o)
                && !leads_to_gateway(o, &s.spec)
                && sees(tale, o)
        })
        .flat_map(|(o, s)| ports_of(o, &s.spec, block))
        .collect();
    // A StatefulSet's headless Service stands beside the one that clients use.
    let twin: Vec<bool> = found
        .iter()
        .map(|p| {
            p.service.cluster_ip == "None"
                && found.iter().any(|q| {
                    q.service.cluster_ip != "None"
                        && q.service.selector == p.service.selector
                        && q.to.port == p.to.port
                })
        })
        .collect();
    let mut twin = twin.into_iter();
    found.retain(|_| twin.next() != Some(true));
    if block == Block::Http {
        if found.iter().any(|p| p.protocol.is_http()) {
            found.retain(|p| p.protocol.is_http());
        } else if found.iter().any(|p| p.protocol == Protocol::Unsupported) {
            found.retain(|p| p.protocol == Protocol::Unsupported);
        }
    }
    found
}

/// Whether the proxy sees a Service.
pub(in crate::causes) fn sees(tale: &Tale<'_, '_>, object: &Object) -> bool {
    let domain = &tale.store.mesh.domain;
    let host = format!("{}.{}.svc.{domain}", object.key.name, object.key.namespace);
    tale.store.service(&host, &tale.proxy.namespace).is_some()
}

/// The destination that was probably meant: what the user said; else the only port of the first of these namespaces
/// that has one, else of all; among several the one that has the number.
pub(in crate::causes) fn choose(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    block: Block,
    number: u32,
    namespaces: &[&str],
) -> Option<Chosen> {
    if let Some(to) = &wish.to {
        return Some(Chosen {
            to: to.clone(),
            because: None,
            choice: None,
        });
    }
    let gateways = routers(tale.store.snapshot);
    // Beside the control plane stand tools, not what a gateway is for.
    let near = namespaces
        .iter()
        .filter(|namespace| **namespace != tale.store.mesh.root_namespace)
        .find_map(|namespace| {
            let ports = ports_in(tale, block, namespace, &gateways);
            (!ports.is_empty()).then(|| (ports, format!("in {namespace}")))
        });
    let (ports, place) = near.unwrap_or_else(|| {
        let all = tale.store.snapshot.namespaces().into_iter();
        let ports = all
            .flat_map(|namespace| ports_in(tale, block, namespace, &gateways))
            .collect();
        (ports, "of all that was read".to_owned())
    });
    // Their names say that they speak something else: a person may know better, we do not.
    let may_be_http = |p: &Port<'_>| p.protocol.is_http() || p.protocol == Protocol::Unsupported;
    if block == Block::Http && !ports.iter().any(may_be_http) {
        return ask_which(&ports, number, "which Service speaks HTTP?");
    }
    let kind = kind_of(block, &ports);
    let name = |to: &Destination| format!("{}:{}", to.service, to.port);
    let only = |to: &Destination| format!("{} is the only {kind} {place}", name(to));
    let by_number = |to: &Destination, what: &str| {
        format!("{} is the only one {place} {what} {number}", name(to))
    };
    pick(&ports, number, only, by_number, "which Service?")
}

/// What ports are called that rules of this kind may lead to.
fn kind_of(block: Block, ports: &[Port<'_>]) -> &'static str {
    match block {
        Block::Http if ports.iter().all(|p| p.protocol.is_http()) => "HTTP port",
        Block::Http => "port",
        Block::Tcp | Block::Tls => "TCP port",
    }
}

/// The only one; the only one with the number as port or as target; else the first, and a question.
fn pick(
    ports: &[Port<'_>],
    number: u32,
    only: impl Fn(&Destination) -> String,
    by_number: impl Fn(&Destination, &str) -> String,
    question: &'static str,
) -> Option<Chosen> {
    let chosen = |port: &Port<'_>, because: String| {
        Some(Chosen {
            to: port.to.clone(),
            because: Some(because),
            choice: None,
        })
    };
    let with_port: Vec<_> = ports.iter().filter(|p| p.to.port == number).collect();
    let with_target: Vec<_> = ports.iter().filter(|p| p.has_target(number)).collect();
    match (ports, with_port.as_slice(), with_target.as_slice()) {
        ([one], _, _) => chosen(one, only(&one.to)),
        (_, [one], _) => chosen(one, by_number(&one.to, "with port")),
        (_, [], [one]) => chosen(one, by_number(&one.to, "with targetPort")),
        _ => ask_which(ports, number, question),
    }
}

/// A question, and the ports that could be meant; those that have the number come first.
fn ask_which(ports: &[Port<'_>], number: u32, question: &'static str) -> Option<Chosen> {
    let mut ways: Vec<&Port<'_>> = ports.iter().filter(|p| p.to.port == number).collect();
    ways.extend(ports.iter().filter(|p| p.to.port != number));
    Some(Chosen {
        to: ways.first()?.to.clone(),
        because: None,
        choice: Some(Choice {
            question,
            ways: ways.iter().take(WAYS).map(|p| way(&p.to)).collect(),
        }),
    })
}

/// The port of one service that was probably meant; `number` is the one that was written.
fn choose_port(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    block: Block,
    host: &str,
    number: u32,
) -> Option<Chosen> {
    let service = tale.store.service(host, &tale.proxy.namespace)?;
    if let Some(to) = wish.to.as_ref().filter(|to| host_of(tale, to) == host) {
        return Some(Chosen {
            to: to.clone(),
            because: None,
            choice: None,
        });
    }
    let object = tale.store.snapshot.get(service.object)?;
    if service.registry == Registry::ServiceEntry {
        let mut numbers = service.ports.iter().filter(|p| carries(block, p.protocol));
        let first = numbers.next()?.number;
        return numbers.next().is_none().then(|| Chosen {
            to: Destination {
                namespace: service.namespace.clone(),
                service: host.to_owned(),
                port: first,
            },
            because: Some(format!("{first} is its only port")),
            choice: None,
        });
    }
    let view = tale.view::<views::Service>(service.object)?;
    let mut ports: Vec<Port<'_>> = ports_of(object, &view.spec, block).collect();
    if ports.is_empty() {
        ports = ports_of(object, &view.spec, Block::Http).collect();
    } else if block == Block::Http && ports.iter().any(|p| p.protocol.is_http()) {
        ports.retain(|p| p.protocol.is_http());
    }
    let kind = kind_of(block, &ports);
    let only = |to: &Destination| format!("{} is the only {kind} of {}", to.port, to.service);
    let by_number = |to: &Destination, what: &str| {
        format!(
            "{} is the only port of {} {what} {number}",
            to.port, to.service
        )
    };
    pick(&ports, number, only, by_number, "which port?")
}

// Objects.

/// What a destination should be, from scratch.
pub(in crate::causes) fn choose_for_destination(
    tale: &Tale<'_, '_>,
    wish: &Wish,
) -> Option<Chosen> {
    let vs = tale.object()?;
    let server = Server::of(tale);
    let number = server.map_or(tale.port, |s| s.number());
    let mut namespaces = vec![vs.key.namespace.as_str()];
    namespaces.extend(server.map(|s| s.gateway.key.namespace.as_str()));
    choose(tale, wish, tale.block()?, number, &namespaces)
}

/// Writes the port of the destination that a decision is about.
fn write_port(tale: &Tale<'_, '_>, port: u32) -> Option<Operation> {
    let field = tale.step()?.field().key("port");
    Some(match tale.destination()?.port.as_ref().map(|p| p.number) {
        None => add(&field, json!({ "number": port })),
        Some(0) => replace(&field, json!({ "number": port })),
        Some(_) => replace(&field.key("number"), port),
    })
}

/// Lets the destination lead elsewhere; its other fields stay.
pub(in crate::causes) fn lead_to(tale: &Tale<'_, '_>, to: &Destination) -> Option<Candidate> {
    let written = tale.destination()?;
    let field = tale.step()?.field();
    let operations = if *written == views::Destination::default() {
        vec![add(&field, destination(tale, to))]
    } else {
        let path = field.key("host");
        let name = host_of(tale, to);
        let host = if written.host.is_empty() {
            add(&path, name)
        } else {
            replace(&path, name)
        };
        let same_port = written.port.as_ref().is_some_and(|p| p.number == to.port);
        let port = if same_port {
            None
        } else {
            write_port(tale, to.port)
        };
        [host].into_iter().chain(port).collect()
    };
    let title = format!("lead to {}", way(to));
    Some(patch(title, tale.object()?.id, operations))
}

/// The destination that the user asked for.
pub(in crate::causes) fn wished_destination(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    lead_to(tale, wish.to.as_ref()?)
}

/// The port that was probably meant.
pub(in crate::causes) fn with_port(
    tale: &Tale<'_, '_>,
    wish: &Wish,
    host: &str,
    number: u32,
) -> Option<Candidate> {
    let own = wish.to.as_ref().is_none_or(|to| host_of(tale, to) == host);
    if !own {
        return wished_destination(tale, wish);
    }
    let chosen = choose_port(tale, wish, tale.block()?, host, number)?;
    let port = chosen.to.port;
    let operation = write_port(tale, port)?;
    let title = format!("write port {port}");
    Some(chosen.on(patch(title, tale.object()?.id, vec![operation])))
}

/// The Services of a name, those with the destination's port first.
pub(in crate::causes) fn services_of_name<'t>(tale: &Tale<'t, '_>, name: &str) -> Vec<&'t Object> {
    let port = tale.destination().and_then(|d| d.port.as_ref());
    let lacks = |o: &Object| {
        tale.view::<views::Service>(o.id).is_none_or(|s| {
            port.is_some_and(|port| s.spec.ports.iter().all(|p| p.port != port.number))
        })
    };
    let services = tale.store.snapshot.of_kind(Kind::Service);
    let mut found: Vec<&Object> = services.filter(|o| o.key.name == name).collect();
    found.sort_by_key(|o| lacks(o));
    found
}

/// One way for each of these Services: its host in full.
pub(in crate::causes) fn hosts_in_full(
    tale: &Tale<'_, '_>,
    services: Vec<&Object>,
) -> Vec<Candidate> {
    let (Some(vs), Some(step)) = (tale.object(), tale.step()) else {
        return Vec::new();
    };
    let field = step.field().key("host");
    let domain = &tale.store.mesh.domain;
    let candidate = |service: &Object| {
        let host = format!(
            "{}.{}.svc.{domain}",
            service.key.name, service.key.namespace
        );
        let title = format!("write the host in full: {host}");
        patch(title, vs.id, vec![replace(&field, host)])
    };
    services.into_iter().take(WAYS).map(candidate).collect()
}
