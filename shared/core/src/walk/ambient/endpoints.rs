//! What is behind an address, and whether a connection gets in there: in a tunnel, in plaintext, or not at all.

use super::Way;
use crate::causes::{Ambient, Symptom};
use crate::predict::ambient::{self, HBONE_PORT};
use crate::predict::reach::{Barrier, barred_by_network};
use crate::predict::store::{Service, Store};
use crate::predict::{Endpoint, ProxyFacts, takes_mutual_tls};
use crate::report::Verdict;
use crate::snapshot::{Kind, Object, ObjectId};
use crate::walk::counted;
use crate::walk::sidecar::dialled;
use crate::walk::sidecar::inbound::strict_policy;
use crate::walk::sidecar::why::pod_named;

impl<'w> Way<'w, '_> {
    /// The endpoints of a port of a service.
    pub(super) fn endpoints(&mut self, service: &'w Service, index: usize, by_ztunnel: bool) {
        let store = self.walk.store;
        let Some(port) = service.ports.get(index) else {
            return;
        };
        let found = ambient::behind(store, service, port);
        if found.is_empty() {
            let object = Some(service.object);
            let nowhere = Verdict::LeadsNowhere;
            self.walk
                .broken("endpoints", object, "none".to_owned(), nowhere);
            if by_ztunnel {
                let service = service.object;
                self.tell(Ambient::NoEndpoint { service });
            }
            return;
        }
        let pods: Vec<&Object> = found
            .iter()
            .filter_map(|e| pod_of(store, e))
            .map(|(pod, _)| pod)
            .collect();
        let count: u32 = found.iter().map(Endpoint::count).sum();
        let line = match found.as_slice() {
            [Endpoint::Address(one)] => match pods.first() {
                Some(pod) => format!("{one} ({})", pod.qualified()),
                None => one.clone(),
            },
            _ => counted(count as usize, "endpoint"),
        };
        if !by_ztunnel {
            let line = format!("{line}, in plaintext");
            self.walk.ok("endpoints", Some(service.object), vec![line]);
            return;
        }
        let barred: Vec<Vec<ObjectId>> = pods.iter().filter_map(|pod| self.barred(pod)).collect();
        if let Some(policies) = barred.first()
            && barred.len() == found.len()
        {
            self.tell_barred(&line, policies);
            return;
        }
        if let Some(pod) = self.refused_by_sidecars(&found) {
            self.tell_refused(pod);
            return;
        }
        let how = pods.first().map(|pod| self.transport(pod));
        let line = how.map_or(line.clone(), |how| format!("{line}, {how}"));
        self.walk.ok("endpoints", Some(service.object), vec![line]);
        if let Some(pod) = pods.first() {
            self.assume_allowed(pod);
        }
    }

    /// What AuthorizationPolicies say to the pod's ztunnel or sidecar is not followed.
    pub(super) fn assume_allowed(&mut self, pod: &Object) {
        let store = self.walk.store;
        let mut policies = store.snapshot.of_kind(Kind::AuthorizationPolicy);
        let near = |namespace: &str| {
            namespace == pod.key.namespace || namespace == store.mesh.root_namespace
        };
        if policies.any(|p| near(&p.key.namespace)) {
            let name = pod.qualified();
            self.walk
                .assume(format!("no AuthorizationPolicy refuses it at {name}"));
        }
    }

    /// The first pod, where all have a sidecar that takes no tunnels and mutual TLS only: ztunnel speaks that in tunnels
    /// alone.
    pub(super) fn refused_by_sidecars(&self, all: &[Endpoint]) -> Option<&'w Object> {
        let store = self.walk.store;
        let refuses = |endpoint: &Endpoint| {
            let (pod, port) = pod_of(store, endpoint)?;
            let facts = facts(pod)?;
            let refuses = takes_mutual_tls(&facts.labels)
                && !ambient::takes_tunnels(store.snapshot, &facts)
                && ambient::is_strict(store, &facts, port);
            refuses.then_some(pod)
        };
        let first = refuses(all.first()?)?;
        all.iter().all(|e| refuses(e).is_some()).then_some(first)
    }

    pub(super) fn tell_refused(&mut self, pod: &'w Object) {
        let name = pod.qualified();
        let line = format!("{name} takes mutual TLS only, and no tunnel");
        self.walk
            .broken("endpoints", Some(pod.id), line, Verdict::Missing);
        let store = self.walk.store;
        let policy = facts(pod).and_then(|f| strict_policy(store, &f, self.walk.port));
        let pod = pod.id;
        let symptom = Symptom::RefusedPlaintext { pod, policy };
        if let Some(finding) = self.walk.tell(self.enrolment, symptom) {
            finding.so.push(format!(
                "ztunnel sends plaintext to a sidecar without the label networking.istio.io/tunnel=http, which {name} lacks"
            ));
        }
    }

    /// How ztunnel sends to a pod.
    /// After istio `serviceregistry/ambient/workloads.go:setTunnelProtocol`.
    pub(super) fn transport(&self, pod: &Object) -> &'static str {
        if self.takes_tunnels(pod) {
            "in a tunnel"
        } else {
            "in plaintext"
        }
    }

    fn takes_tunnels(&self, pod: &Object) -> bool {
        facts(pod).is_some_and(|f| ambient::takes_tunnels(self.walk.store.snapshot, &f))
    }

    /// NetworkPolicies that keep tunnels from a pod.
    pub(super) fn barred(&self, pod: &Object) -> Option<Vec<ObjectId>> {
        if !self.takes_tunnels(pod) {
            return None;
        }
        let barrier = barred_by_network(self.walk.store, &facts(pod)?, HBONE_PORT)?;
        match barrier {
            Barrier::Network { policies, .. } => Some(policies),
            _ => None,
        }
    }

    pub(super) fn tell_barred(&mut self, line: &str, policies: &[ObjectId]) {
        let line = format!("{line}: no NetworkPolicy lets {HBONE_PORT} in");
        let object = policies.first().copied();
        self.walk
            .broken("endpoints", object, line, Verdict::Unreachable);
        self.tell(Ambient::Tunnels { policies });
    }
}

pub(super) fn facts(pod: &Object) -> Option<ProxyFacts> {
    match pod.key.kind {
        Kind::Pod => ProxyFacts::of_pod(pod),
        _ => ProxyFacts::of_workload(pod),
    }
}

/// The pod of an endpoint, or the workload that makes it, and its port.
pub(super) fn pod_of<'s>(store: &Store<'s>, endpoint: &Endpoint) -> Option<(&'s Object, u32)> {
    match endpoint {
        Endpoint::Address(place) => {
            let (host, port) = place.rsplit_once(':')?;
            let pod = store.pod_by_ip(host.trim_matches(['[', ']']));
            let pod = pod.or_else(|| pod_named(store, host))?;
            Some((pod, port.parse().ok()?))
        }
        Endpoint::Replicas { workload, port, .. } => {
            let address = format!("<pods of {workload}>");
            Some((dialled::workload(store, &address)?, *port))
        }
    }
}
