//! GW-DST-EMPTY-HOST: this destination has no host.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-EMPTY-HOST",
    title: "this destination has no host",
    severity: Severity::Error,
    what: "The route leads to a cluster named UnknownService, which no Envoy has. TCP connections are accepted and closed; HTTP fails.",
    when: "The destination's host is empty. That comes from a route of the Gateway API whose backendRef is not valid, such as one of an unknown kind or one without a ReferenceGrant.",
    why: "istiod keeps the rule, so that its share of the traffic fails rather than moves to other backends.",
    seen: &[
        "in Envoy: a route to the cluster UnknownService",
        "on the route's status: ResolvedRefs=False, with the reason",
    ],
    fix: "Correct the backendRef, or grant the reference.",
    example: &[
        "- TCPRoute  rules[0].backendRefs[0].kind: Deployment",
        "+ TCPRoute  rules[0].backendRefs[0].kind: Service",
    ],
    also: &["GW-DST-UNKNOWN-HOST"],
    source: "pilot/pkg/networking/core/route/route.go:GetDestinationCluster",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    Some(Told::at(
        tale.object()?.id,
        tale.step()?.field().key("host"),
        "no host",
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    with_host(tale, wish).into_iter().collect()
}

fn with_host(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    let chosen = build::choose_for_destination(tale, wish)?;
    let candidate = build::lead_to(tale, &chosen.to)?;
    Some(chosen.on(candidate))
}
