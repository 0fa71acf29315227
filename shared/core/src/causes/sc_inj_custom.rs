//! SC-INJ-CUSTOM: the template has no Envoy.

use super::{Cause, Fixes, Page, Severity, Tale, Told, sidecar};

pub(super) static PAGE: Page = Page {
    code: "SC-INJ-CUSTOM",
    title: "the template has no Envoy",
    severity: Severity::Warning,
    what: "There is no Envoy and no listener: a gRPC library in the application asks istiod itself, and all its other connections leave as they are.",
    when: "The pod's annotation inject.istio.io/templates names grpc-simple or grpc-agent alone, or its proxy runs with DISABLE_ENVOY.",
    why: "These templates add the agent, or just a bootstrap file: both are for gRPC without a proxy, and redirect nothing.",
    seen: &["on the mesh: the pod's log has no line of Envoy, and port 15000 is closed"],
    fix: "Remove the annotation and make the pod anew, or use the library's xds: names for every destination.",
    example: &[
        "- Pod  annotations: {inject.istio.io/templates: grpc-agent}",
        "+ Pod  annotations: {}",
    ],
    also: &["SC-INJ-NOPROXY", "SC-INJ-OPTOUT"],
    source: "pkg/kube/inject/inject.go:selectTemplates",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None(
        "whether the application speaks gRPC without a proxy is for a person to decide",
    ),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    sidecar::uncaptured(tale, "adds no Envoy")
}
