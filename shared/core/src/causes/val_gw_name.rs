//! VAL-GW-NAME: this Gateway's name is refused.

use super::{Cause, Fixes, Page, Severity, admission};

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-NAME",
    title: "this Gateway's name is refused",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "metadata.name is no single DNS label: it holds a dot, or more than 63 characters.",
    why: "VirtualServices name a Gateway as NAMESPACE/NAME, or in the old form NAME.NAMESPACE.svc.DOMAIN, where the first dot ends the name. A name with dots could be read in two ways.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: invalid gateway name: "NAME""#,
    ],
    fix: "Give it another name, and name that in the VirtualServices.",
    example: &[
        "- Gateway         metadata.name: kafka.tcp",
        "+ Gateway         metadata.name: kafka-tcp",
        "+ VirtualService  gateways: [kafka-tcp]",
    ],
    also: &["VAL-VS-GWNAMES", "GW-VS-GWNAME"],
    source: "pkg/config/validation/validation.go:ValidateGateway",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::None("the name is what the object is: only you can give it another"),
};
