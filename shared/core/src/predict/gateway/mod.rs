//! The listeners of a gateway. After istio `pilot/pkg/model/gateway.go:mergeGateways` and
//! `pilot/pkg/networking/core/gateway.go:buildGatewayListeners` (1.31).

mod chains;
mod merge;
mod ports;

use std::borrow::Cow;

use super::config::Listener;
use super::sidecar::Scope;
use super::{Prediction, ProxyFacts, http};
use crate::ledger::{Effect, EntryId, Ledger, Reason, Step};
use crate::predict::hosts;
use crate::predict::protocol::Protocol;
use crate::predict::store::{Gateway, Service, Store};
use crate::snapshot::ObjectId;
use crate::snapshot::views::{Labels, Server, ServerTls};

pub(super) use chains::{
    FIRST_UNPRIVILEGED_PORT, ISTIO_ALPN, Place, attach, candidates, destinations, usable,
    wildcard_address,
};
pub(super) use merge::{BoundServer, Merged};
pub(crate) use ports::target_port;
pub(super) use ports::targets;

/// How a server treats TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// No `tls`, or plain HTTP with a redirect.
    Plain,
    /// Ends TLS.
    Terminate,
    /// Passes it on by SNI.
    Passthrough,
    /// Passes it on to the cluster that the SNI names.
    AutoPassthrough,
}

impl TlsMode {
    /// The mode of a server's `tls`; an absent mode is PASSTHROUGH, the default of the API.
    pub(crate) fn of(tls: Option<&ServerTls>) -> Self {
        match tls.map(|t| t.mode.as_str()) {
            None => Self::Plain,
            Some("" | "PASSTHROUGH") => Self::Passthrough,
            Some("AUTO_PASSTHROUGH") => Self::AutoPassthrough,
            Some(_) => Self::Terminate,
        }
    }

    pub(crate) const fn passes_through(self) -> bool {
        matches!(self, Self::Passthrough | Self::AutoPassthrough)
    }
}

/// What is handed through the prediction of one proxy.
pub(super) struct Context<'s, 'a> {
    pub(super) store: &'s Store<'a>,
    pub(super) proxy: &'s ProxyFacts,
    /// What a sidecar knows; a gateway knows all that its namespace may see.
    pub(super) scope: Option<&'s Scope<'s, 'a>>,
    pub(super) ledger: Ledger,
}

impl<'s> Context<'s, '_> {
    /// The service that the proxy knows under a host name.
    pub(super) fn service(&self, hostname: &str) -> Option<Cow<'s, Service>> {
        match self.scope {
            Some(scope) => scope.service(hostname).map(Cow::Borrowed),
            None => self.store.service(hostname, &self.proxy.namespace),
        }
    }
}

/// Predicts a gateway proxy.
pub(super) fn predict(store: &Store<'_>, proxy: &ProxyFacts) -> Prediction {
    let mut context = Context {
        store,
        proxy,
        scope: None,
        ledger: Ledger::default(),
    };
    bindings(&mut context);
    let mut prediction = Prediction::default();
    let applying = applying(&mut context);
    let targets = targets(&mut context);
    let merged = merge::merge(&mut context, &applying, &targets);
    prediction.config.listeners =
        chains::listeners(&mut context, &merged, &mut prediction.config.clusters);
    prediction.config.routes = http::routes(
        &mut context,
        &merged,
        &prediction.config.listeners,
        &mut prediction.config.clusters,
    );
    prediction
        .config
        .listeners
        .sort_by(|a: &Listener, b| a.name.cmp(&b.name));
    prediction.ledger = context.ledger;
    prediction
}

/// Whether labels satisfy a selector; an empty one selects all.
pub(crate) fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}

/// Records for every name in `VirtualService.spec.gateways` what it leads to.
fn bindings(context: &mut Context<'_, '_>) {
    let store = context.store;
    for vs in &store.virtual_services {
        for (index, name) in vs.gateways.iter().enumerate() {
            let step = Step::Binding {
                virtual_service: vs.object.id,
                index,
            };
            let entry = context.ledger.open(step, None);
            let outcome = if name == hosts::MESH {
                if vs.gateways.iter().all(|g| g == hosts::MESH) {
                    Err(Reason::MeshOnly)
                } else {
                    Ok(((), Effect::Mesh))
                }
            } else {
                match store.gateway(name) {
                    Some(gateway) => Ok(((), Effect::Names(gateway.object.id))),
                    None => Err(Reason::UnknownGateway { name: name.clone() }),
                }
            };
            context.ledger.settle(entry, outcome);
        }
    }
}

/// The Gateways that apply to the proxy, oldest first, with their entries.
fn applying<'s, 'a>(context: &mut Context<'s, 'a>) -> Vec<(&'s Gateway<'a>, EntryId)> {
    let store = context.store;
    let mut found = Vec::new();
    for gateway in &store.gateways {
        let entry = context.ledger.open(Step::Gateway(gateway.object.id), None);
        let outcome = if selects(&gateway.spec.selector, &context.proxy.labels) {
            Ok((gateway, Effect::Applies))
        } else {
            Err(Reason::NotSelected)
        };
        if let Some(gateway) = context.ledger.settle(entry, outcome) {
            found.push((gateway, entry));
        }
    }
    found
}

/// A server with what is derived from it.
#[derive(Clone, Debug)]
pub(super) struct ServerFacts<'a> {
    pub(super) gateway: ObjectId,
    /// `namespace/name` of the Gateway.
    pub(super) gateway_name: &'a str,
    pub(super) gateway_namespace: &'a str,
    pub(super) index: usize,
    pub(super) view: &'a Server,
    /// Declared number.
    pub(super) number: u32,
    pub(super) port_name: &'a str,
    pub(super) protocol: Protocol,
    /// Protocol as written: part of the merge key.
    pub(super) protocol_text: &'a str,
    pub(super) tls: TlsMode,
    /// Hosts as istiod keeps them.
    pub(super) hosts: Vec<String>,
}

impl ServerFacts<'_> {
    /// HTTPS that ends TLS: it has an HTTP connection manager of its own.
    pub(super) fn terminates_https(&self) -> bool {
        self.protocol == Protocol::Https && self.tls == TlsMode::Terminate
    }

    /// `gateway.IsHTTPServer`: plain HTTP, or HTTPS that does not pass through (also without `tls`).
    pub(super) fn is_http_server(&self) -> bool {
        self.protocol.is_http() || (self.protocol == Protocol::Https && !self.tls.passes_through())
    }

    /// `gateway.IsTLSServer`: `tls` is set and it is not plain HTTP.
    pub(super) fn is_tls_server(&self) -> bool {
        self.view.tls.is_some() && !self.protocol.is_http()
    }

    /// Server names of its filter chain: hosts without their namespaces, sorted.
    pub(super) fn sni(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .hosts
            .iter()
            .map(|h| h.split('/').nth(1).unwrap_or(h).to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
