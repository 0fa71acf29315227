//! SC-NAME-UDP: a TCP port is named as UDP.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

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
    fixes: Fixes::None("no change is tried for a sidecar yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::told(tale, "udp by its name")
}
