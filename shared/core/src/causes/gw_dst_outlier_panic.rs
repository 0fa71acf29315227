//! GW-DST-OUTLIER-PANIC: outlierDetection makes istiod crash.

use super::{Candidate, Cause, Fixes, Page, Severity, Symptom, Tale, Told, Wish, build};
use crate::ledger::{Reason, Step};
use crate::snapshot::views::{DestinationRule, TrafficPolicy};
use crate::snapshot::{FieldPath, ObjectId};

pub(super) static PAGE: Page = Page {
    code: "GW-DST-OUTLIER-PANIC",
    title: "outlierDetection makes istiod crash",
    severity: Severity::Error,
    what: "istiod panics as soon as it builds the clusters of a proxy that sees the ServiceEntry, gateway or sidecar, and again after each restart. No proxy of the mesh gets new configuration.",
    when: "A ServiceEntry has a wildcard host and resolution DYNAMIC_DNS, and for that host a DestinationRule with trafficPolicy.outlierDetection is in force, or one for its port, or the mesh configuration sets it for all. No route has to lead there. The webhook accepts that.",
    why: "Envoy resolves such a host by itself, so istiod builds a cluster without settings for load balancing. For outlierDetection it writes a threshold into those settings, without a check that they are there.",
    seen: &[
        "in istiod's log, before it restarts:",
        "  panic: runtime error: invalid memory address or nil pointer dereference",
        "  a stack with applyOutlierDetection and buildOutboundClusters",
    ],
    fix: "Take outlierDetection out of what applies to the host. Where a DestinationRule is for more hosts, give this one its own in the same namespace: there the exact host comes first.",
    example: &[
        "  ServiceEntry     resolution: DYNAMIC_DNS, hosts: [\"*.example.com\"]",
        "  DestinationRule  host: \"*.example.com\"",
        "- DestinationRule  trafficPolicy.outlierDetection.interval: 5s",
    ],
    also: &["GW-SRV-HOST-PANIC", "GW-TCP-ZERO-SUM"],
    source: "pilot/pkg/networking/core/cluster_traffic_policy.go:applyOutlierDetection",
};

pub(super) static CAUSE: Cause = Cause {
    page: &PAGE,
    tell,
    fixes: Fixes::By(fixes),
};

/// What istiod fails on: a port of a ServiceEntry, and the object that asks for ejection.
struct Clash {
    service_entry: ObjectId,
    port: u32,
    by: ObjectId,
}

impl Clash {
    fn of(tale: &Tale<'_, '_>) -> Option<Self> {
        let Step::Forwarded {
            service_entry,
            port,
        } = *tale.step()?
        else {
            return None;
        };
        let Symptom::Reason(Reason::OutlierPanics { by }) = tale.symptom else {
            return None;
        };
        Some(Self {
            service_entry,
            port,
            by: *by,
        })
    }

    /// The policy that sets it, and where.
    fn policy<'t>(&self, tale: &Tale<'t, '_>) -> Option<(&'t TrafficPolicy, FieldPath)> {
        let rule = tale.view::<DestinationRule>(self.by)?;
        let policy = rule.spec.traffic_policy.as_ref()?;
        Some((policy, build::spec().key("trafficPolicy")))
    }
}

fn tell(tale: &Tale<'_, '_>) -> Option<Told> {
    let clash = Clash::of(tale)?;
    let field = match clash.policy(tale) {
        Some((policy, path)) => {
            let own = policy.of_port(clash.port);
            let path = own.map_or(path.clone(), |(n, _)| {
                path.key("portLevelSettings").index(n)
            });
            path.key("outlierDetection")
        }
        None => FieldPath::of("data.mesh"),
    };
    let entry = tale.step()?.field();
    let label = "istiod panics here";
    Some(Told::at(clash.by, field, label).beside(clash.service_entry, entry, "Envoy resolves it"))
}

fn fixes(tale: &Tale<'_, '_>, _: &Wish) -> Vec<Candidate> {
    without_ejection(tale).into_iter().collect()
}

/// Takes it out of a rule for just this host; what a rule says for more hosts is not ours to take from them.
fn without_ejection(tale: &Tale<'_, '_>) -> Option<Candidate> {
    let clash = Clash::of(tale)?;
    let (policy, path) = clash.policy(tale)?;
    let written = &tale.view::<DestinationRule>(clash.by)?.spec.host;
    let own = tale
        .store
        .services
        .iter()
        .any(|s| s.object == clash.service_entry && s.hostname == *written);
    if !own {
        return None;
    }
    let field = removable(policy, clash.port, path);
    Some(build::patch(
        "leave outlierDetection out",
        clash.by,
        vec![build::remove(&field)],
    ))
}

/// The field, or what would be empty without it: the webhook takes no policy that says nothing.
fn removable(policy: &TrafficPolicy, port: u32, path: FieldPath) -> FieldPath {
    let says_more =
        policy.load_balancer.is_some() || policy.tls.is_some() || !policy.others.is_empty();
    let Some((n, own)) = policy.of_port(port) else {
        let alone = !says_more && policy.port_level_settings.is_empty();
        return if alone {
            path
        } else {
            path.key("outlierDetection")
        };
    };
    let list = path.clone().key("portLevelSettings");
    if own.load_balancer.is_some() || own.tls.is_some() || !own.others.is_empty() {
        list.index(n).key("outlierDetection")
    } else if policy.port_level_settings.len() > 1 {
        list.index(n)
    } else if says_more || policy.outlier_detection.is_some() {
        list
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[test]
    fn no_policy_is_left_empty() {
        let ejects = json!({"interval": "5s"});
        let port = |own: &serde_json::Value| {
            let mut port = json!({"port": {"number": 443}, "outlierDetection": ejects});
            for (key, value) in own.as_object().unwrap() {
                port[key] = value.clone();
            }
            port
        };
        let pool = json!({"connectionPool": {"tcp": {"maxConnections": 1}}});
        let (alone, with_pool) = (port(&json!({})), port(&pool));
        let other = json!({"port": {"number": 80}, "tls": {"mode": "DISABLE"}});
        for (policy, field) in [
            (json!({"outlierDetection": ejects}), ""),
            (
                json!({"outlierDetection": ejects, "connectionPool": {}}),
                ".outlierDetection",
            ),
            (
                json!({"outlierDetection": ejects, "portLevelSettings": [other]}),
                ".outlierDetection",
            ),
            (json!({"portLevelSettings": [alone]}), ""),
            (
                json!({"portLevelSettings": [alone], "tls": {"mode": "DISABLE"}}),
                ".portLevelSettings",
            ),
            (
                json!({"portLevelSettings": [other, alone]}),
                ".portLevelSettings[1]",
            ),
            (
                json!({"portLevelSettings": [with_pool]}),
                ".portLevelSettings[0].outlierDetection",
            ),
        ] {
            let read = TrafficPolicy::deserialize(&policy).unwrap();
            let found = removable(&read, 443, FieldPath::root());
            assert_eq!(found, FieldPath::of(field), "{policy}");
        }
    }
}
