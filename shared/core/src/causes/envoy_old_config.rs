//! ENVOY-OLD-CONFIG: Envoy kept an older listener.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-OLD-CONFIG",
    title: "Envoy kept an older listener",
    severity: Severity::Error,
    what: "Connections go on as before the last change, as if it had not been made.",
    when: "istiod sent a new version of a listener, and Envoy refused it or still waits for a part of it.",
    why: "Envoy puts a new listener in the place of the old one only when it is whole. Until then, and after a refusal for good, the old one takes the connections.",
    seen: &[
        "in Envoy's /config_dump?resource=dynamic_listeners: active_state beside error_state or warming_state under one name",
        "in istioctl proxy-status: LDS is STALE",
    ],
    fix: "Change what Envoy's text names; the listener is sent again with the next change of it.",
    example: &[
        "  Gateway         servers[0].port.number: 9000",
        "- VirtualService  tls[0].match[0].sniHosts: [a.com, a.com]",
        "+ VirtualService  tls[0].match[0].sniHosts: [a.com]",
    ],
    also: &["ENVOY-NACK", "ENVOY-WARMING"],
    source: "envoy source/common/listener_manager/listener_manager_impl.cc",
};
