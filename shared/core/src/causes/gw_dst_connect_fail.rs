//! GW-DST-CONNECT-FAIL: this endpoint refuses connections.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-CONNECT-FAIL",
    title: "this endpoint refuses connections",
    severity: Severity::Error,
    what: "The gateway accepts the connection and closes it when its own to the endpoint fails; HTTP gets 503.",
    when: "Envoy has endpoints and cannot connect: nothing listens on the targetPort, a NetworkPolicy or firewall is in between, or one side uses mTLS and the other does not (DestinationRule tls.mode against PeerAuthentication).",
    why: "istiod sends the address that Kubernetes names. Whether something answers there only Envoy finds out.",
    seen: &[
        "in Envoy's stats, rising: cluster.NAME.upstream_cx_connect_fail",
        "in Envoy's stats, for mTLS: cluster.NAME.ssl.connection_error, cluster.NAME.ssl.fail_verify_error",
        "in Envoy's access log: the flag UF",
    ],
    fix: "Correct the targetPort, allow the connection, or set the same TLS mode on both sides.",
    example: &[
        "  Container  listens on 9092",
        "- Service    ports[0].targetPort: 9093",
        "+ Service    ports[0].targetPort: 9092",
    ],
    also: &["GW-DST-NO-ENDPOINTS", "GW-DST-PORT-ABSENT"],
    source: "envoy source/common/tcp_proxy/tcp_proxy.cc",
};
