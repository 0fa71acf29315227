//! GW-PASS-DUP-SNI: an earlier match has this SNI already.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Block, Fate, Reason, Step};
use crate::snapshot::{FieldPath, views};

pub(super) static PAGE: Page = Page {
    code: "GW-PASS-DUP-SNI",
    title: "an earlier match has this SNI already",
    severity: Severity::Error,
    what: "The whole match is left out, with all its sniHosts. The SNI goes where the earlier match leads.",
    when: "One of tls[].match[].sniHosts stands in an earlier match for the same port after translation and the same bind. Earlier means: first in the order of Gateways and servers, then of VirtualServices (the older first), then of rules.",
    why: "Envoy refuses a listener with the same SNI in two chains, so istiod drops the later match. The number in its log counts the matches of one rule from 0, not the rules.",
    seen: &[
        "in istiod's log:",
        "  skipping VirtualService NAME rule #I on server port N of gateway NS/NAME, duplicate SNI host names: [SNI]",
        r#"in istiod's metrics: pilot_total_rejected_configs{type="gateway",name="NS/NAME"}"#,
    ],
    fix: "Keep each SNI in one match.",
    example: &[
        "  VirtualService a  tls[0].match[0].sniHosts: [a.com]",
        "- VirtualService b  tls[0].match[0].sniHosts: [a.com, b.com]",
        "+ VirtualService b  tls[0].match[0].sniHosts: [b.com]",
    ],
    also: &[
        "GW-PASS-VS-BOUND-TWICE",
        "GW-SRV-DUP-HOST",
        "ENVOY-FC-OVERLAP",
    ],
    source: "pilot/pkg/networking/core/gateway.go:ListenerBuilder.buildGatewayNetworkFiltersFromTLSRoutes",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let Symptom::Reason(Reason::SniTaken { sni, by }) = tale.symptom else {
        return None;
    };
    let Step::Clause {
        rule,
        r#match: Some(n),
        ..
    } = tale.step()?
    else {
        return None;
    };
    let name = tale
        .virtual_service()?
        .tls
        .get(*rule)?
        .r#match
        .get(*n)?
        .sni_hosts
        .get(*sni)?;
    let holder = &tale.ledger.get(*by)?.step;
    let told = Told::at(
        object.id,
        FieldPath::of(&format!("spec.tls[{rule}].match[{n}].sniHosts")),
        format!("{name} is taken"),
    )
    .value(name);
    Some(told.beside(
        holder.object(),
        holder.field().key("sniHosts"),
        format!("{} came first", tale.name_of(holder.object())),
    ))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    without_taken(tale).into_iter().collect()
}

/// Leaves out the names that other matches have, if any is left.
fn without_taken(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let object = tale.object()?;
    let Step::Clause {
        rule,
        r#match: Some(n),
        ..
    } = tale.step()?
    else {
        return None;
    };
    let own = &tale
        .virtual_service()?
        .tls
        .get(*rule)?
        .r#match
        .get(*n)?
        .sni_hosts;
    let taken = names_in_use(tale);
    let field = build::match_path(Block::Tls, *rule)
        .index(*n)
        .key("sniHosts");
    let operations: Vec<_> = own
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, name)| taken.contains(&name.as_str()))
        .map(|(index, _)| build::remove(&field.clone().index(index)))
        .collect();
    (operations.len() < own.len()).then(|| {
        let title = "leave out the server name that is taken";
        build::patch(title, object.id, operations)
    })
}

/// The names of every `tls` match that is used.
fn names_in_use<'t>(tale: &Tale<'t, '_>) -> Vec<&'t str> {
    let used = tale.ledger.entries().filter_map(|(_, e)| match &e.step {
        Step::Clause {
            virtual_service,
            block: Block::Tls,
            rule,
            r#match: Some(n),
        } if matches!(e.fate, Fate::Effective(_)) => Some((*virtual_service, *rule, *n)),
        _ => None,
    });
    used.filter_map(|(id, rule, n)| {
        let spec = &tale.view::<views::VirtualService>(id)?.spec;
        Some(&spec.tls.get(rule)?.r#match.get(n)?.sni_hosts)
    })
    .flatten()
    .map(String::as_str)
    .collect()
}
