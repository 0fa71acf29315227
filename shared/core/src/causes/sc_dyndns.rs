//! SC-DYNDNS: no cluster for this DYNAMIC_DNS protocol.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-DYNDNS",
    title: "no cluster for this DYNAMIC_DNS protocol",
    severity: Severity::Error,
    what: "The port has a listener and no cluster: connections are accepted and closed.",
    when: "A ServiceEntry with resolution DYNAMIC_DNS has a port that is not HTTP, HTTP2, GRPC or TLS. The webhook refuses it, so it was stored while that was off.",
    why: "Envoy asks DNS for the Host or the server name of each connection. istiod builds that cluster for HTTP, HTTP2, GRPC and TLS alone; HTTPS is not among them.",
    seen: &[
        "in Envoy's access log: the flag NC",
        "in Envoy: istioctl proxy-config clusters POD lacks the host's port",
    ],
    fix: "Declare the protocol as TLS where clients speak it, or name the hosts and use resolution DNS.",
    example: &[
        "- ServiceEntry  resolution: DYNAMIC_DNS; port 5432 TCP",
        "+ ServiceEntry  resolution: DYNAMIC_DNS; port 5432 TLS",
    ],
    also: &["GW-DST-PORT-ABSENT", "VAL-SE"],
    source: "pilot/pkg/networking/core/cluster.go:ConfigGeneratorImpl.buildOutboundClusters",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("only who runs the clients knows whether they speak TLS or HTTP"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "neither HTTP, HTTP2, GRPC nor TLS")
}
