//! GW-SEL-NS-SCOPED: Gateways count in their namespace only.

use super::{Cause, Fixes, Page, Severity, Tale, Told, unseen};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-SEL-NS-SCOPED",
    title: "Gateways count in their namespace only",
    severity: Severity::Error,
    what: "The Gateway is ignored for this pod although its selector fits.",
    when: "istiod runs with PILOT_SCOPE_GATEWAY_TO_NAMESPACE=true, and the Gateway's namespace is not the pod's.",
    why: "With this setting istiod looks up only the Gateways of the proxy's own namespace. It is off by default; then a selector reaches pods of all namespaces.",
    seen: &[
        "on istiod: PILOT_SCOPE_GATEWAY_TO_NAMESPACE in the container's env",
        "nothing in istiod's log at its usual level",
    ],
    fix: "Move the Gateway to the pod's namespace and write that namespace in the VirtualServices that name it, or unset the variable.",
    example: &[
        "  Pod      metadata.namespace: istio-ingress",
        "- Gateway  metadata.namespace: shop",
        "+ Gateway  metadata.namespace: istio-ingress",
    ],
    also: &["GW-SEL-MISMATCH", "GW-NONE-SELECTS"],
    source: "pilot/pkg/model/push_context.go:PushContext.initGateways",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "whether the Gateway moves or istiod changes for the whole mesh is a person's choice",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let told = Told::at(
        object.id,
        FieldPath::of("metadata.namespace"),
        format!("the gateway's pods are in {}", tale.proxy.namespace),
    )
    .value(&object.key.namespace);
    Some(unseen::beside_istiod(
        told,
        tale,
        "PILOT_SCOPE_GATEWAY_TO_NAMESPACE",
    ))
}
