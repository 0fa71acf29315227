//! Which waypoint a service or a pod is bound to. After istio
//! `pilot/pkg/serviceregistry/ambient/waypoints.go` (1.31).

use std::collections::BTreeMap;

use crate::ledger::{Effect, EntryId, Ledger, Reason, Step};
use crate::predict::ambient::{HBONE_PORT, Unmet};
use crate::predict::proxy::{workload_spec, workloads};
use crate::predict::reach::GATEWAY_NAME_LABEL;
use crate::predict::store::Store;
use crate::snapshot::views::{AsView, KubernetesGateway, Labels};
use crate::snapshot::{Kind, Object, ObjectId, Snapshot};

/// The label of Services, ServiceEntries, pods and namespaces that names a waypoint.
pub const USE_WAYPOINT: &str = "istio.io/use-waypoint";

/// The label beside it, for a waypoint of another namespace.
pub const USE_WAYPOINT_NAMESPACE: &str = "istio.io/use-waypoint-namespace";

/// The label of a second waypoint that takes a share of the connections.
pub const CANARY_LABEL: &str = "istio.io/use-waypoint-canary";

/// The label of a waypoint that says what it is for: `service`, `workload`, `all`, `none`.
pub const WAYPOINT_FOR: &str = "istio.io/waypoint-for";

/// The label of a Service that says which controller made it.
const MANAGED: &str = "gateway.istio.io/managed";

/// Controllers of Gateways that are no service of their own: their Services have no waypoint.
const CONTROLLERS: [&str; 2] = ["istio.io-mesh-controller", "istio.io-eastwest-controller"];

/// What a connection is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// A service, by its address.
    Service,
    /// A pod, by its own.
    Workload,
}

impl Traffic {
    const fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Workload => "workload",
        }
    }
}

/// Why an object that asks for a waypoint is not bound to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unbound {
    /// No Gateway has the name.
    Missing {
        /// `namespace/name`.
        name: String,
    },
    /// None of its pods was ready yet: its status has no address.
    NotReady {
        /// The Gateway.
        gateway: ObjectId,
    },
    /// Its listener does not let the namespace in.
    NotAllowed {
        /// The Gateway.
        gateway: ObjectId,
    },
    /// It is for other traffic.
    OtherTraffic {
        /// The Gateway.
        gateway: ObjectId,
        /// What it is for.
        serves: String,
    },
}

impl Unbound {
    /// In a few words, for the path.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "no such waypoint",
            Self::NotReady { .. } => "it has no address yet",
            Self::NotAllowed { .. } => "it does not let this namespace in",
            Self::OtherTraffic { .. } => "it is for other traffic",
        }
    }
}

/// A name in a label: whose label it is, and what it names.
pub(crate) struct Asked<'s> {
    /// The object, or its namespace.
    pub(crate) by: &'s Object,
    /// Namespace of the waypoint.
    pub(crate) namespace: &'s str,
    /// Name of the waypoint.
    pub(crate) name: &'s str,
}

/// The waypoint that labels ask for: the object's own, else its namespace's.
/// After `ambient/waypoints.go:fetchWaypointForTarget`, `:GetUseWaypoint`.
pub(crate) fn asked<'s>(snapshot: &'s Snapshot, object: &'s Object) -> Option<Asked<'s>> {
    let own = workload_spec(object).map_or(&object.meta.labels, |w| &w.template.metadata.labels);
    let (by, labels): (&Object, &Labels) = if own.contains_key(USE_WAYPOINT) {
        (object, own)
    } else {
        let namespace = snapshot.find(Kind::Namespace, "", &object.key.namespace)?;
        (namespace, &namespace.meta.labels)
    };
    let name = labels.get(USE_WAYPOINT).filter(|name| *name != "none")?;
    let namespace = labels.get(USE_WAYPOINT_NAMESPACE);
    Some(Asked {
        by,
        namespace: namespace.unwrap_or(&object.key.namespace),
        name,
    })
}

/// The waypoint that an object is bound to for some traffic; `None` where none is asked for.
/// After `ambient/waypoints.go:fetchWaypointForService`, `:fetchWaypointForWorkload`.
fn bound<'s>(
    snapshot: &'s Snapshot,
    object: &Object,
    traffic: Traffic,
) -> Option<Result<&'s Object, Unbound>> {
    let object = snapshot.get(object.id)?;
    let asked = asked(snapshot, object)?;
    let found = snapshot.find(Kind::KubernetesGateway, asked.namespace, asked.name);
    let Some(gateway) = found else {
        let name = format!("{}/{}", asked.namespace, asked.name);
        return Some(Err(Unbound::Missing { name }));
    };
    let view = KubernetesGateway::of(&gateway.view)?;
    // What a manifest makes gets its address when its first pod is ready.
    let stored = gateway.meta.creation_timestamp.is_some();
    if stored && view.status.addresses.is_empty() {
        let gateway = gateway.id;
        return Some(Err(Unbound::NotReady { gateway }));
    }
    if !lets_in(snapshot, gateway, view, &object.key.namespace) {
        let gateway = gateway.id;
        return Some(Err(Unbound::NotAllowed { gateway }));
    }
    let serves = gateway.meta.labels.get(WAYPOINT_FOR);
    let serves = serves.map_or(Traffic::Service.word(), String::as_str);
    if serves == "all" || serves == traffic.word() {
        return Some(Ok(gateway));
    }
    // A namespace's waypoint for services is no fault of its pods.
    if traffic == Traffic::Workload && asked.by.id != object.id {
        return None;
    }
    Some(Err(Unbound::OtherTraffic {
        gateway: gateway.id,
        serves: serves.to_owned(),
    }))
}

/// Whether an object stands for pods of a waypoint: they have none themselves.
/// After `ambient/waypoints.go:fetchWaypointForInstance`.
fn is_waypoints_own(snapshot: &Snapshot, object: &Object) -> bool {
    let labels = workload_spec(object).map_or(&object.meta.labels, |w| &w.template.metadata.labels);
    labels.get(GATEWAY_NAME_LABEL).is_some_and(|name| {
        snapshot
            .find(Kind::KubernetesGateway, &object.key.namespace, name)
            .is_some()
    })
}

/// Whether the listener for tunnels takes objects of a namespace.
/// After `ambient/waypoints.go:makeAllowedRoutes`, `:Waypoint.AllowsAttachmentFromNamespaceOrLookup`.
fn lets_in(
    snapshot: &Snapshot,
    gateway: &Object,
    view: &KubernetesGateway,
    namespace: &str,
) -> bool {
    let mut listeners = view.spec.listeners.iter();
    let tunnel = listeners.find(|l| l.protocol == "HBONE" && l.port == HBONE_PORT);
    let rules = tunnel
        .and_then(|l| l.allowed_routes.as_ref())
        .and_then(|r| r.namespaces.as_ref());
    match rules.map_or("", |r| r.from.as_str()) {
        "All" => true,
        "Selector" => {
            let own = snapshot.find(Kind::Namespace, "", namespace);
            let selector = rules.and_then(|r| r.selector.as_ref());
            selector
                .zip(own)
                .is_some_and(|(s, own)| s.fits(&own.meta.labels))
        }
        _ => gateway.key.namespace == namespace,
    }
}

/// The waypoint of a Service or a ServiceEntry; `None` where none is asked for.
pub(crate) fn service_waypoint<'s>(
    store: &Store<'s>,
    service: ObjectId,
) -> Option<Result<&'s Object, Unbound>> {
    let object = store.snapshot.get(service)?;
    let controller = object.meta.labels.get(MANAGED);
    if controller.is_some_and(|c| CONTROLLERS.contains(&c.as_str())) {
        return None;
    }
    bound(store.snapshot, object, Traffic::Service)
}

/// Records what became of each object that asks for a waypoint: their entries.
pub(super) fn record(store: &Store<'_>, ledger: &mut Ledger) -> BTreeMap<ObjectId, EntryId> {
    let snapshot = store.snapshot;
    let mut entries = BTreeMap::new();
    let mut services: Vec<ObjectId> = store.services.iter().map(|s| s.object).collect();
    services.dedup();
    let mut settle = |object: ObjectId, found: Option<Result<&Object, Unbound>>| {
        let Some(found) = found else { return };
        let entry = ledger.open(Step::UseWaypoint(object), None);
        entries.insert(object, entry);
        let found = found
            .map(|gateway| ((), Effect::Names(gateway.id)))
            .map_err(|why| Reason::Ambient(Unmet::Unbound(why)));
        ledger.settle(entry, found);
    };
    for service in services {
        settle(service, service_waypoint(store, service));
    }
    for object in snapshot.of_kind(Kind::Pod).chain(workloads(snapshot)) {
        if is_waypoints_own(snapshot, object) {
            continue;
        }
        settle(object.id, bound(snapshot, object, Traffic::Workload));
    }
    entries
}
