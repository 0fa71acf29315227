//! GW-SRV-NSHOST-DUP: one host in two spellings collides.

use super::{Cause, Fixes, Page, Severity, build, refused};

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-NSHOST-DUP",
    title: "one host in two spellings collides",
    severity: Severity::Error,
    what: "istiod sends two chains with the same SNI in one listener. Envoy refuses the whole listener, with all its other hosts.",
    when: "Two servers with terminating tls have the same port after translation and the same bind; one has NS/HOST in hosts[] (or `./HOST`), the other HOST, or HOST with another namespace.",
    why: "istiod compares the hosts with their namespace part, so it sees no duplicate. The SNI of the chain is the host without it.",
    seen: &[
        "in Envoy's log:",
        "  multiple filter chains with overlapping matching rules are defined",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) 0.0.0.0_P: …",
    ],
    fix: "Keep the host in one of the two servers.",
    example: &[
        "  Gateway a  servers[0].hosts: [shop/a.com]",
        "- Gateway b  servers[0].hosts: [a.com, b.com]",
        "+ Gateway b  servers[0].hosts: [b.com]",
    ],
    also: &["GW-SRV-DUP-HOST", "ENVOY-FC-OVERLAP"],
    source: "pilot/pkg/model/gateway.go:GetSNIHostsForServer",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: refused::collision,
    fixes: Fixes::By(|tale, _| build::move_away(tale).into_iter().collect()),
};
