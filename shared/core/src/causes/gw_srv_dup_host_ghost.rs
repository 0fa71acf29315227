//! GW-SRV-DUP-HOST-GHOST: a dropped server still holds this host.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::Reason;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-DUP-HOST-GHOST",
    title: "a dropped server still holds this host",
    severity: Severity::Error,
    what: "The server is left out because of a host of another server, which is itself left out. Neither serves the host.",
    when: "An earlier server with tls has the same host, port after translation and bind, and was dropped for a conflict with a plaintext server of that port and bind. It takes three earlier servers: plaintext with this bind, TLS with this bind (dropped), plaintext with another bind.",
    why: "istiod notes the hosts of a TLS server before it checks the port for conflicts, and does not take them back when the server is dropped.",
    seen: &[
        "in istiod's log, for the dropped server and then for this one:",
        "  skipping server on gateway NAME port PORTNAME.P.HTTPS: conflict with existing server P.HTTPS",
        "  skipping server on gateway NS/NAME, duplicate host names: [HOST]",
    ],
    fix: "Remove the dropped server, or move it to a port where it works.",
    example: &[
        "  Gateway a  servers[0]: 443 TCP",
        "- Gateway b  servers[0]: 443 HTTPS, hosts [a.com]",
        "  Gateway c  servers[0]: 443 TCP, bind 10.0.0.9",
        "  Gateway d  servers[0]: 443 HTTPS, hosts [a.com]",
    ],
    also: &[
        "GW-SRV-DUP-HOST",
        "GW-SRV-PROTO-CONFLICT",
        "GW-SRV-BIND-SHADOW",
    ],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("the server that claims the host has to move"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::Reason(Reason::TlsHostTaken { host, by }) = tale.symptom else {
        return None;
    };
    let (holder, holder_index) = tale.server_at(*by)?;
    let hosts = |server: usize| FieldPath::of(&format!("spec.servers[{server}].hosts"));
    let told = Told::at(
        gateway,
        hosts(index).index(*host),
        "claimed already; the whole server is left out",
    )
    .value(tale.server_view()?.hosts.get(*host)?)
    .beside(
        holder,
        hosts(holder_index),
        "claimed it, and was left out itself",
    );
    Some(told)
}
