//! GW-DST-EXTERNALNAME: this alias leads to no known service.

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::predict::hosts;
use crate::snapshot::views;
use crate::snapshot::{Change, FieldPath, Kind, Object};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-EXTERNALNAME",
    title: "this alias leads to no known service",
    severity: Severity::Error,
    what: "The route leads to the cluster of the Service's externalName, and there is none. Connections are reset.",
    when: "The destination's Service has type ExternalName, and no Service or ServiceEntry that istiod knows has the host that it names.",
    why: "istiod takes such a Service as an alias and writes spec.externalName into the cluster's name, one step only. The Service itself has no cluster.",
    seen: &["in Envoy: a route to the cluster outbound|PORT||EXTERNALNAME"],
    fix: "Create a ServiceEntry for the external name.",
    example: &[
        "  Service       spec.externalName: db.example.com",
        "+ ServiceEntry  hosts: [db.example.com]",
    ],
    also: &["GW-DST-UNKNOWN-HOST", "GW-DST-PORT-ABSENT"],
    source: "pilot/pkg/networking/core/route/route.go:GetDestinationCluster",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

/// The Service of the destination, where it is only a name for another host.
pub(super) fn alias<'t>(tale: &Tale<'t, '_>) -> Option<(&'t Object, &'t views::Service)> {
    let written = &tale.destination()?.host;
    let namespace = &tale.object()?.key.namespace;
    let domain = &tale.store.mesh.domain;
    let full = hosts::resolve_short_name(written, namespace, domain);
    let (name, rest) = full.split_once('.')?;
    let namespace = rest.strip_suffix(domain.as_str())?.strip_suffix(".svc.")?;
    let service = tale.store.snapshot.find(Kind::Service, namespace, name)?;
    let view = tale.view::<views::Service>(service.id)?;
    (!view.spec.external_name.is_empty()).then_some((service, view))
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let step = tale.step()?;
    let (service, _) = alias(tale)?;
    Some(
        Told::at(
            step.object(),
            step.field().key("host"),
            "an alias for another host",
        )
        .beside(
            service.id,
            FieldPath::of("spec.externalName"),
            "no Service or ServiceEntry has this host",
        ),
    )
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    let entry = || {
        let (service, view) = alias(tale)?;
        let wanted = tale.destination()?.port.as_ref().map(|p| p.number);
        let mut ports = view.spec.ports.iter();
        let port = ports.find(|p| wanted.is_none_or(|number| number == p.port))?;
        let namespace = service.key.namespace.as_str();
        let name = build::unique(&service.key.name, |name| {
            let kind = Kind::ServiceEntry;
            tale.store.snapshot.find(kind, namespace, name).is_some()
        });
        let written = if port.name.is_empty() {
            "tcp"
        } else {
            &port.name
        };
        let change = Change::Create {
            kind: Kind::ServiceEntry,
            object: json!({
                "apiVersion": "networking.istio.io/v1",
                "kind": "ServiceEntry",
                "metadata": { "name": name, "namespace": namespace },
                "spec": {
                    "hosts": [view.spec.external_name],
                    "location": "MESH_EXTERNAL",
                    "ports": [{ "number": port.port, "name": written, "protocol": "TCP" }],
                    "resolution": "DNS",
                },
            }),
            beside: Some(service.id),
        };
        Some(Candidate::new("add this ServiceEntry", vec![change]))
    };
    let there = build::wished_destination(tale, wish);
    there.into_iter().chain(entry()).collect()
}
