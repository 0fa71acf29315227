//! SC-VS-WILDCARD: a wildcard rule of elsewhere leads it away.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-VS-WILDCARD",
    title: "a wildcard rule of elsewhere leads it away",
    severity: Severity::Error,
    what: "Connections to the service go to another one.",
    when: "A VirtualService of a third namespace has a wildcard host that the service's name is below, and a tcp or tls rule for the port. It is exported to the pod's namespace.",
    why: "istiod asks every VirtualService for the mesh that the pod's namespace sees, and a host that is a wildcard is for all services below it, whoever's they are.",
    seen: &[
        "in Envoy: the filter chain of the service's address leads to another service's cluster",
    ],
    fix: "Give the VirtualService the hosts that it is for, or keep it to its namespace by exportTo.",
    example: &[
        "  VirtualService  edge/all, tcp[0].route: proxy.edge",
        "- VirtualService  hosts: ['*.svc.cluster.local']",
        "+ VirtualService  hosts: [legacy.edge.svc.cluster.local]",
    ],
    also: &["SC-TCP-OVER-TCP", "GW-VS-EXPORTTO"],
    source: "pilot/pkg/networking/core/tls.go:getConfigsForHost",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which hosts the rule is for is for its owner to say"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::ByWildcard { service, host } = tale.symptom else {
        return None;
    };
    let step = tale.step()?;
    let field = FieldPath::of("spec.hosts").index(host);
    let name = tale.name_of(service);
    let told = Told::at(step.object(), field, format!("{name} is below it"));
    Some(told.beside(step.object(), step.field(), "leads elsewhere"))
}
