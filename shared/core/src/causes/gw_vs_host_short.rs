//! GW-VS-HOST-SHORT: a host without a dot gets a domain.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::predict::hosts;
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
    fixes: Fixes::By(fixes),
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
    let resolved = hosts::resolve_short_name(short, &object.key.namespace, &tale.store.mesh.domain);
    let told = Told::at(object.id, field, format!("means {resolved}")).value(hosts.join(", "));
    Some(told.beside(gateway, servers, "the server's hosts"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    servers_host(tale).into_iter().collect()
}

/// The server's host, instead of the short one when only gateways read it.
fn servers_host(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let spec = tale.virtual_service()?;
    let host = server.hosts_for(&vs.key.namespace).into_iter().next()?;
    let list = build::spec().key("hosts");
    let for_sidecars = spec.gateways.iter().any(|g| g == hosts::MESH);
    let (title, operation) = match spec.hosts.as_slice() {
        [_] if !for_sidecars => (
            "write the server's host",
            build::replace(&list.index(0), host),
        ),
        several => (
            "add the server's host",
            build::append(&list, several.len(), host),
        ),
    };
    Some(build::patch(title, vs.id, vec![operation]))
}
