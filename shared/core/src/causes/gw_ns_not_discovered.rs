//! GW-NS-NOT-DISCOVERED: istiod does not watch this namespace.

use super::{Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "GW-NS-NOT-DISCOVERED",
    title: "istiod does not watch this namespace",
    severity: Severity::Error,
    what: "Nothing in the namespace exists for istiod: no Gateway, VirtualService, DestinationRule, Service or pod.",
    when: "meshConfig.discoverySelectors is not empty and no entry of it fits the labels of the object's Namespace.",
    why: "istiod drops every object of a namespace that no discovery selector fits, before it looks at the object.",
    seen: &[
        "the object is missing in istiod's /debug/configz, a Service in /debug/registryz",
        "on the mesh: kubectl get namespaces --show-labels",
    ],
    fix: "Label the Namespace so that a discovery selector fits it, or widen discoverySelectors.",
    example: &[
        "  MeshConfig  discoverySelectors[0].matchLabels.mesh: enabled",
        "+ Namespace   metadata.labels.mesh: enabled",
    ],
    also: &[
        "GW-REV-MISMATCH",
        "GW-NONE-SELECTS",
        "GW-VS-NONE",
        "GW-DST-UNKNOWN-HOST",
    ],
    source: "pilot/pkg/config/kube/crdclient/client.go:Client.addCRD",
};
