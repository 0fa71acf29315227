//! SC-CIDR: a network takes the address.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-CIDR",
    title: "a network takes the address",
    severity: Severity::Error,
    what: "The connection goes where the ServiceEntry with the network leads, and not where it was meant to.",
    when: "A ServiceEntry has a network for an address, and what is dialled lies in it and has no listener of its own, such as a pod.",
    why: "A network is a filter chain of the listener on 0.0.0.0, which takes every address that has no listener of its own. Of several networks Envoy takes the longest, and never comes back to another chain.",
    seen: &[
        "in Envoy: istioctl proxy-config listeners POD --port PORT shows Addr: NETWORK",
        "in Envoy's access log: the cluster is the ServiceEntry's, and the address that was dialled another one",
    ],
    fix: "Keep the network to the addresses that are meant, or give the destination a listener of its own: a headless Service has one for each pod.",
    example: &[
        "- ServiceEntry  addresses: [10.0.0.0/8]",
        "+ ServiceEntry  addresses: [10.20.0.0/16]",
    ],
    also: &["SC-CIDR-STEALS-HTTP", "SC-WILD-SE", "SC-PODIP-DIRECT"],
    source: "pilot/pkg/networking/core/listener.go:filterChainOpts.toFilterChainMatch",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Network { address, .. } = tale.symptom else {
        return None;
    };
    sidecar::network(tale, &format!("{address} lies in it"))
}

/// What is dialled gets listeners of its own; whose network it is stays as it is.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Network { services, .. } = tale.symptom else {
        return Vec::new();
    };
    sidecar::headless(tale, services)
}
