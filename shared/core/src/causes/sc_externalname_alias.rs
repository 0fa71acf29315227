//! SC-EXTERNALNAME-ALIAS: an ExternalName has no listener.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, sidecar};
use crate::ledger::Step;
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "SC-EXTERNALNAME-ALIAS",
    title: "an ExternalName has no listener",
    severity: Severity::Info,
    what: "The Service is another name for what externalName says. Connections are judged by the address that DNS gives for it.",
    when: "Service.spec.type is ExternalName, and istiod is 1.21 or newer.",
    why: "istiod adds the name to the virtual hosts of the service that externalName names, and builds no listener and no cluster for the name itself.",
    seen: &["in Envoy: no cluster has the Service's name"],
    fix: "For a host outside of the mesh write a ServiceEntry for it.",
    example: &[
        "  Service  type: ExternalName, externalName: db.example.com",
        "+ ServiceEntry  hosts: [db.example.com]",
    ],
    also: &["SC-EXTERNALNAME-LEGACY", "GW-DST-EXTERNALNAME"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::Or(
        fixes,
        "a ServiceEntry for TCP without an address would take every IP on its port",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "another name only")
}

/// The host that it stands for, declared, where its server name or its Host tells it from others.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(Step::Put { of, .. }) = tale.step() else {
        return Vec::new();
    };
    let service = tale.view::<views::Service>(of.service);
    let declared = service.and_then(|s| sidecar::declare(tale, &s.spec.external_name));
    declared.into_iter().collect()
}
