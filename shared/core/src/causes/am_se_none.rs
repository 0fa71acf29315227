//! AM-SE-NONE: ztunnel passes on to the address dialled.

use super::{Ambient, Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "AM-SE-NONE",
    title: "ztunnel passes on to the address dialled",
    severity: Severity::Info,
    what: "The connection goes on to the address that the client dials, in plaintext; endpoints of the ServiceEntry are not used.",
    when: "The ServiceEntry's resolution is NONE, the address is one of its addresses, and no waypoint is bound to it.",
    why: "With resolution NONE istiod tells ztunnel to choose no endpoint: where the client wants to go is where it goes.",
    seen: &["in ztunnel's access log: the address that was dialled"],
    fix: "Nothing is broken. For endpoints of its own write resolution STATIC or DNS.",
    example: &[
        "- ServiceEntry  resolution: NONE",
        "+ ServiceEntry  resolution: STATIC; endpoints: [{address: 10.9.9.9}]",
    ],
    also: &["AM-SE-NOADDR"],
    source: "pilot/pkg/serviceregistry/ambient/services.go:constructServiceEntries",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Ambient(Ambient::PassedOn { service }) = tale.symptom else {
        return None;
    };
    let field = FieldPath::of("spec.resolution");
    Some(Told::at(service, field, "goes where it was going"))
}
