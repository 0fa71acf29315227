//! SC-SIDECAR-EXCL: the Sidecar leaves the service out.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, sidecar};
use crate::ledger::Step;

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-EXCL",
    title: "the Sidecar leaves the service out",
    severity: Severity::Error,
    what: "For this pod the service has no listener and no virtual host.",
    when: "An entry of egress[].hosts that begins with ~ fits the service's namespace and host name.",
    why: "A host with ~ takes services out, whatever other hosts of the entry take in. ~/host means every namespace.",
    seen: &["on istiod: the service is missing in /debug/sidecarz?proxyID=POD.NAMESPACE"],
    fix: "Remove the entry with ~, or make it narrower.",
    example: &[
        "- Sidecar  egress[0].hosts: [*/*, ~apps/*]",
        "+ Sidecar  egress[0].hosts: [*/*]",
    ],
    also: &["SC-SIDECAR-HOSTS"],
    source: "pilot/pkg/model/sidecar.go:hostClassification.Excluded",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "left out")
}

/// What is left out of an entry stays so: another entry imports the service, and nothing else.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(Step::Import { of, .. }) = tale.step() else {
        return Vec::new();
    };
    sidecar::import_apart(tale, *of).into_iter().collect()
}
