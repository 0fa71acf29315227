//! GW-SRV-HOST-PANIC: these hosts make istiod crash.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::Reason;
use crate::snapshot::FieldPath;

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

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::Reason(Reason::HostListPanics { host }) = tale.symptom else {
        return None;
    };
    let written = tale.server_view()?.hosts.get(*host)?;
    let field = FieldPath::of(&format!("spec.servers[{index}].hosts[{host}]"));
    Some(Told::at(gateway, field, "behind `*/*`: istiod panics here").value(written))
}
