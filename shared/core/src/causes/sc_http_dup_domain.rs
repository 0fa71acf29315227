//! SC-HTTP-DUP-DOMAIN: another virtual host has all its domains.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::{EntryId, Reason, Step};
use crate::snapshot::{FieldPath, ObjectId};

pub(super) static PAGE: Page = Page {
    code: "SC-HTTP-DUP-DOMAIN",
    title: "another virtual host has all its domains",
    severity: Severity::Error,
    what: "Requests for these hosts are routed by the other virtual host; the rules of this one have no effect.",
    when: "Another VirtualService or service of the same port has every domain of this virtual host.",
    why: "A domain can stand in one virtual host of a route configuration, and sidecars merge no VirtualServices of one host. The first that has it keeps it. Hosts of VirtualServices come first: those that this namespace alone sees before public ones, and then the older.",
    seen: &["istiod's metric pilot_vservice_dup_domain"],
    fix: "Let the host stand in one VirtualService.",
    example: &[
        "  VirtualService  a  hosts: [db.example.com]",
        "- VirtualService  b  hosts: [db.example.com]",
    ],
    also: &["GW-HTTP-SAME-HOST-MERGE"],
    source: "pilot/pkg/networking/core/httproute.go:dedupeDomains",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "which of the two should have the host, and in which order their rules stand, a person has to say",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Reason(Reason::DomainsTaken { by }) = tale.symptom else {
        return None;
    };
    let (object, field) = written(tale, tale.entry)?;
    let (other, there) = written(tale, *by)?;
    let told = Told::at(object, field, "its rules are not used for this host");
    Some(told.beside(other, there, "this one comes first"))
}

/// The hosts of the VirtualService that a virtual host is made of, else the port of the service.
fn written(tale: &Tale<'_, '_>, entry: EntryId) -> Option<(ObjectId, FieldPath)> {
    let step = &tale.ledger.get(entry)?.step;
    let mut above = tale.ledger.above(entry).map(|(_, e)| &e.step);
    let rule = above.find(|s| matches!(s, Step::Attachment { .. }));
    Some(match (step, rule) {
        (Step::VirtualHost { .. }, Some(rule)) => (rule.object(), FieldPath::of("spec.hosts")),
        _ => (step.object(), step.field()),
    })
}
