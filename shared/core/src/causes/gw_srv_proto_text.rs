//! GW-SRV-PROTO-TEXT: two spellings of one protocol collide.

use super::{Cause, Fixes, Page, Severity, build, refused};

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-PROTO-TEXT",
    title: "two spellings of one protocol collide",
    severity: Severity::Error,
    what: "istiod sends a listener with two chains that match everything. Envoy refuses the whole listener.",
    when: "Plaintext servers with bind A, then bind B, then bind A again are on one port after translation, and the first and third have the same protocol in different spelling, such as HTTP and http.",
    why: "Servers are collected under port, protocol and bind as they are written. A second spelling begins a second collection for the same listener; with one spelling two HTTP servers would have shared a chain.",
    seen: &[
        "in Envoy's log:",
        "  error adding listener '0.0.0.0:P': filter chain '' has the same matching rules defined as ''. duplicate matcher is: {…}",
    ],
    fix: "Spell the protocol alike everywhere, in upper case.",
    example: &[
        "  Gateway a  servers[0]: 8080 HTTP",
        "  Gateway b  servers[0]: 8080 HTTP, bind 10.0.0.9",
        "- Gateway c  servers[0]: 8080 http",
        "+ Gateway c  servers[0]: 8080 HTTP",
    ],
    also: &["GW-SRV-BIND-SHADOW", "ENVOY-FC-IDENTICAL"],
    source: "pilot/pkg/model/gateway.go:ServerPort",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: refused::collision,
    fixes: Fixes::By(|tale, _| build::move_away(tale).into_iter().collect()),
};
