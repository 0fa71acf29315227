//! GW-VS-HOST-MISMATCH: no host fits the Gateway's hosts.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-VS-HOST-MISMATCH",
    title: "no host fits the Gateway's hosts",
    severity: Severity::Error,
    what: "The VirtualService is ignored for this server. A TCP or TLS port with no other route is closed; HTTP answers 404.",
    when: "No entry of the VirtualService's spec.hosts overlaps an entry of servers[].hosts. A `*` at the beginning stands for any text: `*.a.com` overlaps `x.a.com`, not `a.com`.",
    why: "A server serves only its own hosts. istiod checks that for TCP too, although a plain TCP connection carries no host name.",
    seen: &[
        "in istiod's log, for TCP:",
        "  gateway NS/NAME:N listener missed network filter",
        "in istiod's log, for HTTP:",
        "  constructed http route config for route R on port N with no vhosts; Setting up a default 404 vhost",
        "istioctl analyze: IST0132",
    ],
    fix: "Give the VirtualService a host of the server, or widen the server's hosts.",
    example: &[
        r#"  Gateway         servers[0].hosts: ["*.a.com"]"#,
        "- VirtualService  hosts: [a.com]",
        "+ VirtualService  hosts: [www.a.com]",
    ],
    also: &["GW-VS-HOST-NS", "GW-VS-HOST-CASE", "GW-VS-HOST-SHORT"],
    source: "pilot/pkg/networking/core/gateway.go:pickMatchingGatewayHosts",
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

    let told = Told::at(object.id, field, "overlaps no host of the server").value(hosts.join(", "));
    Some(told.beside(gateway, servers, "the server's hosts"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    own_host(tale)
        .into_iter()
        .chain(servers_host(tale))
        .collect()
}

fn own_host(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let host = server.hosts_for(&vs.key.namespace).into_iter().next()?;
    let list = build::spec().key("hosts");
    let written = tale.virtual_service()?.hosts.len();
    let operation = build::append(&list, written, host);
    Some(build::patch(
        "add the server's host",
        vs.id,
        vec![operation],
    ))
}

/// The other way round: lets the Gateway have the route's host.
fn servers_host(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let server = Server::of(tale)?;
    let mut written = tale.virtual_service()?.hosts.iter();
    let host = written.find(|h| h.contains('.'))?;
    let list = server.path().key("hosts");
    let operation = build::append(&list, server.view.hosts.len(), host.as_str());
    let title = "add the VirtualService's host to the server";
    Some(build::patch(title, server.gateway.id, vec![operation]))
}
