//! On through a gateway: a mesh VirtualService may send connections to one, most often an egress gateway, and what it
//! does with them is part of the way.

use super::Way;
use super::envoy::Speaks;
use crate::causes::{Symptom, Tale};
use crate::ledger::Fate;
use crate::predict::{ProxySource, hosts, routers};
use crate::report::{Hop, HopStatus, Verdict};
use crate::snapshot::{Object, ObjectId};
use crate::walk::{Class, Question, gateway, names};

/// What a client outside of the mesh passes before the gateway, and a sidecar has passed in its own way.
const BEFORE: [&str; 2] = ["service", "proxy"];

impl Way<'_, '_> {
    /// The way through the gateway that a pod is of: from its server to its destination. `cluster`: that of its Service.
    pub(super) fn through_gateway(&mut self, pod: &Object, cluster: &str, speaks: &Speaks) {
        let Some(port) = names::parts(cluster).and_then(|(port, ..)| port.parse().ok()) else {
            return;
        };
        let facts = routers(self.walk.store.snapshot).into_iter().find(|f| {
            let pods: &[ObjectId] = match &f.source {
                ProxySource::Workload { pods, .. } => pods,
                _ => &[],
            };
            f.object() == Some(pod.id) || pods.contains(&pod.id)
        });
        let Some(facts) = facts else {
            return;
        };
        let name = facts.qualified();
        let store = self.walk.store;
        let class = Class::of(store.serving(&facts), facts);
        let question = Question {
            port,
            sni: match speaks {
                Speaks::Tls { sni, .. } => Some(sni.clone()),
                _ => None,
            },
            http_host: matches!(speaks, Speaks::Http).then(|| self.http_host()),
            wish: self.walk.question.wish.clone(),
            ..Question::default()
        };
        let Some((answer, lead)) = gateway::onward(store.serving(&class.proxy), &class, &question)
        else {
            return;
        };
        let worth = |hop: &Hop| !BEFORE.contains(&hop.name) || hop.status == HopStatus::Broken;
        self.beyond = answer.path.into_iter().filter(worth).collect();
        self.walk.verdict = self.walk.verdict.max(answer.verdict);
        self.walk.findings.extend(answer.findings);
        self.walk.unknowns.extend(answer.unknowns);
        for condition in answer.assumptions {
            self.walk.assume(condition);
        }
        let lead = lead.and_then(|lead| lead.strip_prefix("it leads to ").map(str::to_owned));
        if lead.as_deref() == Some(self.cluster_name(cluster).as_str()) {
            if let Some(last) = self.beyond.last_mut() {
                last.status = HopStatus::Broken;
                last.lines = vec!["the gateway itself: the connection goes round".to_owned()];
            }
            self.walk.verdict = self.walk.verdict.max(Verdict::LeadsNowhere);
            self.tell_round(&class, cluster);
        } else if let Some(lead) = lead {
            self.lead = Some(("it leads to", format!("{lead} through {name}")));
        }
    }

    /// The destination that leads from the gateway back to it.
    fn tell_round(&mut self, class: &Class, cluster: &str) {
        let Some((_, _, host)) = names::parts(cluster) else {
            return;
        };
        let store = self.walk.store;
        let ledger = &class.prediction.ledger;
        let back = ledger.entries().find(|(id, e)| {
            let tale = Tale {
                store,
                proxy: &class.proxy,
                ledger,
                entry: *id,
                symptom: Symptom::LeadsRound,
                port: self.walk.port,
            };
            let namespace = tale.object().map(|o| o.key.namespace.as_str());
            let written = tale.destination().map(|d| d.host.as_str());
            matches!(e.fate, Fate::Effective(_))
                && namespace.zip(written).is_some_and(|(namespace, written)| {
                    hosts::resolve_short_name(written, namespace, &store.mesh.domain) == host
                })
        });
        if let Some((entry, _)) = back {
            self.walk
                .tell_of(&class.proxy, ledger, entry, Symptom::LeadsRound);
        }
    }
}
