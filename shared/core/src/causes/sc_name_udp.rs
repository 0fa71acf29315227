//! SC-NAME-UDP: a TCP port is named as UDP.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build, sidecar};
use crate::ledger::Step;
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "SC-NAME-UDP",
    title: "a TCP port is named as UDP",
    severity: Severity::Error,
    what: "The port has no listener and no cluster: its connections pass through or are refused.",
    when: "Service.spec.ports[].protocol is TCP, and appProtocol or the part of the name before its first dash is udp.",
    why: "The name or appProtocol decides what a port is for the mesh, and for UDP there is nothing to build.",
    seen: &["in Envoy: neither listener nor cluster for the port"],
    fix: "Give the port another name, such as tcp-NAME.",
    example: &[
        "- Service  ports[0].name: udp-compat",
        "+ Service  ports[0].name: tcp-compat",
    ],
    also: &["SC-UDP"],
    source: "pkg/config/kube/conversion.go:ConvertProtocol",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "udp by its name")
}

/// The protocol is written as TCP, in the field that says UDP.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    as_tcp(tale)
}

/// The same for any decision about such a port.
pub(super) fn as_tcp(tale: &Tale<'_, '_>) -> Vec<Candidate> {
    let Some(Step::Put { of, port, .. } | Step::WaypointPort { of, port }) = tale.step() else {
        return Vec::new();
    };
    let view = tale.view::<views::Service>(of.service);
    let Some(written) = view.and_then(|s| s.spec.ports.get(*port)) else {
        return Vec::new();
    };
    let item = build::spec().key("ports").index(*port);
    let (field, text) = match &written.app_protocol {
        Some(_) => (item.key("appProtocol"), "tcp".to_owned()),
        None => {
            let rest = written.name.split_once('-').map_or("", |(_, rest)| rest);
            let name = if rest.is_empty() {
                format!("tcp-{}", written.port)
            } else {
                format!("tcp-{rest}")
            };
            (item.key("name"), name)
        }
    };
    let title = format!("write {text}");
    vec![build::patch(
        title,
        of.service,
        vec![build::replace(&field, text)],
    )]
}
