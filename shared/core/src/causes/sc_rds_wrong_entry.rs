//! SC-RDS-WRONG-ENTRY: its routes come from another egress entry.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build, sidecar};
use crate::ledger::Step;

pub(super) static PAGE: Page = Page {
    code: "SC-RDS-WRONG-ENTRY",
    title: "its routes come from another egress entry",
    severity: Severity::Error,
    what: "HTTP requests to the service get 404, and other bytes arrive.",
    when: "The protocol of the service's port is not known, an entry of Sidecar.spec.egress without port imports it, and an entry before that has this port and does not.",
    why: "The listener is made by the entry that imports the service. Its routes are those of the first entry with the port, or without any, and that one does not have the service.",
    seen: &[
        "in Envoy's access log: 404 NR route_not_found",
        "in Envoy: istioctl proxy-config routes POD --name HOST:PORT is empty",
    ],
    fix: "Import the service in the entry with the port too, give the port a protocol by its name, or remove the entry.",
    example: &[
        "  Sidecar  egress[0].port.number: 9000",
        "- Sidecar  egress[0].hosts: [apps/a.com]",
        "+ Sidecar  egress[0].hosts: [apps/a.com, apps/b.com]",
    ],
    also: &["SC-LOCKED", "SC-SIDECAR-PORTMAP"],
    source: "pilot/pkg/model/sidecar.go:SidecarScope.GetEgressListenerForRDS",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::RoutedByEntry { egress } = tale.symptom else {
        return None;
    };
    let step = tale.step()?;
    let field = build::spec().key("egress").index(egress).key("hosts");
    let label = "this entry has the routes of the port, and not the service";
    let told = Told::at(sidecar::deciding(tale)?, field, label);
    Some(told.beside(
        step.object(),
        step.field(),
        "its listener is made by a later entry",
    ))
}

/// The service comes by the entry that has the routes too.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let (Symptom::RoutedByEntry { egress }, Some(Step::Put { of, .. })) =
        (tale.symptom, tale.step())
    else {
        return Vec::new();
    };
    sidecar::import(tale, *of, egress).into_iter().collect()
}
