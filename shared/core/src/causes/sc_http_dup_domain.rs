//! SC-HTTP-DUP-DOMAIN: every domain is another's.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-HTTP-DUP-DOMAIN",
    title: "every domain is another's",
    severity: Severity::Error,
    what: "Requests for these hosts are routed by the other virtual host.",
    when: "Another service or VirtualService of the same port has all domains of this virtual host.",
    why: "A domain can stand in one virtual host of a route configuration. The first that has it keeps it; hosts of VirtualServices come first.",
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
        "two services cannot have one name: which of them is meant is for you to say",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "no domain is free")
}
