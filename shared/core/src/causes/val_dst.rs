//! VAL-DST: this destination is refused.

use super::admission::{block, put, told};
use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Wish, admission, build};
use crate::snapshot::{FieldPath, Segment};

pub(super) static PAGE: Page = Page {
    code: "VAL-DST",
    title: "this destination is refused",
    severity: Severity::Error,
    what: "The VirtualService is not stored, so istiod never sees it: none of its rules counts.",
    when: "destination.host is missing, `*` or no host name, destination.subset is no DNS label, or destination.port.number is not between 1 and 65535.",
    why: "A destination names one service, in full or by its short name, and one of its ports.",
    seen: &[
        "kubectl apply prints:",
        r#"  admission webhook "validation.istio.io" denied the request: configuration is invalid: invalid destination host *"#,
        "where it is not written at all, the API server says:",
        "  spec.tcp[0].route[0].destination.host: Required value",
    ],
    fix: "Write the host of a service.",
    example: &[
        r#"- VirtualService  tcp[0].route[0].destination.host: "*""#,
        "+ VirtualService  tcp[0].route[0].destination.host: kafka",
    ],
    also: &["GW-DST-EMPTY-HOST", "GW-DST-UNKNOWN-HOST"],
    source: "pkg/config/validation/validation.go:validateDestination",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: admission::tell,
    fixes: Fixes::By(fixes),
};

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    mended(tale, wish).into_iter().collect()
}

fn mended(tale: &Tale<'_, '_>, wish: &Wish) -> Option<Candidate> {
    let (object, refusal) = (tale.object()?, told(tale)?);
    let path = &refusal.field.0;
    let at = path
        .iter()
        .position(|s| *s == Segment::Key("destination".into()))?;
    let destination = FieldPath(path.get(..=at)?.to_vec());
    let Segment::Key(key) = path.last()? else {
        return None;
    };
    if key == "number" {
        let title = "leave the port out";
        let operation = build::remove(&destination.key("port"));
        return Some(build::patch(title, object.id, vec![operation]));
    }
    if key != "host" {
        return None;
    }
    let (server, block) = (Server::of(tale)?, block(&refusal.field)?);
    let namespaces = [object.key.namespace.as_str(), &server.gateway.key.namespace];
    let chosen = build::choose(tale, wish, block, server.number(), &namespaces)?;
    let title = format!("lead to {}", build::way(&chosen.to));
    let value = build::destination(tale, &chosen.to);
    let operation = put(tale, &destination, value);
    Some(chosen.on(build::patch(title, object.id, vec![operation])))
}
