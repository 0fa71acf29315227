//! Matches of a VirtualService's rules.

use super::{
    Server, append, in_use, match_path, name_as_written, patch, replace, spec as spec_path,
};
use crate::causes::{Candidate, Tale};
use crate::ledger::{Block, Step};
use crate::predict::{hosts, selects};
use crate::snapshot::views::L4Match;
use crate::snapshot::views::{self};
use crate::snapshot::{FieldPath, Object, Operation};
use serde_json::{Value, json};

/// One match of a rule, as far as it is about ports and gateways.
pub(in crate::causes) struct Matched<'t> {
    pub(in crate::causes) block: Block,
    pub(in crate::causes) rule: usize,
    pub(in crate::causes) index: usize,
    pub(in crate::causes) port: u32,
    pub(in crate::causes) gateways: &'t [String],
    /// For `tls` rules.
    pub(in crate::causes) sni: &'t [String],
    /// Whether another match can be made without losing conditions.
    pub(in crate::causes) plain: bool,
}

impl Matched<'_> {
    /// The path of the match.
    pub(in crate::causes) fn path(&self) -> FieldPath {
        match_path(self.block, self.rule).index(self.index)
    }

    /// The same match for another port and one Gateway.
    pub(in crate::causes) fn for_port(&self, port: u32, gateway: Option<&str>) -> Value {
        let mut value = json!({ "port": port });
        if let Some(map) = value.as_object_mut() {
            if let Some(name) = gateway {
                map.insert("gateways".to_owned(), json!([name]));
            }
            if self.block == Block::Tls {
                map.insert("sniHosts".to_owned(), json!(self.sni));
            }
        }
        value
    }

    /// The name of the Gateway, if the match could be for others without it.
    pub(in crate::causes) fn restricted<'n>(
        &self,
        vs: &views::VirtualServiceSpec,
        name: &'n str,
    ) -> Option<&'n str> {
        (vs.gateways.len() > 1 || !self.gateways.is_empty()).then_some(name)
    }

    /// Whether the match is for other gateways or for sidecars as well.
    pub(in crate::causes) fn is_shared(
        &self,
        vs: &views::VirtualServiceSpec,
        namespace: &str,
        gateway: &Object,
    ) -> bool {
        let own = gateway.qualified();
        let named = if self.gateways.is_empty() {
            vs.gateways.as_slice()
        } else {
            self.gateways
        };
        named
            .iter()
            .any(|name| hosts::resolve_gateway_name(name, namespace) != own)
    }
}

/// Every match of a VirtualService.
pub(in crate::causes) fn matches_of(spec: &views::VirtualServiceSpec) -> Vec<Matched<'_>> {
    pub(in crate::causes) fn l4(
        block: Block,
        rule: usize,
        matches: &[L4Match],
    ) -> impl Iterator<Item = Matched<'_>> {
        matches.iter().enumerate().map(move |(index, m)| Matched {
            block,
            rule,
            index,
            port: m.port,
            gateways: &m.gateways,
            sni: &m.sni_hosts,
            plain: true,
        })
    }
    let tcp = spec.tcp.iter().enumerate();
    let tls = spec.tls.iter().enumerate();
    let http = spec.http.iter().enumerate().flat_map(|(rule, r)| {
        r.r#match.iter().enumerate().map(move |(index, m)| Matched {
            block: Block::Http,
            rule,
            index,
            port: m.port,
            gateways: &m.gateways,
            sni: &[],
            plain: without_conditions(m),
        })
    });
    tcp.flat_map(|(rule, r)| l4(Block::Tcp, rule, &r.r#match))
        .chain(tls.flat_map(|(rule, r)| l4(Block::Tls, rule, &r.r#match)))
        .chain(http)
        .collect()
}

/// Whether an HTTP match asks for nothing but port, gateways and clients.
pub(in crate::causes) fn without_conditions(m: &views::HttpMatch) -> bool {
    *m == views::HttpMatch {
        name: m.name.clone(),
        port: m.port,
        gateways: m.gateways.clone(),
        source_labels: m.source_labels.clone(),
        source_namespace: m.source_namespace.clone(),
        ..views::HttpMatch::default()
    }
}

/// Ways to make a match fit the server of a decision: by its number, and by the Gateway's name.
pub(in crate::causes) fn fit_match(tale: &Tale<'_, '_>, index: usize) -> Option<Vec<Candidate>> {
    let Step::Clause {
        virtual_service,
        block,
        rule,
        ..
    } = tale.step()?
    else {
        return None;
    };
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let spec = tale.virtual_service()?;
    let all = matches_of(spec);
    let found = all
        .iter()
        .find(|m| m.block == *block && m.rule == *rule && m.index == index)?;
    let qualified = server.gateway.qualified();
    let named = found.gateways.is_empty()
        || found
            .gateways
            .iter()
            .any(|g| hosts::resolve_gateway_name(g, &vs.key.namespace) == qualified);
    let mut operations = Vec::new();
    let number = server.number();
    let other_port = found.port != 0 && found.port != number;
    if other_port {
        operations.push(replace(&found.path().key("port"), number));
    }
    let name = name_as_written(spec, &vs.key.namespace, server.gateway);
    let routes = destinations(spec, *block, *rule);
    if !named && routes.iter().any(|d| is_own_service(tale, d)) {
        let matched = found.for_port(number, Some(&name));
        let rule = onward(tale, *block, &matched, number)?;
        let title = "add a rule that leads from the Gateway to the VirtualService's host";
        return Some(vec![patch(title, vs.id, vec![rule])]);
    }
    if !named {
        let list = found.path().key("gateways");
        operations.push(append(&list, found.gateways.len(), name.as_str()));
    }
    let title = if other_port {
        "write the Gateway's number in match.port"
    } else {
        "add the Gateway to match.gateways"
    };
    if operations.is_empty() {
        return None;
    }
    let mut ways = vec![patch(title, *virtual_service, operations)];
    if other_port && found.plain {
        let another = patch(
            "add a match with the Gateway's number",
            *virtual_service,
            vec![append(
                &match_path(*block, *rule),
                1,
                found.for_port(number, found.restricted(spec, &name)),
            )],
        );
        // What others have by the old number must stay.
        let others = in_use(tale, *virtual_service, *block, *rule)
            || found.is_shared(spec, &vs.key.namespace, server.gateway);
        ways.insert(usize::from(!others), another);
    }
    Some(ways)
}

/// The destinations of a rule.
fn destinations(
    spec: &views::VirtualServiceSpec,
    block: Block,
    rule: usize,
) -> Vec<&views::Destination> {
    let routes = match block {
        Block::Http => spec.http.get(rule).map(|r| &r.route),
        Block::Tls => spec.tls.get(rule).map(|r| &r.route),
        Block::Tcp => spec.tcp.get(rule).map(|r| &r.route),
    };
    let routes = routes.into_iter().flatten();
    routes.map(|r| &r.destination).collect()
}

/// Whether a destination is the Service of the gateway that is asked about: for sidecars it leads there, and in the
/// gateway it would lead round.
fn is_own_service(tale: &Tale<'_, '_>, destination: &views::Destination) -> bool {
    let Some(vs) = tale.object() else {
        return false;
    };
    let domain = &tale.store.mesh.domain;
    let host = hosts::resolve_short_name(&destination.host, &vs.key.namespace, domain);
    let proxy = tale.proxy;
    tale.store.services_named(&host).any(|s| {
        s.namespace == proxy.namespace
            && !s.selector.is_empty()
            && selects(&s.selector, &proxy.labels)
    })
}

/// Adds a rule for the gateway that leads on to the VirtualService's own host, where one service has that.
pub(in crate::causes) fn onward(
    tale: &Tale<'_, '_>,
    block: Block,
    matched: &Value,
    number: u32,
) -> Option<Operation> {
    let (vs, spec) = (tale.object()?, tale.virtual_service()?);
    let [host] = spec.hosts.as_slice() else {
        return None;
    };
    let full = hosts::resolve_short_name(host, &vs.key.namespace, &tale.store.mesh.domain);
    let service = tale.store.services_named(&full).next()?;
    let numbers: Vec<u32> = service.ports.iter().map(|p| p.number).collect();
    let port = match numbers.as_slice() {
        [only] => *only,
        several => *several.iter().find(|n| **n == number)?,
    };
    let written = match block {
        Block::Http => spec.http.len(),
        Block::Tls => spec.tls.len(),
        Block::Tcp => spec.tcp.len(),
    };
    let rule = json!({
        "match": [matched],
        "route": [{ "destination": { "host": host, "port": { "number": port } } }],
    });
    Some(append(&spec_path().key(block.field()), written, rule))
}
