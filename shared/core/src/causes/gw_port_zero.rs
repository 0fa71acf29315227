//! GW-PORT-ZERO: this server is on a Unix socket.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-PORT-ZERO",
    title: "this server is on a Unix socket",
    severity: Severity::Info,
    what: "The listener is on a Unix domain socket in the pod. It has no port, and nothing outside the pod reaches it.",
    when: "servers[].bind begins with `unix://`; servers[].port.number is then 0.",
    why: "Istio takes such a bind as a socket path, and the webhook refuses any number but 0 with it.",
    seen: &["in Envoy: a listener named unix://PATH_0"],
    fix: "For a network port, remove bind and write a number.",
    example: &[
        "- Gateway  servers[0].bind: unix:///var/run/gw.sock",
        "- Gateway  servers[0].port.number: 0",
        "+ Gateway  servers[0].port.number: 31400",
    ],
    also: &["GW-BIND-SPECIFIC", "GW-PORT-NOT-DECLARED"],
    source: "pkg/config/validation/validation.go:validateServerBind",
};
