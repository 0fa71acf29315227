//! Where the port leads: a Service, one port of it, perhaps subsets.

use super::way::finding;
use super::{Edit, Exposure, Site, Stop, Wanted};
use crate::predict::store::{EXPORT_TO_ANNOTATION, Store};
use crate::snapshot::views::{self, AsView};
use crate::snapshot::{FieldPath, Kind, Object};

/// A Service and one port of it.
pub(super) struct Target<'t> {
    pub(super) wanted: &'t Wanted,
    pub(super) object: &'t Object,
    pub(super) port: u32,
}

impl Target<'_> {
    /// The name of our objects.
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.object.key.name, self.wanted.number)
    }

    /// The Service's host name.
    pub(super) fn host(&self, store: &Store<'_>) -> String {
        let key = &self.object.key;
        format!("{}.{}.svc.{}", key.name, key.namespace, store.mesh.domain)
    }

    pub(super) fn exposure(&self) -> Exposure {
        let key = &self.object.key;
        Exposure {
            number: self.wanted.number,
            namespace: key.namespace.clone(),
            service: key.name.clone(),
            port: self.port,
            target_port: 0,
            endpoints: 0,
            replicas: false,
            objects: Vec::new(),
            item: None,
            by: None,
        }
    }
}

/// Finds the Service and its port.
pub(super) fn find<'t>(store: &Store<'t>, wanted: &'t Wanted) -> Result<Target<'t>, Stop> {
    let (namespace, name) = (wanted.namespace.as_str(), wanted.service.as_str());
    let found = store.snapshot.find(Kind::Service, namespace, name);
    let Some(object) = found else {
        return Err(no_service(store, wanted));
    };
    let Some(service) = views::Service::of(&object.view) else {
        return Err(no_service(store, wanted));
    };
    if service.spec.r#type == "ExternalName" {
        return Err(Stop::cannot_work(format!(
            "Service {namespace}/{name} has no pods of its own"
        ))
        .why(format!(
            "its type is ExternalName: another name for {}",
            service.spec.external_name
        ))
        .fix("name a Service with pods"));
    }
    let tcp: Vec<&views::ServicePort> = service
        .spec
        .ports
        .iter()
        .filter(|p| p.protocol.is_empty() || p.protocol.eq_ignore_ascii_case("tcp"))
        .collect();
    let typed = |number: u32| Edit::Target {
        from: name.to_owned(),
        to: format!("{name}:{number}"),
    };
    let choose = |sentence: String| {
        let stop = Stop::cannot_work(sentence);
        tcp.iter()
            .fold(stop, |stop, p| stop.or(&said(p), typed(p.port)))
    };
    let port = match (wanted.port, tcp.as_slice()) {
        (Some(number), _) => {
            if !tcp.iter().any(|p| p.port == number) {
                let udp = service.spec.ports.iter().any(|p| p.port == number);
                let what = if udp { "TCP port" } else { "port" };
                return Err(choose(format!(
                    "Service {namespace}/{name} has no {what} {number}"
                )));
            }
            number
        }
        (None, [only]) => only.port,
        (None, []) => {
            return Err(Stop::cannot_work(format!(
                "Service {namespace}/{name} has no TCP port"
            )));
        }
        (None, several) => {
            let ports: Vec<String> = several.iter().map(|p| p.port.to_string()).collect();
            return Err(choose(format!(
                "Service {namespace}/{name} has several ports: {}",
                ports.join(", ")
            )));
        }
    };
    Ok(Target {
        wanted,
        object,
        port,
    })
}

fn said(port: &views::ServicePort) -> String {
    if port.name.is_empty() {
        format!("port {}", port.port)
    } else {
        port.name.clone()
    }
}

/// No such Service: those of the same name elsewhere, and those with a like name.
fn no_service(store: &Store<'_>, wanted: &Wanted) -> Stop {
    const OFFERED: usize = 3;
    let (namespace, name) = (wanted.namespace.as_str(), wanted.service.as_str());
    let mut near: Vec<(bool, usize, &Object)> = store
        .snapshot
        .of_kind(Kind::Service)
        .map(|o| {
            (
                o.key.namespace != namespace,
                strsim::osa_distance(&o.key.name, name),
                o,
            )
        })
        .filter(|(elsewhere, distance, _)| {
            *distance == 0 || (!elsewhere && *distance <= (name.len() / 3).max(1))
        })
        .collect();
    near.sort_by_key(|(elsewhere, distance, o)| (*distance, *elsewhere, o.key.clone()));
    let port = wanted.port.map(|p| format!(":{p}")).unwrap_or_default();
    let stop = Stop::cannot_work(format!("no Service {name} in namespace {namespace}"));
    if near.is_empty() {
        let here: Vec<&str> = store
            .snapshot
            .of_kind(Kind::Service)
            .filter(|o| o.key.namespace == namespace)
            .map(|o| o.key.name.as_str())
            .take(OFFERED)
            .collect();
        return if here.is_empty() {
            stop.fix("name its namespace with -n, or add its file to -f")
        } else {
            stop.why(format!("there are {}", here.join(", ")))
        };
    }
    near.into_iter()
        .take(OFFERED)
        .fold(stop, |stop, (elsewhere, _, object)| {
            let to = if elsewhere {
                format!("{}{port}", object.qualified())
            } else {
                format!("{}{port}", object.key.name)
            };
            stop.or(
                "another",
                Edit::Target {
                    from: name.to_owned(),
                    to,
                },
            )
        })
}

/// The gateway must see the Service.
pub(super) fn visible(site: &Site<'_, '_>, target: &Target<'_>) -> Result<(), Stop> {
    let host = target.host(site.store);
    let namespace = site.gateway.namespace();
    let hidden = site
        .store
        .services_named(&host)
        .find(|s| s.object == target.object.id)
        .filter(|s| !s.visibility.includes(namespace));
    if hidden.is_none() {
        return Ok(());
    }
    let (id, name) = (target.object.id, target.object.qualified());
    let annotated = target.object.meta.annotations.get(EXPORT_TO_ANNOTATION);
    let field = FieldPath::of("metadata.annotations");
    let (field, label) = match annotated {
        Some(_) => (
            field.key(EXPORT_TO_ANNOTATION),
            format!("does not name {namespace}"),
        ),
        None => (
            FieldPath::of("metadata.name"),
            "the mesh's defaultServiceExportTo keeps it to itself".to_owned(),
        ),
    };
    let stop = Stop::refused(format!("gateways in {namespace} do not see Service {name}"))
        .finding(finding(
            "GW-DST-NOT-VISIBLE",
            id,
            field,
            annotated.cloned(),
            &label,
            "istiod builds clusters for a gateway only of what is exported to its namespace",
        ))
        .next(Edit::Other(
            [
                "kubectl",
                "mesh",
                "why-no-listener",
                "--explain",
                "GW-DST-NOT-VISIBLE",
            ]
            .map(str::to_owned)
            .to_vec(),
        ));
    Err(stop.fix(format!(
        "add {namespace} to the Service's annotation {EXPORT_TO_ANNOTATION}"
    )))
}

/// The subsets with their weights; all of them exist.
pub(super) fn subsets(
    site: &Site<'_, '_>,
    target: &Target<'_>,
) -> Result<Vec<(String, u32)>, Stop> {
    let weights = &site.options.weights;
    let Some((proxy, _)) = site.gateway.proxies.first().zip(weights.first()) else {
        return Ok(Vec::new());
    };
    let host = target.host(site.store);
    let rule = site
        .store
        .service(&host, &proxy.namespace)
        .and_then(|service| {
            site.store
                .destination_rule(&service, &proxy.namespace, &proxy.labels)
        });
    let known: Vec<&str> = rule
        .iter()
        .flat_map(|r| &r.subsets)
        .map(|s| s.name.as_str())
        .collect();
    let missing: Vec<&str> = weights
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !known.contains(name))
        .collect();
    if missing.is_empty() {
        return Ok(weights.clone());
    }
    let name = target.object.qualified();
    let object = rule.and_then(|r| r.objects.first()).copied();
    let stop = Stop::refused(format!("{name} has no subset {}", missing.join(", "))).finding(
        object.and_then(|id| {
            finding(
                "GW-DST-SUBSET",
                id,
                FieldPath::of("spec.subsets"),
                Some(known.join(", ")),
                &format!("not {}", missing.join(", ")),
                "a subset is a name that the DestinationRule in force gives to labels; without it there is no \
                 cluster and connections are reset",
            )
        }),
    );
    let stop = if object.is_none() {
        stop.why("no DestinationRule of this Service is in force for the gateway")
    } else {
        stop
    };
    let mut shift = vec![
        "kubectl".to_owned(),
        "mesh".to_owned(),
        "shift".to_owned(),
        target.object.key.name.clone(),
    ];
    shift.extend(
        weights
            .iter()
            .map(|(name, weight)| format!("{name}={weight}")),
    );
    shift.push(format!("-n {}", target.object.key.namespace));
    shift.push("--create-subsets".to_owned());
    Err(stop
        .next(Edit::Without("--weights"))
        .or("then, to add the subsets", Edit::Other(shift)))
}
