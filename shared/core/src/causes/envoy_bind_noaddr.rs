//! ENVOY-BIND-NOADDR: the pod does not have this address.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::predict::envoy::Refusal;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "ENVOY-BIND-NOADDR",
    title: "the pod does not have this address",
    severity: Severity::Error,
    what: "Envoy refuses the listener; the port stays closed. The other listeners of the same update are applied.",
    when: "servers[].bind is an IP address that no interface of the pod has, such as the address of the load balancer or of the Service.",
    why: "A process can listen only on addresses of its own network namespace. Traffic for the load balancer reaches the pod under the pod's address.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  cannot bind 'IP:P': Cannot assign requested address",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) IP_P: …",
    ],
    fix: "Remove bind.",
    example: &[
        "  Pod      status.podIPs: 10.0.0.7",
        "- Gateway  servers[0].bind: 192.168.96.50",
    ],
    also: &["GW-BIND-SPECIFIC", "GW-BIND-IPFAMILY", "ENVOY-BIND-PERM"],
    source: "envoy source/common/network/listen_socket_impl.cc",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::Refused(Refusal::NoAddress { bind }) = tale.symptom else {
        return None;
    };
    let label = format!("the pod has {}", tale.proxy.ips.join(", "));
    Some(Told::at(gateway, bind_field(index), label).value(bind))
}

/// Without `bind` the listener is on every address of the pod.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let server = tale.server().map(|(gateway, index)| {
        let operation = build::remove(&bind_field(index));
        build::patch(
            "leave bind out, for every address of the pod",
            gateway,
            vec![operation],
        )
    });
    server.into_iter().collect()
}

fn bind_field(index: usize) -> FieldPath {
    FieldPath::of(&format!("spec.servers[{index}].bind"))
}
