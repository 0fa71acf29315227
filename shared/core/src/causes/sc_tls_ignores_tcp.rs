//! SC-TLS-IGNORES-TCP: the port takes rules of another kind.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told, build};
use crate::ledger::{Reason, Step};

pub(super) static PAGE: Page = Page {
    code: "SC-TLS-IGNORES-TCP",
    title: "the port takes rules of another kind",
    severity: Severity::Warning,
    what: "The rule has no effect on this port: connections go to the service itself.",
    when: "A VirtualService has a tcp rule for a port whose protocol is HTTPS or TLS and no tls rules, or a tls rule for another TCP port and no tcp rules.",
    why: "The protocol of the service's port decides which rules istiod reads: tls for HTTPS and TLS, tcp for all others that are not HTTP.",
    seen: &["in Envoy: the port's filter chain leads to the service's own cluster"],
    fix: "Write the rule in the block that the port takes, with sniHosts for tls; or change the port's protocol, if it is not what the clients speak.",
    example: &[
        "  Service         ports[0].name: tls-db",
        "- VirtualService  tcp[0].match[0].port: 5432",
        "+ VirtualService  tls[0].match[0]: port: 5432, sniHosts: [db.data]",
    ],
    also: &["GW-TCP-NO-BLOCK", "GW-PASS-NO-TLS-BLOCK"],
    source: "pilot/pkg/networking/core/tls.go:buildSidecarOutboundTLSFilterChainOpts",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("which protocol the clients speak is not in the objects"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Reason(Reason::WrongBlock {
        needed,
        written,
        rule,
    }) = tale.symptom
    else {
        return None;
    };
    let object = tale.step()?.object();
    let field = build::spec().key(written.field()).index(*rule);
    let label = format!("the port takes {} rules", needed.field());
    let told = Told::at(object, field, label);
    let put = tale.ledger.above(tale.entry).map(|(_, e)| &e.step);
    let mut puts = put.filter(|step| matches!(step, Step::Put { .. } | Step::Instance { .. }));
    Some(match puts.next() {
        Some(put) => told.beside(put.object(), put.field(), "its protocol decides"),
        None => told,
    })
}
