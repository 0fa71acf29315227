//! GW-HTTP-SAME-HOST-MERGE: several VirtualServices share this host.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-SAME-HOST-MERGE",
    title: "several VirtualServices share this host",
    severity: Severity::Warning,
    what: "All their rules land in one virtual host. Where two fit a request, the first one takes it; only one catch-all is ever used.",
    when: "Two or more VirtualServices fit the same host of the same Gateway port.",
    why: "istiod appends the rules in the order of the VirtualServices: those exported only to the pod's namespace, then the public ones, in each group the older first. Then it moves catch-alls to the end. Envoy takes the first route that fits.",
    seen: &[
        "in Envoy: the order of routes in the virtual host; each names its VirtualService in metadata",
        "nothing in istiod's log",
    ],
    fix: "Put the rules in one VirtualService, or let one delegate to the others.",
    example: &[
        "  VirtualService a  hosts: [www.a.com], http[0] without match",
        "- VirtualService b  hosts: [www.a.com], http[0] without match",
        "+ VirtualService b  hosts: [www.a.com], http[0].match[0].uri.prefix: /b",
    ],
    also: &["GW-HTTP-AFTER-CATCHALL", "GW-TCP-SHADOWED"],
    source: "pilot/pkg/networking/core/route/route.go:SortVHostRoutes",
};
