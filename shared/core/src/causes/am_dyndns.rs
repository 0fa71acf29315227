//! AM-DYNDNS: a wildcard is resolved by a waypoint only.

use super::{
    Candidate, Cause, Fixes, Page, Reason, Severity, Symptom, Tale, Told, Wish, ambient, build,
};
use crate::predict::ambient::{USE_WAYPOINT, Unmet, asked};
use crate::snapshot::{FieldPath, Kind};

pub(super) static PAGE: Page = Page {
    code: "AM-DYNDNS",
    title: "a wildcard is resolved by a waypoint only",
    severity: Severity::Error,
    what: "The connection is closed: by ztunnel, which cannot look up a wildcard, or by the waypoint, which has no filter chain for it.",
    when: "The ServiceEntry's resolution is DYNAMIC_DNS, and it is bound to no waypoint; or its location is MESH_INTERNAL; or the port is TLS, and istiod lacks ENABLE_WILDCARD_HOST_SERVICE_ENTRIES_FOR_TLS.",
    why: "Only Envoy reads the name in a request and looks it up. istiod warns of such a ServiceEntry without a waypoint. At waypoints it leaves out those inside of the mesh, and TLS ports of wildcards unless it is told otherwise.",
    seen: &[
        "in istiod's log: ServiceEntry shop/apis has dynamic DNS resolution but no valid waypoint",
    ],
    fix: "Bind the ServiceEntry to a waypoint with the label istio.io/use-waypoint, and write location MESH_EXTERNAL.",
    example: &[
        "  ServiceEntry  resolution: DYNAMIC_DNS",
        "- ServiceEntry  labels: {}",
        "+ ServiceEntry  labels: {istio.io/use-waypoint: egress}",
    ],
    also: &["AM-WP-BIND", "AM-WP-NOCHAIN", "AM-SE-NOADDR"],
    source: "pilot/pkg/serviceregistry/ambient/services.go:serviceEntriesInfo",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn unmet<'t>(tale: &Tale<'t, '_>) -> Option<&'t Unmet> {
    match tale.symptom {
        Symptom::Reason(Reason::Ambient(unmet)) => Some(unmet),
        _ => None,
    }
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let entry = tale.object()?.id;
    let (field, label) = match unmet(tale)? {
        Unmet::NeedsWaypoint => ("spec.resolution", "no waypoint is bound"),
        Unmet::InternalWildcard => ("spec.location", "waypoints take MESH_EXTERNAL only"),
        Unmet::WildcardTls => {
            let step = tale.step()?;
            let label = "TLS of a wildcard has no filter chain";
            return Some(Told::at(entry, step.field().key("protocol"), label));
        }
        _ => return None,
    };
    Some(Told::at(entry, FieldPath::of(field), label))
}

/// The waypoints of its namespace that serve services, where it asks for none yet.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(entry) = tale.object() else {
        return Vec::new();
    };
    let snapshot = tale.store.snapshot;
    if unmet(tale) != Some(&Unmet::NeedsWaypoint) || asked(snapshot, entry).is_some() {
        return Vec::new();
    }
    let waypoints = snapshot.of_kind(Kind::KubernetesGateway);
    let own = waypoints.filter(|w| w.key.namespace == entry.key.namespace);
    let bind = |waypoint: &str| {
        let labels = FieldPath::of("metadata.labels");
        let operation = ambient::label(&labels, &entry.meta.labels, USE_WAYPOINT, waypoint);
        let title = format!("bind it to waypoint {waypoint}");
        build::patch(title, entry.id, vec![operation])
    };
    own.take(build::WAYS).map(|w| bind(&w.key.name)).collect()
}
