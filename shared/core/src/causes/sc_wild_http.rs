//! SC-WILD-HTTP: an HTTP port takes every address.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-WILD-HTTP",
    title: "an HTTP port takes every address",
    severity: Severity::Info,
    what: "A connection to an address without a listener of its own comes to the listener of HTTP services: requests are routed by their Host, and all that is not HTTP takes the listener's last chain.",
    when: "Some service that the proxy knows has an HTTP port of this number, in whatever namespace.",
    why: "HTTP services need no address: istiod builds one listener on 0.0.0.0 for all of a port, and finds the service by the Host header. Its last chain, and its last virtual host, do what the outbound traffic policy says about undeclared destinations.",
    seen: &[
        "in Envoy: istioctl proxy-config listeners POD --port PORT shows 0.0.0.0",
        "in Envoy's access log: the listener's address is 0.0.0.0_PORT and the cluster PassthroughCluster, BlackHoleCluster, or that of the Host",
    ],
    fix: "Nothing, or declare the destination, so that the address or the Host is known: a ServiceEntry with its addresses, or a headless Service for pods.",
    example: &[
        "  Service       port: 8080, name: http",
        "+ ServiceEntry  addresses: [192.0.2.10]; port 8080 TCP",
    ],
    also: &["SC-HTTP-HOST", "SC-WILD-SE", "SC-E-PASSTHROUGH"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("an HTTP port routes nothing but HTTP"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::SharedHttp { own } = tale.symptom else {
        return None;
    };
    let label = if own {
        "routes plaintext HTTP, and nothing else".to_owned()
    } else {
        format!("takes {} of every address without a listener", tale.port)
    };
    sidecar::told(tale, &label)
}
