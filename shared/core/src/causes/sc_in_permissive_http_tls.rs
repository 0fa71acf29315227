//! SC-IN-PERMISSIVE-HTTP-TLS: an HTTP port takes no TLS of its clients.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::predict::{pod_spec, target_port};
use crate::snapshot::{FieldPath, views};

pub(super) static PAGE: Page = Page {
    code: "SC-IN-PERMISSIVE-HTTP-TLS",
    title: "an HTTP port takes no TLS of its clients",
    severity: Severity::Error,
    what: "The sidecar of the destination closes the connection, or answers it 400: the application never sees it.",
    when: "A client, or its DestinationRule with SIMPLE or MUTUAL, speaks TLS of its own to a port that a Service declares as HTTP, by name or by appProtocol, and mutual TLS is not STRICT there.",
    why: "A port that is HTTP has chains for plaintext HTTP and for Istio's mutual TLS. TLS without Istio's ALPN has none; where mutual TLS is off nobody looks for TLS, and its bytes are read as HTTP.",
    seen: &[
        "in the access log of the destination's sidecar: the flag NR and filter_chain_not_found",
        "or the status 400 with the flag DPE",
    ],
    fix: "Declare the port as what it is: https or tls where the application ends TLS itself.",
    example: &[
        "- Service  ports[0]: {name: http-admin, port: 8443}",
        "+ Service  ports[0]: {name: https-admin, port: 8443}",
    ],
    also: &["SC-IN-CONFLICT", "SC-E-PASSTHROUGH-STRICT"],
    source: "pilot/pkg/networking/core/filterchain_options.go:getFilterChainMatchOptions",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which protocol the application speaks is for you to say"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::TlsMeetsHttp { pod, port, service } = tale.symptom else {
        return None;
    };
    let containers = tale.store.snapshot.get(pod).and_then(pod_spec);
    let containers = containers.map_or(&[][..], |s| s.containers.as_slice());
    let leads = |id| {
        let spec = &tale.view::<views::Service>(id)?.spec;
        let mut ports = spec.ports.iter();
        let index = ports.position(|p| target_port(p, containers) == Ok(port))?;
        let written = spec.ports.get(index)?;
        let key = if written.app_protocol.is_some() {
            "appProtocol"
        } else {
            "name"
        };
        Some((id, FieldPath::of("spec.ports").index(index).key(key)))
    };
    let own = service.and_then(leads);
    let namespace = tale
        .store
        .snapshot
        .get(pod)
        .map(|o| o.key.namespace.as_str())?;
    let mut others = tale.store.kubernetes_services(namespace);
    let found = own.or_else(|| others.find_map(|(object, _)| leads(object.id)));
    let so = format!("the sidecar of {} ends the connection", tale.name_of(pod));
    let told = match found {
        Some((id, field)) => Told::at(id, field, "HTTP, so no TLS of a client's own"),
        None => Told::at(pod, FieldPath::of("metadata"), "reads HTTP on this port"),
    };
    Some(told.so(so))
}
