//! What a prediction after a change shows.
//!
//! A change is proved when the asked port opens and leads to endpoints, and no listener, chain, route or cluster of
//! any gateway is removed or redirected. What could void that is an assumption, and the proof is then conditional.

use std::collections::{BTreeMap, BTreeSet};

use crate::admission;
use crate::causes::{self, Severity};
use crate::predict::envoy;
use crate::predict::hosts::MESH;
use crate::predict::store::Store;
use crate::predict::{
    Config, FilterChain, Listener, ProxyFacts, ProxyKind, RouteAction, VirtualHost, has_sidecars,
};
use crate::report::{Answer, Finding, ProxyRef, Verdict};
use crate::snapshot::views::{AsView, VirtualService};
use crate::snapshot::{Change, Kind, Object, ObjectId, Snapshot};
use crate::walk::{self, Class, Question};

use super::{apply, sidecars};

/// What a change does to every gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// What existed and is gone or leads elsewhere, and edits that would be refused, in words.
    pub disturbed: Vec<String>,
    /// What is new, in words, without the port asked about.
    pub added: Vec<String>,
    /// Conditions that the proof rests on.
    pub assumptions: Vec<String>,
}

/// The state after a change.
#[derive(Debug)]
pub struct After {
    /// The objects.
    pub snapshot: Snapshot,
    /// The answers to the question.
    pub answers: Vec<Answer>,
    /// What the change does.
    pub effect: Effect,
}

/// Applies changes to a copy of the objects and predicts again.
///
/// # Errors
/// Why the changes cannot be applied.
pub fn predict_after(
    before: &Store<'_>,
    classes: &[Class],
    changes: &[Change],
    question: &Question,
) -> Result<After, String> {
    let snapshot = apply(before.snapshot, changes).map_err(|e| e.to_string())?;
    let (answers, effect) = {
        let store = Store::new(&snapshot);
        let mut after = walk::gateway_classes(&store);
        let sidecars = classes
            .iter()
            .filter(|c| c.proxy.kind == ProxyKind::Sidecar);
        after.extend(sidecars.map(|c| Class::of(&store, facts_after(&snapshot, &c.proxy))));
        // A question about a connection has one sidecar: the gateways are to stay as they are all the same.
        let mut effect = if question.host.is_some() {
            compare(
                before,
                &walk::gateway_classes(before),
                &after,
                question.port,
            )
        } else {
            compare(before, classes, &after, question.port)
        };
        let asked = question.host.as_ref();
        let asked = asked.map(|host| format!("{host}_{}", question.port));
        compare_sidecars(before, &store, changes, asked.as_deref(), &mut effect);
        effect.assumptions.extend(unread(before.snapshot));
        effect.disturbed.extend(refused_edits(&snapshot, changes));
        (walk::ask(&store, &after, question), effect)
    };
    Ok(After {
        snapshot,
        answers,
        effect,
    })
}

/// The facts of a sidecar after a change: its own labels and annotations may be what is changed.
fn facts_after(snapshot: &Snapshot, before: &ProxyFacts) -> ProxyFacts {
    let object = before.object().and_then(|id| snapshot.get(id));
    let now = object.and_then(|o| ProxyFacts::of_workload(o).or_else(|| ProxyFacts::of_pod(o)));
    let mut facts = before.clone();
    if let Some(now) = now {
        (facts.labels, facts.metadata) = (now.labels, now.metadata);
    }
    facts
}

/// Why an object as it is now would be refused.
pub(crate) fn not_admitted(object: &Object) -> Option<String> {
    let violation = admission::check(object).into_iter().next()?;
    let code = causes::code(violation.rule);
    let (field, says) = (&violation.field, &violation.says);
    let name = object.qualified();
    Some(format!("{name} would be refused: {field}, {says} ({code})"))
}

/// Edits of stored objects that would be refused: the webhook judges the whole object again, also what was wrong with
/// it before. A manifest that is refused is not there in the prediction.
fn refused_edits(after: &Snapshot, changes: &[Change]) -> Vec<String> {
    let edited: BTreeSet<ObjectId> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Patch { object, .. } => Some(*object),
            Change::Create { .. } => None,
        })
        .collect();
    edited
        .into_iter()
        .filter_map(|id| after.get(id))
        .filter(|object| admission::is_stored(object))
        .filter_map(not_admitted)
        .collect()
}

/// Adds what changes do to sidecars, where they reach any. `asked`: the listener that they are for.
pub(crate) fn compare_sidecars(
    before: &Store<'_>,
    after: &Store<'_>,
    changes: &[Change],
    asked: Option<&str>,
    effect: &mut Effect,
) {
    if reach_sidecars(before.snapshot, changes) {
        sidecars::compare(before, after, changes, asked, effect);
    }
}

/// What was not read could be disturbed all the same.
pub(crate) fn unread(snapshot: &Snapshot) -> Option<String> {
    let coverage = &snapshot.coverage;
    if let Some(forbidden) = coverage.forbidden.first() {
        let who = &forbidden.who;
        return Some(format!("what {who} may not read changes nothing"));
    }
    let any = coverage.unread_documents > 0;
    any.then(|| "the documents not read change nothing".to_owned())
}

/// Whether there are sidecars, and what they are sent depends on what is changed.
fn reach_sidecars(snapshot: &Snapshot, changes: &[Change]) -> bool {
    let reaches = changes.iter().any(|change| {
        let (kind, for_sidecars) = match change {
            Change::Patch { object, .. } => {
                let object = snapshot.get(*object);
                (
                    object.map(|o| o.key.kind),
                    object.is_some_and(is_for_sidecars),
                )
            }
            Change::Create { kind, .. } => (Some(*kind), false),
        };
        for_sidecars
            || matches!(
                kind,
                Some(
                    Kind::Service
                        | Kind::DestinationRule
                        | Kind::ServiceEntry
                        | Kind::Sidecar
                        | Kind::PeerAuthentication
                )
            )
    });
    reaches && has_sidecars(snapshot)
}

/// Whether a VirtualService binds sidecars.
fn is_for_sidecars(object: &Object) -> bool {
    VirtualService::of(&object.view)
        .is_some_and(|vs| vs.spec.gateways.is_empty() || vs.spec.gateways.iter().any(|g| g == MESH))
}

/// Compares what the gateways are sent before and after.
pub(crate) fn compare(before: &Store<'_>, old: &[Class], new: &[Class], port: u32) -> Effect {
    let key = |c: &Class| {
        (
            c.proxy.namespace.clone(),
            c.proxy.name.clone(),
            c.proxy.labels.clone(),
        )
    };
    let after: BTreeMap<_, &Class> = new.iter().map(|c| (key(c), c)).collect();
    let mut effect = Effect::default();
    for class in old.iter().filter(|c| c.proxy.kind == ProxyKind::Router) {
        let name = class.proxy.qualified();
        let Some(now) = after.get(&key(class)) else {
            effect.disturbed.push(format!("gateway {name} is gone"));
            continue;
        };
        let domain = &before.mesh.domain;
        compare_classes(&name, class, now, domain, port, &mut effect);
    }
    effect.disturbed.sort();
    effect.disturbed.dedup();
    effect.added.sort();
    effect.added.dedup();
    effect
}

fn compare_classes(
    gateway: &str,
    old: &Class,
    new: &Class,
    domain: &str,
    port: u32,
    effect: &mut Effect,
) {
    let refused_before = envoy::refusals(&old.prediction.config, &old.proxy);
    let refused_after = envoy::refusals(&new.prediction.config, &new.proxy);
    let round = walk::leads_round(old);
    let (old, new) = (&old.prediction.config, &new.prediction.config);
    let works = |clusters: &[(String, u32)]| {
        works(old, clusters)
            && !clusters
                .iter()
                .any(|(name, _)| round.contains(name.as_str()))
    };
    // What Envoy refuses does not exist: it can be changed, but nothing may become so.
    let existing = old
        .listeners
        .iter()
        .filter(|l| !refused_before.contains_key(&l.name));
    for listener in existing {
        let Some(now) = new.listeners.iter().find(|l| l.name == listener.name) else {
            effect
                .disturbed
                .push(format!("listener {} of {gateway} is gone", listener.name));
            continue;
        };
        if refused_after.contains_key(&listener.name) {
            effect.disturbed.push(format!(
                "Envoy would refuse listener {} of {gateway}",
                listener.name
            ));
            continue;
        }
        for chain in &listener.chains {
            let same =
                |c: &&FilterChain| c.sni == chain.sni && c.terminates_tls == chain.terminates_tls;
            let Some(after) = now.chains.iter().find(same) else {
                effect.disturbed.push(format!(
                    "a filter chain of {} on {gateway} is gone",
                    listener.name
                ));
                continue;
            };
            let redirected = (after.clusters != chain.clusters && works(&chain.clusters))
                || after.route != chain.route;
            if redirected {
                effect
                    .disturbed
                    .push(format!("{} on {gateway} leads elsewhere", listener.name));
            }
        }
    }
    for listener in new.listeners.iter().filter(|l| l.port != port) {
        if !old.listeners.iter().any(|l| l.name == listener.name) {
            effect
                .added
                .push(format!("listener {} on {gateway}", listener.name));
        }
    }
    for (name, hosts) in &old.routes {
        let Some(now) = new.routes.get(name) else {
            continue;
        };
        if let Some(domain) = redirected_host(&works, hosts, now) {
            effect
                .disturbed
                .push(format!("requests for {domain} on {gateway} go elsewhere"));
        }
    }
    for (name, cluster) in &old.clusters {
        let lost = new
            .clusters
            .get(name)
            .is_none_or(|now| now.endpoints != cluster.endpoints);
        if lost && cluster.endpoint_count() > 0 && still_named(new, name) {
            effect.disturbed.push(format!(
                "{} has other endpoints",
                walk::cluster_name(name, domain)
            ));
        }
    }
}

/// Whether every cluster that is named exists and has endpoints: what leads nowhere may be led somewhere.
fn works(config: &Config, clusters: &[(String, u32)]) -> bool {
    clusters.iter().all(|(name, _)| {
        config
            .clusters
            .get(name)
            .is_some_and(|c| c.endpoint_count() > 0)
    })
}

fn still_named(config: &Config, cluster: &str) -> bool {
    let by_chain = config
        .listeners
        .iter()
        .flat_map(|l: &Listener| &l.chains)
        .flat_map(|c| &c.clusters);
    let by_route = config
        .routes
        .values()
        .flatten()
        .flat_map(|h| &h.routes)
        .filter_map(|r| match &r.action {
            RouteAction::Clusters(clusters) => Some(clusters),
            _ => None,
        });
    by_chain
        .chain(by_route.flatten())
        .any(|(name, _)| name == cluster)
}

/// A domain whose requests would be routed otherwise. A host without routes answers 404: nothing to lose.
fn redirected_host<'h>(
    works: &impl Fn(&[(String, u32)]) -> bool,
    before: &'h [VirtualHost],
    after: &[VirtualHost],
) -> Option<&'h str> {
    let ways = |host: &VirtualHost| -> Vec<(Option<String>, RouteAction)> {
        host.routes
            .iter()
            .map(|r| (r.matches.clone(), r.action.clone()))
            .collect()
    };
    before
        .iter()
        .filter(|host| !host.routes.is_empty())
        .flat_map(|host| host.domains.iter().map(move |domain| (domain, host)))
        .find(|(domain, host)| {
            let now = after.iter().find(|h| h.domains.contains(domain));
            let working = host.routes.iter().all(|r| match &r.action {
                RouteAction::Clusters(clusters) => works(clusters),
                _ => true,
            });
            working
                && now.is_none_or(|now| {
                    ways(now) != ways(host) || now.require_tls != host.require_tls
                })
        })
        .map(|(domain, _)| domain.as_str())
}

impl After {
    /// The answer about the same proxy, else the only one there is.
    #[must_use]
    pub fn answer(&self, proxy: &ProxyRef) -> Option<&Answer> {
        let same = self
            .answers
            .iter()
            .find(|a| a.proxy.namespace == proxy.namespace && a.proxy.name == proxy.name);
        same.or(match self.answers.as_slice() {
            [only] => Some(only),
            _ => None,
        })
    }

    /// How many endpoints the port leads to.
    #[must_use]
    pub fn endpoints(&self, proxy: &ProxyRef, port: u32) -> u32 {
        let store = Store::new(&self.snapshot);
        let classes = walk::gateway_classes(&store);
        let class = classes
            .iter()
            .find(|c| c.proxy.namespace == proxy.namespace && c.proxy.name == proxy.name)
            .or(classes.first());
        let Some(prediction) = class.map(|c| &c.prediction) else {
            return 0;
        };
        let config = &prediction.config;
        let names = walk::clusters_of_port(&self.snapshot, prediction, port);
        names
            .into_iter()
            .filter_map(|name| config.clusters.get(name))
            .map(crate::predict::Cluster::endpoint_count)
            .sum()
    }
}

/// Whether a finding is still among the errors of an answer.
pub(super) fn still_there(answer: &Answer, finding: &Finding) -> bool {
    let about = |f: &Finding| -> (&str, ObjectId) { (f.page.code, f.primary.object) };
    answer
        .findings
        .iter()
        .any(|f| about(f) == about(finding) && f.primary.field == finding.primary.field)
}

/// Whether the port is open without any error.
pub(super) fn is_healthy(answer: &Answer) -> bool {
    answer.verdict == Verdict::Open && answer.findings.iter().all(|f| f.severity < Severity::Error)
}
