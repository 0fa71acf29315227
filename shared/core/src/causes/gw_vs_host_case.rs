//! GW-VS-HOST-CASE: these hosts differ in letter case.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::predict::hosts;
use crate::snapshot::{Change, FieldPath};

pub(super) static PAGE: Page = Page {
    code: "GW-VS-HOST-CASE",
    title: "these hosts differ in letter case",
    severity: Severity::Error,
    what: "The VirtualService is ignored for this server, as if it had another host.",
    when: "An entry of spec.hosts would overlap one of servers[].hosts if both were in lower case.",
    why: "DNS names ignore case, but istiod compares these texts byte by byte, and turns them to lower case only afterwards. The webhook accepts capitals.",
    seen: &[
        "in istiod's log, for TCP:",
        "  gateway NS/NAME:N listener missed network filter",
        "in istiod's log, for HTTP:",
        "  constructed http route config for route R on port N with no vhosts; Setting up a default 404 vhost",
    ],
    fix: "Write hosts in lower case in both objects.",
    example: &[
        "  Gateway         servers[0].hosts: [shop.example.com]",
        "- VirtualService  hosts: [Shop.example.com]",
        "+ VirtualService  hosts: [shop.example.com]",
    ],
    also: &[
        "GW-VS-HOST-MISMATCH",
        "GW-VS-HOST-SHORT",
        "ENVOY-FC-OVERLAP",
    ],
    source: "pkg/config/host/name.go:Name.Matches",
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

    let told = Told::at(
        object.id,
        field,
        "differs from the server's host in letter case",
    )
    .value(hosts.join(", "));
    Some(told.beside(gateway, servers, "letter case counts"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    lower_case(tale).into_iter().collect()
}

/// Lower case on both sides, where it is not; the Gateway stays as it is when its host is in lower case.
fn lower_case(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let spec = tale.virtual_service()?;
    let bare = |host: &str| host.rsplit('/').next().unwrap_or(host).to_lowercase();
    let servers = || server.view.hosts.iter().enumerate();
    let (own, other) = spec.hosts.iter().enumerate().find_map(|own| {
        servers()
            .find(|(_, other)| hosts::overlap(&own.1.to_lowercase(), &bare(other)))
            .map(|other| (own, other))
    })?;
    let mut changes = Vec::new();
    let mut lower = |object, list: FieldPath, (n, host): (usize, &String)| {
        if *host != host.to_lowercase() {
            let operations = vec![build::replace(&list.index(n), host.to_lowercase())];
            changes.push(Change::Patch { object, operations });
        }
    };
    lower(vs.id, build::spec().key("hosts"), own);
    lower(server.gateway.id, server.path().key("hosts"), other);
    Some(Candidate::new("write the host in lower case", changes))
}
