//! A gateway that sends connections to itself.

use std::collections::BTreeSet;

use crate::predict::{Endpoint, RouteAction};
use crate::walk::Class;

/// The clusters of a gateway that lead from a listener back to it: what is sent there never arrives.
#[must_use]
pub fn leads_round(class: &Class) -> BTreeSet<&str> {
    let config = &class.prediction.config;
    let own = |place: &str, port: u32| {
        let place = place.rsplit_once(':');
        place.is_some_and(|(ip, number)| {
            number.parse() == Ok(port)
                && class
                    .proxy
                    .ips
                    .iter()
                    .any(|own| own == ip.trim_matches(['[', ']']))
        })
    };
    let mut found = BTreeSet::new();
    for listener in &config.listeners {
        let back = |endpoint: &Endpoint| match endpoint {
            Endpoint::Address(place) => own(place, listener.port),
            Endpoint::Replicas { workload, port, .. } => {
                *port == listener.port
                    && workload
                        .split_once(' ')
                        .is_some_and(|(_, name)| *name == class.proxy.qualified())
            }
        };
        let chains = || listener.all_chains();
        let routes = chains().filter_map(|c| config.routes.get(c.route.as_ref()?));
        let actions = routes.flatten().flat_map(|h| &h.routes).map(|r| &r.action);
        let routed = actions.filter_map(|action| match action {
            RouteAction::Clusters(clusters) => Some(clusters),
            _ => None,
        });
        for (name, _) in chains().map(|c| &c.clusters).chain(routed).flatten() {
            let endpoints = config.clusters.get(name).map(|c| c.endpoints.as_slice());
            if endpoints.is_some_and(|e| e.iter().any(back)) {
                found.insert(name.as_str());
            }
        }
    }
    found
}
