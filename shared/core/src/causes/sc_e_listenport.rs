//! SC-E-LISTENPORT: this port is Envoy's own.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "SC-E-LISTENPORT",
    title: "this port is Envoy's own",
    severity: Severity::Error,
    what: "The connection ends in Envoy.",
    when: "What is dialled has the port that outbound connections are redirected to, 15001 unless proxyListenPort of the mesh says another one, and no listener of its own; or it is the port of a pod that its inbound connections are redirected to, 15006.",
    why: "virtualOutbound or virtualInbound listens there, and would connect to itself. Its first chain ends what was going to this port, whatever the traffic policy.",
    seen: &["in Envoy's access log: BlackHoleCluster with the flag UH"],
    fix: "Let the server listen on another port.",
    example: &["- Service  port: 15001", "+ Service  port: 15101"],
    also: &["SC-RESERVED-PORT", "SC-E-BLACKHOLE"],
    source: "pilot/pkg/networking/core/listener_builder.go:blackholeFilterChain",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("where else the server should listen its owner knows"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::ListenPort { object } = tale.symptom else {
        return None;
    };
    let label = format!("{} is the port that Envoy itself listens on", tale.port);
    Some(Told::at(object, FieldPath::of("spec"), label))
}
