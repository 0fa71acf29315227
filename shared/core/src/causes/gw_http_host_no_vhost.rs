//! GW-HTTP-HOST-NO-VHOST: no virtual host answers this Host.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-HOST-NO-VHOST",
    title: "no virtual host answers this Host",
    severity: Severity::Error,
    what: "Requests with this Host header get 404; other hosts on the port work.",
    when: "The route has virtual hosts, and none has the request's host as a domain, whole or under a wildcard.",
    why: "istiod makes virtual hosts only from hosts that both a server and a VirtualService have. Envoy looks the Host header up among them, without its port, and answers 404 if nothing fits.",
    seen: &[
        "in Envoy: the domains of virtual_hosts in the route's config_dump",
        "in Envoy's access log: 404 and the flag NR",
    ],
    fix: "Add the host to a VirtualService, and to the server's hosts if it is missing there.",
    example: &[
        r#"  Gateway         servers[0].hosts: ["*.a.com"]"#,
        "- VirtualService  hosts: [www.a.com]",
        "+ VirtualService  hosts: [www.a.com, api.a.com]",
    ],
    also: &[
        "GW-HTTP-NO-VS",
        "GW-VS-HOST-MISMATCH",
        "GW-HTTP-ALL-ROUTES-FILTERED",
    ],
    source: "pilot/pkg/networking/core/gateway.go:ConfigGeneratorImpl.buildGatewayHTTPRouteConfig",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::NoVirtualHost { host } = tale.symptom else {
        return None;
    };
    let field = FieldPath::of(&format!("spec.servers[{index}].hosts"));
    Some(Told::at(
        gateway,
        field,
        format!("no VirtualService answers {host} here"),
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    let Symptom::NoVirtualHost { host } = tale.symptom else {
        return Vec::new();
    };
    Server::of(tale)
        .and_then(|server| build::take_host(tale, wish, &server, host))
        .into_iter()
        .collect()
}
