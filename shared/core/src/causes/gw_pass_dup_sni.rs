//! GW-PASS-DUP-SNI: an earlier match has this SNI already.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::{Reason, Step};
use crate::snapshot::FieldPath;

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
    fixes: Fixes::None("not written yet"),
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
