//! GW-HTTP-REDIRECT-NSHOST: a host with namespace does not redirect.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-REDIRECT-NSHOST",
    title: "a host with namespace does not redirect",
    severity: Severity::Warning,
    what: "Requests for the host get 404 in place of 301. With a VirtualService for the host the redirect works.",
    when: "The server has httpsRedirect, its host is written NS/HOST or `./HOST`, and no VirtualService supplies the host.",
    why: "For hosts without a VirtualService istiod adds a redirecting virtual host, and takes the text with its namespace as the domain. No Host header is like that.",
    seen: &["in Envoy: a virtual host with `/` in its domain"],
    fix: "Write the host without namespace on the server that redirects.",
    example: &[
        "  Gateway  servers[0].tls.httpsRedirect: true",
        "- Gateway  servers[0].hosts: [shop/a.com]",
        "+ Gateway  servers[0].hosts: [a.com]",
    ],
    also: &["GW-HTTP-REDIRECT", "GW-HTTP-HOST-NO-VHOST"],
    source: "pilot/pkg/networking/core/gateway.go:ConfigGeneratorImpl.buildGatewayHTTPRouteConfig",
};
