//! VAL-VS-EXPORTTO: this exportTo is refused.

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};
use crate::admission::is_label;
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "VAL-VS-EXPORTTO",
    title: "this exportTo is refused",
    severity: Severity::Error,
    what: "The VirtualService is not stored, so istiod never sees it: none of its rules counts.",
    when: "spec.exportTo holds `~`, something that is no namespace, the same namespace twice (`.` is the own), or `*` beside others.",
    why: "`~` means nobody, which Istio has for Services and ServiceEntries alone. `*` means everybody, so nothing else beside it says more.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: exportTo ~ (none) is not allowed for Istio configuration objects"#,
    ],
    fix: "Name the namespaces of the gateways, or leave exportTo out.",
    example: &[
        r#"- VirtualService  exportTo: ["~"]"#,
        "+ VirtualService  exportTo: [istio-ingress]",
    ],
    also: &["GW-VS-EXPORTTO"],
    source: "pkg/config/validation/validation.go:validateExportTo",
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
    let object = tale.object()?;
    let spec = &tale.view::<views::VirtualService>(object.id)?.spec;
    let (own, home) = (object.key.namespace.as_str(), tale.proxy.namespace.as_str());
    let mut kept: Vec<&str> = Vec::new();
    let everybody = spec.export_to.iter().any(|n| n == "*");
    for name in spec
        .export_to
        .iter()
        .map(String::as_str)
        .filter(|n| *n != "~")
    {
        let name = if name == own { "." } else { name };
        let known = name == "." || is_label(name);
        if known && !everybody && !kept.contains(&name) {
            kept.push(name);
        }
    }
    if everybody {
        kept.push("*");
    } else if kept.is_empty() {
        kept.push(if own == home { "." } else { home });
    }
    let title = format!("export it to {}", kept.join(", "));
    let operation = build::replace(&build::spec().key("exportTo"), json!(kept));
    Some(build::patch(title, object.id, vec![operation]))
}
