//! SC-CAP-OUT-IP-EXCL: this address is kept from Envoy.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::predict::Network;

pub(super) static PAGE: Page = Page {
    code: "SC-CAP-OUT-IP-EXCL",
    title: "this address is kept from Envoy",
    severity: Severity::Warning,
    what: "The connection leaves the pod as the application makes it: no listener, no mutual TLS, no access log.",
    when: "The address lies in a network of the annotation traffic.sidecar.istio.io/excludeOutboundIPRanges of the pod.",
    why: "Networks that are left out are asked before those that are taken in.",
    seen: &["in the pod: iptables-save -t nat shows the network with RETURN in ISTIO_OUTPUT"],
    fix: "Take the network out of the annotation, and make the pod anew.",
    example: &[
        "- Pod  …/excludeOutboundIPRanges: 10.0.0.0/8",
        "+ Pod  (without this annotation)",
    ],
    also: &["SC-CAP-OUT-PORT-EXCL", "SC-CAP-OUT-IP-INCL"],
    source: "tools/istio-iptables/pkg/capture/run.go:IptablesConfigurator.Run",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "this network goes past Envoy")
}

/// The networks that hold the address, taken out of the annotation.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Uncaptured {
        address: Some(address),
        ..
    } = tale.symptom
    else {
        return Vec::new();
    };
    let other = |item: &str| {
        let network = item.parse::<Network>();
        !network.is_ok_and(|n| n.holds(address))
    };
    sidecar::shorter(tale, &format!("redirect {address} again"), other)
}
