//! GW-SRV-L4-DUP: another server already holds this port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, age, build};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-L4-DUP",
    title: "another server already holds this port",
    severity: Severity::Error,
    what: "The server is left out. Its hosts and its VirtualServices open nothing; the port goes where the first server leads.",
    when: "An earlier server without tls has the same port after translation and the same bind, and one of the two is not HTTP. Earlier means: the older Gateway, then the lower name, then namespace; in one Gateway, the order of servers[].",
    why: "Without TLS nothing in a connection tells two TCP servers apart, so Envoy can have one of them. Different hosts do not help: on a TCP server they only limit which VirtualServices fit.",
    seen: &[
        "in istiod's log; the last protocol is this server's, not the earlier one's:",
        "  skipping server on gateway NAME port PORTNAME.P.TCP: conflict with existing server P.TCP",
        r#"in istiod's metrics: pilot_total_rejected_configs{type="gateway",name="NS/NAME"}"#,
    ],
    fix: "Use one TCP server for the port, or give this one another number.",
    example: &[
        "  Gateway a  servers[0].port: 31400 TCP",
        "- Gateway b  servers[0].port: 31400 TCP",
        "+ Gateway b  servers[0].port: 31401 TCP",
    ],
    also: &[
        "GW-SRV-OLDER-ELSEWHERE",
        "GW-SRV-PROTO-CONFLICT",
        "GW-TCP-SHADOWED",
    ],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::Reason(Reason::PortTaken { by, .. }) = tale.symptom else {
        return None;
    };
    let (holder, holder_index) = tale.server_at(*by)?;

    let told = Told::at(gateway, Tale::number_field(index), "left out").value(tale.port);
    Some(age::outcomes(
        tale,
        gateway,
        holder,
        told.beside(holder, Tale::number_field(holder_index), "came first"),
    ))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    build::move_away(tale).into_iter().collect()
}
