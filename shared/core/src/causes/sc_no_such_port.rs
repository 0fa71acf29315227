//! SC-NO-SUCH-PORT: the service has no such port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, sidecar};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-NO-SUCH-PORT",
    title: "the service has no such port",
    severity: Severity::Error,
    what: "There is no listener for the port, and nodes do not know it either: the connection is refused.",
    when: "The name or the address is that of a Service or a ServiceEntry, and its ports do not have the number.",
    why: "istiod builds listeners for the ports that are declared: spec.ports[].port, not the pods' ports.",
    seen: &["in Envoy: other listeners of the address, none with this port"],
    fix: "Dial a port that the service has, or add this one to it.",
    example: &[
        "- Service  ports: [{name: http-app, port: 8080}]",
        "+ Service  ports: [… {name: tcp-cache, port: 5701}]",
    ],
    also: &["SC-PODIP-DIRECT", "SC-HEADLESS-PORTNUM"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::NoSuchPort { service } = tale.symptom else {
        return None;
    };
    let label = format!("{}, not {}", sidecar::numbers(tale, service), tale.port);
    Some(Told::at(service, FieldPath::of("spec.ports"), label))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::NoSuchPort { service } = tale.symptom else {
        return Vec::new();
    };
    sidecar::add_port(tale, service).into_iter().collect()
}
