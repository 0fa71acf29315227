//! GW-SRV-HTTPS-NAME: two HTTPS servers share a port name.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::Reason;
use crate::snapshot::{FieldPath, views};

pub(super) static PAGE: Page = Page {
    code: "GW-SRV-HTTPS-NAME",
    title: "two HTTPS servers share a port name",
    severity: Severity::Error,
    what: "The later HTTPS server is left out.",
    when: "Two terminating HTTPS servers of one Gateway have the same port.number, port.name and bind, and no plaintext server is on the port. The webhook refuses equal port names in one Gateway, so it was off.",
    why: "The name of an HTTPS server's route is made of the number, the port's name, the Gateway's name and namespace. Two servers with one route name could not have routes of their own.",
    seen: &[
        "in istiod's log:",
        "  skipping server on gateway NAME port PORTNAME.P.HTTPS: non unique port name for HTTPS port",
    ],
    fix: "Give every server of the Gateway a port name of its own.",
    example: &[
        "  Gateway  servers[0].port.name: https",
        "- Gateway  servers[1].port.name: https",
        "+ Gateway  servers[1].port.name: https-b",
    ],
    also: &["GW-SRV-DUP-HOST"],
    source: "pilot/pkg/model/gateway.go:mergeGateways",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::Reason(Reason::HttpsNameTaken { by }) = tale.symptom else {
        return None;
    };
    let (holder, holder_index) = tale.server_at(*by)?;
    let told = Told::at(gateway, Tale::number_field(index), "left out").value(tale.port);
    let name = FieldPath::of(&format!("spec.servers[{holder_index}].port.name"));
    Some(told.beside(holder, name, "has the same port name"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    rename(tale).into_iter().collect()
}

fn rename(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let server = Server::of(tale)?;
    let own = &server.view.port.as_ref()?.name;
    let servers = &tale.view::<views::Gateway>(server.gateway.id)?.spec.servers;
    let base = if own.is_empty() { "https" } else { own };
    let name = build::unique(base, |name| {
        servers
            .iter()
            .filter_map(|s| s.port.as_ref())
            .any(|p| p.name == name)
    });
    let field = server.path().key("port").key("name");
    let operation = if own.is_empty() {
        build::add(&field, name)
    } else {
        build::replace(&field, name)
    };
    Some(build::patch(
        "give the port a name of its own",
        server.gateway.id,
        vec![operation],
    ))
}
