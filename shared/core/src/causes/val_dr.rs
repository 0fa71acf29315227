//! VAL-DR: this DestinationRule is refused.

use super::{Cause, Fixes, Page, Severity, admission};

pub(super) static PAGE: Page = Page {
    code: "VAL-DR",
    title: "this DestinationRule is refused",
    severity: Severity::Error,
    what: "The DestinationRule is not stored, so istiod never sees it: its subsets do not exist, and routes to them lead nowhere.",
    when: "spec.host is missing or no host name, a subset has no name, one that is no DNS label, or one that another subset has; or exportTo is refused. What a traffic policy holds is not judged.",
    why: "The name of a subset is part of the name of a cluster, so it is one label, and each subset has its own.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: duplicate subset names: v1"#,
    ],
    fix: "Correct the field.",
    example: &[
        "  DestinationRule  subsets[0].name: v1",
        "- DestinationRule  subsets[1].name: v1",
        "+ DestinationRule  subsets[1].name: v2",
    ],
    also: &["GW-DST-SUBSET", "VAL-DST"],
    source: "pkg/config/validation/validation.go:ValidateDestinationRule",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::None("what was meant is for you to say"),
};
