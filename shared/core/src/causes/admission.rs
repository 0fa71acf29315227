//! What would not be stored: how every refused rule is told, and what their fixes share.

use serde_json::{Value, json};

use super::build::Server;
use super::{Candidate, Cause, Symptom, Tale, Told, Wish, build};
use super::{
    val_dr, val_dst, val_gw_bind, val_gw_host, val_gw_name, val_gw_no_hosts, val_gw_no_server,
    val_gw_port, val_gw_portname_dup, val_gw_tls_certs, val_gw_tls_on_plain, val_gw_tls_required,
    val_se, val_vs_empty, val_vs_exportto, val_vs_gwnames, val_vs_hosts, val_vs_http, val_vs_tcp,
    val_vs_tls, val_vs_weight,
};
use crate::admission::{self, Gate, Rule, Violation, is_stored};
use crate::ledger::{Block, Fate, Reason};
use crate::snapshot::{FieldPath, Operation, Segment, views};

/// The cause of a rule.
pub(super) const fn cause(rule: Rule) -> &'static Cause {
    match rule {
        Rule::GatewayName => &val_gw_name::CAUSE,
        Rule::NoServer => &val_gw_no_server::CAUSE,
        Rule::NoHosts => &val_gw_no_hosts::CAUSE,
        Rule::ServerHost => &val_gw_host::CAUSE,
        Rule::ServerPort => &val_gw_port::CAUSE,
        Rule::PortNameTwice => &val_gw_portname_dup::CAUSE,
        Rule::TlsRequired => &val_gw_tls_required::CAUSE,
        Rule::TlsOnPlain => &val_gw_tls_on_plain::CAUSE,
        Rule::TlsSettings => &val_gw_tls_certs::CAUSE,
        Rule::Bind => &val_gw_bind::CAUSE,
        Rule::Hosts => &val_vs_hosts::CAUSE,
        Rule::GatewayNames => &val_vs_gwnames::CAUSE,
        Rule::Empty => &val_vs_empty::CAUSE,
        Rule::Http => &val_vs_http::CAUSE,
        Rule::Tls => &val_vs_tls::CAUSE,
        Rule::Tcp => &val_vs_tcp::CAUSE,
        Rule::Weight => &val_vs_weight::CAUSE,
        Rule::ExportTo => &val_vs_exportto::CAUSE,
        Rule::Destination => &val_dst::CAUSE,
        Rule::DestinationRule => &val_dr::CAUSE,
        Rule::ServiceEntry => &val_se::CAUSE,
    }
}

/// The rule that is told.
pub(super) fn told<'t>(tale: &Tale<'t, '_>) -> Option<&'t Violation> {
    match tale.symptom {
        Symptom::Admission(violation) => Some(violation),
        Symptom::Reason(Reason::NotAdmitted(violation)) => Some(violation.as_ref()),
        Symptom::Reason(Reason::NotStored { by }) => match &tale.ledger.get(*by)?.fate {
            Fate::Dropped(Reason::NotAdmitted(violation)) => Some(violation.as_ref()),
            _ => None,
        },
        _ => None,
    }
}

/// The field, who refuses it, and what that means for a manifest and for an object that is stored all the same.
pub(super) fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let (object, violation) = (tale.object()?, told(tale)?);
    let kind = object.key.kind;
    let told = Told::at(object.id, violation.field.clone(), violation.says.clone());
    let told = match &violation.other {
        Some(other) => told.beside(object.id, other.clone(), "goes with it"),
        None => told,
    };
    let who = match violation.gate(tale.store.snapshot, object) {
        Gate::Schema => "The API server refuses it by the schema of the CRD.",
        Gate::Webhook => "Istio's validating webhook refuses it.",
    };
    let page = cause(violation.rule).page;
    let told = told.why(format!("{who} {}", page.why));
    Some(if is_stored(object) {
        told.so(format!(
            "{kind} {} is stored all the same: it came while the webhook was off, or before it had this rule. The next edit of it is refused.",
            object.qualified()
        ))
    } else {
        told.so(format!(
            "{kind} {} is not stored: istiod never sees it",
            object.qualified()
        ))
    })
}

/// Writes a field, whether it is there or not.
pub(super) fn put(tale: &Tale<'_, '_>, field: &FieldPath, value: impl Into<Value>) -> Operation {
    let there = |object| admission::is_written(tale.store.snapshot, object, field);
    if tale.object().is_some_and(there) {
        build::replace(field, value)
    } else {
        build::add(field, value)
    }
}

/// The nth index in a path: of the server, of its host.
pub(super) fn index(field: &FieldPath, nth: usize) -> Option<usize> {
    let mut indices = field.0.iter().filter_map(|segment| match segment {
        Segment::Index(n) => Some(*n),
        Segment::Key(_) => None,
    });
    indices.nth(nth)
}

/// The rules that a path leads into.
pub(super) fn block(field: &FieldPath) -> Option<Block> {
    let Segment::Key(key) = field.0.get(1)? else {
        return None;
    };
    [Block::Tcp, Block::Tls, Block::Http]
        .into_iter()
        .find(|block| block.field() == key)
}

/// The server that breaks the rule: perhaps not the one that was asked about.
pub(super) fn server<'t>(tale: &Tale<'t, '_>) -> Option<Server<'t>> {
    let (object, violation) = (tale.object()?, told(tale)?);
    Server::at(tale, object.id, index(&violation.field, 0)?)
}

/// A name that no other port of the Gateway has.
pub(super) fn free_name(tale: &Tale<'_, '_>, server: &Server<'_>, base: &str) -> String {
    let servers = tale
        .view::<views::Gateway>(server.gateway.id)
        .map(|g| g.spec.servers.as_slice())
        .unwrap_or_default();
    build::unique(base, |name| {
        servers
            .iter()
            .filter_map(|s| s.port.as_ref())
            .any(|p| p.name == name)
    })
}

/// A destination for a rule that has none.
pub(super) fn route(tale: &Tale<'_, '_>, wish: &Wish, field: &FieldPath) -> Option<Candidate> {
    let (vs, server) = (tale.object()?, Server::of(tale)?);
    let namespaces = [
        vs.key.namespace.as_str(),
        server.gateway.key.namespace.as_str(),
    ];
    let chosen = build::choose(tale, wish, block(field)?, server.number(), &namespaces)?;
    let value = json!([{ "destination": build::destination(tale, &chosen.to) }]);
    let title = format!("lead to {}", build::way(&chosen.to));
    Some(chosen.on(build::patch(title, vs.id, vec![put(tale, field, value)])))
}
