//! GW-HTTP-ALL-ROUTES-FILTERED: no http rule is left for this Gateway.

use super::{Cause, Fixes, Page, Severity, Symptom, Tale, Told};
use crate::ledger::Reason;

pub(super) static PAGE: Page = Page {
    code: "GW-HTTP-ALL-ROUTES-FILTERED",
    title: "no http rule is left for this Gateway",
    severity: Severity::Error,
    what: "The VirtualService gives the server no virtual host. Its hosts get 404 there.",
    when: "Each http[] rule has match entries and each entry fails: match.port differs from servers[].port.number; or match.gateways is set and lacks the Gateway; or, without match.gateways, sourceLabels or sourceNamespace do not fit the gateway's pod.",
    why: "These conditions say where a rule applies, so istiod decides them and not Envoy. A VirtualService with no rule left is passed over as a whole.",
    seen: &[
        "in istiod's log, at debug level:",
        "  NODE-ID omitting routes for virtual service NS/NAME due to error: no routes matched",
    ],
    fix: "Write the Gateway's number in match.port and the Gateway in match.gateways, or leave them out.",
    example: &[
        "  Gateway         servers[0].port.number: 80",
        "- VirtualService  http[0].match[0].port: 8080",
        "+ VirtualService  http[0].match[0].port: 80",
    ],
    also: &["GW-HTTP-NO-VS", "GW-TCP-PORT-MATCH", "GW-TCP-GW-MATCH"],
    source: "pilot/pkg/networking/core/route/route.go:BuildHTTPRoutesForVirtualService",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::None("not written yet"),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let step = tale.step()?;
    let label = match tale.symptom {
        Symptom::Reason(Reason::PortMismatch { declared, .. }) => {
            format!("the Gateway says port {declared}")
        }
        Symptom::Reason(Reason::GatewayMismatch { .. }) => "names other gateways".to_owned(),
        _ => "is for other proxies".to_owned(),
    };
    Some(Told::at(step.object(), step.field(), label))
}
