//! SC-HEADLESS-PORTNUM: listeners are on the Service's own port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build, sidecar};
use crate::snapshot::{FieldPath, views};

pub(super) static PAGE: Page = Page {
    code: "SC-HEADLESS-PORTNUM",
    title: "listeners are on the Service's own port",
    severity: Severity::Error,
    what: "The pods' port has no listener: connections to it pass through in plaintext or end in Envoy.",
    when: "A headless Service's port and targetPort differ, and clients dial the pods' port.",
    why: "The name of a headless Service stands for the pods' addresses, so clients need the pods' port; Envoy's listeners have the Service's port, and no address is translated.",
    seen: &["in Envoy: listeners PODIP_PORT, none PODIP_TARGETPORT"],
    fix: "Make port and targetPort of a headless Service the same.",
    example: &[
        "- Service  clusterIP: None; port: 80, targetPort: 8080",
        "+ Service  clusterIP: None; port: 8080, targetPort: 8080",
    ],
    also: &["SC-NO-SUCH-PORT", "SC-HEADLESS-NOEP"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::HeadlessPort { service } = tale.symptom else {
        return None;
    };
    let label = format!("{} has no listener, it is a targetPort", tale.port);
    Some(Told::at(service, FieldPath::of("spec.ports"), label))
}

/// Another port of the Service, with the number that is dialled: what it has stays. Where that is not possible, the
/// number of the one it has.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::HeadlessPort { service } = tale.symptom else {
        return Vec::new();
    };
    let added = sidecar::add_port(tale, service);
    let moved = || {
        let spec = &tale.view::<views::Service>(service)?.spec;
        let leads =
            |p: &views::ServicePort| p.target_port == Some(views::IntOrString::Int(tale.port));
        let index = spec.ports.iter().position(leads)?;
        let field = build::spec().key("ports").index(index).key("port");
        let operation = build::replace(&field, tale.port);
        let title = format!("write {}, the pods' port, in port", tale.port);
        Some(build::patch(title, service, vec![operation]))
    };
    added.into_iter().chain(moved()).collect()
}
