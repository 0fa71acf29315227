//! GW-SRV-HOST-PANIC: these hosts make istiod crash.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
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
    fixes: Fixes::By(fixes),
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

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    without_redundant(tale).into_iter().collect()
}

/// Leaves out what istiod fails on: behind `*/*`, which takes every host, it adds nothing.
fn without_redundant(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let server = Server::of(tale)?;
    let hosts = &server.view.hosts;
    let all = hosts.iter().position(|h| h == "*/*")?;
    let operations = hosts
        .iter()
        .enumerate()
        .skip(all + 1)
        .rev()
        .filter(|(_, h)| h.starts_with("*/") || h.starts_with("./"))
        .map(|(n, _)| build::remove(&server.path().key("hosts").index(n)))
        .collect();
    let title = "leave out what `*/*` takes already";
    Some(build::patch(title, server.gateway.id, operations))
}
