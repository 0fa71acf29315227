//! GW-VS-MESH-ONLY: this VirtualService is for sidecars only.

use serde_json::json;

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::predict::hosts;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-VS-MESH-ONLY",
    title: "this VirtualService is for sidecars only",
    severity: Severity::Error,
    what: "The VirtualService changes the way of connections from sidecars. No gateway uses it.",
    when: "spec.gateways is missing, empty, or holds only `mesh`.",
    why: "A missing list means `mesh`, a reserved word for all sidecars. A Gateway has to be named to count.",
    seen: &[
        "in istiod's log, if no other VirtualService names the Gateway:",
        "  no virtual service bound to gateway: NS/NAME",
    ],
    fix: "Name the Gateway in spec.gateways, and keep `mesh` in the list if sidecars shall follow the rules too.",
    example: &[
        "- VirtualService  gateways: [mesh]",
        "+ VirtualService  gateways: [mesh, istio-ingress/public]",
    ],
    also: &["GW-VS-NONE", "GW-VS-GWNAME", "GW-TCP-GW-MATCH"],
    source: "pilot/pkg/model/push_context.go:getGatewayNames",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let (field, label) = if tale.virtual_service()?.gateways.is_empty() {
        ("spec", "no `gateways`: for sidecars only")
    } else {
        ("spec.gateways", "`mesh` means the sidecars, no gateway")
    };
    Some(Told::at(object.id, FieldPath::of(field), label))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    name_gateway(tale).unwrap_or_default()
}

/// Names the Gateways that have a server for the port and no route.
fn name_gateway(tale: &Tale<'_, '_>) -> Option<Vec<Candidate>> {
    let vs = tale.object()?;
    let spec = tale.virtual_service()?;
    let field = build::spec().key("gateways");
    let any_host = spec.hosts.iter().any(|h| h == "*");
    let candidate = |server: &Server<'_>| {
        let name = build::gateway_name(server.gateway, &vs.key.namespace);
        let operation = match spec.gateways.len() {
            // Absent means the sidecars; but those may not have a bare `*`.
            0 if any_host => build::add(&field, json!([name])),
            0 => build::add(&field, json!([hosts::MESH, name])),
            several => build::append(&field, several, name),
        };
        build::patch("name the Gateway", vs.id, vec![operation])
    };
    let mut servers = build::servers_without_route(tale, &spec.hosts, &vs.key.namespace);
    let mut seen = Vec::new();
    servers.retain(|s| {
        let new = !seen.contains(&s.gateway.id);
        seen.push(s.gateway.id);
        new
    });
    Some(servers.iter().take(build::WAYS).map(candidate).collect())
}
