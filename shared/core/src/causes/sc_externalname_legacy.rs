//! SC-EXTERNALNAME-LEGACY: this ExternalName takes every IP on a port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::ledger::Step;
use crate::predict::store::{Registry, Resolution};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-EXTERNALNAME-LEGACY",
    title: "this ExternalName takes every IP on a port",
    severity: Severity::Error,
    what: "Connections to addresses without a listener of their own, pods' among them, go to the name in externalName.",
    when: "A Service of type ExternalName has a TCP port, or one without protocol, and istiod is older than 1.21, or older than 1.24 with ENABLE_EXTERNAL_NAME_ALIAS=false (which compatibilityVersion 1.20 sets).",
    why: "To such an istiod an ExternalName is a service that DNS finds, and it has no address: its TCP ports listen on 0.0.0.0 in every sidecar that sees it. An IP with no listener of its own lands there.",
    seen: &[
        "in Envoy: istioctl proxy-config listeners POD --port PORT shows 0.0.0.0",
        "in Envoy's access log: UF,URX, the cluster is the ExternalName's, and the address that was dialled another one",
    ],
    fix: "Give the destination a listener of its own: a headless Service has one for each pod. Leave the port out of the ExternalName, which needs none, or keep it to its namespace with the annotation networking.istio.io/exportTo. From Istio 1.24 on no ExternalName has a listener.",
    example: &[
        "  Service  type: ExternalName, externalName: db.example.com",
        "- Service  ports: [{name: http, port: 80}, {name: tcp-db, port: 5701}]",
        "+ Service  ports: [{name: http, port: 80}]",
    ],
    also: &["SC-EXTERNALNAME-ALIAS", "SC-WILD-SE", "SC-PODIP-DIRECT"],
    source: "pilot/pkg/serviceregistry/kube/conversion.go:ConvertService (before 1.24; told by release notes)",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

/// Whether the decision is about an ExternalName that is a service of its own.
pub(super) fn is_own_service(tale: &Tale<'_, '_>) -> bool {
    let Some(Step::Put { of, .. }) = tale.step() else {
        return false;
    };
    sidecar::service(tale, *of)
        .is_some_and(|s| s.registry == Registry::Kubernetes && s.resolution == Resolution::Dns)
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Step::Put { of, .. } = tale.step()? else {
        return None;
    };
    let told = Told::at(of.service, FieldPath::of("spec.externalName"), "no address");
    Some(told.remark(format!("port {} is TCP", tale.port)))
}

/// What is dialled gets listeners of its own; whose ExternalName it is stays as it is.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::CatchAll { services, unknown } = tale.symptom else {
        return Vec::new();
    };
    let declared = unknown.and_then(|address| sidecar::declare(tale, address));
    let headless = sidecar::headless(tale, services);
    headless.into_iter().chain(declared).collect()
}
