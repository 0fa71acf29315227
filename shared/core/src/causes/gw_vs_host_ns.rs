//! GW-VS-HOST-NS: the Gateway admits another namespace only.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Reason;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-VS-HOST-NS",
    title: "the Gateway admits another namespace only",
    severity: Severity::Error,
    what: "The VirtualService is ignored for this host of the server, although the names fit.",
    when: "The fitting entry of servers[].hosts is NS/HOST, and the VirtualService is in another namespace. `./HOST` means the Gateway's namespace, `*/HOST` and plain HOST mean every one.",
    why: "The part before the slash says from which namespace VirtualServices may attach, so that one team cannot take the host of another.",
    seen: &[
        "in istiod's log, for TCP:",
        "  gateway NS/NAME:N listener missed network filter",
        "in istiod's log, for HTTP:",
        "  constructed http route config for route R on port N with no vhosts; Setting up a default 404 vhost",
    ],
    fix: "Write the VirtualService's namespace, or `*`, before the slash, or move the VirtualService.",
    example: &[
        "  VirtualService  metadata.namespace: shop",
        "- Gateway         servers[0].hosts: [./shop.example.com]",
        "+ Gateway         servers[0].hosts: [shop/shop.example.com]",
    ],
    also: &["GW-VS-HOST-MISMATCH", "GW-VS-HOST-CASE"],
    source: "pilot/pkg/networking/core/gateway.go:pickMatchingGatewayHosts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::Reason(Reason::HostNamespace { host }) = tale.symptom else {
        return None;
    };
    let written = tale.server_view()?.hosts.get(*host)?;
    let namespace = &tale.object()?.key.namespace;
    let label = format!(
        "lets in VirtualServices of {} only, not of {namespace}",
        written.split('/').next()?
    );
    let told = Told::at(
        gateway,
        FieldPath::of(&format!("spec.servers[{index}].hosts[{host}]")),
        label,
    )
    .value(written);
    Some(told.beside(
        tale.object()?.id,
        FieldPath::of("metadata.namespace"),
        "the namespace that counts",
    ))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let_in(tale).into_iter().collect()
}

fn let_in(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let Symptom::Reason(Reason::HostNamespace { host }) = tale.symptom else {
        return None;
    };
    let written = server.view.hosts.get(*host)?;
    let name = written.rsplit('/').next()?;
    let value = format!("{}/{name}", vs.key.namespace);
    let list = server.path().key("hosts");
    let operation = build::append(&list, server.view.hosts.len(), value);
    let title = format!("let in VirtualServices of {} too", vs.key.namespace);
    Some(build::patch(title, server.gateway.id, vec![operation]))
}
