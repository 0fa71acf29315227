//! GW-SRV-OLDER-ELSEWHERE: an older Gateway holds this port.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, age, build};
use crate::ledger::Reason;
use crate::snapshot::views;

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-OLDER-ELSEWHERE",
    title: "an older Gateway holds this port",
    severity: Severity::Error,
    what: "Your server is left out. The port goes where the older Gateway leads; if that one has no route, the port is closed.",
    when: "A Gateway of another namespace selects the same pod, is older (on a tie: has the lower name, then namespace), and has a server with the same port after translation and the same bind that cannot merge with yours.",
    why: "A selector reaches pods of every namespace, so Gateways of all namespaces share the pod's ports. istiod takes them in order of age and keeps the first of two that do not merge. Its log names your Gateway, not the older one, and quotes your own protocol as the existing one.",
    seen: &[
        "in istiod's log:",
        "  skipping server on gateway NAME port PORTNAME.P.TCP: conflict with existing server P.TCP",
        "  no virtual service bound to gateway: OTHER-NS/OTHER-NAME",
        "the second line only if the older Gateway has no VirtualService",
    ],
    fix: "Move your server to a free port: in the Gateway, in match.port of its VirtualServices and in the gateway's Service.",
    example: &[
        "  Gateway media/stream-gateway     servers[0].port.number: 31400",
        "- Gateway payments/ledger-gateway  servers[0].port.number: 31400",
        "+ Gateway payments/ledger-gateway  servers[0].port.number: 31401",
    ],
    also: &["GW-SRV-L4-DUP", "GW-SRV-PROTO-CONFLICT", "GW-SRV-DUP-HOST"],
    source: "pilot/pkg/model/push_context.go:PushContext.initGateways",
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

    let mut told = Told::at(gateway, Tale::number_field(index), "left out").value(tale.port);
    told = told.beside(holder, Tale::number_field(holder_index), "came first");
    if let Some(mark) = told.related.first_mut() {
        mark.value = tale
            .view::<views::Gateway>(holder)?
            .spec
            .servers
            .get(holder_index)?
            .port
            .as_ref()
            .map(|p| p.number.to_string());
    }
    let dates = age::created(tale, holder).zip(age::created(tale, gateway));
    let order = match dates {
        Some((first, second)) if first != second => {
            format!("The older keeps it: {first}, yours is of {second}.")
        }
        _ => "The older keeps it.".to_owned(),
    };
    told = told.why(format!(
        "two TCP servers on one port never merge, whatever their hosts and namespaces. {order}"
    ));
    Some(age::outcomes(tale, gateway, holder, told))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    build::move_away(tale).into_iter().collect()
}
