//! What is behind a port of the gateways: the clusters, and the pods that a question about it needs.

use std::collections::BTreeSet;

use crate::ledger::{Effect, Fate, Step};
use crate::predict::store::Store;
use crate::predict::{FilterChain, Prediction, RouteAction};
use crate::snapshot::views::{AsView, Gateway, Labels};
use crate::snapshot::{ObjectId, Snapshot};

use super::{cluster_parts, gateway_classes};

/// The clusters that a port leads to: the number of a Gateway's server, else a listener's.
#[must_use]
pub(crate) fn clusters_of_port<'p>(
    snapshot: &Snapshot,
    prediction: &'p Prediction,
    port: u32,
) -> BTreeSet<&'p str> {
    let (config, ledger) = (&prediction.config, &prediction.ledger);
    // The Gateway's number is not what a translated server binds.
    let bound: BTreeSet<u32> = ledger
        .entries()
        .filter_map(|(_, entry)| match (&entry.step, &entry.fate) {
            (
                Step::Server { gateway, index },
                Fate::Effective(Effect::Resolved { port: bound, .. }),
            ) => (declared(snapshot, *gateway, *index) == Some(port)).then_some(*bound),
            _ => None,
        })
        .collect();
    let chains: Vec<&FilterChain> = config
        .listeners
        .iter()
        .filter(|l| bound.contains(&l.port) || (bound.is_empty() && l.port == port))
        .flat_map(|l| &l.chains)
        .collect();
    let by_route = chains
        .iter()
        .filter_map(|c| config.routes.get(c.route.as_ref()?))
        .flatten()
        .flat_map(|host| &host.routes)
        .filter_map(|route| match &route.action {
            RouteAction::Clusters(clusters) => Some(clusters),
            _ => None,
        });
    chains
        .iter()
        .map(|c| &c.clusters)
        .chain(by_route)
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The number that a server declares.
fn declared(snapshot: &Snapshot, gateway: ObjectId, index: usize) -> Option<u32> {
    let view = Gateway::of(&snapshot.get(gateway)?.view)?;
    Some(view.spec.servers.get(index)?.port.as_ref()?.number)
}

/// The pods that decide how a connection to a gateway's port ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodsBehind {
    /// Those with the labels of a Gateway's selector, in any namespace.
    pub labels: BTreeSet<Vec<(String, String)>>,
    /// All of these namespaces: destinations are there.
    pub namespaces: BTreeSet<String>,
}

/// The pods behind a port, from all that is known without any pod.
#[must_use]
pub fn pods_behind(store: &Store<'_>, port: u32) -> PodsBehind {
    let pairs = |labels: &Labels| -> Vec<(String, String)> {
        let each = labels.iter();
        each.map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    let labels = store.declared_gateways().map(|g| pairs(&g.spec.selector));
    let mut found = PodsBehind {
        labels: labels.collect(),
        namespaces: BTreeSet::new(),
    };
    for class in gateway_classes(store) {
        // A gateway's own pods may have labels that no Gateway names.
        found.namespaces.insert(class.proxy.namespace.clone());
        for cluster in clusters_of_port(store.snapshot, &class.prediction, port) {
            let Some((.., host)) = cluster_parts(cluster) else {
                continue;
            };
            let services = store.services_named(host);
            found
                .namespaces
                .extend(services.map(|s| s.namespace.clone()));
        }
    }
    found
}
