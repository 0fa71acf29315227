//! GW-VS-GWNAME: this Gateway name points to no Gateway.

use super::{Candidate, Cause, Fixes, Page, Severity, Tale, Told, Wish, build};
use crate::ledger::Step;
use crate::snapshot::{FieldPath, Object};

pub(super) static PAGE: Page = Page {
    code: "GW-VS-GWNAME",
    title: "this Gateway name points to no Gateway",
    severity: Severity::Error,
    what: "The VirtualService is not bound to the Gateway that was meant. Its rules do nothing there.",
    when: "An entry of spec.gateways resolves to a namespace and name where no Gateway is: `NAME` and `./NAME` mean the VirtualService's own namespace, `NS/NAME` the given one, and a name with dots and no slash is NAME.NAMESPACE with anything behind.",
    why: "istiod turns every entry into NAMESPACE/NAME and compares text. It does not search other namespaces, and a name that fits nothing is not an error for it.",
    seen: &[
        "in istiod's log, if no other VirtualService names the Gateway:",
        "  no virtual service bound to gateway: NS/NAME",
        "istioctl analyze: IST0101 for the gateway",
    ],
    fix: "Write NAMESPACE/NAME of the Gateway.",
    example: &[
        "  Gateway         rcmd/external-test-gateway",
        "- VirtualService  gateways: [external-test-gateway]",
        "+ VirtualService  gateways: [rcmd/external-test-gateway]",
    ],
    also: &["GW-VS-NONE", "GW-VS-MESH-ONLY", "GW-TCP-GW-MATCH"],
    source: "pilot/pkg/model/config.go:resolveGatewayName",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let object = tale.object()?;
    let Step::Binding { index, .. } = tale.step()? else {
        return None;
    };
    let written = tale.virtual_service()?.gateways.get(*index)?;
    let resolved = tale.store.resolved_gateway(object.id, *index)?;
    let (namespace, name) = resolved.split_once('/')?;
    let elsewhere: Vec<&str> = tale
        .store
        .gateways
        .iter()
        .filter(|g| g.object.key.name == name)
        .map(|g| g.object.key.namespace.as_str())
        .collect();
    let label = match elsewhere.as_slice() {
        [] => format!("no Gateway {resolved}"),
        several => format!("not in {namespace}; there is one in {}", several.join(", ")),
    };
    let mut told = Told::at(
        object.id,
        FieldPath::of(&format!("spec.gateways[{index}]")),
        label,
    )
    .value(written)
    .why("");
    if !written.contains(['/', '.']) {
        let field = FieldPath::of("metadata.namespace");
        told = told.beside(
            object.id,
            field,
            "a name without namespace is looked up here",
        );
    }
    Some(told)
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    meant(tale).unwrap_or_default()
}

/// Gateways of that name elsewhere, those for the port first; else those whose name this could be a slip of.
fn meant(tale: &Tale<'_, '_>) -> Option<Vec<Candidate>> {
    let vs = tale.object()?;
    let Step::Binding { index, .. } = tale.step()? else {
        return None;
    };
    let spec = tale.virtual_service()?;
    let resolved = tale.store.resolved_gateway(vs.id, *index)?;
    let (namespace, name) = resolved.split_once('/')?;
    let waiting = build::servers_without_route(tale, &spec.hosts, &vs.key.namespace);
    let served = |g: &Object| !waiting.iter().any(|s| s.gateway.id == g.id);
    let gateways = || tale.store.gateways.iter().map(|g| g.object);
    let mut found: Vec<&Object> = gateways().filter(|g| g.key.name == name).collect();
    if found.is_empty() {
        found = gateways()
            .filter(|g| g.key.namespace == namespace && build::slip(&g.key.name, name).is_some())
            .collect();
    }
    found.sort_by_key(|g| served(g));
    let field = build::spec().key("gateways").index(*index);
    let candidate = |gateway: &Object| {
        let name = build::gateway_name(gateway, &vs.key.namespace);
        let title = if name.contains('/') {
            "name the Gateway with its namespace"
        } else {
            "write the Gateway's name"
        };
        build::patch(title, vs.id, vec![build::replace(&field, name)])
    };
    Some(found.into_iter().take(build::WAYS).map(candidate).collect())
}
