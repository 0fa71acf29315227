//! SC-AUTO-OVER-HTTP: a detected protocol replaces HTTP here.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build, sidecar};
use crate::ledger::Step;
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "SC-AUTO-OVER-HTTP",
    title: "a detected protocol replaces HTTP here",
    severity: Severity::Error,
    what: "Requests for the HTTP service go to the other one, whatever their Host.",
    when: "Services share a listener that is bound to an address of its own, by bind or captureMode NONE of a Sidecar or by interception mode NONE; one port is HTTP, and another one of the same number that comes after it says no protocol.",
    why: "On 0.0.0.0 an HTTP listener is made so that it can detect other protocols beside. On any other address it takes HTTP only, and istiod replaces it whole when a port comes whose protocol is to be detected.",
    seen: &["in Envoy: the listener's route is HOST:PORT of the other service"],
    fix: "Say HTTP for the other port as well; or give it another number.",
    example: &[
        "  Service  a  ports: [{port: 8080, name: http}]",
        "- Service  b  ports: [{port: 8080, name: api}]",
        "+ Service  b  ports: [{port: 8080, name: http-api}]",
    ],
    also: &["SC-AUTO-AUTO", "SC-CAP-MODE-NONE"],
    source: "pilot/pkg/networking/core/listener.go:ListenerBuilder.buildSidecarOutboundListener",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Displaced { by } = tale.symptom else {
        return None;
    };
    let told = sidecar::told(tale, "HTTP, replaced")?;
    let other = tale.ledger.get(by)?;
    let (object, field) = (other.step.object(), other.step.field());
    Some(told.beside(object, field, "says no protocol, and comes later"))
}

/// HTTP for the other port: both are then told apart by host.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let declare = || {
        let Symptom::Displaced { by } = tale.symptom else {
            return None;
        };
        let Step::Put { of, port, .. } = &tale.ledger.get(by)?.step else {
            return None;
        };
        let written = tale
            .view::<views::Service>(of.service)?
            .spec
            .ports
            .get(*port)?;
        let field = build::spec().key("ports").index(*port).key("appProtocol");
        let operation = match written.app_protocol {
            Some(_) => build::replace(&field, "http"),
            None => build::add(&field, "http"),
        };
        let title = format!(
            "HTTP for port {} of {}",
            written.port,
            tale.name_of(of.service)
        );
        Some(build::patch(title, of.service, vec![operation]))
    };
    declare().into_iter().collect()
}
