//! GW-HTTP-REDIRECT: this port only redirects to HTTPS.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-REDIRECT",
    title: "this port only redirects to HTTPS",
    severity: Severity::Info,
    what: "Every request gets 301 to https, also for hosts of the server without a VirtualService.",
    when: "servers[].tls.httpsRedirect is true on an HTTP server.",
    why: "istiod marks each virtual host of the server with require_tls, and Envoy answers before it looks at the routes.",
    seen: &["in Envoy: require_tls: ALL in the route's virtual hosts"],
    fix: "Nothing to change if clients shall use HTTPS. To serve HTTP, remove httpsRedirect.",
    example: &[
        "  Gateway  servers[0].port: 80 HTTP",
        "- Gateway  servers[0].tls.httpsRedirect: true",
    ],
    also: &["GW-HTTP-REDIRECT-NSHOST", "GW-SRV-DUP-HOST"],
    source: "pilot/pkg/networking/core/gateway.go:ConfigGeneratorImpl.buildGatewayHTTPRouteConfig",
};
