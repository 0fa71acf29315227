//! AM-EXTNAME: ztunnel does not know an ExternalName.

use super::{Cause, Fixes, Page, Severity, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "AM-EXTNAME",
    title: "ztunnel does not know an ExternalName",
    severity: Severity::Info,
    what: "The connection goes on as it is, in plaintext, to the address that DNS gives for the other name. A waypoint that the Service asks for is not used.",
    when: "Service.spec.type is ExternalName, and no other object declares what externalName says.",
    why: "istiod does not tell ztunnel of ExternalNames: DNS leads to the other name, and ztunnel judges the address that comes out of it.",
    seen: &["on the mesh: istioctl ztunnel-config services does not list it"],
    fix: "For a host outside of the mesh write a ServiceEntry for it.",
    example: &[
        "  Service  type: ExternalName, externalName: db.example.com",
        "+ ServiceEntry  hosts: [db.example.com]",
    ],
    also: &["AM-SE-NOADDR", "SC-EXTERNALNAME-ALIAS"],
    source: "pilot/pkg/serviceregistry/ambient/services.go:serviceServiceBuilder",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let service = tale.object()?.id;
    let field = FieldPath::of("spec.externalName");
    Some(Told::at(service, field, "another name only"))
}
