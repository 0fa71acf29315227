//! ENVOY-FC-OVERLAP: an SNI occurs twice in one listener.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Wish, build, refused};
use crate::ledger::{EntryId, Step};
use crate::predict::envoy::Refusal;
use crate::snapshot::views::VirtualService;

pub(super) static PAGE: Page = Page {
    code: "ENVOY-FC-OVERLAP",
    title: "an SNI occurs twice in one listener",
    severity: Severity::Error,
    what: "Envoy refuses the whole listener, with every other host in it. A new port stays closed; a port that was open keeps its former configuration.",
    when: "One name stands in server_names of two chains, or twice in one chain: sniHosts: [a.com, a.com], two spellings in upper and lower case, or one host with and without namespace in two servers.",
    why: "Envoy turns names to lower case and wants each of them once. istiod's own check for duplicates compares the texts as written, and not within one list.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        "  multiple filter chains with overlapping matching rules are defined",
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) 0.0.0.0_P: …",
    ],
    fix: "Keep each name once, in lower case.",
    example: &[
        "- VirtualService  tls[0].match[0].sniHosts: [a.com, A.com]",
        "+ VirtualService  tls[0].match[0].sniHosts: [a.com]",
    ],
    also: &[
        "GW-SRV-NSHOST-DUP",
        "GW-SRV-BIND-ALIAS",
        "GW-PASS-DUP-SNI",
        "ENVOY-FC-IDENTICAL",
    ],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell: refused::collision,
    fixes: Fixes::By(fixes),
};

/// A name that stands twice in one match is left out once.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Refused(Refusal::OverlappingNames { name, second, .. }) = tale.symptom else {
        return Vec::new();
    };
    let once = |id: EntryId| {
        let step = &tale.ledger.get(id)?.step;
        let Step::Clause {
            virtual_service,
            rule,
            r#match: Some(n),
            ..
        } = step
        else {
            return None;
        };
        let spec = &tale.view::<VirtualService>(*virtual_service)?.spec;
        let names = &spec.tls.get(*rule)?.r#match.get(*n)?.sni_hosts;
        let again = names
            .iter()
            .rposition(|other| other.to_lowercase() == *name)?;
        let path = step.field().key("sniHosts").index(again);
        let title = "leave out the name that stands twice";
        (names.len() > 1).then(|| build::patch(title, *virtual_service, vec![build::remove(&path)]))
    };
    second.clause.and_then(once).into_iter().collect()
}
