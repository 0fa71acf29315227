//! ENVOY-NACK: Envoy refuses this listener.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-NACK",
    title: "Envoy refuses this listener",
    severity: Severity::Error,
    what: "The listener that istiod sent is not there. The other listeners of the same update are applied.",
    when: "Envoy cannot bind the address, the filter chains contradict each other, or a filter's configuration is not valid. Envoy's own text says which; most of these have a page of their own.",
    why: "Envoy checks each listener by itself when it arrives, and answers istiod with the text of what it did not take. istiod logs it and sends the listener again only when it changes.",
    seen: &[
        "in Envoy's /config_dump?resource=dynamic_listeners: error_state.details of the listener",
        "in Envoy's stats, rising: listener_manager.lds.update_rejected",
        "in istiod's metrics: pilot_xds_lds_reject",
    ],
    fix: "Change what Envoy's text names. Where an EnvoyFilter made it, change that one.",
    example: &[
        "  EnvoyFilter  configPatches[0].applyTo: NETWORK_FILTER",
        "- EnvoyFilter  configPatches[0].patch.value: what Envoy does not know",
        "+ EnvoyFilter  configPatches[0].patch.value: a filter of this Envoy",
    ],
    also: &["ENVOY-BIND-INUSE", "ENVOY-FC-OVERLAP", "ENVOY-OLD-CONFIG"],
    source: "pilot/pkg/xds/delta.go:shouldRespondDelta; envoy source/common/listener_manager/lds_api.cc",
};
