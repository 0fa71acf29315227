//! GW-SRV-NIL-PORT: this server has no port.

use super::{Cause, Fixes, Page, Severity, Tale, Told};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-NIL-PORT",
    title: "this server has no port",
    severity: Severity::Error,
    what: "The server is left out.",
    when: "servers[].port is missing. The webhook refuses that, so the object was created while the webhook was off.",
    why: "Without a port there is nothing to listen on; istiod does not check objects again when it reads them, it skips the server.",
    seen: &[
        "in istiod's log, at debug level:",
        r#"  invalid server without port: "NS/NAME""#,
        r#"in istiod's metrics: pilot_total_rejected_configs{type="gateway",name="NS/NAME"}"#,
    ],
    fix: "Write number, name and protocol under servers[].port.",
    example: &[
        "+ Gateway  servers[0].port.number: 31400",
        "+ Gateway  servers[0].port.name: tcp-31400",
        "+ Gateway  servers[0].port.protocol: TCP",
    ],
    also: &["GW-PORT-NOT-DECLARED"],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    Some(Told::at(
        gateway,
        FieldPath::of(&format!("spec.servers[{index}]")),
        "has no `port`",
    ))
}
