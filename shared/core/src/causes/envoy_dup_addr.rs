//! ENVOY-DUP-ADDR: another listener has this address.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-DUP-ADDR",
    title: "another listener has this address",
    severity: Severity::Error,
    what: "Envoy refuses the listener. The port goes to the listener that was there before.",
    when: "The port after translation is one of Envoy's own listeners, such as 15021 (health) or 15090 (metrics), or the address of another listener, for instance one that an EnvoyFilter adds.",
    why: "Envoy allows one listener for an address and port. Its own listeners are in its start-up configuration, which istiod does not compare with.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  error adding listener: '0.0.0.0_P' has duplicate address '0.0.0.0:P' as existing listener, …",
    ],
    fix: "Use another port number in the Gateway, or another targetPort in the Service.",
    example: &[
        "- Gateway  servers[0].port.number: 15090",
        "+ Gateway  servers[0].port.number: 15443",
    ],
    also: &["GW-PORT-RESERVED", "ENVOY-BIND-INUSE"],
    source: "envoy source/common/listener_manager/listener_manager_impl.cc",
};
