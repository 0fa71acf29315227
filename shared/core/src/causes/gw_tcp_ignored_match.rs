//! GW-TCP-IGNORED-MATCH: a gateway ignores parts of this match.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-TCP-IGNORED-MATCH",
    title: "a gateway ignores parts of this match",
    severity: Severity::Warning,
    what: "The rule applies to every client of the port, not only to the ones it describes.",
    when: "tcp[].match[] or tls[].match[] has destinationSubnets, sourceLabels or sourceNamespace, and the rule is used by a gateway.",
    why: "Of such a match, gateways read only port, gateways and, for tls, sniHosts. The rest describes sidecars and their clients.",
    seen: &[
        "in Envoy: the chain has no source and no address in its match",
        "nothing in istiod's log",
    ],
    fix: "Remove the fields, and restrict clients with an AuthorizationPolicy instead.",
    example: &[
        "- VirtualService       tcp[0].match[0].sourceNamespace: shop",
        "+ AuthorizationPolicy  rules[0].from[0].source.ipBlocks: [10.1.0.0/16]",
    ],
    also: &["GW-TCP-SHADOWED", "GW-TCP-GW-MATCH"],
    source: "pilot/pkg/networking/core/gateway.go:l4SingleMatch",
};
