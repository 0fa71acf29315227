//! GW-HTTP-NO-VS: this HTTP port has no routes.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-NO-VS",
    title: "this HTTP port has no routes",
    severity: Severity::Error,
    what: "The listener exists; every request gets 404. Plain TCP checks show the port open.",
    when: "No VirtualService with http rules that the pod may see fits any server of the HTTP listener, or the one HTTPS server, by Gateway name and host.",
    why: "An HTTP listener is built without routes and asks for them by name. If there are none, istiod answers with a virtual host `blackhole` for all hosts, without routes.",
    seen: &[
        "in istiod's log:",
        "  constructed http route config for route R on port N with no vhosts; Setting up a default 404 vhost",
        "in Envoy: a virtual host named blackhole:N; in its access log the flag NR",
    ],
    fix: "Create a VirtualService with http rules that names the Gateway and a host of the server.",
    example: &[
        r#"  Gateway         istio-ingress/public  servers[0].hosts: ["*.a.com"]"#,
        "+ VirtualService  gateways: [istio-ingress/public]",
        "+ VirtualService  hosts: [www.a.com]",
        "+ VirtualService  http[0].route[0].destination.host: www",
    ],
    also: &[
        "GW-HTTP-HOST-NO-VHOST",
        "GW-HTTP-L4-ONLY-VS",
        "GW-HTTP-ALL-ROUTES-FILTERED",
        "GW-VS-NONE",
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
    Some(
        Told::at(
            gateway,
            Tale::number_field(index),
            "listens, and answers 404",
        )
        .value(tale.port),
    )
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    let server = Server::of(tale);
    server
        .and_then(|server| build::virtual_service(tale, wish, &server))
        .into_iter()
        .collect()
}
