//! On through a gateway: a mesh VirtualService may send connections to one, most often an egress gateway, and what it
//! does with them is part of the way.

use super::Way;
use super::envoy::Speaks;
use crate::predict::{ProxyFacts, ProxyKind, ProxySource, routers};
use crate::report::{Hop, HopStatus};
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
        let own = ProxyFacts::of_workload(pod).or_else(|| ProxyFacts::of_pod(pod));
        if own.is_none_or(|facts| facts.kind != ProxyKind::Router) {
            return;
        }
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
        let name = facts.name.clone();
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
        let Some(answer) = gateway::onward(store.serving(&class.proxy), &class, &question) else {
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
        self.lead = Some(("it goes through", name));
    }
}
