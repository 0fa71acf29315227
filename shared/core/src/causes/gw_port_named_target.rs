//! GW-PORT-NAMED-TARGET: no container port has this name.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Reason, Step};
use crate::snapshot::{FieldPath, ObjectId, views};

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
    fixes: Fixes::By(fixes),
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

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    by_number(tale)
        .into_iter()
        .chain(by_near_name(tale))
        .collect()
}

/// The Service port, its number and the path of its target.
fn written<'t>(tale: &Tale<'t, '_>) -> Option<(ObjectId, &'t views::ServicePort, FieldPath)> {
    let Step::ServicePort { service, index } = tale.step()? else {
        return None;
    };
    let port = tale
        .view::<views::Service>(*service)?
        .spec
        .ports
        .get(*index)?;
    let field = build::spec().key("ports").index(*index).key("targetPort");
    Some((*service, port, field))
}

/// The number that the listener binds: without a translation, the declared one.
fn by_number(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (service, port, field) = written(tale)?;
    let bound = tale.ledger.entries().find_map(|(_, e)| match e.step {
        Step::BoundServer {
            gateway,
            index,
            port: bound,
        } => {
            let server = Server::at(tale, gateway, index)?;
            (server.number() == port.port).then_some(bound)
        }
        _ => None,
    });
    let target = build::bindable(tale, bound.unwrap_or(port.port))?;
    let title = format!("write the number {target} in targetPort");
    Some(build::patch(
        title,
        service,
        vec![build::replace(&field, target)],
    ))
}

/// A container port's name that this one could be a slip of.
fn by_near_name(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let Symptom::Reason(Reason::NamedTargetMissing { name }) = tale.symptom else {
        return None;
    };
    let (service, _, field) = written(tale)?;
    let near = tale
        .proxy
        .containers
        .iter()
        .flat_map(|c| &c.ports)
        .filter_map(|p| build::slip(name, &p.name).map(|distance| (distance, &p.name)))
        .min()?
        .1;
    let title = format!("write the container port's name, {near}");
    Some(build::patch(
        title,
        service,
        vec![build::replace(&field, near.as_str())],
    ))
}
