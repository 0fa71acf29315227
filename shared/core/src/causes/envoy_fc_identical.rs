//! ENVOY-FC-IDENTICAL: two chains of a listener are alike.

use super::{Cause, Fixes, Page, Severity, build, refused};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-FC-IDENTICAL",
    title: "two chains of a listener are alike",
    severity: Severity::Error,
    what: "Envoy refuses the whole listener, with every server in it. A new port stays closed; a port that was open keeps its former configuration.",
    when: "Two chains of one listener have equal conditions, as two plaintext chains without any have. istiod sends that when two servers with different bind or protocol texts end in one listener, or when an EnvoyFilter adds a chain.",
    why: "Envoy chooses a chain by its conditions; with two alike it could not choose.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  error adding listener '0.0.0.0:P': filter chain '' has the same matching rules defined as ''. duplicate matcher is: {…}",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) 0.0.0.0_P: …",
    ],
    fix: "Find the two servers of the port, and remove one or write bind and protocol alike in both.",
    example: &[
        "  Gateway a  servers[0]: 31400 TCP",
        "- Gateway b  servers[0]: 31400 TCP, bind 0.0.0.0",
    ],
    also: &[
        "GW-SRV-BIND-SHADOW",
        "GW-SRV-BIND-ALIAS",
        "GW-SRV-PROTO-TEXT",
        "ENVOY-FC-OVERLAP",
    ],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: refused::collision,
    fixes: Fixes::By(|tale, _| build::move_away(tale).into_iter().collect()),
};
