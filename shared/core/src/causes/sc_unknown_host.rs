//! SC-UNKNOWN-HOST: nobody declared this destination.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-UNKNOWN-HOST",
    title: "nobody declared this destination",
    severity: Severity::Error,
    what: "The connection ends in Envoy: bytes are closed, HTTP is answered 502.",
    when: "No Service or ServiceEntry has the name or the address, and the outbound traffic policy is REGISTRY_ONLY.",
    why: "Under REGISTRY_ONLY what no listener takes goes to BlackHoleCluster, and a Host that no virtual host has to block_all.",
    seen: &[
        "in Envoy's access log: BlackHoleCluster with the flag UH",
        "or the status 502 with route block_all",
    ],
    fix: "Declare it: a ServiceEntry with its hosts, and addresses or TLS where it is not HTTP.",
    example: &[
        "  Sidecar       outboundTrafficPolicy: {mode: REGISTRY_ONLY}",
        "+ ServiceEntry  hosts: [api.example.com]; port 443 TLS; resolution DNS",
    ],
    also: &["SC-E-BLACKHOLE", "SC-EXTERNALNAME-ALIAS"],
    source: "pilot/pkg/networking/core/listener_builder.go:buildOutboundCatchAllNetworkFiltersOnly",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::UnknownDestination { host, policy } = tale.symptom else {
        return None;
    };
    let (object, field) = policy?;
    let label = format!("{host}:{} is not declared, so it is not let out", tale.port);
    Some(Told::at(object, FieldPath::of(field), label))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::UnknownDestination { host, .. } = tale.symptom else {
        return Vec::new();
    };
    sidecar::declare(tale, host).into_iter().collect()
}
