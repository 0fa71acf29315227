//! SC-SAMENS-DUP: a Service of this name has the clusters.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-SAMENS-DUP",
    title: "a Service of this name has the clusters",
    severity: Severity::Error,
    what: "The listener leads to a cluster that does not exist: connections end at once.",
    when: "A ServiceEntry and a Service of one namespace have the same host name, and the ServiceEntry has a port that the Service does not have.",
    why: "Both have listeners, as only services of other namespaces are left out for a name. Clusters are those of one service for each name, and a Kubernetes Service comes before a ServiceEntry.",
    seen: &[
        "in Envoy's access log: the flag NC, cluster_not_found",
        "in Envoy: the listener is there, and its cluster is not",
    ],
    fix: "Add the port to the Service, or give the ServiceEntry another host.",
    example: &[
        "  Service       data/db, port 5432",
        "- ServiceEntry  data: db.data.svc.cluster.local, port 9999",
        "+ ServiceEntry  data: db.example.com, port 9999",
    ],
    also: &["SC-SCOPE-SHADOW", "SC-WILD-SE"],
    source: "pilot/pkg/model/sidecar.go:SidecarScope.appendSidecarServices",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Twin { service } = tale.symptom else {
        return None;
    };
    let told = sidecar::told(tale, "has a listener, and no cluster")?;
    Some(told.beside(
        service,
        FieldPath::of("spec.ports"),
        "the name's clusters are for these",
    ))
}

/// The port goes into the Service, where its pods have it.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Twin { service } = tale.symptom else {
        return Vec::new();
    };
    sidecar::add_port(tale, service).into_iter().collect()
}
