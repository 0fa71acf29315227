//! AM-15008: no NetworkPolicy lets tunnels in.

use super::{Ambient, Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::predict::ambient::HBONE_PORT;
use crate::snapshot::views;
use crate::snapshot::{FieldPath, ObjectId};
use serde_json::json;

pub(super) static PAGE: Page = Page {
    code: "AM-15008",
    title: "no NetworkPolicy lets tunnels in",
    severity: Severity::Error,
    what: "ztunnel cannot connect to the pod: connections time out, whatever port is dialled.",
    when: "The pod is in ambient mode, a NetworkPolicy for incoming traffic selects it, and of all that do none has a rule with port 15008. Only policies that were read are counted.",
    why: "Between pods in ambient mode every connection goes through a tunnel to port 15008 of the pod. That is the port that policies see; the port that the client dials is inside of the tunnel.",
    seen: &[
        "in ztunnel's log:",
        "  error=\"connection timed out, maybe a NetworkPolicy is blocking HBONE port 15008: …\"",
    ],
    fix: "Let 15008 in beside the ports of the application; who may connect to which of these an AuthorizationPolicy says.",
    example: &[
        "- NetworkPolicy  ingress[0].ports: [{port: 5701}]",
        "+ NetworkPolicy  ingress[0].ports: [{port: 5701}, {port: 15008}]",
    ],
    also: &["NET-POLICY", "AM-NOENDPOINT"],
    source: "ztunnel src/proxy/outbound.rs:OutboundConnection.build_request",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn policies<'t>(tale: &Tale<'t, '_>) -> &'t [ObjectId] {
    match tale.symptom {
        Symptom::Ambient(Ambient::Tunnels { policies }) => policies,
        _ => &[],
    }
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (first, others) = policies(tale).split_first()?;
    let field = || FieldPath::of("spec.ingress");
    let mut told = Told::at(*first, field(), format!("no rule lets {HBONE_PORT} in"));
    for other in others {
        let label = format!("no rule here lets {HBONE_PORT} in either");
        told = told.beside(*other, field(), label);
    }
    Some(told)
}

/// For the clients that may use a port already.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let widen = policies(tale).iter().find_map(|policy| {
        let rules = &tale.view::<views::NetworkPolicy>(*policy)?.spec.ingress;
        let rule = rules.iter().position(|r| !r.ports.is_empty())?;
        let items = rules.get(rule)?.ports.len();
        let list = build::spec().key("ingress").index(rule).key("ports");
        let item = json!({"protocol": "TCP", "port": HBONE_PORT});
        let title = format!("let {HBONE_PORT} in as well, for the clients of this rule");
        let operation = build::append(&list, items, item);
        Some(build::patch(title, *policy, vec![operation]))
    });
    widen.into_iter().collect()
}
