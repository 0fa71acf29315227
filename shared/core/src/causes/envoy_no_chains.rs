//! ENVOY-NO-CHAINS: this listener has no filter chain.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-NO-CHAINS",
    title: "this listener has no filter chain",
    severity: Severity::Error,
    what: "Envoy refuses the listener. The other listeners of the same update are applied.",
    when: "An EnvoyFilter removes every filter chain of a listener, or adds a listener without one.",
    why: "istiod never sends a gateway a TCP listener without chains by itself. EnvoyFilters are applied afterwards, and nothing checks what they leave.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  error adding listener '0.0.0.0:P': no filter chains specified",
    ],
    fix: "Narrow the EnvoyFilter's match, or let it remove the whole listener.",
    example: &[
        "  EnvoyFilter  configPatches[0].applyTo: FILTER_CHAIN",
        "  EnvoyFilter  configPatches[0].patch.operation: REMOVE",
        "+ EnvoyFilter  configPatches[0].match.listener.portNumber: 15443",
    ],
    also: &["ENVOYFILTER-REMOVE", "ENVOY-NACK"],
    source: "envoy source/common/listener_manager/listener_impl.cc; pilot/pkg/networking/core/envoyfilter/listener_patch.go:ApplyListenerPatches",
};
