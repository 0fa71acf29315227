//! SC-SE-BADADDR: no address of the ServiceEntry is one.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-SE-BADADDR",
    title: "no address of the ServiceEntry is one",
    severity: Severity::Error,
    what: "istiod knows no service of these hosts: there is no listener, no virtual host and no cluster for them.",
    when: "spec.addresses has entries, and none of them is an IP address or a network in CIDR notation. Of several, those that are no address are left out without a word.",
    why: "istiod makes one service of each host and each address that it can read. With addresses written and none read, that is no service at all.",
    seen: &["on the mesh: istioctl proxy-config cluster has no cluster with the host"],
    fix: "Write addresses without a port and without a name, or remove the field: then hosts are known by name.",
    example: &[
        "- ServiceEntry  addresses: [\"10.0.0.7:5432\"]",
        "+ ServiceEntry  addresses: [10.0.0.7]",
    ],
    also: &["VAL-SE", "SC-UNKNOWN-HOST"],
    source: "pilot/pkg/serviceregistry/serviceentry/conversion.go:convertServices",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::NoReadableAddress { service_entry } = tale.symptom else {
        return None;
    };
    let field = FieldPath::of("spec.addresses");
    Some(Told::at(
        service_entry,
        field,
        "no IP address and no network",
    ))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::NoReadableAddress { service_entry } = tale.symptom else {
        return Vec::new();
    };
    let remove = build::remove(&build::spec().key("addresses"));
    let title = "remove the addresses";
    vec![build::patch(title, service_entry, vec![remove])]
}
