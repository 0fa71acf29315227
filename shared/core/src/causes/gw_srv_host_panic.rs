//! GW-SRV-HOST-PANIC: these hosts make istiod crash.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-HOST-PANIC",
    title: "these hosts make istiod crash",
    severity: Severity::Error,
    what: "istiod panics as soon as it computes a gateway pod that the Gateway selects, and again after each restart. No proxy of the mesh gets new configuration.",
    when: "hosts[] of a server has `*/*`, and a later entry begins with `*/` or `./`. The webhook accepts that.",
    why: "At `*/*` istiod shortens the list of hosts to one entry, but goes on through the old list and writes a later entry into the short one, past its end.",
    seen: &[
        "in istiod's log, before it restarts:",
        "  panic: runtime error: index out of range",
        "  a stack with sanitizeServerHostNamespace",
    ],
    fix: "Remove the entries behind `*/*`; it covers them all.",
    example: &[
        r#"- Gateway  servers[0].hosts: ["*/*", "*/a.com"]"#,
        r#"+ Gateway  servers[0].hosts: ["*/*"]"#,
    ],
    also: &["GW-TCP-ZERO-SUM"],
    source: "pilot/pkg/model/gateway.go:sanitizeServerHostNamespace",
};
