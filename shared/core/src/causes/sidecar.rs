//! How causes of sidecars are told: the field of the decision, and what came before it.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::age::{self, Undecided};
use super::{Candidate, Symptom, Tale, Told, Uncaptured, build};
use crate::admission;
use crate::ledger::{EntryId, Fate, Served, Step};
use crate::predict::protocol::Protocol;
use crate::predict::store::Service;
use crate::predict::{INJECT, Network, WORKLOAD_KINDS, pod_spec, selects, workload_spec};
use crate::snapshot::views::{self, IntOrString};
use crate::snapshot::{Change, FieldPath, Kind, Object, ObjectId};

/// At the field that was decided about; beside it the one that was there before.
pub(super) fn told(tale: &Tale<'_, '_>, label: &str) -> Option<Told> {
    let step = tale.step()?;
    let told = Told::at(step.object(), step.field(), label);
    let before = holder(tale).and_then(|by| tale.ledger.get(by));
    Some(match before {
        Some(entry) => {
            let holder = entry.step.object();
            let told = told.beside(holder, entry.step.field(), "this one comes first");
            by_age(tale, step.object(), holder, told)
        }
        None => told,
    })
}

/// Of services that istiod keeps in one list the older comes first: where nobody knows which one that is, and where
/// nothing decides, both outcomes are said.
fn by_age(tale: &Tale<'_, '_>, own: ObjectId, holder: ObjectId, told: Told) -> Told {
    let Symptom::Reason(reason) = tale.symptom else {
        return told;
    };
    match age::undecided(tale.store, tale.proxy, reason, own, holder) {
        None => told,
        Some(Undecided::Age) => age::outcomes(tale, own, holder, told),
        Some(Undecided::Chance) => {
            let (one, first) = (tale.name_of(own), tale.name_of(holder));
            let mut told = told;
            told.assumes
                .push(format!("istiod takes {first} before {one}"));
            told.so(format!(
                "{first} and {one} are of one second, host and namespace: which comes first is chance in istiod"
            ))
        }
    }
}

/// The Sidecar that decides for the proxy, where one does.
pub(super) fn deciding(tale: &Tale<'_, '_>) -> Option<ObjectId> {
    tale.ledger.entries().find_map(|(_, e)| {
        let own = matches!(e.step, Step::Sidecar(_)) && matches!(e.fate, Fate::Effective(_));
        own.then(|| e.step.object())
    })
}

/// The service that a decision was about.
pub(super) fn service<'t>(tale: &Tale<'t, '_>, of: Served) -> Option<&'t Service> {
    let mut services = tale.store.services.iter();
    services.find(|s| s.object == of.service && s.host == of.host)
}

/// The service's host, added to an egress entry of the Sidecar that decides.
pub(super) fn import(tale: &Tale<'_, '_>, of: Served, egress: usize) -> Option<Candidate> {
    let service = service(tale, of)?;
    let host = format!("{}/{}", service.namespace, service.hostname);
    add_host(tale, egress, host)
}

/// The service for all its ports and at its own address: by the egress entry without port, of which there may be one,
/// the last; else by a new one.
pub(super) fn own_entry(tale: &Tale<'_, '_>, of: Served) -> Option<Candidate> {
    let sidecar = deciding(tale)?;
    let entries = &tale.view::<views::Sidecar>(sidecar)?.spec.egress;
    if let Some(n) = entries.iter().position(|e| e.port.is_none()) {
        let entry = entries.get(n)?;
        let plain = entry.bind.is_empty() && entry.capture_mode != "NONE";
        return plain.then(|| import(tale, of, n))?;
    }
    let service = service(tale, of)?;
    let host = format!("{}/{}", service.namespace, service.hostname);
    let list = build::spec().key("egress");
    let title = format!("import {host} by an entry without port");
    let operation = build::append(&list, entries.len(), json!({"hosts": [host]}));
    Some(build::patch(title, sidecar, vec![operation]))
}

/// A host, added to an egress entry of the Sidecar that decides.
pub(super) fn add_host(tale: &Tale<'_, '_>, egress: usize, host: String) -> Option<Candidate> {
    let sidecar = deciding(tale)?;
    let entry = tale
        .view::<views::Sidecar>(sidecar)?
        .spec
        .egress
        .get(egress)?;
    let list = build::spec().key("egress").index(egress).key("hosts");
    let title = format!("import {host}");
    let operation = build::append(&list, entry.hosts.len(), host);
    Some(build::patch(title, sidecar, vec![operation]))
}

/// At the address of a ServiceEntry that is the network.
pub(super) fn network(tale: &Tale<'_, '_>, label: &str) -> Option<Told> {
    let Step::Put { of, .. } = tale.step()? else {
        return told(tale, label);
    };
    let entry = tale.view::<views::ServiceEntry>(of.service)?;
    // Addresses that cannot be read are none.
    let mut written = entry.spec.addresses.iter().enumerate();
    let readable = written
        .by_ref()
        .filter(|(_, a)| a.parse::<Network>().is_ok());
    let (index, _) = readable.into_iter().nth(of.address)?;
    let field = build::spec().key("addresses").index(index);
    Some(Told::at(of.service, field, label))
}

/// A name that clients send, added to the hosts of the ServiceEntry that they mean.
pub(super) fn another_name(tale: &Tale<'_, '_>, name: &str) -> Option<Candidate> {
    let Step::Put { of, .. } = tale.step()? else {
        return None;
    };
    let entry = tale.view::<views::ServiceEntry>(of.service)?;
    let name = name.split(':').next().filter(|n| !n.is_empty())?;
    if name.parse::<IpAddr>().is_ok() {
        return None;
    }
    let list = build::spec().key("hosts");
    let operation = build::append(&list, entry.spec.hosts.len(), name);
    let title = format!("add the host {name}");
    Some(build::patch(title, of.service, vec![operation]))
}

/// What was there before.
pub(super) const fn holder(tale: &Tale<'_, '_>) -> Option<EntryId> {
    match tale.symptom {
        Symptom::Reason(reason) => age::holder(reason),
        Symptom::Displaced { by } => Some(by),
        _ => None,
    }
}

/// At the annotation or the field that keeps a connection from Envoy.
pub(super) fn uncaptured(tale: &Tale<'_, '_>, label: &str) -> Option<Told> {
    let Symptom::Uncaptured {
        why, annotation, ..
    } = tale.symptom
    else {
        return told(tale, label);
    };
    let object = tale.proxy.object()?;
    let workload = tale.store.snapshot.get(object).and_then(workload_spec);
    let root = match workload {
        Some(_) => build::spec().key("template"),
        None => FieldPath::root(),
    };
    let metadata = root.clone().key("metadata");
    let field = match (annotation, why) {
        (Some(name), _) => metadata.key("annotations").key(name.to_owned()),
        (None, Uncaptured::HostNetwork) => root.key("spec").key("hostNetwork"),
        (None, Uncaptured::OptedOut) if tale.proxy.labels.contains_key(INJECT) => {
            metadata.key("labels").key(INJECT)
        }
        (None, Uncaptured::OptedOut) => metadata.key("annotations").key(INJECT),
        (None, Uncaptured::WithoutEnvoy) => {
            metadata.key("annotations").key("inject.istio.io/templates")
        }
        (None, _) => metadata,
    };
    let name = tale.name_of(object);
    let assumes = match why {
        Uncaptured::PortExcluded => Some(format!(
            "nothing else that {name} dials on {} has to pass Envoy by",
            tale.port
        )),
        Uncaptured::AddressExcluded => Some(format!(
            "nothing else that {name} dials in those networks has to pass Envoy by"
        )),
        Uncaptured::OptedOut | Uncaptured::NoProxy => Some(format!("{name} works with a sidecar")),
        _ => None,
    };
    Some(Told {
        assumes: assumes.into_iter().collect(),
        ..Told::at(object, field, label)
    })
}

/// The ports of a service as people read them: `8080 and 5701`.
pub(super) fn numbers(tale: &Tale<'_, '_>, service: ObjectId) -> String {
    let mut all = tale.store.services.iter();
    let host = all
        .find(|s| s.object == service)
        .map(|s| s.hostname.as_str());
    host.map_or_else(|| "no ports".to_owned(), |host| tale.ports_of(host))
}

/// A headless twin of each Service: its pods get listeners of their own.
pub(super) fn headless(tale: &Tale<'_, '_>, services: &[ObjectId]) -> Vec<Candidate> {
    let twins = services.iter().filter_map(|id| headless_twin(tale, *id));
    twins.take(build::WAYS).collect()
}

fn headless_twin(tale: &Tale<'_, '_>, service: ObjectId) -> Option<Candidate> {
    let object = tale.store.snapshot.get(service)?;
    let spec = &tale.view::<views::Service>(service)?.spec;
    let leads = |p: &&views::ServicePort| !p.protocol.eq_ignore_ascii_case("udp");
    let wanted = |p: &&views::ServicePort| {
        leads(p)
            && match &p.target_port {
                Some(IntOrString::Int(target)) if *target > 0 => *target == tale.port,
                Some(IntOrString::Name(_)) => true,
                _ => p.port == tale.port,
            }
    };
    let port = spec.ports.iter().find(wanted)?;
    let namespace = object.key.namespace.as_str();
    let taken = |name: &str| {
        tale.store
            .snapshot
            .find(Kind::Service, namespace, name)
            .is_some()
    };
    let name = build::unique(&format!("{}-headless", object.key.name), taken);
    // Envoy's listeners get the Service's port, and clients dial the pods': they must be one number.
    let http = Protocol::of_service_port(port.port, &port.name, "", port.app_protocol.as_deref())
        .is_http();
    let port_name = if http || port.name.is_empty() {
        format!("tcp-{}", tale.port)
    } else {
        port.name.clone()
    };
    let selector: Map<String, Value> = spec
        .selector
        .iter()
        .map(|(k, v)| (k.clone(), Value::from(v.as_str())))
        .collect();
    let new = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": true,
            "selector": selector,
            "ports": [{"name": port_name, "port": tale.port, "targetPort": tale.port}],
        },
    });
    let title = format!(
        "a headless Service, one listener for each {} pod",
        object.key.name
    );
    let change = Change::Create {
        kind: Kind::Service,
        object: new,
        beside: Some(service),
    };
    Some(Candidate::new(title, vec![change]))
}

/// A ServiceEntry for a destination that nobody declared, where it takes nothing else with it: by address, by server
/// name, or by HTTP's host.
pub(super) fn declare(tale: &Tale<'_, '_>, host: &str) -> Option<Candidate> {
    let namespace = tale.proxy.namespace.as_str();
    let port = tale.port;
    let base = host.replace(['.', ':'], "-");
    let name = build::unique(&format!("{base}-{port}"), |name| {
        let all = &tale.store.snapshot;
        all.find(Kind::ServiceEntry, namespace, name).is_some()
    });
    let is_ip = host.parse::<IpAddr>().is_ok();
    let spec = if is_ip {
        json!({
            "hosts": [format!("{name}.{namespace}.external")],
            "addresses": [host],
            "location": "MESH_EXTERNAL",
            "resolution": "NONE",
            "ports": [{"number": port, "name": format!("tcp-{port}"), "protocol": "TCP"}],
        })
    } else {
        let protocol = match port {
            443 => "TLS",
            80 => "HTTP",
            _ => return None,
        };
        json!({
            "hosts": [host],
            "location": "MESH_EXTERNAL",
            "resolution": "DNS",
            "ports": [{"number": port, "name": protocol.to_lowercase(), "protocol": protocol}],
        })
    };
    let object = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    });
    let change = Change::Create {
        kind: Kind::ServiceEntry,
        object,
        beside: tale.proxy.object(),
    };
    Some(Candidate::new("add this ServiceEntry", vec![change]))
}

/// The port, where a container of the pods has it and all ports have names, as the API asks of several.
pub(super) fn add_port(tale: &Tale<'_, '_>, service: ObjectId) -> Option<Candidate> {
    let object = tale.store.snapshot.get(service)?;
    let spec = &tale.view::<views::Service>(service)?.spec;
    if spec.ports.iter().any(|p| p.name.is_empty()) || spec.selector.is_empty() {
        return None;
    }
    let is_tcp = |protocol: &str| matches!(protocol, "" | "TCP");
    let kinds = WORKLOAD_KINDS.into_iter().chain([Kind::Pod]);
    let mut pods = kinds.flat_map(|kind| tale.store.snapshot.of_kind(kind));
    let has = |o: &&Object| {
        let labels = workload_spec(o).map_or(&o.meta.labels, |w| &w.template.metadata.labels);
        let containers = pod_spec(o).map_or(&[][..], |s| s.containers.as_slice());
        let mut ports = containers.iter().flat_map(|c| &c.ports);
        o.key.namespace == object.key.namespace
            && selects(&spec.selector, labels)
            && ports.any(|p| p.container_port == tale.port && is_tcp(&p.protocol))
    };
    pods.find(has)?;
    let port = json!({
        "name": format!("tcp-{}", tale.port),
        "port": tale.port,
        "targetPort": tale.port,
    });
    let list = build::spec().key("ports");
    let operation = build::append(&list, spec.ports.len(), port);
    let title = format!("add the port {}", tale.port);
    Some(build::patch(title, service, vec![operation]))
}

/// What gives a Service without any endpoint the pods that were meant.
pub(super) fn endpoints(tale: &Tale<'_, '_>, service: ObjectId, port: u32) -> Vec<Candidate> {
    let object = tale.store.snapshot.get(service);
    let view = tale.view::<views::Service>(service);
    match (object, view) {
        (Some(object), Some(view)) => build::endpoints_of(tale, object, &view.spec, port),
        _ => Vec::new(),
    }
}

/// The service's host in an egress entry of its own, for this port. It comes first: the webhook takes an entry without
/// port in the last place only. After istio `pkg/config/validation/validation.go:ValidateSidecar`.
pub(super) fn import_apart(tale: &Tale<'_, '_>, of: Served) -> Option<Candidate> {
    let service = service(tale, of)?;
    let own = service.ports.iter().find(|p| p.number == tale.port)?;
    let host = format!("{}/{}", service.namespace, service.hostname);
    let sidecar = deciding(tale)?;
    let egress = &tale.view::<views::Sidecar>(sidecar)?.spec.egress;
    let ports = || egress.iter().filter_map(|e| e.port.as_ref());
    if ports().any(|p| p.number == tale.port) {
        return None;
    }
    let protocol = if own.protocol.is_http() {
        "HTTP"
    } else {
        "TCP"
    };
    let name = format!("{}-{}", protocol.to_lowercase(), tale.port);
    let entry = json!({
        "port": {"number": tale.port, "name": name, "protocol": protocol},
        "hosts": [host],
    });
    let title = format!("import {host} by an entry for {}", tale.port);
    let operation = build::add(&build::spec().key("egress").index(0), entry);
    Some(build::patch(title, sidecar, vec![operation]))
}

/// The pods that a connection comes from: the object that describes them, and their metadata there.
struct Own<'t> {
    object: ObjectId,
    metadata: FieldPath,
    labels: &'t views::Labels,
    annotations: &'t views::Labels,
}

/// The pods that the connection comes from. One that runs has its rules already: only its workload's next pods would
/// have others.
fn own_pods<'t>(tale: &Tale<'t, '_>) -> Option<Own<'t>> {
    let object = tale.store.snapshot.get(tale.proxy.object()?)?;
    let own = |metadata, labels, annotations| Own {
        object: object.id,
        metadata,
        labels,
        annotations,
    };
    match workload_spec(object) {
        Some(workload) => {
            let field = build::spec().key("template").key("metadata");
            let meta = &workload.template.metadata;
            Some(own(field, &meta.labels, &meta.annotations))
        }
        None if admission::is_stored(object) => None,
        None => {
            let (field, meta) = (FieldPath::root().key("metadata"), &object.meta);
            Some(own(field, &meta.labels, &meta.annotations))
        }
    }
}

/// The annotation that keeps the connection from Envoy, without the items that do.
pub(super) fn shorter(
    tale: &Tale<'_, '_>,
    title: &str,
    other: impl Fn(&str) -> bool,
) -> Vec<Candidate> {
    let changed = || {
        let (object, field, name, written) = annotation(tale)?;
        let items = || written.split(',').map(str::trim).filter(|i| !i.is_empty());
        let kept: Vec<&str> = items().filter(|item| other(item)).collect();
        if kept.len() == items().count() {
            return None;
        }
        let field = field.key(name.to_owned());
        let operation = if kept.is_empty() {
            build::remove(&field)
        } else {
            build::replace(&field, kept.join(","))
        };
        Some(build::patch(title, object, vec![operation]))
    };
    changed().into_iter().collect()
}

/// The annotation that keeps the connection from Envoy, with one address more.
pub(super) fn longer(tale: &Tale<'_, '_>, address: IpAddr) -> Option<Candidate> {
    let (object, field, name, written) = annotation(tale)?;
    let one = match address {
        IpAddr::V4(ip) => format!("{ip}/32"),
        IpAddr::V6(ip) => format!("{ip}/128"),
    };
    let list = match written.trim() {
        "" => one.clone(),
        some => format!("{some},{one}"),
    };
    let title = format!("redirect {one} too");
    let operation = build::replace(&field.key(name.to_owned()), list);
    Some(build::patch(title, object, vec![operation]))
}

/// The annotation of a symptom: the object, the field of its annotations, its name and value.
fn annotation<'t>(tale: &Tale<'t, '_>) -> Option<(ObjectId, FieldPath, &'t str, &'t str)> {
    let Symptom::Uncaptured {
        annotation: Some(name),
        ..
    } = tale.symptom
    else {
        return None;
    };
    let own = own_pods(tale)?;
    let written = own.annotations.get(name)?;
    let field = own.metadata.key("annotations");
    Some((own.object, field, name, written))
}

/// A sidecar for the workload that the connection comes from: by its own label, so that no other one gets one.
pub(super) fn inject(tale: &Tale<'_, '_>) -> Option<Candidate> {
    const LABEL: &str = "sidecar.istio.io/inject";
    let own = own_pods(tale)?;
    let labels = own.metadata.key("labels");
    let operation = match own.labels.get(LABEL).map(String::as_str) {
        Some("true") => return None,
        Some(_) => build::replace(&labels.key(LABEL), "true"),
        None if own.labels.is_empty() => build::add(&labels, json!({ LABEL: "true" })),
        None => build::add(&labels.key(LABEL), "true"),
    };
    Some(build::patch(
        "ask for a sidecar",
        own.object,
        vec![operation],
    ))
}
