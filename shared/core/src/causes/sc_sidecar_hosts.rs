//! SC-SIDECAR-HOSTS: the Sidecar does not import the service.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, sidecar};
use crate::ledger::Step;

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-HOSTS",
    title: "the Sidecar does not import the service",
    severity: Severity::Error,
    what: "For this pod the service has no listener and no virtual host.",
    when: "No entry of egress[].hosts of the Sidecar in force fits the service's namespace and host name.",
    why: "With a Sidecar the pod knows only what egress[].hosts takes in. A host is namespace/name; `*` stands for all, `.` for the pod's own namespace. A wildcard takes a service in when all names of the service are below it.",
    seen: &["on istiod: the service is missing in /debug/sidecarz?proxyID=POD.NAMESPACE"],
    fix: "Add namespace/host to the hosts of an egress entry.",
    example: &[
        "- Sidecar  egress[0].hosts: [./*]",
        "+ Sidecar  egress[0].hosts: [./*, apps/db.example.com]",
    ],
    also: &["SC-SIDECAR-EXCL", "SC-EXPORTTO", "SC-SIDECAR-WHICH"],
    source: "pilot/pkg/model/sidecar.go:IstioEgressListenerWrapper.selectServices",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "not imported")
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
