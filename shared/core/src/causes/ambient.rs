//! What walks meet in ambient mode, and how its causes are told.

use super::{
    Cause, Reason, Symptom, Tale, Told, am_15008, am_dyndns, am_extname, am_headless,
    am_noendpoint, am_notenrolled, am_podip, am_se_noaddr, am_se_none, am_sidecar_client,
    am_vipport, am_wp_bind, am_wp_nochain, build,
};
use crate::predict::ambient::{AUTOALLOCATE, USE_WAYPOINT, Unbound, Unmet, WAYPOINT_FOR, asked};
use crate::predict::store::Resolution;
use crate::snapshot::views::{self, Labels};
use crate::snapshot::{FieldPath, ObjectId, Operation};

/// What a walk meets in ambient mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambient<'t> {
    /// The service that is dialled has no such port.
    NoSuchPort {
        /// The Service or ServiceEntry.
        service: ObjectId,
    },
    /// Nothing is behind the service.
    NoEndpoint {
        /// The Service or ServiceEntry.
        service: ObjectId,
    },
    /// A pod is dialled, and the waypoint of its Service does not see it.
    PodAddress {
        /// The pod.
        pod: ObjectId,
        /// The Service.
        service: ObjectId,
        /// Its waypoint.
        waypoint: ObjectId,
    },
    /// ztunnel chooses no endpoint: `resolution: NONE`.
    PassedOn {
        /// The ServiceEntry.
        service: ObjectId,
    },
    /// The waypoint of the service has no filter chain for a port that the service does not have.
    NoChain {
        /// The Service or ServiceEntry.
        service: ObjectId,
        /// The waypoint.
        waypoint: ObjectId,
    },
    /// The client has a sidecar, which goes past the service's waypoint.
    PastWaypoint {
        /// The Service or ServiceEntry.
        service: ObjectId,
        /// The waypoint.
        waypoint: ObjectId,
    },
    /// Tunnels do not come in.
    Tunnels {
        /// The NetworkPolicies that select the pod.
        policies: &'t [ObjectId],
    },
}

/// The cause of what a walk meets.
pub(super) fn of(tale: &Tale<'_, '_>, what: Ambient<'_>) -> &'static Cause {
    match what {
        Ambient::NoSuchPort { .. } => &am_vipport::CAUSE,
        Ambient::NoEndpoint { .. } => &am_noendpoint::CAUSE,
        Ambient::PodAddress { service, .. } if is_headless(tale, service) => &am_headless::CAUSE,
        Ambient::PodAddress { .. } => &am_podip::CAUSE,
        Ambient::PassedOn { .. } => &am_se_none::CAUSE,
        Ambient::NoChain { .. } => &am_wp_nochain::CAUSE,
        Ambient::PastWaypoint { .. } => &am_sidecar_client::CAUSE,
        Ambient::Tunnels { .. } => &am_15008::CAUSE,
    }
}

/// The cause of what prediction left out.
pub(super) const fn of_unmet(unmet: &Unmet) -> &'static Cause {
    match unmet {
        Unmet::NotEnrolled(_) => &am_notenrolled::CAUSE,
        Unmet::Headless => &am_headless::CAUSE,
        Unmet::NoAddress => &am_se_noaddr::CAUSE,
        Unmet::Unbound(_) => &am_wp_bind::CAUSE,
        Unmet::NeedsWaypoint | Unmet::InternalWildcard | Unmet::WildcardTls => &am_dyndns::CAUSE,
    }
}

/// An ExternalName of which ztunnel is not told.
pub(super) static ALIAS: &Cause = &am_extname::CAUSE;

/// A UDP port at a waypoint.
pub(super) static NOT_TCP: &Cause = &am_wp_nochain::CAUSE;

fn is_headless(tale: &Tale<'_, '_>, service: ObjectId) -> bool {
    let view = tale.view::<views::Service>(service);
    view.is_some_and(|s| s.spec.cluster_ip == "None")
}

/// At the label that binds the Service to the waypoint that is not asked.
pub(super) fn past_services_waypoint(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Ambient(Ambient::PodAddress {
        pod,
        service,
        waypoint,
    }) = tale.symptom
    else {
        return None;
    };
    let waypoint = tale.name_of(waypoint);
    let told = if is_headless(tale, service) {
        let field = FieldPath::of("spec.clusterIP");
        Told::at(service, field, "clients dial its pods")
    } else {
        let field = FieldPath::of("spec.selector");
        let label = format!("its own address leads through waypoint {waypoint}");
        Told::at(service, field, label)
    };
    Some(told.so(format!(
        "what was dialled is pod {}, past waypoint {waypoint}",
        tale.name_of(pod)
    )))
}

/// Why a ServiceEntry's host has no address.
pub(super) fn without_address(tale: &Tale<'_, '_>) -> Option<Told> {
    let entry = tale.object()?;
    let view = tale.view::<views::ServiceEntry>(entry.id)?;
    let refused = entry.meta.labels.contains_key(AUTOALLOCATE);
    let mut services = tale.store.services.iter();
    let service = services.find(|s| s.object == entry.id)?;
    let (field, label) = if service.resolution == Resolution::Passthrough {
        ("spec.resolution", "NONE: istiod gives its hosts no address")
    } else if refused {
        let field = FieldPath::of("metadata.labels").key(AUTOALLOCATE);
        return Some(Told::at(entry.id, field, "istiod gives its hosts none"));
    } else if view.spec.hosts.iter().any(|h| h.starts_with('*')) {
        ("spec.hosts", "istiod gives a wildcard no address")
    } else {
        ("spec.hosts", "no address in the status")
    };
    Some(Told::at(entry.id, FieldPath::of(field), label))
}

/// At the label that names the waypoint; beside it what the waypoint says.
pub(super) fn unbound(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Reason(Reason::Ambient(Unmet::Unbound(why))) = tale.symptom else {
        return None;
    };
    let object = tale.object()?;
    let by = asked(tale.store.snapshot, object)?.by;
    let field = match tale.store.snapshot.get(by.id).map(|o| &o.meta.labels) {
        Some(labels) if labels.contains_key(USE_WAYPOINT) => FieldPath::of("metadata.labels"),
        _ => build::spec().key("template").key("metadata").key("labels"),
    };
    let told = |label: String| Told::at(by.id, field.key(USE_WAYPOINT), label);
    let told = match why {
        Unbound::Missing { name } => told(format!("no Gateway {name}")),
        Unbound::NotReady { gateway } => told("it has no address yet".to_owned()).beside(
            *gateway,
            FieldPath::of("status.addresses"),
            "empty until a pod of it is ready",
        ),
        Unbound::NotAllowed { gateway } => {
            let namespace = &object.key.namespace;
            told("it does not take it".to_owned()).beside(
                *gateway,
                FieldPath::of("spec.listeners"),
                format!("its listener for tunnels does not let {namespace} in"),
            )
        }
        Unbound::OtherTraffic { gateway, serves } => told("it does not take it".to_owned()).beside(
            *gateway,
            FieldPath::of("metadata.labels").key(WAYPOINT_FOR),
            format!("for {serves} only"),
        ),
    };
    Some(if by.id == object.id {
        told
    } else {
        told.so(format!("{} asks for none itself", object.key))
    })
}

/// Sets a label.
pub(super) fn label(path: &FieldPath, labels: &Labels, key: &str, value: &str) -> Operation {
    let own = path.clone().key(key.to_owned());
    if labels.contains_key(key) {
        build::replace(&own, value)
    } else if labels.is_empty() {
        build::add(path, serde_json::json!({ key: value }))
    } else {
        build::add(&own, value)
    }
}
