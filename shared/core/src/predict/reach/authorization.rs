//! Would an AuthorizationPolicy let a connection in? After istio `pilot/pkg/security/authz/{builder,model}` (1.31).
//!
//! Only what holds for every client is decided. On a TCP filter chain, conditions about HTTP do not exist: an ALLOW
//! rule that has one is left out, a DENY rule goes without it and matches more.

use std::collections::BTreeMap;

use super::{Barrier, attaches, targets};
use crate::predict::ProxyFacts;
use crate::predict::features::switch;
use crate::predict::store::Store;
use crate::snapshot::views::{AsView, AuthorizationPolicy, AuthorizationRule};
use crate::snapshot::{Kind, Object, ObjectId};

/// The annotation of a policy that is only tried out.
const DRY_RUN: &str = "istio.io/dry-run";

/// What policies come to for connections to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every client is let in, as far as policies go.
    Open,
    /// It depends on the client, or on an external authorizer: these policies decide.
    Depends(Vec<ObjectId>),
    /// No client is let in.
    Barred(Barrier),
}

/// Which connections a condition holds for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Matches {
    None,
    Some,
    All,
}

#[derive(Clone, Copy)]
struct Asked {
    port: u32,
    http: bool,
    deny: bool,
}

/// A rule that istiod leaves out.
struct LeftOut;

/// What the policies that reach the proxy say about connections to one of its ports; `http`: the filter chain ends in
/// an HTTP connection manager.
pub(crate) fn access(store: &Store<'_>, proxy: &ProxyFacts, port: u32, http: bool) -> Access {
    let mut allowing: Vec<(&Object, Matches)> = Vec::new();
    let mut deciding: Vec<ObjectId> = Vec::new();
    for object in store.snapshot.of_kind(Kind::AuthorizationPolicy) {
        let Some(policy) = AuthorizationPolicy::of(&object.view) else {
            continue;
        };
        let spec = &policy.spec;
        let selector = spec.selector.as_ref().map(|s| &s.match_labels);
        let refs = targets(&spec.target_refs, spec.target_ref.as_ref());
        let tried_out = object
            .meta
            .annotations
            .get(DRY_RUN)
            .is_some_and(|v| switch(v) == Some(true));
        if tried_out || !attaches(store, proxy, object, selector, &refs) {
            continue;
        }
        let deny = spec.action == "DENY";
        let asked = Asked { port, http, deny };
        let rules = spec.rules.iter().map(|rule| of_rule(rule, asked));
        match spec.action.as_str() {
            "" | "ALLOW" => {
                let most = rules.max().unwrap_or(Matches::None);
                allowing.push((object, most));
            }
            "DENY" => {
                let rules: Vec<Matches> = rules.collect();
                if let Some(rule) = rules.iter().position(|m| *m == Matches::All) {
                    return Access::Barred(Barrier::Denied {
                        policy: object.id,
                        rule,
                        port,
                        http,
                    });
                }
                if rules.contains(&Matches::Some) {
                    deciding.push(object.id);
                }
            }
            "CUSTOM" => deciding.push(object.id),
            _ => {}
        }
    }
    match allowing.iter().map(|(_, most)| *most).max() {
        Some(Matches::None) => {
            return Access::Barred(Barrier::NotAllowed {
                policies: allowing.iter().map(|(o, _)| o.id).collect(),
                port,
                http,
            });
        }
        Some(Matches::Some) => deciding.extend(
            allowing
                .iter()
                .filter(|(_, m)| *m == Matches::Some)
                .map(|(o, _)| o.id),
        ),
        Some(Matches::All) | None => {}
    }
    if deciding.is_empty() {
        return Access::Open;
    }
    deciding.sort();
    Access::Depends(deciding)
}

/// After `authz/model/model.go:New` and `Generate`.
fn of_rule(rule: &AuthorizationRule, asked: Asked) -> Matches {
    judge(rule, asked).unwrap_or(Matches::None)
}

fn judge(rule: &AuthorizationRule, asked: Asked) -> Result<Matches, LeftOut> {
    let mut all = Matches::All;
    for condition in &rule.when {
        all = all.min(values(&condition.key, &condition.values, false, asked)?);
        all = all.min(values(&condition.key, &condition.not_values, true, asked)?);
    }
    let mut any = rule.from.is_empty().then_some(Matches::All);
    for from in &rule.from {
        let one = named(&from.source, asked)?;
        any = Some(any.map_or(one, |m: Matches| m.max(one)));
    }
    all = all.min(any.unwrap_or(Matches::None));
    let mut any = rule.to.is_empty().then_some(Matches::All);
    for to in &rule.to {
        let one = named(&to.operation, asked)?;
        any = Some(any.map_or(one, |m: Matches| m.max(one)));
    }
    Ok(all.min(any.unwrap_or(Matches::None)))
}

/// The conditions of a source or an operation, by the attributes they are about.
fn named(conditions: &BTreeMap<String, Vec<String>>, asked: Asked) -> Result<Matches, LeftOut> {
    let mut all = Matches::All;
    for (name, list) in conditions {
        let (attribute, not) = match name.as_str() {
            "ports" => ("destination.port", false),
            "notPorts" => ("destination.port", true),
            "hosts"
            | "notHosts"
            | "methods"
            | "notMethods"
            | "paths"
            | "notPaths"
            | "requestPrincipals"
            | "notRequestPrincipals" => ("request.", false),
            _ => ("source.", false),
        };
        all = all.min(values(attribute, list, not, asked)?);
    }
    Ok(all)
}

fn values(key: &str, list: &[String], not: bool, asked: Asked) -> Result<Matches, LeftOut> {
    if list.is_empty() {
        return Ok(Matches::All);
    }
    if key.starts_with("request.") {
        return match (asked.http, asked.deny) {
            (true, _) => Ok(Matches::Some),
            (false, true) => Ok(Matches::All),
            (false, false) => Err(LeftOut),
        };
    }
    if key == "destination.port" {
        let listed = list.iter().any(|p| p.parse() == Ok(asked.port));
        return Ok(if listed == not {
            Matches::None
        } else {
            Matches::All
        });
    }
    let known = [
        "source.",
        "remote.ip",
        "destination.ip",
        "connection.sni",
        "experimental.envoy.filters.",
    ];
    if known.iter().any(|k| key.starts_with(k)) {
        Ok(Matches::Some)
    } else {
        Err(LeftOut)
    }
}
