//! Objects that are read by name and never listed: a cluster has thousands of their kinds, with secrets among them.

use std::collections::BTreeSet;

use super::mesh::MeshConfig;
use super::proxy::routers;
use super::reach::named_secrets;
use super::store::Store;
use crate::predict::gateway::selects;
use crate::snapshot::{Kind, ObjectKey};

/// The ConfigMaps with the mesh configurations of the istiods, and the Secrets that gateways' certificates are in.
#[must_use]
pub fn read_by_name(store: &Store<'_>) -> BTreeSet<ObjectKey> {
    let mut found: BTreeSet<ObjectKey> = store
        .views()
        .map(|view| {
            let istiod = &view.istiod;
            ObjectKey::new(
                Kind::ConfigMap,
                &istiod.namespace,
                &MeshConfig::name(istiod),
            )
        })
        .collect();
    for proxy in routers(store.snapshot) {
        let gateways = store.declared_gateways();
        let own = gateways.filter(|g| selects(&g.spec.selector, &proxy.labels));
        for server in own.flat_map(|gateway| &gateway.spec.servers) {
            found.extend(named_secrets(&proxy, server));
        }
    }
    found
}
