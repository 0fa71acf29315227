//! GW-DST-SHORT-NAME: this short name means another namespace.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-DST-SHORT-NAME",
    title: "this short name means another namespace",
    severity: Severity::Error,
    what: "The route leads to a Service that does not exist, or to another one of the same name. TCP connections are accepted and closed; HTTP gets 503.",
    when: "destination.host has no dot, and the Service meant is not in the VirtualService's namespace. The name is read as HOST.NAMESPACE.svc.cluster.local, with the VirtualService's namespace.",
    why: "istiod lengthens short names by the namespace of the object they stand in. Neither the Gateway's nor the pod's namespace counts.",
    seen: &[
        "in Envoy: the cluster's name ends in the VirtualService's namespace",
        "in Envoy's access log: the flag NC",
    ],
    fix: "Write the whole name of the Service.",
    example: &[
        "  VirtualService  metadata.namespace: istio-system",
        "- VirtualService  destination.host: echo",
        "+ VirtualService  destination.host: echo.shop.svc.cluster.local",
    ],
    also: &["GW-DST-UNKNOWN-HOST", "GW-VS-HOST-SHORT"],
    source: "pilot/pkg/model/config.go:ResolveShortnameToFQDN",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let destination = tale.step()?.field();
    let written = tale.destination()?;

    let namespaces = tale.namespaces_of_service(&written.host);
    let label = format!(
        "not in {}; there is one in {}",
        object.key.namespace,
        namespaces.join(", ")
    );
    let told = Told::at(object.id, destination.key("host"), label).value(&written.host);
    Some(told.beside(
        object.id,
        FieldPath::of("metadata.namespace"),
        "a host without dots is looked up here",
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    if let Some(candidate) = build::wished_destination(tale, wish) {
        return vec![candidate];
    }
    let found = tale
        .destination()
        .map(|d| build::services_of_name(tale, &d.host));
    build::hosts_in_full(tale, found.unwrap_or_default())
}
