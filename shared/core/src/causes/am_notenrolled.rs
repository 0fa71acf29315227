//! AM-NOTENROLLED: this pod is not in ambient mode.

use super::{
    Candidate, Cause, Fixes, Page, Reason, Severity, Symptom, Tale, Told, Wish, ambient, build,
};
use crate::predict::ambient::{DATAPLANE_MODE, NotEnrolled, Unmet};
use crate::predict::workload_spec;
use crate::snapshot::{FieldPath, Kind};

pub(super) static PAGE: Page = Page {
    code: "AM-NOTENROLLED",
    title: "this pod is not in ambient mode",
    severity: Severity::Warning,
    what: "The connection leaves the pod as the application makes it: without mutual TLS, past ztunnel and past waypoints. What takes mutual TLS only closes it.",
    when: "The pod has no sidecar, and neither it nor its namespace has the label istio.io/dataplane-mode=ambient; or its own label says none; or it shares its node's network; or it runs and lacks the annotation ambient.istio.io/redirection=enabled.",
    why: "Istio's CNI agent redirects the connections of pods with the label, and of pods in a namespace with the label unless their own says none. It can do nothing in a network that is the node's, and leaves pods with a sidecar alone.",
    seen: &[
        "on the pod: no annotation ambient.istio.io/redirection: enabled",
        "on the mesh: istioctl ztunnel-config workloads has TCP for the pod, not HBONE",
    ],
    fix: "Label the namespace, or the pod, istio.io/dataplane-mode=ambient. No pod has to be made anew.",
    example: &[
        "- Namespace  labels: {}",
        "+ Namespace  labels: {istio.io/dataplane-mode: ambient}",
    ],
    also: &["SC-INJ-NOPROXY", "AM-PODIP"],
    source: "cni/pkg/util/enablement_selector.go:CompiledEnablementSelectors.Matches",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn why(tale: &Tale<'_, '_>) -> Option<NotEnrolled> {
    match tale.symptom {
        Symptom::Reason(Reason::Ambient(Unmet::NotEnrolled(why))) => Some(*why),
        _ => None,
    }
}

/// The metadata and the spec of the pods.
fn of_pods(tale: &Tale<'_, '_>) -> Option<(FieldPath, FieldPath)> {
    let root = match workload_spec(tale.object()?) {
        Some(_) => build::spec().key("template"),
        None => FieldPath::root(),
    };
    Some((root.clone().key("metadata"), root.key("spec")))
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let why = why(tale)?;
    let object = tale.object()?;
    let (metadata, spec) = of_pods(tale)?;
    let labels = metadata.clone().key("labels");
    Some(match why {
        NotEnrolled::HostNetwork => {
            Told::at(object.id, spec.key("hostNetwork"), "never redirected")
        }
        NotEnrolled::OptedOut => {
            Told::at(object.id, labels.key(DATAPLANE_MODE), "the pod stays out")
        }
        NotEnrolled::NotRedirected => Told::at(
            object.id,
            metadata.key("annotations"),
            "no ambient.istio.io/redirection: enabled",
        ),
        NotEnrolled::NotAsked => {
            let namespace = &object.key.namespace;
            let found = tale.store.snapshot.find(Kind::Namespace, "", namespace);
            let told = Told::at(object.id, labels, "none asks for ambient");
            match found {
                Some(n) => told.beside(n.id, FieldPath::of("metadata.labels"), "nor here"),
                None => told,
            }
        }
    })
}

/// The pod's own label: what else is in its namespace stays as it is.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let asks = matches!(
        why(tale),
        Some(NotEnrolled::OptedOut | NotEnrolled::NotAsked)
    );
    let (Some(object), Some((metadata, _)), true) = (tale.object(), of_pods(tale), asks) else {
        return Vec::new();
    };
    let labels = workload_spec(object).map_or(&object.meta.labels, |w| &w.template.metadata.labels);
    let operation = ambient::label(&metadata.key("labels"), labels, DATAPLANE_MODE, "ambient");
    let title = format!("label the pods {DATAPLANE_MODE}=ambient");
    vec![build::patch(title, object.id, vec![operation])]
}
