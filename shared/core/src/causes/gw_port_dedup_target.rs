//! GW-PORT-DEDUP-TARGET: two Service ports share a targetPort.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Reason, Step};
use crate::snapshot::{FieldPath, views};

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-DEDUP-TARGET",
    title: "two Service ports share a targetPort",
    severity: Severity::Warning,
    what: "The Gateway's number is not translated: the listener is on the number itself, where the Service does not lead.",
    when: "The Service has two ports[] entries with the same resolved targetPort and the same protocol for Istio, and servers[].port.number is the later one.",
    why: "istiod keeps one Service port for each targetPort and protocol of a pod, the first in spec.ports. The later number is unknown when the Gateway's port is looked up, so it stays as it is.",
    seen: &[
        "in istiod: the second port is missing in /debug/instancesz",
        "in Envoy: a listener on the Gateway's number, not on the targetPort",
    ],
    fix: "Use the first port's number in the Gateway, or give the second port a targetPort of its own.",
    example: &[
        "  Service  ports[0]: 80, targetPort 8080",
        "  Service  ports[1]: 81, targetPort 8080",
        "- Gateway  servers[0].port.number: 81",
        "+ Gateway  servers[0].port.number: 80",
    ],
    also: &[
        "GW-PORT-TRANSLATED",
        "GW-PORT-NAMED-TARGET",
        "GW-PORT-NO-TRANSLATION",
    ],
    source: "pilot/pkg/serviceregistry/kube/controller/controller.go:Controller.GetProxyServiceTargetsByPod",
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
    let Symptom::Reason(Reason::TargetPortRepeated { by }) = tale.symptom else {
        return None;
    };
    let holder = &tale.ledger.get(*by)?.step;
    let told = Told::at(
        *service,
        FieldPath::of(&format!("spec.ports[{index}].targetPort")),
        "the same target port again",
    );
    Some(told.beside(holder.object(), holder.field(), "counts for istiod"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    own_target(tale).into_iter().collect()
}

/// The port's own number: that is what its server binds.
fn own_target(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let Step::ServicePort { service, index } = tale.step()? else {
        return None;
    };
    let port = tale
        .view::<views::Service>(*service)?
        .spec
        .ports
        .get(*index)?;
    let target = build::bindable(tale, port.port)?;
    let field = build::spec().key("ports").index(*index).key("targetPort");
    let operation = match port.target_port {
        Some(_) => build::replace(&field, target),
        None => build::add(&field, target),
    };
    let title = format!("let it lead to {target}, a target port of its own");
    Some(build::patch(title, *service, vec![operation]))
}
