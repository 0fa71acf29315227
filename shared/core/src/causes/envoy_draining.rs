//! ENVOY-DRAINING: Envoy is closing this listener.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-DRAINING",
    title: "Envoy is closing this listener",
    severity: Severity::Error,
    what: "Open connections stay until the drain time ends, new ones are refused.",
    when: "istiod has just removed the listener, and nothing stands in its place.",
    why: "Envoy stops to listen at once, and closes what is open only when the drain time is over (45 seconds in Istio unless it is set).",
    seen: &[
        "in Envoy's /config_dump?resource=dynamic_listeners: draining_state, without active_state",
        "in Envoy's stats, above 0: listener_manager.total_listeners_draining",
    ],
    fix: "If the listener should be there, ask again in a minute: what the objects say now is on its way.",
    example: &[
        "- Gateway  servers: [] (as it was sent)",
        "+ Gateway  servers[0].port.number: 9000 (as it is stored)",
    ],
    also: &["ENVOY-OLD-CONFIG", "GW-PROXY-NOT-CONNECTED"],
    source: "envoy source/common/listener_manager/listener_manager_impl.cc; pkg/config/mesh/mesh.go:DefaultProxyConfig",
};
