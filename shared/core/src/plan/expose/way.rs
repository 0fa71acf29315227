//! What stands in the way of a port, in any form: servers, Service ports, the proxy's own.

use serde_json::Value;

use super::target::Target;
use super::{Edit, Site, Stop, objects};
use crate::causes::{PAGES, Severity};
use crate::ledger::{Effect, Fate, Step};
use crate::predict::protocol::Protocol;
use crate::predict::{hosts, target_port};
use crate::report::{Certainty, Finding, Mark};
use crate::snapshot::views::{self, AsView};
use crate::snapshot::{FieldPath, Kind, Object, ObjectId};

/// Ports that the gateway's own container has, whoever asks.
const RESERVED: [(u32, &str); 6] = [
    (15000, "Envoy's admin"),
    (15004, "the agent's debug port"),
    (15020, "the agent's metrics"),
    (15021, "the readiness probe's"),
    (15053, "the agent's DNS"),
    (15090, "Envoy's metrics"),
];

/// The numbers among which Istio takes its own: none of them is offered.
const NEAR_RESERVED: std::ops::RangeInclusive<u32> = 15000..=15090;

/// Where remapped ports below 1024 go.
const REMAPPED: u32 = 8000;

/// The ports of nodes, unless the API server was told otherwise.
const NODE_PORTS: std::ops::RangeInclusive<u32> = 30000..=32767;

/// How many numbers are tried for a free one.
const TRIED: u32 = 2000;

/// A port that is free for us.
pub(super) struct Claim {
    pub(super) target_port: u32,
    /// What the Service needs; `None` when it has the port.
    pub(super) item: Option<Value>,
    /// The server's protocol.
    pub(super) protocol: &'static str,
}

/// A server of a Gateway that applies, on the port it binds.
struct Bound<'s> {
    gateway: &'s Object,
    index: usize,
    view: &'s views::Server,
    bound: u32,
}

/// A port of a Service that leads to the gateway.
struct Leading<'s> {
    service: &'s Object,
    index: usize,
    view: &'s views::ServicePort,
    target: u32,
}

/// What holds a port.
enum Taken<'s> {
    /// The proxy itself.
    Own(u32, &'static str),
    /// A server.
    Server(Bound<'s>),
    /// A Service port with the number.
    Number(Leading<'s>),
    /// Another Service port that leads to the port of the pods.
    Target(Leading<'s>, u32),
}

/// A finding about an object that is in the files.
pub(super) fn finding(
    code: &str,
    object: ObjectId,
    field: FieldPath,
    value: Option<String>,
    label: &str,
    why: &str,
) -> Option<Finding> {
    let page = PAGES.iter().find(|page| page.code == code)?;
    Some(Finding {
        page,
        // What merely looks odd elsewhere is what stands in the way here.
        severity: Severity::Error,
        certainty: Certainty::Predicted,
        primary: Mark {
            object,
            field,
            value,
            label: label.to_owned(),
        },
        remark: None,
        related: Vec::new(),
        why: why.to_owned(),
        so: Vec::new(),
        seen: Vec::new(),
        also_known_as: Vec::new(),
        assumes: Vec::new(),
        candidates: Vec::new(),
        no_fix: None,
        fixes: Vec::new(),
    })
}

fn servers<'s>(site: &'s Site<'_, '_>) -> Vec<Bound<'s>> {
    let entries = site
        .classes
        .iter()
        .flat_map(|class| class.prediction.ledger.entries());
    let mut found: Vec<Bound<'s>> = Vec::new();
    for (_, entry) in entries {
        let (Step::Server { gateway, index }, Fate::Effective(Effect::Resolved { port, .. })) =
            (&entry.step, &entry.fate)
        else {
            continue;
        };
        let object = site.store.snapshot.get(*gateway);
        let view = object.and_then(|o| {
            let view = views::Gateway::of(&o.view)?;
            Some((o, view.spec.servers.get(*index)?))
        });
        if let Some((gateway, view)) = view {
            found.push(Bound {
                gateway,
                index: *index,
                view,
                bound: *port,
            });
        }
    }
    found
}

fn leading<'s>(site: &'s Site<'_, '_>) -> Vec<Leading<'s>> {
    let containers = site
        .gateway
        .proxies
        .first()
        .map(|p| p.containers.as_slice());
    let mut found = Vec::new();
    for (service, view) in site.store.kubernetes_services(site.gateway.namespace()) {
        if !site.gateway.is_behind(&service.key.namespace, view) {
            continue;
        }
        for (index, view) in view.spec.ports.iter().enumerate() {
            found.push(Leading {
                service,
                index,
                target: target_port(view, containers.unwrap_or_default()).unwrap_or(view.port),
                view,
            });
        }
    }
    found
}

fn is_tcp(port: &views::ServicePort) -> bool {
    port.protocol.is_empty() || port.protocol.eq_ignore_ascii_case("tcp")
}

/// The number of the Service's only port, when it has no name.
pub(super) fn unnamed_port(site: &Site<'_, '_>, service: ObjectId) -> Option<u32> {
    let object = site.store.snapshot.get(service)?;
    match views::Service::of(&object.view)?.spec.ports.as_slice() {
        [only] if only.name.is_empty() => Some(only.port),
        _ => None,
    }
}

/// Somebody's VirtualService that leads the port to this very Service, when that is all that is wanted.
pub(super) fn leads_there(site: &Site<'_, '_>, target: &Target<'_>) -> Option<String> {
    let options = site.options;
    let plain = !options.tls()
        && options.weights.is_empty()
        && options.target_port.is_none()
        && options.node_port.is_none();
    if !plain || site.classes.is_empty() {
        return None;
    }
    let number = target.wanted.number;
    let cluster = format!("outbound|{}||{}", target.port, target.host(site.store));
    let through = leading(site)
        .into_iter()
        .find(|l| l.view.port == number && is_tcp(l.view))?;
    let mut name = None;
    for class in &site.classes {
        let listener = class
            .prediction
            .config
            .listeners
            .iter()
            .find(|l| l.port == through.target)?;
        let [chain] = listener.chains.as_slice() else {
            return None;
        };
        let [(led, _)] = chain.clusters.as_slice() else {
            return None;
        };
        if *led != cluster || !chain.sni.is_empty() || chain.terminates_tls {
            return None;
        }
        let ledger = &class.prediction.ledger;
        let route = ledger.get(chain.clause?)?.step.object();
        let route = site.store.snapshot.get(route)?;
        if route.key.namespace == target.object.key.namespace && route.key.name == target.name() {
            return None;
        }
        name = Some(route.key.to_string());
    }
    name
}

/// The port on the pods for a port of the gateway.
fn bound_for(site: &Site<'_, '_>, number: u32) -> u32 {
    if let Some(port) = site.options.target_port {
        return port;
    }
    if number >= 1024 {
        return number;
    }
    let (servers, leading) = (servers(site), leading(site));
    let free = |port: &u32| {
        !RESERVED.iter().any(|(own, _)| own == port)
            && !servers.iter().any(|s| {
                s.bound == *port || s.view.port.as_ref().is_some_and(|p| p.number == *port)
            })
            && !leading
                .iter()
                .any(|l| l.target == *port || l.view.port == *port)
    };
    let first = REMAPPED + number;
    (first..first + TRIED).find(free).unwrap_or(first)
}

/// The Service's own port of this number, which needs no other.
fn existing<'l, 's>(
    site: &Site<'_, '_>,
    leading: &'l [Leading<'s>],
    number: u32,
) -> Option<&'l Leading<'s>> {
    leading.iter().find(|l| {
        l.view.port == number && is_tcp(l.view) && Some(l.service.id) == site.gateway.service
    })
}

fn taken<'s>(site: &'s Site<'_, '_>, target: &Target<'_>, number: u32) -> Result<Claim, Taken<'s>> {
    let key = &target.object.key;
    let (own_name, own_namespace) = (target.name(), key.namespace.as_str());
    let item_name = objects::port_name(own_namespace, &key.name, number);
    let mut leading = leading(site);
    let existing_port = existing(site, &leading, number).map(|l| l.target);
    let bound = existing_port.unwrap_or_else(|| bound_for(site, number));
    for (port, whose) in RESERVED {
        if port == number || port == bound {
            return Err(Taken::Own(port, whose));
        }
    }

    // Until the Service has its port, the server binds its number as it is.
    let until = leading
        .iter()
        .find(|l| l.view.port == number)
        .map_or(number, |l| l.target);
    let hosts: Vec<&str> = if site.options.sni.is_empty() {
        vec!["*"]
    } else {
        site.options.sni.iter().map(String::as_str).collect()
    };
    let mut shared = false;
    for server in servers(site) {
        let gateway = &server.gateway.key;
        if gateway.namespace == own_namespace && gateway.name == own_name {
            continue;
        }
        let declared = server.view.port.as_ref().map_or(0, |p| p.number);
        if declared != number && server.bound != bound && server.bound != until {
            continue;
        }
        if site.options.tls() && takes_others(server.view, &hosts) {
            shared = true;
            continue;
        }
        return Err(Taken::Server(server));
    }

    let in_way = leading.iter().position(|l| {
        if l.view.port == number {
            let ours = Some(l.service.id) == site.gateway.service && is_tcp(l.view);
            let other_exposure = l.view.name != item_name && is_exposure(&l.view.name, number);
            let elsewhere = site
                .options
                .target_port
                .is_some_and(|port| port != l.target);
            return !ours || (other_exposure && !shared) || elsewhere || !fits(site, l.view);
        }
        existing_port.is_none() && l.target == bound
    });
    if let Some(n) = in_way {
        let one = leading.swap_remove(n);
        return Err(if one.view.port == number {
            Taken::Number(one)
        } else {
            Taken::Target(one, bound)
        });
    }
    Ok(Claim {
        target_port: bound,
        item: existing_port.is_none().then(|| {
            let wanted = super::Wanted {
                number,
                namespace: own_namespace.to_owned(),
                service: key.name.clone(),
                port: None,
            };
            objects::item(site, &wanted, bound)
        }),
        protocol: if site.options.tls() { "TLS" } else { "TCP" },
    })
}

fn protocol_of(port: &views::ServicePort) -> String {
    let said = port.app_protocol.as_deref();
    let said = said.unwrap_or_else(|| port.name.split('-').next().unwrap_or_default());
    if said.is_empty() { "anything" } else { said }.to_owned()
}

/// Whether a Service port that exists is meant for what we would lead through it.
fn fits(site: &Site<'_, '_>, port: &views::ServicePort) -> bool {
    let protocol = Protocol::of_service_port(
        port.port,
        &port.name,
        &port.protocol,
        port.app_protocol.as_deref(),
    );
    !protocol.is_http() && (protocol != Protocol::Https || site.options.tls())
}

/// Whether a Service port was added for an exposure.
fn is_exposure(name: &str, number: u32) -> bool {
    let tail = name.strip_prefix(&format!("tcp-{number}-"));
    tail.is_some_and(|t| t.len() == 4 && t.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a server that looks at TLS names leaves ours alone.
fn takes_others(server: &views::Server, ours: &[&str]) -> bool {
    let protocol = server.port.as_ref().map_or("", |p| p.protocol.as_str());
    let looks = server.tls.is_some()
        && (protocol.eq_ignore_ascii_case("tls") || protocol.eq_ignore_ascii_case("https"));
    let names = server
        .hosts
        .iter()
        .map(|h| h.split_once('/').map_or(h.as_str(), |(_, host)| host));
    looks
        && server.bind.is_empty()
        && names
            .into_iter()
            .all(|name| !ours.iter().any(|own| hosts::overlap(name, own)))
}

/// The next number that nothing stands in the way of.
pub(super) fn next_free(site: &Site<'_, '_>, target: &Target<'_>) -> Option<u32> {
    let number = target.wanted.number;
    // Below 1024 there is nothing a person would take for like the one they asked for.
    let first = if number < 1024 {
        REMAPPED + number
    } else {
        number + 1
    };
    let last = first.saturating_add(TRIED).min(65535);
    (first..=last).find(|n| {
        !NEAR_RESERVED.contains(n) && !site.gateway_has(*n) && taken(site, target, *n).is_ok()
    })
}

impl Site<'_, '_> {
    /// Whether a Service has the port already, for whatever.
    fn gateway_has(&self, number: u32) -> bool {
        leading(self).iter().any(|l| l.view.port == number)
    }
}

/// Takes the port, or says what stands in the way.
pub(super) fn claim(site: &Site<'_, '_>, target: &Target<'_>) -> Result<Claim, Stop> {
    let number = target.wanted.number;
    node_port(site)?;
    privileged(site)?;
    let taken = match taken(site, target, number) {
        Ok(claim) => return Ok(claim),
        Err(taken) => taken,
    };
    let on_pods = |bound: u32| {
        if bound == number {
            String::new()
        } else {
            format!(": {bound} on its pods")
        }
    };
    let stop = match &taken {
        Taken::Own(port, whose) => {
            Stop::refused(format!("port {port} is {whose} in every gateway")).why(
                "istiod would send the listener all the same, and Envoy could not bind it \
                 (GW-PORT-RESERVED)",
            )
        }
        Taken::Server(server) => by_server(site, target, server),
        Taken::Number(leading) => {
            let (service, view) = (leading.service.qualified(), leading.view);
            let field = FieldPath::of("spec.ports").index(leading.index).key("port");
            let value = Some(view.port.to_string());
            let (code, label, why) = if !is_tcp(view) {
                (
                    "GW-PORT-UDP-CAPTURE",
                    format!("{}, to {}", view.protocol, leading.target),
                    "istiod takes the first Service port of a number, whatever its transport",
                )
            } else if Some(leading.service.id) != site.gateway.service {
                (
                    "GW-PORT-TIEBREAK",
                    format!("to {}", leading.target),
                    "of several Services with one number istiod takes the oldest",
                )
            } else if !fits(site, view) {
                (
                    "GW-SRV-PROTO-CONFLICT",
                    format!("for {}", protocol_of(view)),
                    "its name says what it is for; TCP would keep everything else away",
                )
            } else {
                (
                    "GW-PORT-TRANSLATED",
                    format!("to {}", leading.target),
                    "the Service port decides which port Envoy binds",
                )
            };
            let stop = Stop::refused(format!("Service {service} has port {number} already"));
            if is_exposure(&view.name, number) && is_tcp(view) {
                stop.why(format!(
                    "{} was added for another Service: the tail of the name says so, and nobody takes over \
                     somebody else's port",
                    view.name
                ))
            } else {
                stop.finding(finding(code, leading.service.id, field, value, &label, why))
            }
        }
        Taken::Target(leading, bound) => {
            let service = leading.service.qualified();
            Stop::refused(format!(
                "port {} of {service} leads to {bound} on the pods already",
                leading.view.port
            ))
            .finding(finding(
                "GW-PORT-DEDUP-TARGET",
                leading.service.id,
                FieldPath::of("spec.ports")
                    .index(leading.index)
                    .key("targetPort"),
                Some(bound.to_string()),
                &format!("of port {}", leading.view.port),
                "of two Service ports with one targetPort only the first counts",
            ))
        }
    };
    let free = next_free(site, target);
    let stop = match (site.options.target_port, free, &taken) {
        // Another number would not help: the port of the pods is what is taken.
        (Some(_), _, Taken::Target(..)) => stop.next(Edit::Without("--target-port")),
        (_, Some(to), _) => stop.next(Edit::Port { from: number, to }),
        _ => stop,
    };
    let stop = match &taken {
        Taken::Server(server) if server.gateway.key.namespace == target.object.key.namespace => {
            stop.or("to mend what is there", Edit::Ask(number))
        }
        _ => stop,
    };
    let mut stop = stop;
    if let Taken::Server(server) = &taken {
        stop.sentence.push_str(&on_pods(server.bound));
    }
    Err(stop)
}

/// An older server wins, and ours would be the youngest.
fn by_server(site: &Site<'_, '_>, target: &Target<'_>, server: &Bound<'_>) -> Stop {
    let number = target.wanted.number;
    let holder = &server.gateway.key;
    let own = holder.namespace == target.object.key.namespace;
    let declared = server.view.port.as_ref();
    let protocol = declared.map_or("", |p| p.protocol.as_str());
    let called = site
        .gateway
        .service_name
        .as_ref()
        .map_or_else(|| site.gateway.called(), |(_, name)| name.clone());
    let sentence = if own {
        format!("Gateway {} holds port {number} of {called}", holder.name)
    } else {
        format!("{} holds port {number} of {called}", holder.namespace)
    };
    let ours = if site.options.tls() { "TLS" } else { "TCP" };
    let both_tls = site.options.tls() && server.view.tls.is_some();
    let (code, why) = if both_tls {
        (
            "GW-SRV-DUP-HOST",
            "two TLS servers share a port only when no server name fits both".to_owned(),
        )
    } else if !own {
        (
            "GW-SRV-OLDER-ELSEWHERE",
            if protocol.eq_ignore_ascii_case("tcp") && !site.options.tls() {
                "two TCP servers on one port never merge; the older one keeps it".to_owned()
            } else {
                format!("servers for {protocol} and {ours} share no port; the older one keeps it")
            },
        )
    } else if protocol.eq_ignore_ascii_case("tcp") {
        (
            "GW-SRV-L4-DUP",
            "two TCP servers on one port never merge; the older one keeps it".to_owned(),
        )
    } else {
        (
            "GW-SRV-PROTO-CONFLICT",
            format!("servers for {protocol} and {ours} share no port; the older one keeps it"),
        )
    };
    let field = FieldPath::of("spec.servers")
        .index(server.index)
        .key("port")
        .key("number");
    let label = match declared {
        Some(port) if port.number != server.bound => format!("binds {} on the pods", server.bound),
        _ => "came first".to_owned(),
    };
    Stop::refused(sentence).finding(finding(
        code,
        server.gateway.id,
        field,
        declared.map(|p| p.number.to_string()),
        &label,
        &why,
    ))
}

fn node_port(site: &Site<'_, '_>) -> Result<(), Stop> {
    let Some(number) = site.options.node_port else {
        return Ok(());
    };
    if !NODE_PORTS.contains(&number) {
        return Err(Stop::refused(format!(
            "{number} is no node port: those are {} to {}",
            NODE_PORTS.start(),
            NODE_PORTS.end()
        ))
        .next(Edit::Without("--node-port")));
    }
    let service = site
        .gateway
        .service
        .and_then(|id| site.store.snapshot.get(id));
    let kind = service
        .and_then(|o| views::Service::of(&o.view))
        .map(|s| s.spec.r#type.as_str());
    if let (Some("" | "ClusterIP"), Some(service)) = (kind, service) {
        return Err(Stop::refused(format!(
            "Service {} has no node ports: its type is ClusterIP",
            service.qualified()
        ))
        .next(Edit::Without("--node-port")));
    }
    for object in site.store.snapshot.of_kind(Kind::Service) {
        let ports = views::Service::of(&object.view).map(|s| s.spec.ports.as_slice());
        let holder = ports
            .unwrap_or_default()
            .iter()
            .find(|p| p.node_port == Some(number));
        if let Some(port) = holder {
            let same = site.gateway.service == Some(object.id) && port.port != 0;
            // A second run finds its own port here.
            if same && is_exposure(&port.name, port.port) {
                continue;
            }
            return Err(Stop::refused(format!(
                "node port {number} is that of port {} of Service {}",
                port.port,
                object.qualified()
            ))
            .next(Edit::Without("--node-port")));
        }
    }
    Ok(())
}

fn privileged(site: &Site<'_, '_>) -> Result<(), Stop> {
    let Some(port) = site.options.target_port.filter(|port| *port < 1024) else {
        return Ok(());
    };
    let Some(proxy) = site.gateway.proxies.iter().find(|p| p.unprivileged) else {
        return Ok(());
    };
    let found = proxy.object().and_then(|id| {
        finding(
            "GW-PORT-PRIVILEGED",
            id,
            FieldPath::of("spec.template.spec.containers"),
            None,
            "ISTIO_META_UNPRIVILEGED_POD",
            "istiod skips ports below 1024 for pods that say they cannot bind them",
        )
    });
    Err(Stop::refused(format!(
        "the pods of {} may not bind port {port}",
        proxy.qualified()
    ))
    .finding(found)
    .next(Edit::Without("--target-port")))
}
