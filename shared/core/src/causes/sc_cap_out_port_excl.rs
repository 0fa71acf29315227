//! SC-CAP-OUT-PORT-EXCL: this port is not redirected to Envoy.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-CAP-OUT-PORT-EXCL",
    title: "this port is not redirected to Envoy",
    severity: Severity::Warning,
    what: "The connection leaves the pod as the application makes it: no listener, no mutual TLS, no access log.",
    when: "The port is in the annotation traffic.sidecar.istio.io/excludeOutboundPorts of the pod.",
    why: "The rule for such ports is the first of those that redirect what leaves the pod: nothing behind it is asked.",
    seen: &[
        "in the pod: iptables-save -t nat shows the port with RETURN in ISTIO_OUTPUT",
        "in Envoy's access log: nothing",
    ],
    fix: "Take the port out of the annotation, and make the pod anew.",
    example: &[
        "- Pod  …/excludeOutboundPorts: 5701",
        "+ Pod  (without this annotation)",
    ],
    also: &["SC-CAP-OUT-IP-EXCL", "SC-CAP-OUT-IP-INCL"],
    source: "tools/istio-iptables/pkg/capture/run.go:IptablesConfigurator.Run",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "this port goes past Envoy")
}

/// The port, taken out of the annotation.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let other = |item: &str| item.parse() != Ok(tale.port);
    sidecar::shorter(tale, &format!("redirect {} again", tale.port), other)
}
