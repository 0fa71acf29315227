//! Pods without a sidecar in ambient mode: the node's ztunnel decides for each connection. What istiod tells every
//! ztunnel and every waypoint is recorded here, for one pod that connects. After istio
//! `pilot/pkg/serviceregistry/ambient` and `pilot/pkg/networking/core/listener_waypoint.go` (1.31).

mod binding;
mod enrolment;
#[cfg(test)]
mod tests;

use super::config::{Config, Endpoint};
use super::endpoints::{self, Wanted};
use super::injection::{Injection, injection};
use super::proxy::ProxyFacts;
use super::store::{Registry, Resolution, Service, ServicePort, Store};
use super::{Prediction, UNSPECIFIED, hosts, sidecar};
use crate::ledger::{Effect, EntryId, Ledger, Reason, Served, Step};
use crate::predict::protocol::Protocol;
use crate::snapshot::Snapshot;

pub use binding::{CANARY_LABEL, USE_WAYPOINT, USE_WAYPOINT_NAMESPACE, Unbound, WAYPOINT_FOR};
pub use enrolment::{DATAPLANE_MODE, NotEnrolled};

pub(crate) use binding::{asked, service_waypoint};
pub(crate) use enrolment::enrolled;

/// The port of ztunnel's and waypoints' tunnels.
pub const HBONE_PORT: u32 = 15008;

/// The listener of a waypoint in which services have their chains.
const MAIN_INTERNAL: &str = "main_internal";

/// What keeps a pod, a service or a port out of what ztunnel and waypoints are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// Connections of the pod do not come to ztunnel.
    NotEnrolled(NotEnrolled),
    /// A headless Service has no address of its own: its pods are dialled.
    Headless,
    /// A host without addresses, and istiod gives it none.
    NoAddress,
    /// It asks for a waypoint and is not bound to it.
    Unbound(Unbound),
    /// `DYNAMIC_DNS`: only a waypoint finds out what a wildcard stands for, and there is none.
    NeedsWaypoint,
    /// `DYNAMIC_DNS` with `MESH_INTERNAL`: waypoints leave it out.
    /// `pilot/pkg/networking/core/waypoint.go:findWaypointResources`.
    InternalWildcard,
    /// A TLS port of a wildcard host: a waypoint has chains for it only where istiod is told to.
    WildcardTls,
}

/// Whether a pod's connections are a matter of ambient: it has no sidecar, and it, its namespace or, where its namespace
/// was read, another one says ambient.
pub(crate) fn concerns(snapshot: &Snapshot, proxy: &ProxyFacts) -> bool {
    let Some(object) = proxy.object().and_then(|id| snapshot.get(id)) else {
        return false;
    };
    match injection(snapshot, object) {
        Injection::Yes | Injection::WithoutEnvoy | Injection::OwnTemplate => false,
        Injection::No
        | Injection::HostNetwork
        | Injection::IgnoredNamespace
        | Injection::NotSelected => {
            enrolment::named(snapshot, object)
                || (enrolment::namespace(snapshot, object).is_some() && enrolment::in_use(snapshot))
        }
        Injection::OptedOut | Injection::Unknown => enrolment::named(snapshot, object),
    }
}

/// What there is for a pod in ambient mode: whether ztunnel gets its connections, which services ztunnel knows by an
/// address, which objects have a waypoint, and which ports have a chain there.
pub(super) fn predict(store: &Store<'_>, proxy: &ProxyFacts) -> Prediction {
    let mut ledger = Ledger::default();
    let object = proxy.object().and_then(|id| store.snapshot.get(id));
    if let Some(object) = object {
        let entry = ledger.open(Step::Enrolment(object.id), None);
        let found = enrolled(store.snapshot, object)
            .map(|()| ((), Effect::Applies))
            .map_err(|why| Reason::Ambient(Unmet::NotEnrolled(why)));
        ledger.settle(entry, found);
    }
    let waypoints = binding::record(store, &mut ledger);
    for service in &store.services {
        let under = waypoints.get(&service.object).copied();
        record_service(store, service, under, &mut ledger);
    }
    Prediction {
        config: Config::default(),
        ledger,
    }
}

fn served(service: &Service) -> Served {
    Served {
        service: service.object,
        host: service.host,
        address: 0,
    }
}

fn record_service(
    store: &Store<'_>,
    service: &Service,
    under: Option<EntryId>,
    ledger: &mut Ledger,
) {
    let of = served(service);
    let bound = service_waypoint(store, service.object).is_some_and(|found| found.is_ok());
    let entry = ledger.open(Step::Address { of }, under);
    let known = has_address(store, service, bound);
    if ledger
        .settle(entry, known.map(|()| ((), Effect::Imported)))
        .is_none()
        || !bound
    {
        return;
    }
    for (index, port) in service.ports.iter().enumerate() {
        let entry = ledger.open(Step::WaypointPort { of, port: index }, Some(entry));
        let chains = chains(service, port).map(|count| {
            let listener = MAIN_INTERNAL.to_owned();
            ((), Effect::Chains { listener, count })
        });
        ledger.settle(entry, chains);
    }
}

/// An ExternalName, whatever the istiod makes of it for sidecars.
pub(crate) fn is_external_name(service: &Service) -> bool {
    let by_name = matches!(service.resolution, Resolution::Alias | Resolution::Dns);
    by_name && service.registry == Registry::Kubernetes
}

/// Whether ztunnel finds a service by an address.
/// After `serviceregistry/ambient/services.go:constructService`, `:constructServiceEntries`, `:serviceServiceBuilder`.
fn has_address(store: &Store<'_>, service: &Service, bound: bool) -> Result<(), Reason> {
    if is_external_name(service) {
        return Err(Reason::IsAlias);
    }
    if service.resolution == Resolution::DynamicDns && !bound {
        return Err(Reason::Ambient(Unmet::NeedsWaypoint));
    }
    if service.addresses.iter().any(|a| a != UNSPECIFIED) || !service.given.is_empty() {
        return Ok(());
    }
    Err(Reason::Ambient(match service.registry {
        Registry::Kubernetes => Unmet::Headless,
        Registry::ServiceEntry if will_be_given(store, service) => return Ok(()),
        Registry::ServiceEntry => Unmet::NoAddress,
    }))
}

/// Whether istiod gives a host of a manifest an address when it is stored.
/// After `pilot/pkg/networking/serviceentry:shouldV2AutoAllocateIPFromPieces`.
pub(crate) fn will_be_given(store: &Store<'_>, service: &Service) -> bool {
    let Some(object) = store.snapshot.get(service.object) else {
        return false;
    };
    let stored = object.meta.creation_timestamp.is_some();
    let refused = service.labels.get(AUTOALLOCATE);
    let dynamic = service.resolution == Resolution::DynamicDns;
    !stored
        && service.registry == Registry::ServiceEntry
        && service.resolution != Resolution::Passthrough
        && service.addresses.iter().all(|a| a == UNSPECIFIED)
        && (dynamic || !hosts::is_wildcard(&service.hostname))
        && !refused.is_some_and(|v| v.eq_ignore_ascii_case("false"))
}

/// The label that keeps istiod from giving addresses to a ServiceEntry's hosts.
pub(crate) const AUTOALLOCATE: &str = "networking.istio.io/enable-autoallocate-ip";

/// How many filter chains a port has at a waypoint.
/// After `core/listener_waypoint.go:ListenerBuilder.buildWaypointInternal` and `core/waypoint.go:findWaypointResources`.
fn chains(service: &Service, port: &ServicePort) -> Result<usize, Reason> {
    let dynamic = service.resolution == Resolution::DynamicDns;
    if dynamic && !service.mesh_external {
        return Err(Reason::Ambient(Unmet::InternalWildcard));
    }
    match port.protocol {
        Protocol::Udp => Err(Reason::NotTcp),
        // Not known: one chain for HTTP and one for the rest.
        Protocol::Unsupported => Ok(2),
        Protocol::Https | Protocol::Tls if dynamic && hosts::is_wildcard(&service.hostname) => {
            Err(Reason::Ambient(Unmet::WildcardTls))
        }
        _ => Ok(1),
    }
}

/// What ztunnel has behind a port of a service: endpoints that are ready.
/// After ztunnel `src/state.rs:ProxyState.load_balance` and istio
/// `serviceregistry/ambient/workloads.go:constructServices`.
pub(crate) fn behind(store: &Store<'_>, service: &Service, port: &ServicePort) -> Vec<Endpoint> {
    let wanted = Wanted {
        subset: None,
        mutual_tls: None,
    };
    endpoints::endpoints(store, service, port, &wanted).0
}

/// Whether a port of a pod takes mutual TLS only: then ztunnel closes what comes in plaintext.
/// After `serviceregistry/ambient/policies.go:PolicyCollections` and `authorization.go:convertPeerAuthentication`.
pub(crate) fn is_strict(store: &Store<'_>, proxy: &ProxyFacts, port: u32) -> bool {
    sidecar::is_strict(store, proxy, port)
}

/// The label of pods whose proxy takes tunnels itself: the injector gives it to sidecars where ambient is on.
const TUNNEL: &str = "networking.istio.io/tunnel";

/// Whether connections to a pod come through a tunnel.
/// After `serviceregistry/ambient/workloads.go:setTunnelProtocol`.
pub(crate) fn takes_tunnels(snapshot: &Snapshot, proxy: &ProxyFacts) -> bool {
    let object = proxy.object().and_then(|id| snapshot.get(id));
    let by_ztunnel =
        || concerns(snapshot, proxy) && object.is_some_and(|o| enrolled(snapshot, o).is_ok());
    let by_itself = proxy.labels.get(TUNNEL);
    by_itself.is_some_and(|v| v.split(',').any(|one| one == "http")) || by_ztunnel()
}
