//! GW-VS-MESH-ONLY: this VirtualService is for sidecars only.

use super::{Cause, Fixes, Page, Severity, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-VS-MESH-ONLY",
    title: "this VirtualService is for sidecars only",
    severity: Severity::Error,
    what: "The VirtualService changes the way of connections from sidecars. No gateway uses it.",
    when: "spec.gateways is missing, empty, or holds only `mesh`.",
    why: "A missing list means `mesh`, a reserved word for all sidecars. A Gateway has to be named to count.",
    seen: &[
        "in istiod's log, if no other VirtualService names the Gateway:",
        "  no virtual service bound to gateway: NS/NAME",
    ],
    fix: "Name the Gateway in spec.gateways, and keep `mesh` in the list if sidecars shall follow the rules too.",
    example: &[
        "- VirtualService  gateways: [mesh]",
        "+ VirtualService  gateways: [mesh, istio-ingress/public]",
    ],
    also: &["GW-VS-NONE", "GW-VS-GWNAME", "GW-TCP-GW-MATCH"],
    source: "pilot/pkg/model/push_context.go:getGatewayNames",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let (field, label) = if tale.virtual_service()?.gateways.is_empty() {
        ("spec", "no `gateways`: for sidecars only")
    } else {
        ("spec.gateways", "`mesh` means the sidecars, no gateway")
    };
    Some(Told::at(object.id, FieldPath::of(field), label))
}
