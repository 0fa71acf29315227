//! SC-CAP-OUT-IP-INCL: only other addresses go to Envoy.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-CAP-OUT-IP-INCL",
    title: "only other addresses go to Envoy",
    severity: Severity::Warning,
    what: "The connection leaves the pod as the application makes it: no listener, no mutual TLS, no access log.",
    when: "The annotation traffic.sidecar.istio.io/includeOutboundIPRanges of the pod is not *, no network of it holds the address, and includeOutboundPorts does not have the port.",
    why: "With networks given, only what lies in them is redirected. An empty text redirects nothing by address.",
    seen: &[
        "in the pod: iptables-save -t nat shows the networks with ISTIO_REDIRECT in ISTIO_OUTPUT",
    ],
    fix: "Add the address to the annotation, and make the pod anew.",
    example: &[
        "- Pod  …/includeOutboundIPRanges: 10.96.0.0/12",
        "+ Pod  …/includeOutboundIPRanges: *",
    ],
    also: &["SC-CAP-OUT-PORT-EXCL", "SC-CAP-OUT-IP-EXCL"],
    source: "tools/istio-iptables/pkg/capture/run.go:IptablesConfigurator.handleOutboundIncludeRules",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "the address is not in it")
}

/// The address, added to the annotation: of other connections none is redirected by it.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Uncaptured {
        address: Some(address),
        ..
    } = tale.symptom
    else {
        return Vec::new();
    };
    sidecar::longer(tale, address).into_iter().collect()
}
