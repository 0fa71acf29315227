//! VAL-SE: this ServiceEntry is refused.

use super::{Cause, Fixes, Page, Severity, admission};

pub(super) static PAGE: Page = Page {
    code: "VAL-SE",
    title: "this ServiceEntry is refused",
    severity: Severity::Error,
    what: "The ServiceEntry is not stored, so istiod never sees it: its hosts do not exist, and routes to them lead nowhere.",
    when: "A host is missing, `*` or no host name; two ports have one name or one number; a port is not between 1 and 65535; or addresses, endpoints or protocols do not go with the resolution.",
    why: "A ServiceEntry is a service of the mesh: it needs names and ports that are distinct, and endpoints only where its resolution asks for them. Half of it is in the schema of the CRD, the other half in the webhook.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: service entry port name "tcp" already defined"#,
        "by the schema, the API server says:",
        "  spec: Invalid value: NONE mode cannot set endpoints",
    ],
    fix: "Correct the field.",
    example: &[
        "  ServiceEntry  resolution: STATIC",
        "- ServiceEntry  endpoints[0].address: db.example.com",
        "+ ServiceEntry  endpoints[0].address: 10.0.0.7",
    ],
    also: &["GW-DST-UNKNOWN-HOST", "VAL-DST"],
    source: "pkg/config/validation/validation.go:ValidateServiceEntry",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::None("what was meant is for you to say"),
};
