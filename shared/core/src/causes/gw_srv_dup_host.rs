//! GW-SRV-DUP-HOST: another server has this TLS host already.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, age, build};
use crate::ledger::{Reason, Step};
use crate::predict::hosts;
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-DUP-HOST",
    title: "another server has this TLS host already",
    severity: Severity::Error,
    what: "The whole server is left out, with its other hosts too.",
    when: "The server has tls, which includes PASSTHROUGH and httpsRedirect, and one entry of hosts[] stands in an earlier server with tls that has the same port after translation and the same bind. The texts are compared after `./` and `*/` are resolved.",
    why: "TLS servers of a port are told apart by SNI, and Envoy refuses a listener with the same SNI twice. istiod avoids that by dropping the later server: that of the younger Gateway, then of the higher name, then namespace.",
    seen: &[
        "in istiod's log:",
        "  skipping server on gateway NS/NAME, duplicate host names: [HOST]",
        r#"in istiod's metrics: pilot_total_rejected_configs{type="gateway",name="NS/NAME"}"#,
    ],
    fix: "Remove the host from one of the two servers, or move one to another port.",
    example: &[
        "  Gateway a  servers[0].hosts: [a.com]",
        "- Gateway b  servers[0].hosts: [a.com, b.com]",
        "+ Gateway b  servers[0].hosts: [b.com]",
    ],
    also: &[
        "GW-SRV-DUP-HOST-GHOST",
        "GW-SRV-NSHOST-DUP",
        "GW-PASS-DUP-SNI",
    ],
    source: "pilot/pkg/model/gateway.go:CheckDuplicates",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
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
    .beside(holder, hosts(holder_index), "came first");
    Some(age::outcomes(tale, gateway, holder, told))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    without_claimed(tale)
        .or_else(|| build::move_away(tale))
        .into_iter()
        .collect()
}

/// Leaves out the hosts that other servers have claimed, if any is left.
fn without_claimed(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let server = Server::of(tale)?;
    let port = build::bound_port(tale)?;
    let others: Vec<Server<'_>> = tale
        .ledger
        .entries()
        .filter_map(|(_, e)| match e.step {
            Step::BoundServer {
                gateway,
                index,
                port: p,
            } if p == port => Server::at(tale, gateway, index),
            _ => None,
        })
        .filter(|o| o.view.tls.is_some() && o.view.bind == server.view.bind)
        .filter(|o| (o.gateway.id, o.index) != (server.gateway.id, server.index))
        .collect();
    let kept = |s: &Server<'_>| {
        hosts::sanitize_server_hosts(&s.view.hosts, &s.gateway.key.namespace).unwrap_or_default()
    };
    let claimed: Vec<String> = others.iter().flat_map(kept).collect();
    let own = kept(&server);
    if own.len() != server.view.hosts.len() {
        return None;
    }
    let operations: Vec<_> = own
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, host)| claimed.contains(host))
        .map(|(n, _)| build::remove(&server.path().key("hosts").index(n)))
        .collect();
    (operations.len() < own.len()).then(|| {
        let title = "leave the host to the server that has it";
        build::patch(title, server.gateway.id, operations)
    })
}
