//! GW-VS-HOST-SHORT: a host without a dot gets a domain.

use super::{Cause, Fixes, Page, Severity, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-VS-HOST-SHORT",
    title: "a host without a dot gets a domain",
    severity: Severity::Error,
    what: "The VirtualService is ignored for this server: its host became another one.",
    when: "An entry of spec.hosts has no dot and is neither `*` nor an IP address. It is read as HOST.NAMESPACE.svc.cluster.local, with the VirtualService's namespace and the mesh's domain.",
    why: "In a VirtualService a short name means a Service of its namespace. A Gateway's hosts are never lengthened and may not be short, so only a Gateway host such as `*` or `*.local` would fit.",
    seen: &[
        "in istiod's log, for TCP:",
        "  gateway NS/NAME:N listener missed network filter",
        "in istiod's log, for HTTP:",
        "  constructed http route config for route R on port N with no vhosts; Setting up a default 404 vhost",
    ],
    fix: "Write the whole name that clients use.",
    example: &[
        "  Gateway         servers[0].hosts: [shop.example.com]",
        "- VirtualService  hosts: [shop]",
        "+ VirtualService  hosts: [shop.example.com]",
    ],
    also: &["GW-VS-HOST-MISMATCH", "GW-DST-SHORT-NAME"],
    source: "pilot/pkg/model/config.go:ResolveShortnameToFQDN",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let (gateway, index) = tale.server()?;
    let hosts = &tale.virtual_service()?.hosts;
    let field = FieldPath::of("spec.hosts");
    let field = if hosts.len() == 1 {
        field.index(0)
    } else {
        field
    };
    let servers = FieldPath::of(&format!("spec.servers[{index}].hosts"));
    let server_hosts = &tale.server_view()?.hosts;
    let servers = if server_hosts.len() == 1 {
        servers.index(0)
    } else {
        servers
    };

    let short = hosts.iter().find(|h| !h.contains('.'))?;
    let resolved = crate::predict::hosts::resolve_short_name(
        short,
        &object.key.namespace,
        &tale.store.mesh.domain,
    );
    let told = Told::at(object.id, field, format!("means {resolved}")).value(hosts.join(", "));
    Some(told.beside(gateway, servers, "the server's hosts"))
}
