//! GW-SRV-NIL-PORT: this server has no port.

use serde_json::json;

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::snapshot::{FieldPath, views};

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
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    Some(Told::at(
        gateway,
        FieldPath::of(&format!("spec.servers[{index}]")),
        "has no `port`",
    ))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    Server::of(tale)
        .and_then(|server| with_port(tale, server))
        .into_iter()
        .collect()
}

/// The port asked about, with the protocol that goes with the server's `tls`.
pub(super) fn with_port(tale: &Tale<'_, '_>, server: Server<'_>) -> Option<Candidate> {
    if tale.port == 0 {
        return None;
    }
    let (protocol, prefix) = if server.view.tls.is_some() {
        ("TLS", "tls")
    } else {
        ("TCP", "tcp")
    };
    let servers = &tale.view::<views::Gateway>(server.gateway.id)?.spec.servers;
    let name = build::unique(&format!("{prefix}-{}", tale.port), |name| {
        servers
            .iter()
            .filter_map(|s| s.port.as_ref())
            .any(|p| p.name == name)
    });
    let value = json!({ "number": tale.port, "name": name, "protocol": protocol });
    Some(build::patch(
        format!("give the server port {}", tale.port),
        server.gateway.id,
        vec![build::add(&server.path().key("port"), value)],
    ))
}
