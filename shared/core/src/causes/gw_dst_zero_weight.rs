//! GW-DST-ZERO-WEIGHT: a destination with weight 0 is left out.

use super::{Cause, Fixes, Page, Severity, Tale, Told};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-ZERO-WEIGHT",
    title: "a destination with weight 0 is left out",
    severity: Severity::Info,
    what: "The destination gets no connection and is not in Envoy's list.",
    when: "The rule has two or more destinations and route[].weight of this one is 0 or missing. A single destination gets everything, whatever its weight.",
    why: "istiod writes only weights above 0 into the list of clusters. Their sum need not be 100; Envoy takes shares of the sum.",
    seen: &["in Envoy: the cluster is missing in weighted_clusters of the tcp_proxy"],
    fix: "Nothing to change if it shall rest. Otherwise give it a weight.",
    example: &[
        "  VirtualService  tcp[0].route[0].weight: 100",
        "- VirtualService  tcp[0].route[1].weight: 0",
        "+ VirtualService  tcp[0].route[1].weight: 20",
    ],
    also: &["GW-TCP-ZERO-SUM"],
    source: "pilot/pkg/networking/core/networkfilter.go:ListenerBuilder.buildOutboundNetworkFiltersWithWeightedClusters",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("nothing is broken"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    Some(Told::at(
        tale.object()?.id,
        tale.step()?.field(),
        "weight 0: gets no connection",
    ))
}
