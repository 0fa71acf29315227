//! GW-SNI-NO-CHAIN: no chain of this listener has this SNI.

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::snapshot::FieldPath;

pub(super) static PAGE: Page = Page {
    code: "GW-SNI-NO-CHAIN",
    title: "no chain of this listener has this SNI",
    severity: Severity::Error,
    what: "Envoy closes the connection before any data. Other names on the same port work.",
    when: "The listener exists, the client's SNI is in no chain's server_names, neither whole nor under a `*.` suffix, and no chain matches everything.",
    why: "A terminating server matches its own hosts, a passthrough server the sniHosts of the VirtualServices. Envoy takes the exact name first, then the longest `*.` suffix, then a chain without names; without any of them it has nowhere to go.",
    seen: &[
        "in Envoy's stats, rising: listener.0.0.0.0_P.no_filter_chain_match",
        "in Envoy's access log: the flag NR",
    ],
    fix: "Add the name to the server's hosts, or to sniHosts of a tls rule for passthrough.",
    example: &[
        "  Gateway         servers[0].tls.mode: PASSTHROUGH",
        "- VirtualService  tls[0].match[0].sniHosts: [a.com]",
        "+ VirtualService  tls[0].match[0].sniHosts: [a.com, b.com]",
    ],
    also: &["GW-SNI-ABSENT", "GW-PASS-DUP-SNI", "GW-SRV-DUP-HOST"],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (gateway, index) = tale.server()?;
    let Symptom::NoChainForSni { sni } = tale.symptom else {
        return None;
    };
    let field = FieldPath::of(&format!("spec.servers[{index}].hosts"));
    Some(Told::at(
        gateway,
        field,
        format!("nothing here takes {sni}"),
    ))
}

fn fixes(tale: &Tale<'_, '_>, wish: &Wish) -> Vec<Candidate> {
    let Symptom::NoChainForSni { sni } = tale.symptom else {
        return Vec::new();
    };
    Server::of(tale)
        .and_then(|server| build::take_host(tale, wish, &server, sni))
        .into_iter()
        .collect()
}
