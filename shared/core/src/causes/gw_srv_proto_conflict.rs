//! GW-SRV-PROTO-CONFLICT: two protocols on one port do not merge.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, age, build};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-PROTO-CONFLICT",
    title: "two protocols on one port do not merge",
    severity: Severity::Error,
    what: "The later server is left out; the port speaks the first server's protocol.",
    when: "The first server on the port after translation has no tls, both have the same bind, and the two protocols differ and are not both of the HTTP family (HTTP, HTTP2, GRPC, GRPC-Web). The first is that of the older Gateway, then of the lower name, then namespace, then the order of servers[].",
    why: "A server without TLS takes every connection of its port, so only HTTP servers can share it: they are told apart by the Host header. In the other order, TLS first, both are kept.",
    seen: &[
        "in istiod's log; the last protocol is the later server's:",
        "  skipping server on gateway NAME port PORTNAME.P.HTTPS: conflict with existing server P.HTTPS",
        r#"in istiod's metrics: pilot_total_rejected_configs{type="gateway",name="NS/NAME"}"#,
    ],
    fix: "Give the two protocols different ports.",
    example: &[
        "  Gateway a  servers[0].port: 443 TCP",
        "- Gateway b  servers[0].port: 443 HTTPS",
        "+ Gateway b  servers[0].port: 8443 HTTPS",
    ],
    also: &[
        "GW-SRV-L4-DUP",
        "GW-SRV-PLAIN-AFTER-TLS",
        "GW-SRV-OLDER-ELSEWHERE",
    ],
    source: "pilot/pkg/model/gateway.go:canMergeProtocols",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::Reason(Reason::PortTaken {
        by,
        holder: taken,
        own,
    }) = tale.symptom
    else {
        return None;
    };
    let (holder, holder_index) = tale.server_at(*by)?;
    let told = Told::at(
        gateway,
        Tale::number_field(index),
        format!("left out: {own}"),
    )
    .value(tale.port);
    let told = told.beside(
        holder,
        Tale::number_field(holder_index),
        format!("came first: {taken}"),
    );
    Some(age::outcomes(tale, gateway, holder, told))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    build::move_away(tale).into_iter().collect()
}
