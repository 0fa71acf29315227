//! VAL-GW-HOST: this server's host is refused.

use super::admission::{index, server, told};
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};
use crate::admission::is_label;

pub(super) static PAGE: Page = Page {
    code: "VAL-GW-HOST",
    title: "this server's host is refused",
    severity: Severity::Error,
    what: "The Gateway is not stored, so istiod never sees it: none of its servers listens.",
    when: "A host of servers[].hosts has no dot and is not `*`, has a wildcard that is not its whole first label, is no host name, or has a part before its slash that is no namespace, `.` or `*`.",
    why: "A server is for names that clients use, in full: short names are resolved for VirtualServices only, and by server name Envoy knows no wildcard but a whole first label. An IPv6 address has no dot, so it is taken for a short name.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: short names (non FQDN) are not allowed"#,
    ],
    fix: "Write the whole name, or a wildcard in front of a dot.",
    example: &[
        r#"- Gateway  servers[0].hosts: ["*shop.example.com"]"#,
        r#"+ Gateway  servers[0].hosts: ["*.shop.example.com"]"#,
    ],
    also: &["VAL-GW-NO-HOSTS", "GW-VS-HOST-MISMATCH"],
    source: "pkg/config/validation/agent/validation.go:ValidateNamespaceSlashWildcardHostname",
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
    let server = server(tale)?;
    let host = server.view.hosts.get(index(&refusal.field, 1)?)?;
    let (namespace, name) = match host.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, host.as_str()),
    };
    // A namespace that is none is the one part that can be left out: the host alone is for every namespace.
    let whole = name
        .rsplit('*')
        .next()
        .map(|tail| tail.trim_start_matches(['-', '.']));
    let mended = match whole {
        Some(tail) if name.contains('*') && name != "*" => format!("*.{tail}"),
        _ => name.to_owned(),
    };
    let mended = match namespace.filter(|ns| matches!(*ns, "." | "*") || is_label(ns)) {
        Some(namespace) => format!("{namespace}/{mended}"),
        None => mended,
    };
    if mended == *host {
        return None;
    }
    let title = format!("write {mended}");
    Some(build::patch(
        title,
        object.id,
        vec![build::replace(&refusal.field, mended)],
    ))
}
