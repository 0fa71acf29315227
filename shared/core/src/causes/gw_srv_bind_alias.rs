//! GW-SRV-BIND-ALIAS: two spellings of one bind collide.

use super::{Cause, Fixes, Page, Severity, build, refused};

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-BIND-ALIAS",
    title: "two spellings of one bind collide",
    severity: Severity::Error,
    what: "istiod sends one listener with the chains of both servers. If two of them match the same, Envoy refuses the whole listener.",
    when: "Two servers have the same port after translation, one has no bind and the other has the wildcard of the pod's IP family (0.0.0.0, or :: on an IPv6 pod), and both match everything or share an SNI.",
    why: "istiod compares binds as text, so it sees no conflict. A missing bind then becomes the wildcard, and both servers end in the listener 0.0.0.0_P.",
    seen: &[
        "in Envoy's log, for plaintext servers and for TLS servers:",
        "  error adding listener '0.0.0.0:P': filter chain '' has the same matching rules defined as ''. duplicate matcher is: {…}",
        "  multiple filter chains with overlapping matching rules are defined",
    ],
    fix: "Remove the bind, or write the same one in both; istiod then merges or drops as usual.",
    example: &[
        "  Gateway a  servers[0].port: 31400 TCP",
        "- Gateway b  servers[0].bind: 0.0.0.0",
    ],
    also: &[
        "ENVOY-FC-IDENTICAL",
        "ENVOY-FC-OVERLAP",
        "GW-SRV-BIND-SHADOW",
    ],
    source: "pilot/pkg/networking/core/gateway.go:getListenerName",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: refused::collision,
    fixes: Fixes::By(|tale, _| build::move_away(tale).into_iter().collect()),
};
