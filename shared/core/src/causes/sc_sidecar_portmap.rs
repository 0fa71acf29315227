//! SC-SIDECAR-PORTMAP: the service lacks the Sidecar's port.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build, sidecar};
use crate::ledger::Step;
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "SC-SIDECAR-PORTMAP",
    title: "the service lacks the Sidecar's port",
    severity: Severity::Error,
    what: "Through this egress entry the service is not known at all.",
    when: "The egress entry has a port, its protocol is not HTTP_PROXY, and no port of the service has that number.",
    why: "An entry with a port takes in only services that declare the same number, and of those just that port.",
    seen: &["on istiod: the service is missing in /debug/sidecarz?proxyID=POD.NAMESPACE"],
    fix: "Use a port of the service, or an egress entry without a port.",
    example: &[
        "  Service  ports[0].port: 9092",
        "- Sidecar  egress[0].port.number: 9000",
        "+ Sidecar  egress[0].port.number: 9092",
    ],
    also: &["SC-SIDECAR-HOSTS", "SC-LOCKED"],
    source: "pilot/pkg/model/sidecar.go:serviceMatchingListenerPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Some(Step::Import {
        of,
        egress: Some(n),
    }) = tale.step()
    else {
        return None;
    };
    let Some(sidecar) = sidecar::deciding(tale) else {
        return sidecar::told(tale, "has no such port");
    };
    let field = build::spec()
        .key("egress")
        .index(*n)
        .key("port")
        .key("number");
    let told = Told::at(sidecar, field, "the service has no such port");
    Some(told.beside(of.service, build::spec().key("ports"), "its ports"))
}

/// The port that was asked for, in the entry; or the service in an entry for all ports.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(Step::Import {
        of,
        egress: Some(n),
    }) = tale.step()
    else {
        return Vec::new();
    };
    let Some(sidecar) = sidecar::deciding(tale) else {
        return Vec::new();
    };
    let view = tale.view::<views::Sidecar>(sidecar);
    let field = build::spec()
        .key("egress")
        .index(*n)
        .key("port")
        .key("number");
    let number = build::patch(
        format!("let the entry be for port {}", tale.port),
        sidecar,
        vec![build::replace(&field, tale.port)],
    );
    let any = view.and_then(|s| s.spec.egress.iter().position(|e| e.port.is_none()));
    let import = any.and_then(|any| sidecar::import(tale, *of, any));
    std::iter::once(number).chain(import).collect()
}
