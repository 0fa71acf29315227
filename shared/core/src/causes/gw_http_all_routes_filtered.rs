//! GW-HTTP-ALL-ROUTES-FILTERED: no http rule is left for this Gateway.

use serde_json::json;

use super::build::Server;
use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Block, Reason, Step};

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
    fixes: Fixes::By(fixes),
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

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    match tale.symptom {
        Symptom::Reason(
            Reason::PortMismatch { r#match, .. } | Reason::GatewayMismatch { r#match },
        ) => build::fit_match(tale, *r#match).unwrap_or_default(),
        Symptom::Reason(Reason::SourceMismatch { r#match }) => {
            for_gateway(tale, *r#match).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Another match for the gateway, if that asks for nothing else; else the clients are left out of this one.
fn for_gateway(tale: &Tale<'_, '_>, index: usize) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let Step::Clause { rule, .. } = tale.step()? else {
        return None;
    };
    let spec = tale.virtual_service()?;
    let written = spec.http.get(*rule)?.r#match.get(index)?;
    let list = build::match_path(Block::Http, *rule);
    if build::without_conditions(written) {
        let name = build::name_as_written(spec, &vs.key.namespace, server.gateway);
        let value = json!({ "gateways": [name], "port": server.number() });
        return Some(build::patch(
            "add a match for the Gateway",
            vs.id,
            vec![build::append(&list, 1, value)],
        ));
    }
    let path = list.index(index);
    let mut operations = Vec::new();
    if !written.source_labels.is_empty() {
        operations.push(build::remove(&path.clone().key("sourceLabels")));
    }
    if !written.source_namespace.is_empty() {
        operations.push(build::remove(&path.key("sourceNamespace")));
    }
    Some(build::patch(
        "match whatever the client is",
        vs.id,
        operations,
    ))
}
