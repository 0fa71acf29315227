//! GW-DST-ITSELF: this rule leads back to its own gateway.

use serde_json::json;

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::{Block, Step};
use crate::snapshot::views::VirtualServiceSpec;
use crate::snapshot::{FieldPath, Operation};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-ITSELF",
    title: "this rule leads back to its own gateway",
    severity: Severity::Error,
    what: "The gateway sends the connection to its own Service and takes it again, over and over. Nothing is answered.",
    when: "A VirtualService is for sidecars (mesh) and for a gateway, and the rule that leads sidecars to that gateway's Service is the one that the gateway uses as well.",
    why: "A rule without match.gateways is for everything in spec.gateways. The gateway itself needs another rule, which leads on to the destination.",
    seen: &[
        "in the gateway's access log: one line after the other with the same request, and the gateway's own address for client",
        "in Envoy: istioctl proxy-config routes of the gateway shows the cluster of its own Service",
    ],
    fix: "Write match.gateways: [mesh] in the rule that leads to the gateway, and give the gateway a rule that leads on to the host.",
    example: &[
        "  VirtualService  gateways: [mesh, egress]; hosts: [api.example.com]",
        "- VirtualService  http: [to istio-egressgateway]",
        "+ VirtualService  http: [match mesh: to istio-egressgateway,",
        "+                        match egress: to api.example.com]",
    ],
    also: &["GW-TCP-GW-MATCH", "GW-HTTP-ALL-ROUTES-FILTERED"],
    source: "pilot/pkg/networking/core/route/route.go:BuildHTTPRoutesForVirtualService",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let step = tale.step()?;
    let told = Told::at(
        step.object(),
        step.field().key("host"),
        "the gateway's own Service",
    );
    Some(told.beside(step.object(), FieldPath::of("spec.gateways"), "for it too"))
}

/// The rule for everything else than this gateway, and one for the gateway that leads on.
fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    let split = || {
        let Step::Destination { block, rule, .. } = tale.step()? else {
            return None;
        };
        let (vs, spec) = (tale.object()?, tale.virtual_service()?);
        let server = build::Server::of(tale)?;
        let (gateway, others) = others(tale, spec)?;
        let mut operations = apart(spec, *block, *rule, &others)?;
        let mut matched = json!({ "gateways": [gateway], "port": server.number() });
        if *block == Block::Tls {
            let sni = spec.tls.get(*rule)?.r#match.first()?.sni_hosts.clone();
            matched
                .as_object_mut()?
                .insert("sniHosts".to_owned(), json!(sni));
        }
        operations.push(build::onward(tale, *block, &matched, tale.port)?);
        let title = "keep the rule from the gateway, and add one that leads on from there";
        Some(build::patch(title, vs.id, operations))
    };
    split().into_iter().collect()
}

/// How the VirtualService names the gateway, and what else it is for.
fn others<'t>(
    tale: &Tale<'t, '_>,
    spec: &'t VirtualServiceSpec,
) -> Option<(&'t str, Vec<&'t str>)> {
    let server = build::Server::of(tale)?;
    let own = tale.object()?.key.namespace.as_str();
    let name = build::name_as_written(spec, own, server.gateway);
    let (gateway, others): (Vec<&str>, Vec<&str>) = spec
        .gateways
        .iter()
        .map(String::as_str)
        .partition(|g| **g == *name);
    Some((*gateway.first()?, others)).filter(|(_, others)| !others.is_empty())
}

/// Writes in every match of a rule what it is for, where it says nothing.
fn apart(
    spec: &VirtualServiceSpec,
    block: Block,
    rule: usize,
    others: &[&str],
) -> Option<Vec<Operation>> {
    let said: Vec<bool> = match block {
        Block::Http => {
            let rule = spec.http.get(rule)?;
            rule.r#match
                .iter()
                .map(|m| !m.gateways.is_empty())
                .collect()
        }
        Block::Tls => {
            let rule = spec.tls.get(rule)?;
            rule.r#match
                .iter()
                .map(|m| !m.gateways.is_empty())
                .collect()
        }
        Block::Tcp => {
            let rule = spec.tcp.get(rule)?;
            rule.r#match
                .iter()
                .map(|m| !m.gateways.is_empty())
                .collect()
        }
    };
    let list = build::match_path(block, rule);
    if said.is_empty() {
        let only = json!({ "gateways": others });
        return Some(vec![build::append(&list, 0, only)]);
    }
    if said.contains(&true) {
        return None;
    }
    let each =
        (0..said.len()).map(|n| build::add(&list.clone().index(n).key("gateways"), json!(others)));
    Some(each.collect())
}
