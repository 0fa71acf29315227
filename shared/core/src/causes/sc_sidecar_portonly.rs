//! SC-SIDECAR-PORTONLY: no egress entry is for this port.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build, sidecar};
use crate::ledger::Step;

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-PORTONLY",
    title: "no egress entry is for this port",
    severity: Severity::Error,
    what: "The service has no listener on this port.",
    when: "Every entry of Sidecar.spec.egress that takes the service in has a port, and none has this one.",
    why: "An entry with a port takes in just that port of its services, and listens on it alone. Without an entry that has no port, the other ports of the services are left out.",
    seen: &["in Envoy: the service's other port has a listener, and this one has none"],
    fix: "Add an entry without port that imports the service, or one for this port.",
    example: &[
        "  Service  port 9000, port 9090",
        "- Sidecar  egress: [{port: 9000, hosts: [data/*]}]",
        "+ Sidecar  egress: [{port: 9000, hosts: [data/*]}, {hosts: [data/*]}]",
    ],
    also: &["SC-SIDECAR-PORTMAP", "SC-SIDECAR-HOSTS", "SC-LOCKED"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListeners",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Step::Put { egress, .. } = tale.step()? else {
        return None;
    };
    let told = sidecar::told(tale, "no entry is for it")?;
    Some(match sidecar::deciding(tale) {
        Some(sidecar) => {
            let field = build::spec().key("egress").index(*egress).key("port");
            told.beside(
                sidecar,
                field,
                "this entry takes one port of the service in",
            )
        }
        None => told,
    })
}

/// An entry for every port of the service.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(Step::Put { of, .. }) = tale.step() else {
        return Vec::new();
    };
    sidecar::own_entry(tale, *of).into_iter().collect()
}
