//! SC-IN-TARGETPORT: the pod has no port of that name.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build, sidecar};
use crate::ledger::{Reason, Step};
use crate::snapshot::{ObjectId, views};

pub(super) static PAGE: Page = Page {
    code: "SC-IN-TARGETPORT",
    title: "the pod has no port of that name",
    severity: Severity::Error,
    what: "The Service port leads nowhere on this pod: it has no chains of its own.",
    when: "targetPort is a name that no container port of the pod with the same transport has.",
    why: "A name is looked up among the pod's container ports. A number needs no container port.",
    seen: &["kubectl get endpointslices: the pod is listed without that port"],
    fix: "Name the container port, or write the number.",
    example: &[
        "- Service  ports[0].targetPort: web",
        "+ Service  ports[0].targetPort: 8080",
    ],
    also: &["SC-IN-CONFLICT", "GW-PORT-NAMED-TARGET"],
    source: "pilot/pkg/serviceregistry/kube/controller/util.go:FindPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::Or(fixes, "which of the pod's ports is meant is for you to say"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "no such container port")
}

/// The name that the container has, if this one is a slip of it; else the number of its port.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some((service, index)) = port(tale) else {
        return Vec::new();
    };
    let by_name = by_name(tale, service, index);
    let number = tale.view::<views::Service>(service);
    let number = number.and_then(|s| s.spec.ports.get(index)).map(|p| p.port);
    let by_number = number.map(|number| sidecar::endpoints(tale, service, number));
    let by_number = by_number.unwrap_or_default();
    by_name.into_iter().chain(by_number).collect()
}

fn port(tale: &Tale<'_, '_>) -> Option<(ObjectId, usize)> {
    match tale.step()? {
        Step::ServicePort { service, index } | Step::Inbound { service, index } => {
            Some((*service, *index))
        }
        _ => None,
    }
}

fn by_name(tale: &Tale<'_, '_>, service: ObjectId, index: usize) -> Option<Candidate> {
    let Symptom::Reason(Reason::NamedTargetMissing { name }) = tale.symptom else {
        return None;
    };
    let containers = tale.proxy.containers.iter().flat_map(|c| &c.ports);
    let near = containers.filter_map(|p| build::slip(name, &p.name).map(|far| (far, &p.name)));
    let (_, near) = near.min()?;
    let field = build::spec().key("ports").index(index).key("targetPort");
    let title = format!("write the container port's name, {near}");
    let operation = build::replace(&field, near.as_str());
    Some(build::patch(title, service, vec![operation]))
}
