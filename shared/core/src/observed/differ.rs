//! Where two configurations differ that should be the same.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::{Chain, Listener, Shape, VirtualHost};

/// Ways of finding endpoints whose addresses only the proxy itself learns: by asking DNS, or from each connection.
const FOUND_BY_THE_PROXY: [&str; 4] = [
    "STRICT_DNS",
    "LOGICAL_DNS",
    "ORIGINAL_DST",
    "envoy.clusters.dynamic_forward_proxy",
];

impl Shape {
    /// The same in an order of its own, without what no listener leads to: what two of them can be compared by.
    ///
    /// Endpoints that only the proxy learns are left out. Names of routes, clusters and hosts stay as they are.
    #[must_use]
    pub fn comparable(&self) -> Self {
        let mut listeners: Vec<Listener> = self.listeners.iter().map(ordered).collect();
        listeners.sort_by(|a, b| a.name.cmp(&b.name));
        let chains = || {
            let all = listeners.iter();
            all.flat_map(|l| l.filter_chains.iter().chain(&l.default_filter_chain))
        };
        let named: BTreeSet<&str> = chains().filter_map(|c| c.route.as_deref()).collect();
        let routes: BTreeMap<String, Vec<VirtualHost>> = self
            .routes
            .iter()
            .filter(|(name, _)| named.contains(name.as_str()))
            .map(|(name, hosts)| (name.clone(), ordered_hosts(hosts)))
            .collect();
        let mut used: BTreeSet<&str> = BTreeSet::new();
        used.extend(chains().flat_map(|c| c.clusters.keys()).map(String::as_str));
        for route in routes.values().flatten().flat_map(|host| &host.routes) {
            used.extend(route.clusters.keys().map(String::as_str));
        }
        let of_used = |name: &&String| used.contains(name.as_str());
        let clusters: BTreeMap<String, String> = self
            .clusters
            .iter()
            .filter(|(name, _)| of_used(name))
            .map(|(name, discovery)| (name.clone(), discovery.clone()))
            .collect();
        let known = |name: &String| {
            clusters
                .get(name)
                .is_some_and(|d| !FOUND_BY_THE_PROXY.contains(&d.as_str()))
        };
        let endpoints = self
            .endpoints
            .iter()
            .filter(|(name, _)| known(name))
            .map(|(name, found)| {
                let mut found = found.clone();
                found.sort();
                (name.clone(), found)
            })
            .collect();
        Self {
            routes,
            endpoints,
            clusters,
            listeners,
        }
    }

    /// Only the listeners of this port, and what they lead to.
    #[must_use]
    pub fn of_port(&self, port: u32) -> Self {
        let mut shape = self.clone();
        shape.listeners.retain(|listener| listener.port == port);
        shape.comparable()
    }
}

fn ordered(listener: &Listener) -> Listener {
    let mut listener = listener.clone();
    for chain in listener
        .filter_chains
        .iter_mut()
        .chain(&mut listener.default_filter_chain)
    {
        ordered_chain(chain);
    }
    listener.filter_chains.sort();
    listener
}

fn ordered_chain(chain: &mut Chain) {
    chain.sni.sort();
    chain.prefix_ranges.sort();
    chain.application_protocols.sort();
}

fn ordered_hosts(hosts: &[VirtualHost]) -> Vec<VirtualHost> {
    let mut hosts = hosts.to_vec();
    for host in &mut hosts {
        host.domains.sort();
    }
    hosts.sort();
    hosts
}

#[cfg(test)]
mod tests {
    use super::super::{Chain, Envoy, Listener, Shape};
    use std::collections::BTreeMap;

    const DUMP: &str = r#"{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.ListenersConfigDump.DynamicListener",
      "name":"0.0.0.0_31400","active_state":{"version_info":"1","listener":{
        "@type":"type.googleapis.com/envoy.config.listener.v3.Listener","name":"0.0.0.0_31400",
        "address":{"socket_address":{"address":"0.0.0.0","port_value":31400}},
        "filter_chains":[
          {"filter_chain_match":{"server_names":["b","a"]},"filters":[{"name":"x","typed_config":{
            "@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy","stat_prefix":"s",
            "weighted_clusters":{"clusters":[{"name":"v1","weight":80},{"name":"v2","weight":20}]}}}]},
          {"transport_socket":{"name":"tls"},"filters":[{"name":"y","typed_config":{
            "@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "rds":{"route_config_name":"http.80"}}}]}]}},
      "error_state":{"details":"cannot bind '0.0.0.0:31400': Address already in use"}},
      {"@type":"type.googleapis.com/envoy.admin.v3.RoutesConfigDump.DynamicRouteConfig","route_config":{"name":"http.80",
        "virtual_hosts":[{"domains":["*"],"routes":[{"match":{"prefix":"/","headers":[{"name":"h"}]},
          "route":{"cluster":"v1"}},{"match":{"safe_regex":{"regex":"x"}},"direct_response":{"status":404}}]}]}},
      {"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster",
        "cluster":{"name":"v1","type":"EDS"}}]}"#;

    const CLUSTERS: &str = r#"{"cluster_statuses":[{"name":"v1","host_statuses":[
      {"address":{"socket_address":{"address":"10.0.0.1","port_value":9000}},
       "stats":[{"name":"cx_connect_fail","value":"41"},{"name":"cx_active","type":"GAUGE"}],
       "health_status":{"eds_health_status":"HEALTHY"}},
      {"address":{"socket_address":{"address":"fd00::1","port_value":9000}},
       "health_status":{"eds_health_status":"HEALTHY","failed_outlier_check":true}}]}]}"#;

    fn envoy() -> Envoy {
        let mut envoy = Envoy::default();
        envoy.read_dump(DUMP).unwrap();
        envoy.read_clusters(CLUSTERS).unwrap();
        envoy
    }

    fn tcp(sni: &[&str], clusters: &[(&str, u32)]) -> Chain {
        Chain {
            kind: "tcp".to_owned(),
            sni: sni.iter().map(|s| (*s).to_owned()).collect(),
            clusters: clusters
                .iter()
                .map(|(n, w)| ((*n).to_owned(), *w))
                .collect(),
            ..Chain::default()
        }
    }

    #[test]
    fn a_dump_says_what_takes_a_connection() {
        let envoy = envoy();
        let state = &envoy.listeners["0.0.0.0_31400"];
        let listener = state.active.as_ref().unwrap();
        assert_eq!(
            (listener.address.as_str(), listener.port),
            ("0.0.0.0", 31400)
        );
        assert_eq!(
            listener.filter_chains[0],
            tcp(&["b", "a"], &[("v1", 80), ("v2", 20)])
        );
        let http = &listener.filter_chains[1];
        assert_eq!(
            (http.kind.as_str(), http.route.as_deref()),
            ("http", Some("http.80"))
        );
        assert!(http.terminates_tls);
        assert_eq!(
            state.refused.as_deref(),
            Some("cannot bind '0.0.0.0:31400': Address already in use")
        );
        let routes = &envoy.routes["http.80"][0].routes;
        assert_eq!(routes[0].matches.as_deref(), Some("prefix / header h"));
        assert_eq!(routes[1].direct_response, Some(404));
        let hosts = &envoy.hosts["v1"];
        assert_eq!(hosts[0].connect_failures, 41);
        assert_eq!(
            (hosts[1].address.as_str(), hosts[1].healthy),
            ("[fd00::1]:9000", false)
        );
    }

    #[test]
    fn order_is_no_difference_and_weights_are() {
        let listener = |sni: &[&str], weight| Shape {
            listeners: vec![Listener {
                filter_chains: vec![tcp(sni, &[("v1", weight)])],
                ..Listener::default()
            }],
            ..Shape::default()
        };
        let one = listener(&["a", "b"], 80).comparable();
        assert_eq!(one, listener(&["b", "a"], 80).comparable());
        assert_ne!(one, listener(&["a", "b"], 20).comparable());
    }

    #[test]
    fn only_what_a_listener_leads_to_is_compared() {
        let mut shape = envoy().shape();
        shape.clusters.insert("other".to_owned(), "EDS".to_owned());
        let compared = shape.comparable();
        let expected: BTreeMap<String, String> = [("v1".to_owned(), "EDS".to_owned())].into();
        assert_eq!(compared.clusters, expected);
        assert_eq!(compared.endpoints["v1"], ["10.0.0.1:9000"]);
        assert!(shape.of_port(80).listeners.is_empty());
    }

    #[test]
    fn what_is_no_dump_is_told() {
        let mut envoy = Envoy::default();
        let told = |text: &str| Envoy::default().read_dump(text).unwrap_err().to_string();
        assert_eq!(
            told("Unable to print the configuration"),
            "this is no JSON: Unable to print the configuration"
        );
        assert_eq!(
            told(r#"{"version":"1"}"#),
            "this is JSON, but no dump of an Envoy: it has no `configs`"
        );
        assert_eq!(Envoy::default().read_dump("{}"), Ok(()));
        assert!(told("{\"configs\":").starts_with("this is no JSON: EOF"));
        assert!(envoy.read_clusters("[]").is_err());
    }
}
