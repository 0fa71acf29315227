//! SC-SIDECAR-BIND: the Sidecar binds it to another address.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build, sidecar};
use crate::ledger::Step;
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-BIND",
    title: "the Sidecar binds it to another address",
    severity: Severity::Error,
    what: "The service's listener has the address that the Sidecar says. Connections to the service's own address do not come to it.",
    when: "An entry of Sidecar.spec.egress that imports the service has bind, or captureMode NONE, which stands for the loopback address.",
    why: "Envoy finds the listener of a redirected connection by the address that was dialled. A listener that is bound to another one is for clients that dial that.",
    seen: &[
        "in Envoy: istioctl proxy-config listeners POD shows the bind address with the service's port",
    ],
    fix: "Dial the address that the Sidecar binds, or import the service by an entry without bind and captureMode.",
    example: &[
        "  Service  clusterIP: 10.96.4.1",
        "- Sidecar  egress: [{port: 5432, bind: 127.0.0.1, hosts: [data/*]}]",
        "+ Sidecar  egress: [{hosts: [data/*]}]",
    ],
    also: &["SC-SIDECAR-PROTO", "SC-CAP-MODE-NONE"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (Symptom::EgressBind { listener }, Step::Put { egress, .. }) = (tale.symptom, tale.step()?)
    else {
        return None;
    };
    let sidecar = sidecar::deciding(tale)?;
    let view = tale.view::<views::Sidecar>(sidecar)?;
    let field = match view.spec.egress.get(*egress)?.bind.as_str() {
        "" => "captureMode",
        _ => "bind",
    };
    let field = build::spec().key("egress").index(*egress).key(field);
    let step = tale.step()?;
    let told = Told::at(sidecar, field, format!("its listener is {listener}"));
    Some(told.beside(step.object(), step.field(), "the service's port"))
}

/// An entry for the service's own address.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(Step::Put { of, .. }) = tale.step() else {
        return Vec::new();
    };
    sidecar::own_entry(tale, *of).into_iter().collect()
}
