//! SC-EXACT-MULTIADDR: only one address is imported.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build, sidecar};
use crate::ledger::{Reason, Step};
use crate::snapshot::views;
use crate::snapshot::{FieldPath, ObjectId};

pub(super) static PAGE: Page = Page {
    code: "SC-EXACT-MULTIADDR",
    title: "only one address is imported",
    severity: Severity::Error,
    what: "The other addresses of the host have no listener. Which one has may change when istiod restarts.",
    when: "All hosts of the egress entry are exact and name their namespace, and a ServiceEntry gives several addresses to the host, or a Service has the same host name in the same namespace.",
    why: "For such an entry istiod looks each host up in an index that holds one service for a host and namespace. With any wildcard in the entry it goes through all services instead and takes in every one.",
    seen: &["in Envoy: one listener ADDRESS_PORT instead of one for each address"],
    fix: "Use a wildcard host in the entry, or a ServiceEntry for each address.",
    example: &[
        "  ServiceEntry  addresses: [10.1.1.1, 10.1.1.2]",
        "- Sidecar  egress[0].hosts: [apps/db.example.com]",
        "+ Sidecar  egress[0].hosts: [apps/*]",
    ],
    also: &["SC-SCOPE-SHADOW"],
    source: "pilot/pkg/model/sidecar.go:PushContext.servicesForExactHosts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (object, field) = address(tale, tale.step()?);
    let by_chance = matches!(
        tale.symptom,
        Symptom::Reason(Reason::OnlyOneFound {
            by_chance: true,
            ..
        })
    );
    let (left_out, taken) = if by_chance {
        ("perhaps not found", "perhaps this one is found")
    } else {
        ("not found", "this one is found")
    };
    let told = Told::at(object, field, left_out);
    let by = sidecar::holder(tale).and_then(|by| tale.ledger.get(by));
    let found = by.map(|entry| address(tale, &entry.step));
    Some(match found {
        Some((object, field)) => told.beside(object, field, taken),
        None => told,
    })
}

/// The address that a decision is about; a Service has one, and is shown as it is.
fn address(tale: &Tale<'_, '_>, step: &Step) -> (ObjectId, FieldPath) {
    let object = step.object();
    let field = match step {
        Step::Import { of, .. } => tale
            .view::<views::ServiceEntry>(object)
            .filter(|view| of.address < view.spec.addresses.len())
            .map(|_| build::spec().key("addresses").index(of.address)),
        _ => None,
    };
    (object, field.unwrap_or_else(|| step.field()))
}

/// With a wildcard beside them the hosts of the entry are not looked up one by one.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Some(Step::Import {
        of,
        egress: Some(n),
    }) = tale.step()
    else {
        return Vec::new();
    };
    let Some(service) = sidecar::service(tale, *of) else {
        return Vec::new();
    };
    let Some((_, domain)) = service.hostname.split_once('.') else {
        return Vec::new();
    };
    let host = format!("{}/*.{domain}", service.namespace);
    sidecar::add_host(tale, *n, host).into_iter().collect()
}
