//! VAL-VS-HOSTS: this VirtualService's hosts are refused.

use super::admission::{index, told};
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};
use crate::predict::hosts;
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "VAL-VS-HOSTS",
    title: "this VirtualService's hosts are refused",
    severity: Severity::Error,
    what: "The VirtualService is not stored, so istiod never sees it: none of its rules counts.",
    when: "A host is no host name; `*` stands in a VirtualService that is for sidecars as well (spec.gateways is missing or holds mesh); or two hosts overlap, such as *.example.com and *.com.",
    why: "A sidecar would send all traffic of its workload by a rule for `*`. Of two hosts that overlap the wider one says it all.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: wildcard host * is not allowed for virtual services bound to the mesh gateway"#,
    ],
    fix: "Name the Gateway alone in spec.gateways, or write the hosts that are meant, each once.",
    example: &[
        "- VirtualService  gateways: [kafka, mesh]",
        "+ VirtualService  gateways: [kafka]",
        r#"  VirtualService  hosts: ["*"]"#,
    ],
    also: &["VAL-VS-EMPTY", "GW-VS-MESH-ONLY"],
    source: "pkg/config/validation/validation.go:ValidateVirtualService",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::By(fixes),
};

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    mended(tale).into_iter().collect()
}

fn mended(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let (object, refusal) = (tale.object()?, told(tale)?);
    let spec = &tale.view::<views::VirtualService>(object.id)?.spec;
    let n = index(&refusal.field, 0)?;
    let host = spec.hosts.get(n)?;
    if refusal.other.is_some() {
        let other = index(refusal.other.as_ref()?, 0)?;
        let narrower = if spec.hosts.get(other)?.len() > host.len() {
            other
        } else {
            n
        };
        let title = format!("leave {} out", spec.hosts.get(narrower)?);
        let field = build::spec().key("hosts").index(narrower);
        return Some(build::patch(title, object.id, vec![build::remove(&field)]));
    }
    if host != "*" {
        return None;
    }
    let mesh = spec.gateways.iter().position(|g| g == hosts::MESH)?;
    if spec.gateways.len() < 2 {
        return None;
    }
    let field = build::spec().key("gateways").index(mesh);
    let title = "leave `mesh` out: for the Gateway alone";
    Some(build::patch(title, object.id, vec![build::remove(&field)]))
}
