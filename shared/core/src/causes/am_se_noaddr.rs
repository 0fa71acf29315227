//! AM-SE-NOADDR: ztunnel has no address for the host.

use super::{Cause, Fixes, Page, Severity, Tale, Told, ambient};

pub(super) static PAGE: Page = Page {
    code: "AM-SE-NOADDR",
    title: "ztunnel has no address for the host",
    severity: Severity::Warning,
    what: "The connection goes on as it is, in plaintext, to whatever DNS gives for the host. Endpoints, waypoint and policies of the ServiceEntry do not take part.",
    when: "The ServiceEntry has no addresses, and istiod gives its hosts none: its resolution is NONE, its label networking.istio.io/enable-autoallocate-ip is false, the host is a wildcard without DYNAMIC_DNS, or its status has no address yet.",
    why: "ztunnel sees an address, not a name: a host is found by the addresses that its ServiceEntry has, or by those that istiod gives to it and ztunnel's DNS answers with.",
    seen: &[
        "on the ServiceEntry: status.addresses is empty",
        "on the mesh: istioctl ztunnel-config services has no VIP for it",
    ],
    fix: "Write addresses, or take the label away and write resolution DNS.",
    example: &[
        "- ServiceEntry  resolution: NONE",
        "+ ServiceEntry  resolution: DNS",
    ],
    also: &["AM-SE-NONE", "AM-DYNDNS", "SC-WILD-SE"],
    source: "pilot/pkg/serviceregistry/ambient/services.go:constructServiceEntries",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which address the host should have is for a person to decide"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    ambient::without_address(tale)
}
