//! GW-DST-SQUATTED: several Services have this host name.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-SQUATTED",
    title: "several Services have this host name",
    severity: Severity::Warning,
    what: "The ports and endpoints of one Service are used, perhaps not of the one that was meant.",
    when: "Two or more Services or ServiceEntries that the pod's namespace may see have the destination's host.",
    why: "A host stands for one Service in a pod's view. A Kubernetes Service wins; else the first one exported to the namespace by name, then the oldest public one. Entries of one namespace that are alike but for their ports are joined.",
    seen: &[
        "in istiod: all of them in /debug/registryz",
        "in istiod's log, at debug level:",
        "  Service NS/HOST from registry REGISTRY ignored by NS/HOST/REGISTRY",
    ],
    fix: "Keep the host in one ServiceEntry, or export each to the namespaces that shall use it.",
    example: &[
        "  ServiceEntry shop/db   hosts: [db.example.com]",
        r#"- ServiceEntry other/db  exportTo: ["*"]"#,
        r#"+ ServiceEntry other/db  exportTo: ["."]"#,
    ],
    also: &["GW-DST-PORT-ABSENT", "GW-DST-NOT-VISIBLE"],
    source: "pilot/pkg/model/sidecar.go:SidecarScope.appendSidecarServices",
};
