//! SC-SIDECAR-VSONLY: imported by a rule, so without listener.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::ledger::{Reason, Step};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-VSONLY",
    title: "imported by a rule, so without listener",
    severity: Severity::Error,
    what: "The proxy has a cluster for the service and no listener: what dials it goes where everything goes that nobody declared.",
    when: "No host of Sidecar.spec.egress takes the service in, and a rule of a VirtualService that the Sidecar takes in leads to it.",
    why: "Destinations of rules need clusters, so istiod adds those services to what the proxy has clusters for. Listeners and routes are made for the services that egress[].hosts takes in, and for no others.",
    seen: &[
        "in Envoy: istioctl proxy-config clusters POD shows the service, istioctl proxy-config listeners POD does not",
    ],
    fix: "Import the service by its own host.",
    example: &[
        "  VirtualService  shop/orders: route to db.data.svc.cluster.local",
        "- Sidecar         egress[0].hosts: [./*]",
        "+ Sidecar         egress[0].hosts: [./*, data/*]",
    ],
    also: &["SC-SIDECAR-HOSTS", "SC-SIDECAR-PORTONLY"],
    source: "pilot/pkg/model/sidecar.go:SidecarScope.collectImportedServices",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Reason(Reason::RoutedOnly { by }) = tale.symptom else {
        return None;
    };
    let told = sidecar::told(tale, "not imported")?;
    Some(told.beside(
        *by,
        FieldPath::of("spec"),
        "leads to it, so that it has a cluster",
    ))
}

/// The host is added to the entry that was asked, of the Sidecar that decides.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(Step::Import {
        of,
        egress: Some(n),
    }) = tale.step()
    else {
        return Vec::new();
    };
    sidecar::import(tale, *of, *n).into_iter().collect()
}
