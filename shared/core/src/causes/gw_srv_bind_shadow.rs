//! GW-SRV-BIND-SHADOW: three servers with two binds collide here.

use super::{Cause, Fixes, Page, Severity, build, refused};

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-BIND-SHADOW",
    title: "three servers with two binds collide here",
    severity: Severity::Error,
    what: "istiod sends a listener with two chains that match everything. Envoy refuses the listener and all of it: the port stays closed, or as it was before.",
    when: "On one port after translation come plaintext servers with bind A, then bind B, then bind A again, and the first and third are not both HTTP with the same spelling of the protocol.",
    why: "istiod remembers only the last plaintext server of a port. The third server is compared with the second, has another bind, and is kept, though the first has its address.",
    seen: &[
        "in Envoy's log:",
        "  error adding listener '0.0.0.0:P': filter chain '' has the same matching rules defined as ''. duplicate matcher is: {…}",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) 0.0.0.0_P: …",
    ],
    fix: "Use one plaintext server for each port and bind.",
    example: &[
        "  Gateway a  servers[0]: 31400 TCP",
        "  Gateway b  servers[0]: 31400 TCP, bind 10.0.0.9",
        "- Gateway c  servers[0]: 31400 TCP",
    ],
    also: &[
        "ENVOY-FC-IDENTICAL",
        "GW-SRV-BIND-ALIAS",
        "GW-SRV-PROTO-TEXT",
    ],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: refused::collision,
    fixes: Fixes::By(|tale, _| build::move_away(tale).into_iter().collect()),
};
