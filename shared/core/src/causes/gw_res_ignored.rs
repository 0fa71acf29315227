//! GW-RES-IGNORED: istiod does not watch this kind.

use super::{Cause, Fixes, Page, Severity, Tale, Told, unseen};
use crate::predict::features::resource_name;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-RES-IGNORED",
    title: "istiod does not watch this kind",
    severity: Severity::Error,
    what: "No object of the kind exists for istiod: it acts as if there were no Gateway, VirtualService, DestinationRule or ServiceEntry at all.",
    when: "PILOT_IGNORE_RESOURCES of istiod holds the name of the kind's custom resource, or `*.` and an end of that name, and PILOT_INCLUDE_RESOURCES does not. Istio reads the variables since 1.29.",
    why: "istiod leaves out the custom resources that the variable names before it watches anything. It is meant for meshes that use the Gateway API only.",
    seen: &[
        "on istiod: PILOT_IGNORE_RESOURCES in the container's env",
        "in istiod's log: CRD gateways.networking.istio.io has been excluded from watcher, ignoring",
        "the objects are missing in istiod's /debug/configz",
    ],
    fix: "Add the kind's custom resource to PILOT_INCLUDE_RESOURCES, or take it out of PILOT_IGNORE_RESOURCES.",
    example: &[
        r#"  istiod  env.PILOT_IGNORE_RESOURCES: "*.istio.io""#,
        "+ istiod  env.PILOT_INCLUDE_RESOURCES: gateways.networking.istio.io",
    ],
    also: &["GW-NS-NOT-DISCOVERED", "GW-REV-MISMATCH"],
    source: "pkg/kube/kclient/crdwatcher.go:filterPilotResources",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which kinds istiod watches is decided for the whole mesh"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = unseen::object(tale)?;
    let resource = resource_name(object.key.kind);
    let told = Told::at(
        object.id,
        FieldPath::root().key("kind"),
        format!("istiod does not watch {resource}"),
    )
    .value(object.key.kind.name());
    Some(unseen::beside_istiod(told, tale, "PILOT_IGNORE_RESOURCES"))
}
