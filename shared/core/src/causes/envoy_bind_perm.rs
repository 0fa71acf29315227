//! ENVOY-BIND-PERM: Envoy may not bind this port.

use super::build::{self, Server};
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish};
use crate::predict::envoy::Refusal;
use crate::snapshot::{FieldPath, ObjectId, views};

pub(super) static PAGE: Page = Page {
    code: "ENVOY-BIND-PERM",
    title: "Envoy may not bind this port",
    severity: Severity::Error,
    what: "Envoy refuses the listener; the port stays closed. The other listeners of the same update are applied.",
    when: "The port after translation is below net.ipv4.ip_unprivileged_port_start in the pod, the container has no right to bind such ports, and UNPRIVILEGED_POD is not set. Told where the pod's sysctls set it: without, the node decides, and many container runtimes let every port be bound.",
    why: "The kernel forbids it. istiod leaves such ports out only if the pod's metadata says that it is unprivileged.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  cannot bind '0.0.0.0:P': Permission denied",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) 0.0.0.0_P: …",
    ],
    fix: "Use a targetPort of 1024 or above, or set the sysctl on the pod, as Istio's charts do.",
    example: &[
        "  Gateway  servers[0].port.number: 80",
        "- Service  ports[0].targetPort: 80",
        "+ Service  ports[0].targetPort: 8080",
    ],
    also: &[
        "GW-PORT-PRIVILEGED",
        "ENVOY-BIND-INUSE",
        "ENVOY-BIND-NOADDR",
    ],
    source: "envoy source/common/network/listen_socket_impl.cc",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Refused(Refusal::NotPermitted { port, first }) = tale.symptom else {
        return None;
    };
    let sysctls = tale.proxy.object().map(|workload| {
        let template = tale.view::<views::Pod>(workload).is_none();
        let spec = if template {
            "spec.template.spec"
        } else {
            "spec"
        };
        (
            workload,
            FieldPath::of(&format!("{spec}.securityContext.sysctls")),
        )
    });
    let Some((service, index)) = led(tale, *port) else {
        let (gateway, server) = tale.server()?;
        let told = Told::at(gateway, Tale::number_field(server), format!("binds {port}"));
        return Some(beside(told, sysctls, *first));
    };
    let field = FieldPath::of(&format!("spec.ports[{index}].targetPort"));
    Some(beside(
        Told::at(service, field, format!("binds {port}")),
        sysctls,
        *first,
    ))
}

fn beside(told: Told, sysctls: Option<(ObjectId, FieldPath)>, first: u32) -> Told {
    match sysctls {
        Some((workload, field)) => told.beside(
            workload,
            field,
            format!("the first port it may bind is {first}"),
        ),
        None => told,
    }
}

/// The Service port that leads to the port of the pods.
fn led(tale: &Tale<'_, '_>, port: u32) -> Option<(ObjectId, usize)> {
    let number = Server::of(tale)?.number();
    build::gateway_services(tale)
        .into_iter()
        .find_map(|(object, service)| {
            let leads = |p: &views::ServicePort| {
                p.port == number
                    && crate::predict::target_port(p, &tale.proxy.containers) == Ok(port)
            };
            Some((object.id, service.ports.iter().position(leads)?))
        })
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Refused(Refusal::NotPermitted { port, first }) = tale.symptom else {
        return Vec::new();
    };
    let candidate = || {
        let (service, index) = led(tale, *port)?;
        let to = build::free_port(tale, port.saturating_add(8000).max(*first))?;
        let field = build::spec().key("ports").index(index).key("targetPort");
        let written = tale
            .view::<views::Service>(service)?
            .spec
            .ports
            .get(index)?
            .target_port
            .is_some();
        let operation = if written {
            build::replace(&field, to)
        } else {
            build::add(&field, to)
        };
        Some(build::patch(
            format!("let the Service lead to {to}"),
            service,
            vec![operation],
        ))
    };
    candidate().into_iter().collect()
}
