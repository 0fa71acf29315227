//! The proof: after every prefix of the writes nothing that existed is disturbed, and at the end each port opens.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::gateway::Gateway;
use super::target::Target;
use super::{Exposure, Options, Plan, Planned, Stop};
use crate::causes::Severity;
use crate::change::{apply, compare, compare_sidecars, not_admitted, unread};
use crate::predict::Endpoint;
use crate::predict::store::Store;
use crate::report::{Answer, Proof, Verdict};
use crate::snapshot::views::Labels;
use crate::snapshot::{Change, Kind, ObjectId, Snapshot};
use crate::walk::{self, Class, Question};

/// The finding that is only a warning here: the pods may come later.
const NO_ENDPOINTS: &str = "GW-DST-NO-ENDPOINTS";

/// Every gateway class of the files, and the gateway of the plan, if that is only assumed.
fn classes(store: &Store<'_>, gateway: &Gateway) -> Vec<Class> {
    let mut classes = walk::gateway_classes(store);
    // One that stands for the same pods, assumed somewhere else, would be counted twice.
    classes.retain(|c| !c.proxy.is_assumed() || c.proxy.labels != gateway.selector);
    for class in gateway.classes(store) {
        let same = |c: &Class| {
            c.proxy.namespace == class.proxy.namespace && c.proxy.name == class.proxy.name
        };
        if !classes
            .iter()
            .any(|c| same(c) && c.proxy.labels == class.proxy.labels)
        {
            classes.push(class);
        }
    }
    classes
}

/// The same proxies after a change.
fn again(store: &Store<'_>, before: &[Class]) -> Vec<Class> {
    before
        .iter()
        .map(|class| Class::of(store, class.proxy.clone()))
        .collect()
}

/// The Service that somebody else will change, as far as it matters here.
fn elsewhere(gateway: &Gateway, items: &[Value]) -> Option<Change> {
    let labels: &Labels = &gateway.proxies.first()?.labels;
    let name = gateway
        .service_name
        .as_ref()
        .map_or("gateway", |(_, name)| name.as_str());
    (!items.is_empty()).then(|| Change::Create {
        kind: Kind::Service,
        object: json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": gateway.namespace()},
            "spec": {"selector": labels, "ports": items},
        }),
        beside: None,
    })
}

/// Proves a plan.
///
/// # Errors
/// What it would disturb, or why a port stays closed.
pub(super) fn prove(
    snapshot: &Snapshot,
    gateway: Gateway,
    targets: &[Target<'_>],
    options: &Options,
    planned: Planned,
) -> Result<Plan, Stop> {
    let store = Store::new(snapshot);
    let before = classes(&store, &gateway);
    let mut changes = planned.changes();
    let real = changes.len();
    changes.extend(elsewhere(&gateway, &planned.elsewhere));

    let mut added = Vec::new();
    let mut undecided = Vec::new();
    for count in 1..=changes.len() {
        let prefix = changes.get(..count).unwrap_or_default();
        let now = apply(snapshot, prefix)?;
        let store_now = Store::new(&now);
        let after = again(&store_now, &before);
        let mut effect = compare(&store, &before, &after, 0);
        compare_sidecars(&store, &store_now, prefix, None, &mut effect);
        if let Some(disturbed) = effect.disturbed.first() {
            let write = planned.writes.get(count - 1);
            let after = write.map_or_else(
                || "after the Service's port".to_owned(),
                |w| format!("after write {count}, {}", w.what),
            );
            return Err(Stop::refused(disturbed.clone())
                .why(format!("{after}: nothing that is open may close or change")));
        }
        if count == changes.len() {
            added = effect.added;
            undecided = effect.assumptions;
        }
    }

    let after = apply(snapshot, changes.get(..real).unwrap_or_default())?;
    let whole = apply(snapshot, &changes)?;
    let whole_store = Store::new(&whole);
    let new = |id: &&ObjectId| !store.refused.contains(**id);
    let mut refused = whole_store.refused.objects.keys().filter(new);
    if let Some(what) = refused.find_map(|id| whole.get(*id).and_then(not_admitted)) {
        return Err(Stop::refused(what).why("what is refused is never stored"));
    }
    let at_end = again(&whole_store, &before);
    let mut conditions: Vec<String> = Vec::new();
    let mut warnings = planned.warnings;
    let mut exposures = planned.exposures;
    for (exposure, target) in exposures.iter_mut().zip(targets) {
        opens(
            &whole_store,
            &at_end,
            &gateway,
            options,
            target,
            exposure,
            &mut conditions,
            &mut warnings,
        )?;
    }
    let own: BTreeSet<String> = exposures
        .iter()
        .map(|e| format!("_{} on ", e.target_port))
        .collect();
    added.retain(|what| !own.iter().any(|tail| what.contains(tail.as_str())));

    if gateway.is_assumed() {
        conditions.push("such a gateway exists".to_owned());
    }
    if !planned.elsewhere.is_empty() {
        conditions.push("its Service has the port".to_owned());
    }
    if let Some(secret) = &options.tls_secret {
        conditions.push(format!(
            "Secret {}/{secret} holds a certificate",
            gateway.namespace()
        ));
    }
    conditions.extend(undecided);
    conditions.extend(unread(snapshot));
    conditions.dedup();
    if !gateway.also.is_empty() {
        warnings.push(format!(
            "the selector selects {} too",
            gateway.also.join(", ")
        ));
    }
    Ok(Plan {
        proof: if conditions.is_empty() {
            Proof::Proved
        } else {
            Proof::Conditional(conditions)
        },
        gateway,
        exposures,
        writes: planned.writes,
        elsewhere: planned.elsewhere,
        added,
        warnings,
        after,
    })
}

/// One port at the end.
#[expect(clippy::too_many_arguments, reason = "what a proof is made of")]
fn opens(
    store: &Store<'_>,
    classes: &[Class],
    gateway: &Gateway,
    options: &Options,
    target: &Target<'_>,
    exposure: &mut Exposure,
    conditions: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> Result<(), Stop> {
    let question = Question {
        port: exposure.number,
        sni: options.sni.first().cloned(),
        // A port that leads there already may be declared by anybody.
        namespace: exposure.by.is_none().then(|| exposure.namespace.clone()),
        ..Question::default()
    };
    let answers = walk::ask(store, classes, &question);
    let own = |a: &&Answer| {
        gateway
            .proxies
            .iter()
            .any(|p| p.namespace == a.proxy.namespace && p.name == a.proxy.name)
    };
    let answers: Vec<&Answer> = answers.iter().filter(own).collect();
    let place = format!(
        "{}/{}:{}",
        exposure.namespace, exposure.service, exposure.port
    );
    let mut empty = answers.is_empty();
    for answer in &answers {
        let errors: Vec<_> = answer
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .collect();
        let only_empty = errors.iter().all(|f| f.page.code == NO_ENDPOINTS);
        let opens = matches!(answer.verdict, Verdict::Open | Verdict::Unknown)
            || (answer.verdict == Verdict::LeadsNowhere && only_empty);
        if !opens || !only_empty {
            let mut stop = Stop::refused(format!("port {} would not open", exposure.number));
            stop.findings = errors.into_iter().cloned().collect();
            stop.after = Some(Box::new(store.snapshot.clone()));
            if stop.findings.is_empty() {
                stop.why = Some(answer.summary.clone());
            }
            return Err(stop);
        }
        empty |= !errors.is_empty();
    }
    if answers.is_empty() {
        return Err(
            Stop::refused(format!("port {} would not open", exposure.number))
                .why("no server of the plan reaches the gateway"),
        );
    }
    let host = target.host(store);
    let clusters = classes
        .iter()
        .filter(|c| gateway.proxies.iter().any(|p| p.name == c.proxy.name))
        .take(1)
        .flat_map(|c| &c.prediction.config.clusters)
        .filter(|(name, _)| {
            name.strip_suffix(&host)
                .is_some_and(|rest| rest.starts_with(&format!("outbound|{}|", exposure.port)))
        })
        .filter(|(name, _)| {
            let subset = name.split('|').nth(2).unwrap_or_default();
            if options.weights.is_empty() || exposure.by.is_some() {
                subset.is_empty()
            } else {
                options.weights.iter().any(|(n, _)| n == subset)
            }
        });
    for (_, cluster) in clusters {
        exposure.endpoints += cluster.endpoint_count();
        exposure.replicas |= cluster
            .endpoints
            .iter()
            .any(|e| matches!(e, Endpoint::Replicas { .. }));
    }
    if empty || exposure.endpoints == 0 {
        warnings.push(format!("{place} has no ready endpoint in these files"));
        conditions.push(format!("{place} has endpoints"));
    }
    Ok(())
}
