//! SC-LOCKED: an earlier egress entry has the listener.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build, sidecar};
use crate::ledger::Step;

pub(super) static PAGE: Page = Page {
    code: "SC-LOCKED",
    title: "an earlier egress entry has the listener",
    severity: Severity::Error,
    what: "The service is not added to the listener of that address and port.",
    when: "An egress entry with a port made the listener, and this service comes by a later entry without a port.",
    why: "Who names a port in a Sidecar chooses the services on it: later entries without a port add nothing to that listener.",
    seen: &["in Envoy: the listener leads to the services of the first entry only"],
    fix: "Import the service in the entry with the port too, or remove that entry.",
    example: &[
        "  Sidecar  egress[0].port.number: 9000",
        "- Sidecar  egress[0].hosts: [apps/a.com]",
        "+ Sidecar  egress[0].hosts: [apps/a.com, apps/b.com]",
    ],
    also: &["SC-SIDECAR-PORTMAP", "SC-TCP-OVER-TCP"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let told = sidecar::told(tale, "the listener is closed to it")?;
    let (Some(sidecar), Some(n)) = (sidecar::deciding(tale), first(tale)) else {
        return Some(told);
    };
    let field = build::spec().key("egress").index(n).key("port");
    Some(told.beside(sidecar, field, "this entry made the listener"))
}

/// The egress entry that made the listener.
fn first(tale: &Tale<'_, '_>) -> Option<usize> {
    match tale.ledger.get(sidecar::holder(tale)?)?.step {
        Step::Put { egress, .. } => Some(egress),
        _ => None,
    }
}

/// The service comes by the entry that made the listener too.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let (Some(Step::Put { of, .. }), Some(n)) = (tale.step(), first(tale)) else {
        return Vec::new();
    };
    sidecar::import(tale, *of, n).into_iter().collect()
}
