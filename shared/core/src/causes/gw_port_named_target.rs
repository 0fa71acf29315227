//! GW-PORT-NAMED-TARGET: no container port has this name.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::{Reason, Step};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-NAMED-TARGET",
    title: "no container port has this name",
    severity: Severity::Error,
    what: "The Service port does not count. The listener is on the Gateway's number itself, where the Service does not lead; a Gateway of the Gateway API gets no listener.",
    when: "ports[].targetPort of the Service is a name, and no ports[] of a container of the pod, nor of a sidecar init container, has that name with the same protocol.",
    why: "istiod needs the number behind the name and reads it from the pod's containers. An entry that it cannot resolve is left out, as Kubernetes leaves out its endpoint.",
    seen: &[
        "in istiod's log, at debug level:",
        "  Failed to find port for service NS/NAME: no suitable port for manifest: UID",
    ],
    fix: "Declare the container port under that name, or write a number in targetPort.",
    example: &[
        "  Service     ports[0].targetPort: http2",
        "+ Deployment  containers[0].ports[0].name: http2",
        "+ Deployment  containers[0].ports[0].containerPort: 8080",
    ],
    also: &[
        "GW-PORT-DEDUP-TARGET",
        "GW-PORT-TRANSLATED",
        "NET-SVC-NO-ENDPOINT",
    ],
    source: "pilot/pkg/serviceregistry/kube/controller/util.go:FindPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Step::ServicePort { service, index } = tale.step()? else {
        return None;
    };
    let Symptom::Reason(Reason::NamedTargetMissing { name }) = tale.symptom else {
        return None;
    };
    let field = FieldPath::of(&format!("spec.ports[{index}].targetPort"));
    Some(
        Told::at(
            *service,
            field,
            "no container port of the gateway has this name",
        )
        .value(name),
    )
}
