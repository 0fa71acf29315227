//! SC-CIDR-STEALS-HTTP: a network takes an HTTP service's address.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-CIDR-STEALS-HTTP",
    title: "a network takes an HTTP service's address",
    severity: Severity::Error,
    what: "Requests to the HTTP service go where the ServiceEntry with the network leads, as bytes: without its routes, retries and metrics.",
    when: "A ServiceEntry has a network that holds the address of an HTTP service, and a TCP port of the same number.",
    why: "HTTP services have no listener for their address, they share 0.0.0.0, and there a network is a chain as well. Envoy looks at the address before it looks whether the bytes are HTTP, and never comes back.",
    seen: &[
        "in Envoy's access log: requests to the service are TCP lines with the ServiceEntry's cluster",
        "in Envoy: istioctl proxy-config listeners POD --port PORT shows Addr: NETWORK beside the HTTP chain",
    ],
    fix: "Take the addresses of the cluster's Services out of the network, give the ServiceEntry another port, or keep it from these clients by exportTo.",
    example: &[
        "  Service       clusterIP: 10.96.0.7; port: 8080, name: http",
        "- ServiceEntry  addresses: [10.0.0.0/8]; port 8080 TCP",
        "+ ServiceEntry  addresses: [10.20.0.0/16]; port 8080 TCP",
    ],
    also: &["SC-CIDR", "SC-WILD-HTTP"],
    source: "pilot/pkg/networking/core/listener.go:filterChainOpts.toFilterChainMatch",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which part of the network is meant its owner knows"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Network {
        address, service, ..
    } = tale.symptom
    else {
        return None;
    };
    let name = service.map(|id| tale.name_of(id)).unwrap_or_default();
    sidecar::network(tale, &format!("holds {address}, which is {name}"))
}
