//! ENVOY-SNI-PARTIAL: a wildcard SNI needs a dot.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{EntryId, Step};
use crate::predict::envoy::Refusal;
use crate::snapshot::views::VirtualService;

pub(super) static PAGE: Page = Page {
    code: "ENVOY-SNI-PARTIAL",
    title: "a wildcard SNI needs a dot",
    severity: Severity::Error,
    what: "Envoy refuses the whole listener, with every other host in it. A new port stays closed; a port that was open keeps its former configuration.",
    when: "An entry of tls[].match[].sniHosts begins with `*` and goes on without a dot, as `*a.com` does.",
    why: "Envoy takes only whole labels for a wildcard: `*` alone, or `*.` and the rest. The webhook checks that for a Gateway's hosts, not for sniHosts.",
    seen: &[
        "in Envoy's log, and in error_state of the listener in /config_dump:",
        r#"  partial wildcards are not supported in "server_names""#,
        "in istiod's log:",
        "  ADS:LDS: ACK ERROR CONNECTION CODE:Error adding/updating listener(s) 0.0.0.0_P: …",
    ],
    fix: "Write `*.` and the rest.",
    example: &[
        r#"- VirtualService  tls[0].match[0].sniHosts: ["*a.com"]"#,
        r#"+ VirtualService  tls[0].match[0].sniHosts: ["*.a.com"]"#,
    ],
    also: &["ENVOY-FC-OVERLAP", "GW-SNI-NO-CHAIN"],
    source: "envoy source/common/listener_manager/filter_chain_manager_impl.cc",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let Symptom::Refused(Refusal::PartialWildcard { name, chain }) = tale.symptom else {
        return None;
    };
    let (object, field) = tale.origin(*chain)?;
    Some(
        Told::at(
            object,
            field,
            format!("{name}: Envoy knows *. in front only"),
        )
        .value(name),
    )
}

/// The wildcard gets its dot.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let Symptom::Refused(Refusal::PartialWildcard { name, chain }) = tale.symptom else {
        return Vec::new();
    };
    let dotted = |id: EntryId| {
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
        let rest = name.strip_prefix('*').filter(|rest| !rest.contains('*'))?;
        let spec = &tale.view::<VirtualService>(*virtual_service)?.spec;
        let names = &spec.tls.get(*rule)?.r#match.get(*n)?.sni_hosts;
        let at = names.iter().position(|other| other == name)?;
        let path = step.field().key("sniHosts").index(at);
        let operation = build::replace(&path, format!("*.{}", rest.trim_start_matches('.')));
        Some(build::patch(
            "write the wildcard with its dot",
            *virtual_service,
            vec![operation],
        ))
    };
    chain.clause.and_then(dotted).into_iter().collect()
}
