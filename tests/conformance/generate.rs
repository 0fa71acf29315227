//! Random scenarios, the same for the same seed: what an API server could hold around one gateway pod.
//!
//! Names, ports and hosts come from small pools, so that objects meet: shadow, shadow not quite, or just miss each
//! other. Objects are written as the API server stores them, with its defaults and with EndpointSlices.

use serde_json::{Map, Value, json};

use crate::random::Random;
use crate::scenario::Scenario;

const NAMESPACES: [&str; 4] = ["istio-system", "default", "apps", "edge"];

/// What Gateways and VirtualServices call their hosts.
const HOSTS: [&str; 19] = [
    "*",
    "*",
    "*",
    "*",
    "*",
    "*",
    "*.example.com",
    "*.example.com",
    "a.example.com",
    "a.example.com",
    "b.example.com",
    "A.example.com",
    "*.com",
    "x.a.example.com",
    "*.a.example.com",
    "kafka.test",
    "tcp-echo.default.svc.cluster.local",
    "*.svc.cluster.local",
    "*.local",
];

const PROTOCOLS: [&str; 26] = [
    "TCP",
    "TCP",
    "TCP",
    "tcp",
    "HTTP",
    "HTTP",
    "HTTP",
    "http",
    "Http",
    "HTTP2",
    "http2",
    "GRPC",
    "grpc",
    "GRPC-Web",
    "HTTP_PROXY",
    "HTTPS",
    "HTTPS",
    "HTTPS",
    "https",
    "TLS",
    "TLS",
    "TLS",
    "tls",
    "Mongo",
    "Redis",
    "MySQL",
];

const NUMBERS: [u32; 10] = [80, 443, 8080, 8443, 31400, 31400, 9000, 5432, 15021, 1023];

/// A backend that destinations can name, with its Service ports.
struct Backend {
    host: String,
    namespace: &'static str,
    name: &'static str,
    ports: Vec<u32>,
}

struct Draw<'r> {
    random: &'r mut Random,
    objects: Vec<Value>,
    /// The proxy's namespace.
    home: &'static str,
    pod_labels: Vec<(&'static str, &'static str)>,
    families: Families,
    /// Fields that the webhook refuses may occur.
    bypass: bool,
    addresses: u32,
    service_addresses: u32,
    backends: Vec<Backend>,
    /// Numbers that servers declare in this scenario: few, so that they meet.
    numbers: Vec<u32>,
    gateways: Vec<(String, &'static str)>,
    delegates: Vec<(String, &'static str)>,
    pods: Vec<PodFacts>,
    theme: Theme,
    /// DestinationRules and subsets of one backend.
    subsets: bool,
}

/// What most servers and rules of a scenario are for: so they meet.
#[derive(Clone, Copy, PartialEq)]
enum Theme {
    Tcp,
    Http,
    Https,
    Passthrough,
    Mixed,
}

#[derive(Clone, Copy, PartialEq)]
enum Families {
    V4,
    V6,
    Dual,
    DualV6First,
}

struct PodFacts {
    namespace: &'static str,
    name: String,
    labels: Value,
    ips: Vec<String>,
    ports: Vec<(String, u32, String)>,
    ready: bool,
}

/// One scenario.
pub(crate) fn scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed);
    let home = *random.pick(&["istio-system", "istio-system", "apps", "edge"]);
    let families = *random.weighted(&[
        (16, Families::V4),
        (1, Families::V6),
        (1, Families::Dual),
        (1, Families::DualV6First),
    ]);
    let bypass = random.chance(16);
    let theme = *random.weighted(&[
        (5, Theme::Tcp),
        (5, Theme::Http),
        (3, Theme::Https),
        (5, Theme::Passthrough),
        (5, Theme::Mixed),
    ]);
    let subsets = random.chance(45);
    let mut draw = Draw {
        random: &mut random,
        objects: Vec::new(),
        home,
        pod_labels: vec![("istio", "ingressgateway"), ("app", "gw")],
        families,
        bypass,
        addresses: 2,
        service_addresses: 2,
        backends: Vec::new(),
        numbers: Vec::new(),
        gateways: Vec::new(),
        delegates: Vec::new(),
        pods: Vec::new(),
        theme,
        subsets,
    };
    for name in NAMESPACES {
        draw.objects.push(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        }));
    }
    let most = if theme == Theme::Mixed { 4 } else { 2 };
    for _ in 0..draw.random.between(1, most) {
        let number = *draw.random.pick(&NUMBERS);
        draw.numbers.push(number);
    }
    draw.mesh_config();
    draw.gateway_pod();
    draw.backends();
    draw.gateway_services();
    draw.service_entries();
    draw.destination_rules();
    draw.gateways();
    draw.virtual_services();
    Scenario {
        objects: draw.objects,
        pod: format!("{home}/gw-1"),
        bypass,
    }
}

fn labels(pairs: &[(&str, &str)]) -> Value {
    Value::Object(
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), json!(v)))
            .collect(),
    )
}

impl Draw<'_> {
    /// Few days: equal ages are common, as with `kubectl apply -f`.
    fn created(&mut self) -> String {
        format!("2026-01-0{}T00:00:00Z", self.random.between(1, 5))
    }

    fn meta(&mut self, name: &str, namespace: &str) -> Value {
        json!({"name": name, "namespace": namespace, "creationTimestamp": self.created()})
    }

    fn namespace(&mut self) -> &'static str {
        #[allow(clippy::explicit_auto_deref)]
        *self.random.pick(&NAMESPACES)
    }

    fn address(&mut self) -> Vec<String> {
        self.addresses += 1;
        let (v4, v6) = (
            format!("10.0.0.{}", self.addresses),
            format!("fd00::{:x}", self.addresses),
        );
        match self.families {
            Families::V4 => vec![v4],
            Families::V6 => vec![v6],
            Families::Dual => vec![v4, v6],
            Families::DualV6First => vec![v6, v4],
        }
    }

    fn cluster_ip(&mut self) -> String {
        self.service_addresses += 1;
        match self.families {
            Families::V4 | Families::Dual => format!("10.96.0.{}", self.service_addresses),
            Families::V6 | Families::DualV6First => format!("fd96::{:x}", self.service_addresses),
        }
    }

    fn mesh_config(&mut self) {
        let mut lines = Vec::new();
        if self.random.chance(4) {
            lines.push(format!(
                "defaultVirtualServiceExportTo: [{:?}]",
                self.random.pick(&[".", "*", "istio-system", "apps"])
            ));
        }
        if self.random.chance(3) {
            lines.push(format!(
                "defaultServiceExportTo: [{:?}]",
                self.random.pick(&[".", "*", "~", "istio-system"])
            ));
        }
        if self.random.chance(4) {
            lines.push(format!(
                "defaultDestinationRuleExportTo: [{:?}]",
                self.random.pick(&[".", "*", "apps"])
            ));
        }
        if self.random.chance(3) {
            lines.push(format!(
                "rootNamespace: {}",
                self.random.pick(&["apps", "edge", "default"])
            ));
        }
        if self.random.chance(1) {
            lines.push("defaultTrafficPolicy:\n  outlierDetection:\n    interval: 5s".to_owned());
        }
        if !lines.is_empty() {
            self.objects.push(json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "istio", "namespace": "istio-system"},
                "data": {"mesh": lines.join("\n") + "\n"},
            }));
        }
    }

    fn pod(
        &mut self,
        name: &str,
        namespace: &'static str,
        labels: Value,
        containers: &Value,
        ready: bool,
    ) {
        let ips = self.address();
        let ports = containers
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|c| {
                c.get("ports")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
            })
            .map(|p| {
                (
                    p["name"].as_str().unwrap_or_default().to_owned(),
                    u32::try_from(p["containerPort"].as_u64().unwrap_or_default()).unwrap_or(0),
                    p["protocol"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        let mut meta = self.meta(name, namespace);
        meta["labels"] = labels.clone();
        let mut status = json!({
            "phase": "Running",
            "podIP": ips[0],
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
        });
        status["podIPs"] = ips.iter().map(|ip| json!({"ip": ip})).collect();
        self.objects.push(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": meta,
            "spec": {"containers": containers}, "status": status,
        }));
        self.pods.push(PodFacts {
            namespace,
            name: name.to_owned(),
            labels,
            ips,
            ports,
            ready,
        });
    }

    fn gateway_pod(&mut self) {
        let mut container = json!({
            "name": "istio-proxy",
            "image": "docker.io/istio/proxyv2:1.31.0",
            "args": ["proxy", "router", "--domain", "$(POD_NAMESPACE).svc.cluster.local"],
            "ports": [
                {"name": "http2", "containerPort": 8080, "protocol": "TCP"},
                {"name": "tcp", "containerPort": 31400, "protocol": "TCP"},
                {"name": "quic", "containerPort": 8443, "protocol": "UDP"},
            ],
        });
        if self.random.chance(18) {
            let value = *self.random.pick(&["true", "true", "1", "false", "T"]);
            container["env"] = json!([{"name": "ISTIO_META_UNPRIVILEGED_POD", "value": value}]);
        }
        if self.random.chance(8) {
            self.pod_labels.push(("version", "v1"));
        }
        let labels = labels(&self.pod_labels);
        self.pod("gw-1", self.home, labels, &json!([container]), true);
    }

    /// A Service with what the API server adds, and its EndpointSlices.
    fn service(
        &mut self,
        name: &str,
        namespace: &'static str,
        mut spec: Value,
        annotations: Option<String>,
        own_labels: Option<Value>,
    ) {
        let mut meta = self.meta(name, namespace);
        if let Some(export_to) = annotations {
            meta["annotations"] = json!({"networking.istio.io/exportTo": export_to});
        }
        if let Some(own) = own_labels {
            meta["labels"] = own;
        }
        let external = spec["type"] == "ExternalName";
        if spec.get("type").is_none() {
            spec["type"] = json!("ClusterIP");
        }
        if !external {
            if spec.get("clusterIP").is_none() {
                spec["clusterIP"] = json!(self.cluster_ip());
            }
            spec["clusterIPs"] = json!([spec["clusterIP"]]);
            let first = match self.families {
                Families::V4 | Families::Dual => "IPv4",
                Families::V6 | Families::DualV6First => "IPv6",
            };
            spec["ipFamilies"] = json!([first]);
            spec["ipFamilyPolicy"] = json!("SingleStack");
            spec["sessionAffinity"] = json!("None");
        }
        let selector = spec.get("selector").cloned();
        let publish = spec["publishNotReadyAddresses"] == true;
        let ports = spec["ports"].clone();
        self.objects.push(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec,
            "status": {"loadBalancer": {}},
        }));
        if let Some(selector) = selector.filter(|_| !external) {
            self.slices(name, namespace, &selector, &ports, publish);
        }
    }

    /// As the endpoint slice controller does: one slice for each set of resolved ports.
    fn slices(
        &mut self,
        name: &str,
        namespace: &str,
        selector: &Value,
        ports: &Value,
        publish: bool,
    ) {
        let v6 = matches!(self.families, Families::V6 | Families::DualV6First);
        let mut slices: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
        for pod in &self.pods {
            let chosen = selector
                .as_object()
                .is_some_and(|s| s.iter().all(|(k, v)| pod.labels.get(k) == Some(v)));
            if pod.namespace != namespace || !chosen {
                continue;
            }
            let resolved: Vec<Value> = ports
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|p| {
                    let number = match &p["targetPort"] {
                        Value::String(wanted) => pod
                            .ports
                            .iter()
                            .find(|(n, _, t)| n == wanted && p["protocol"] == t.as_str())
                            .map(|(_, number, _)| json!(number))?,
                        number => number.clone(),
                    };
                    let mut port = json!({
                        "name": p.get("name").cloned().unwrap_or_else(|| json!("")),
                        "port": number,
                        "protocol": p["protocol"],
                    });
                    if let Some(app) = p.get("appProtocol") {
                        port["appProtocol"] = app.clone();
                    }
                    Some(port)
                })
                .collect();
            let Some(ip) = pod.ips.iter().find(|ip| ip.contains(':') == v6) else {
                continue;
            };
            let endpoint = json!({
                "addresses": [ip],
                "conditions": {"ready": pod.ready || publish, "serving": pod.ready, "terminating": false},
                "targetRef": {"kind": "Pod", "name": pod.name, "namespace": pod.namespace},
            });
            match slices.iter_mut().find(|(p, _)| *p == resolved) {
                Some((_, endpoints)) => endpoints.push(endpoint),
                None => slices.push((resolved, vec![endpoint])),
            }
        }
        for (n, (ports, endpoints)) in slices.into_iter().enumerate() {
            let mut meta = self.meta(&format!("{name}-{n}x"), namespace);
            meta["labels"] = json!({"kubernetes.io/service-name": name});
            self.objects.push(json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "addressType": if v6 { "IPv6" } else { "IPv4" },
                "metadata": meta, "endpoints": endpoints, "ports": ports,
            }));
        }
    }

    fn export_annotation(&mut self) -> Option<String> {
        self.random.chance(12).then(|| {
            (*self.random.pick(&[
                ".",
                "*",
                "~",
                "istio-system",
                "apps,edge",
                "apps, istio-system",
                "default,.",
                "edge",
            ]))
            .to_owned()
        })
    }

    fn gateway_services(&mut self) {
        let count = *self.random.weighted(&[(1, 0usize), (6, 1), (4, 2), (1, 3)]);
        for n in 0..count {
            let selector = match self.random.below(8) {
                0 => json!({"istio": "ingressgateway", "app": "gw"}),
                1 => json!({"app": "gw"}),
                2 => json!({"app": "other"}),
                _ => json!({"istio": "ingressgateway"}),
            };
            let mut declared = self.numbers.clone();
            if self.random.chance(40) {
                declared.push(*self.random.pick(&NUMBERS));
            }
            self.random.shuffle(&mut declared);
            declared.dedup();
            let mut ports: Vec<Value> = Vec::new();
            for number in declared {
                let protocol = if self.random.chance(8) { "UDP" } else { "TCP" };
                if ports
                    .iter()
                    .any(|p| p["port"] == number && p["protocol"] == protocol)
                {
                    continue;
                }
                let target = match self.random.below(20) {
                    0..=4 => json!(number),
                    5..=10 => json!(if number < 1024 {
                        number + 8000
                    } else {
                        number + 1
                    }),
                    11 => json!(8080),
                    12 => json!(self.random.pick(&NUMBERS)),
                    13 => json!("http2"),
                    14 => json!("tcp"),
                    15 => json!("quic"),
                    16 => json!("absent"),
                    17 | 18 => ports
                        .last()
                        .map_or_else(|| json!(80), |p| p["targetPort"].clone()),
                    _ => json!(self.numbers[0]),
                };
                let kind = *self.random.pick(&["tcp", "tcp", "http", "p"]);
                let mut port = json!({
                    "name": format!("{kind}-{number}-{}", protocol.to_lowercase()),
                    "port": number, "protocol": protocol, "targetPort": target,
                });
                if self.random.chance(5) {
                    port["appProtocol"] =
                        json!(self.random.pick(&["tcp", "http", "kubernetes.io/h2c"]));
                }
                let both = self.random.chance(6);
                ports.push(port.clone());
                if both && protocol == "TCP" {
                    port["protocol"] = json!("UDP");
                    port["name"] = json!(format!("{kind}-{number}-udp"));
                    if self.random.chance(50) {
                        port["targetPort"] = json!(9999);
                    }
                    let at = self.random.between(0, ports.len() - 1);
                    ports.insert(at, port);
                }
            }
            let mut spec = json!({
                "selector": selector, "ports": ports, "type": *self.random.pick(&["LoadBalancer", "ClusterIP"]),
            });
            if self.random.chance(5) {
                spec["clusterIP"] = json!("None");
                spec["type"] = json!("ClusterIP");
            }
            let own = self.random.chance(8).then(|| {
                json!({"experimental.istio.io/disable-gateway-port-translation": *self.random.pick(&["true", "", "false"])})
            });
            let namespace = if self.random.chance(92) {
                self.home
            } else {
                self.namespace()
            };
            // In host names `-` comes before the dot: `ingress-a` before `ingress`.
            let name = ["ingress-b", "ingress", "ingress-a"][n];
            let annotation = self.export_annotation();
            if self.random.chance(3) {
                // By hand: the slice leads to the pod without a selector.
                spec.as_object_mut().map(|s| s.remove("selector"));
                self.slice_by_hand(name, namespace, &spec["ports"]);
            } else if self.random.chance(2) {
                spec["type"] = json!("ExternalName");
                spec["externalName"] = json!("outside.test");
            }
            self.service(name, namespace, spec, annotation, own);
        }
        if self.random.chance(6) {
            // A ServiceEntry can lead to the gateway's pods too.
            let (number, target) = (self.numbers[0], *self.random.pick(&NUMBERS));
            let name = *self.random.pick(&["tcp", "http2", "p"]);
            let mut spec = json!({
                "hosts": ["edge.example.com"], "resolution": "STATIC",
                "ports": [{"name": name, "number": number, "protocol": "TCP", "targetPort": target}],
            });
            if self.random.chance(70) {
                spec["workloadSelector"] = json!({"labels": {"app": "gw"}});
            } else {
                spec["endpoints"] = json!([{"address": self.pods[0].ips[0]}]);
            }
            let meta = self.meta("to-gateway", self.home);
            self.istio("ServiceEntry", &meta, &spec);
        }
    }

    fn slice_by_hand(&mut self, name: &str, namespace: &str, ports: &Value) {
        let ports: Vec<Value> = ports
            .as_array()
            .into_iter()
            .flatten()
            .filter(|p| p["targetPort"].is_number())
            .map(|p| json!({"name": p["name"], "port": p["targetPort"], "protocol": p["protocol"]}))
            .collect();
        let ip = self.pods[0].ips[0].clone();
        let mut meta = self.meta(&format!("{name}-by-hand"), namespace);
        meta["labels"] = json!({"kubernetes.io/service-name": name});
        self.objects.push(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "addressType": if ip.contains(':') { "IPv6" } else { "IPv4" },
            "metadata": meta, "ports": ports,
            "endpoints": [{"addresses": [ip], "conditions": {"ready": true}}],
        }));
    }

    fn backends(&mut self) {
        for (n, version) in ["v1", "v2"].iter().enumerate() {
            let mut own = json!({"app": "tcp-echo", "version": version});
            if self.random.chance(60) {
                own["security.istio.io/tlsMode"] = json!("istio");
            }
            let ready = !self.random.chance(8);
            let container = json!([{
                "name": "app", "image": "example/app:1",
                "ports": [{"name": "echo", "containerPort": 9000 + n, "protocol": "TCP"}],
            }]);
            self.pod(
                &format!("tcp-echo-{version}"),
                "default",
                own,
                &container,
                ready,
            );
        }
        let container = json!([{
            "name": "app", "image": "example/app:1",
            "ports": [{"name": "kafka", "containerPort": 9092, "protocol": "TCP"}],
        }]);
        for n in 0..2 {
            let ready = !self.random.chance(10);
            let own = json!({"app": "kafka", "version": format!("v{}", n + 1)});
            self.pod(&format!("kafka-{n}"), "apps", own, &container, ready);
        }

        let mut ports = vec![json!({"name": "tcp", "port": 9000, "protocol": "TCP",
            "targetPort": *self.random.pick(&[json!(9000), json!("echo"), json!("absent")])})];
        if self.random.chance(45) {
            let (name, protocol) = *self.random.pick(&[
                ("tcp-other", "TCP"),
                ("http-other", "TCP"),
                ("udp-other", "UDP"),
                ("other", "SCTP"),
            ]);
            ports.push(
                json!({"name": name, "port": 9001, "protocol": protocol, "targetPort": 9001}),
            );
        } else if self.random.chance(20) {
            ports[0].as_object_mut().map(|p| p.remove("name"));
        }
        let mut spec = json!({"selector": {"app": "tcp-echo"}, "ports": ports});
        if self.random.chance(8) {
            spec["publishNotReadyAddresses"] = json!(true);
        }
        if self.random.chance(6) {
            spec["externalIPs"] = json!(["192.0.2.7"]);
        }
        let annotation = self.export_annotation();
        let own = self.random.chance(10).then(|| json!({"team": "a"}));
        self.service("tcp-echo", "default", spec, annotation, own);
        self.backend("tcp-echo", "default", &[9000, 9001]);

        let kafka_ip = if self.random.chance(60) {
            json!("None")
        } else {
            json!(self.cluster_ip())
        };
        let name = *self.random.pick(&["tcp-kafka", "http-kafka", "kafka"]);
        let spec = json!({"selector": {"app": "kafka"}, "clusterIP": kafka_ip,
            "ports": [{"name": name, "port": 9092, "protocol": "TCP", "targetPort": 9092}]});
        let annotation = self.export_annotation();
        self.service("kafka", "apps", spec, annotation, None);
        self.backend("kafka", "apps", &[9092]);

        if self.random.chance(40) {
            // No pods: a cluster without endpoints.
            let name = *self.random.pick(&["tcp-x", "udp-x", "redis"]);
            let protocol = if self.random.chance(15) { "UDP" } else { "TCP" };
            let namespace = self.namespace();
            let mut spec = json!({"ports": [{"name": name, "port": 6379, "protocol": protocol, "targetPort": 6379}]});
            let selected = self.random.chance(70);
            if selected {
                spec["selector"] = json!({"app": "cache"});
            }
            let annotation = self.export_annotation();
            self.service("cache", namespace, spec, annotation, None);
            self.backend("cache", namespace, &[6379]);
            if !selected && self.random.chance(70) {
                let mut meta = self.meta("cache-by-hand", namespace);
                meta["labels"] = json!({"kubernetes.io/service-name": "cache"});
                let v6 = matches!(self.families, Families::V6);
                self.objects.push(json!({
                    "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta,
                    "addressType": if v6 { "IPv6" } else { "IPv4" },
                    "endpoints": [
                        {"addresses": [if v6 { "fd00::ff" } else { "10.1.0.1" }], "conditions": {}},
                        {"addresses": [if v6 { "fd00::fe" } else { "10.1.0.2" }], "conditions": {"ready": false}},
                    ],
                    "ports": [{"name": name, "port": 6380, "protocol": protocol}],
                }));
            }
        }
        if self.random.chance(22) {
            let target = *self.random.pick(&[
                "db.example.com",
                "tcp-echo.default.svc.cluster.local",
                "kafka.apps.svc.cluster.local",
                "outside.test",
            ]);
            let mut spec = json!({"type": "ExternalName", "externalName": target});
            if self.random.chance(80) {
                let port = *self.random.pick(&[9000u32, 9092, 5432]);
                spec["ports"] =
                    json!([{"name": "tcp", "port": port, "protocol": "TCP", "targetPort": port}]);
            }
            let namespace = self.namespace();
            self.service("alias", namespace, spec, None, None);
            self.backend("alias", namespace, &[9000, 9092, 5432]);
        }
        if self.random.chance(15) {
            // The same short name in another namespace.
            let namespace = *self.random.pick(&["istio-system", "apps", "edge"]);
            let spec = json!({"selector": {"app": "kafka"},
                "ports": [{"name": "tcp", "port": 9000, "protocol": "TCP", "targetPort": 9092}]});
            let annotation = self.export_annotation();
            self.service("tcp-echo", namespace, spec, annotation, None);
            self.backend("tcp-echo", namespace, &[9000]);
        }
    }

    fn backend(&mut self, name: &'static str, namespace: &'static str, ports: &[u32]) {
        self.backends.push(Backend {
            host: format!("{name}.{namespace}.svc.cluster.local"),
            namespace,
            name,
            ports: ports.to_vec(),
        });
    }

    fn export_to(&mut self, percent: u64) -> Option<Value> {
        self.random.chance(percent).then(|| {
            self.random
                .pick(&[
                    json!(["."]),
                    json!(["."]),
                    json!(["*"]),
                    json!(["istio-system"]),
                    json!(["apps"]),
                    json!(["edge"]),
                    json!(["apps", "edge"]),
                    json!([".", "istio-system"]),
                    json!([self.home]),
                    json!([self.home]),
                    json!(["default"]),
                ])
                .clone()
        })
    }

    fn service_entries(&mut self) {
        let count = *self.random.weighted(&[(4, 0usize), (4, 1), (3, 2), (1, 3)]);
        for n in 0..count {
            let namespace = self.namespace();
            let forwards = self.bypass && n == 0 && self.random.chance(90);
            let resolution = *self.random.pick(&[
                "NONE",
                "",
                "STATIC",
                "STATIC",
                "STATIC",
                "DNS",
                "DNS",
                "DNS_ROUND_ROBIN",
                "DYNAMIC_DNS",
                "DYNAMIC_DNS",
            ]);
            let resolution = if forwards { "DYNAMIC_DNS" } else { resolution };
            let mut hosts = vec![match resolution {
                "DYNAMIC_DNS" => "*.wild.com",
                _ => *self.random.pick(&[
                    "db.example.com",
                    "db.example.com",
                    "kafka.test",
                    "tcp-echo.default.svc.cluster.local",
                    "kafka.apps.svc.cluster.local",
                    "x.apps.svc.cluster.local",
                ]),
            }];
            if resolution != "DYNAMIC_DNS" && self.random.chance(15) {
                hosts.push(*self.random.pick(&[
                    "db.example.com",
                    "second.example.com",
                    "*.wild.com",
                ]));
                hosts.dedup();
            }
            let mut ports = vec![
                json!({"name": "tcp", "number": *self.random.pick(&[5432u32, 9000, 9092]),
                "protocol": *self.random.pick(&["TCP", "tcp", "HTTP", "TLS", "HTTPS", "MONGO"])}),
            ];
            if self.random.chance(35) {
                ports[0]["targetPort"] = json!(15432);
            }
            if self.random.chance(30) {
                ports.push(
                    json!({"name": "second", "number": *self.random.pick(&[5433u32, 9001]),
                    "protocol": *self.random.pick(&["TCP", "HTTP", "UDP"])}),
                );
            }
            let mut spec = json!({"hosts": hosts, "ports": ports});
            if !resolution.is_empty() {
                spec["resolution"] = json!(resolution);
            }
            if self.random.chance(65) {
                spec["location"] =
                    json!(
                        self.random
                            .pick(&["MESH_EXTERNAL", "MESH_INTERNAL", "MESH_INTERNAL"])
                    );
            }
            if resolution != "DYNAMIC_DNS" && self.random.chance(25) {
                spec["addresses"] = json!(["240.0.0.1"]);
                if self.random.chance(25) {
                    spec["addresses"] = json!(["240.0.0.1", "240.0.0.2"]);
                }
            }
            let by_labels = match resolution {
                "STATIC" => self.random.chance(45),
                "DNS" => self.random.chance(20),
                _ => false,
            };
            if by_labels {
                spec["workloadSelector"] = json!({"labels": {"app": *self.random.pick(&["kafka", "vm", "vm", "tcp-echo"])}});
            } else if matches!(resolution, "STATIC" | "DNS" | "DNS_ROUND_ROBIN")
                && self.random.chance(80)
            {
                let most = if resolution == "DNS_ROUND_ROBIN" {
                    1
                } else {
                    2
                };
                let endpoints: Vec<Value> = (0..self.random.between(1, most))
                    .map(|k| self.workload_entry(resolution, n * 4 + k))
                    .collect();
                spec["endpoints"] = Value::Array(endpoints);
            }
            if let Some(export_to) = self.export_to(25) {
                spec["exportTo"] = export_to;
            } else if self.random.chance(5) {
                spec["exportTo"] = json!(["~"]);
            }
            let port_numbers: Vec<u32> = spec["ports"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|p| p["number"].as_u64().and_then(|n| u32::try_from(n).ok()))
                .collect();
            let times = if resolution == "DYNAMIC_DNS" { 6 } else { 2 };
            // The webhook takes no wildcard as destination.
            hosts.retain(|h| self.bypass || !h.starts_with('*'));
            for host in hosts.iter().cycle().take(hosts.len() * times) {
                self.backends.push(Backend {
                    host: (*host).to_owned(),
                    namespace,
                    name: "",
                    ports: port_numbers.clone(),
                });
            }
            let mut meta = self.meta(&format!("se-{n}"), namespace);
            if self.random.chance(10) {
                meta["labels"] = json!({"team": "a"});
            }
            self.istio("ServiceEntry", &meta, &spec);
            if resolution == "DYNAMIC_DNS" && self.random.chance(25) {
                self.ejection(&format!("eject-{n}"), namespace);
            }
        }
        if count > 0 && self.random.chance(50) {
            for n in 0..self.random.between(1, 2) {
                let namespace = self.namespace();
                let mut spec = self.workload_entry("STATIC", 40 + n);
                let mut own =
                    json!({"app": *self.random.pick(&["vm", "vm", "kafka", "tcp-echo", "cache"])});
                if self.random.chance(50) {
                    own["version"] = json!("v1");
                }
                if self.random.chance(30) {
                    own["security.istio.io/tlsMode"] = json!("istio");
                }
                spec["labels"] = own;
                let meta = self.meta(&format!("we-{n}"), namespace);
                self.istio("WorkloadEntry", &meta, &spec);
            }
        }
    }

    /// A DestinationRule that may eject endpoints of a forwarded host, where istiod fails.
    fn ejection(&mut self, name: &str, namespace: &'static str) {
        let ejects = json!({"consecutive5xxErrors": 3});
        let of_port = json!({"port": {"number": 9000}, "outlierDetection": ejects});
        let policy = match self.random.below(6) {
            0 => json!({"portLevelSettings": [of_port]}),
            1 => json!({"tls": {"mode": "DISABLE"}, "portLevelSettings": [of_port]}),
            2 => json!({"outlierDetection": ejects, "portLevelSettings": [
                {"port": {"number": 9000}, "tls": {"mode": "DISABLE"}},
            ]}),
            3 => json!({"outlierDetection": {"minHealthPercent": 50}}),
            _ => json!({"outlierDetection": ejects}),
        };
        let host = *self
            .random
            .pick(&["*.wild.com", "*.wild.com", "*.com", "a.wild.com"]);
        let mut spec = json!({"host": host, "trafficPolicy": policy});
        if let Some(export_to) = self.export_to(20) {
            spec["exportTo"] = export_to;
        }
        let meta = self.meta(name, namespace);
        self.istio("DestinationRule", &meta, &spec);
    }

    fn workload_entry(&mut self, resolution: &str, n: usize) -> Value {
        let address = match resolution {
            "STATIC" if self.random.chance(6) => "unix:///var/run/app.sock".to_owned(),
            "STATIC" => format!("10.2.0.{}", n + 1),
            _ if self.random.chance(25) => format!("10.3.0.{}", n + 1),
            _ => format!("host-{n}.example.net"),
        };
        let mut entry = json!({"address": address});
        if self.random.chance(35) && !address.starts_with("unix") {
            entry["ports"] = json!({"tcp": 7000 + n});
        }
        if self.random.chance(50) {
            entry["labels"] = json!({"version": *self.random.pick(&["v1", "v2"])});
        }
        if self.random.chance(15) {
            entry["serviceAccount"] = json!("vm");
        }
        if self.random.chance(12) {
            entry["weight"] = json!(*self.random.pick(&[1, 5]));
        }
        if self.random.chance(8) {
            entry["locality"] = json!("region/zone");
        }
        entry
    }

    fn istio(&mut self, kind: &str, meta: &Value, spec: &Value) {
        let version = *self.random.pick(&["v1", "v1", "v1", "v1beta1", "v1alpha3"]);
        self.objects.push(json!({
            "apiVersion": format!("networking.istio.io/{version}"),
            "kind": kind, "metadata": meta, "spec": spec,
        }));
    }

    fn destination_rules(&mut self) {
        let count = *self
            .random
            .weighted(&[(3, 0usize), (4, 1), (4, 2), (2, 3), (1, 5)]);
        let count = count + 2 * usize::from(self.subsets);
        for n in 0..count {
            let namespace = if self.subsets && self.random.chance(60) {
                *self.random.pick(&[self.home, "default"])
            } else {
                self.namespace()
            };
            let host = if self.subsets && self.random.chance(75) {
                self.backends[0].host.clone()
            } else if self.random.chance(65) {
                let backend = self.random.pick(&self.backends);
                backend.host.clone()
            } else {
                (*self.random.pick(&[
                    "tcp-echo",
                    "kafka",
                    "*.default.svc.cluster.local",
                    "*.svc.cluster.local",
                    "*.local",
                    "*",
                    "*.example.com",
                    "*.apps.svc.cluster.local",
                ]))
                .to_owned()
            };
            let mut spec = json!({"host": host});
            let mut subsets = Vec::new();
            for version in ["v1", "v2", "v3"] {
                if self.random.chance(55) {
                    let mut own = match self.random.below(10) {
                        0 => json!({"version": "none"}),
                        1 => json!({"version": version, "app": "tcp-echo"}),
                        _ => json!({"version": version}),
                    };
                    if self.random.chance(4) {
                        own = json!({});
                    }
                    let mut subset = json!({"name": version, "labels": own});
                    if self.random.chance(6) {
                        subset["trafficPolicy"] = self
                            .random
                            .pick(&[
                                json!({"tls": {"mode": "ISTIO_MUTUAL"}}),
                                json!({"tls": {"mode": "DISABLE"}}),
                                json!({"loadBalancer": {"simple": "PASSTHROUGH"}}),
                                json!({"loadBalancer": {"simple": "RANDOM"}}),
                            ])
                            .clone();
                    }
                    subsets.push(subset);
                }
            }
            if !subsets.is_empty() {
                spec["subsets"] = Value::Array(subsets);
            }
            if let Some(export_to) = self.export_to(45) {
                spec["exportTo"] = export_to;
            }
            if self.random.chance(if self.subsets { 35 } else { 14 }) {
                let chosen = match self.random.below(4) {
                    0 => json!({"app": "other"}),
                    1 => json!({"app": "gw"}),
                    _ => json!({"istio": "ingressgateway"}),
                };
                spec["workloadSelector"] = json!({"matchLabels": chosen});
                if self.random.chance(75) {
                    spec.as_object_mut().map(|s| s.remove("exportTo"));
                }
            }
            match self.random.below(16) {
                0 => spec["trafficPolicy"] = json!({"tls": {"mode": "ISTIO_MUTUAL"}}),
                1 => spec["trafficPolicy"] = json!({"loadBalancer": {"simple": "PASSTHROUGH"}}),
                2 => spec["trafficPolicy"] = json!({"tls": {"mode": "SIMPLE"}}),
                3 => {
                    spec["trafficPolicy"] =
                        json!({"outlierDetection": {"consecutive5xxErrors": 3}});
                }
                _ => {}
            }
            let meta = self.meta(&format!("dr-{n}"), namespace);
            self.istio("DestinationRule", &meta, &spec);
        }
    }

    fn server_host(&mut self) -> String {
        let host = if self.random.chance(30) {
            "*"
        } else {
            *self.random.pick(&HOSTS)
        };
        match self.random.below(20) {
            0 => format!("*/{host}"),
            1 | 2 => format!("./{host}"),
            3 | 4 => format!("{}/{host}", self.namespace()),
            5 if self.random.chance(50) => "*/*".to_owned(),
            6 if self.random.chance(30) => format!("~/{host}"),
            _ => host.to_owned(),
        }
    }

    fn gateways(&mut self) {
        let count = *self.random.weighted(&[(5, 1usize), (6, 2), (3, 3), (1, 4)]);
        for n in 0..count {
            let namespace = if self.random.chance(45) {
                self.home
            } else {
                self.namespace()
            };
            // Names are repeated across namespaces: ties of age are then decided by the namespace.
            let name = format!("g-{}", if self.random.chance(15) { 0 } else { n });
            if self
                .gateways
                .iter()
                .any(|g| *g == (name.clone(), namespace))
            {
                continue;
            }
            let selector = match self.random.below(16) {
                0 => json!({"istio": "other"}),
                1 => json!({"istio": "ingressgateway", "app": "gw"}),
                2 => json!({"app": "gw"}),
                3 => Value::Null,
                _ => json!({"istio": "ingressgateway"}),
            };
            let servers: Vec<Value> =
                (0..*self.random.weighted(&[(5, 1usize), (5, 2), (3, 3), (1, 4)]))
                    .map(|k| self.server(n, k))
                    .collect();
            let mut spec = json!({"servers": servers});
            if self.bypass && self.random.chance(25) {
                // The webhook wants port names that are unique within a Gateway.
                let number = self.numbers[0];
                spec["servers"] = ["a.example.com", "b.example.com"]
                    .iter()
                    .map(|host| {
                        json!({
                            "port": {"number": number, "name": "https", "protocol": "HTTPS"},
                            "hosts": [host], "tls": {"mode": "SIMPLE", "credentialName": "cert-a"},
                        })
                    })
                    .collect();
            }
            if !selector.is_null() {
                spec["selector"] = selector;
            }
            let meta = self.meta(&name, namespace);
            self.istio("Gateway", &meta, &spec);
            self.gateways.push((name, namespace));
        }
    }

    fn server(&mut self, gateway: usize, n: usize) -> Value {
        let number = if self.random.chance(85) {
            *self.random.pick(&self.numbers)
        } else {
            *self.random.pick(&NUMBERS)
        };
        let themed: &[&str] = match self.theme {
            Theme::Tcp => &["TCP", "TCP", "TCP", "tcp", "Mongo", "MySQL", "UDP"],
            Theme::Http => &[
                "HTTP",
                "HTTP",
                "http",
                "HTTP2",
                "GRPC",
                "GRPC-Web",
                "HTTP_PROXY",
            ],
            Theme::Https => &["HTTPS", "HTTPS", "HTTPS", "https", "HTTP"],
            Theme::Passthrough => &["TLS", "TLS", "tls", "HTTPS"],
            Theme::Mixed => &["UDP", "TCP", "HTTPS"],
        };
        let protocol = match (self.theme, self.random.below(100)) {
            (Theme::Mixed, 0..=4)
            | (Theme::Tcp | Theme::Http | Theme::Https | Theme::Passthrough, 0..=84) => {
                *self.random.pick(themed)
            }
            _ => *self.random.pick(&PROTOCOLS),
        };
        let word = protocol.to_lowercase().replace('_', "-");
        let name = if self.bypass && self.random.chance(30) {
            // The webhook wants names that are unique within a Gateway.
            word.clone()
        } else {
            format!("{word}-{gateway}-{n}")
        };
        let mut hosts: Vec<String> = (0..*self.random.weighted(&[(7, 1), (3, 2), (1, 3)]))
            .map(|_| self.server_host())
            .collect();
        hosts.dedup();
        // istiod panics on a list where more follows: `*/*` stands at the end, but for a few.
        if hosts.iter().any(|h| h == "*/*") {
            hosts.retain(|h| h != "*/*");
            hosts.push("*/*".to_owned());
        }
        if self.random.chance(1) {
            hosts = vec!["*/*".to_owned(), "*/x.com".to_owned()];
        }
        let mut server = json!({
            "port": {"number": number, "name": name, "protocol": protocol},
            "hosts": hosts,
        });
        let lower = protocol.to_lowercase();
        let tls_needed = lower == "https" || lower == "tls";
        if tls_needed && !(self.bypass && self.random.chance(12)) {
            let mode = *self.random.pick(&[
                "SIMPLE",
                "SIMPLE",
                "SIMPLE",
                "MUTUAL",
                "ISTIO_MUTUAL",
                "OPTIONAL_MUTUAL",
                "PASSTHROUGH",
                "PASSTHROUGH",
                "PASSTHROUGH",
                "",
                "AUTO_PASSTHROUGH",
                "AUTO_PASSTHROUGH",
            ]);
            let mode = match (self.theme, self.random.below(100)) {
                (Theme::Passthrough, 0..=65) => {
                    *self.random.pick(&["PASSTHROUGH", "PASSTHROUGH", ""])
                }
                (Theme::Https, 0..=65) => "SIMPLE",
                _ => mode,
            };
            let mut tls = json!({});
            if !mode.is_empty() {
                tls["mode"] = json!(mode);
            }
            if matches!(mode, "SIMPLE" | "MUTUAL" | "OPTIONAL_MUTUAL") {
                tls["credentialName"] = json!(self.random.pick(&["cert-a", "cert-b"]));
            }
            if mode == "AUTO_PASSTHROUGH" && self.random.chance(60) {
                server["hosts"] = json!([self.random.pick(&[
                    "*.local",
                    "*",
                    "*.svc.cluster.local",
                    "*.default.svc.cluster.local"
                ])]);
            }
            if lower == "https" && self.random.chance(5) {
                tls["httpsRedirect"] = json!(true);
            }
            server["tls"] = tls;
        } else if lower.starts_with("http") || lower.starts_with("grpc") {
            if self.random.chance(18) {
                server["tls"] = json!({"httpsRedirect": true});
            }
        } else if self.bypass && self.random.chance(15) {
            server["tls"] = json!({"mode": "SIMPLE", "credentialName": "cert-a"});
        }
        if self.random.chance(22) {
            let own = self.pods[0].ips[0].clone();
            server["bind"] = json!(match self.random.below(8) {
                0..=3 => "0.0.0.0".to_owned(),
                4 | 5 => own,
                6 => "127.0.0.1".to_owned(),
                _ => "::".to_owned(),
            });
        } else if self.random.chance(1) {
            server["bind"] = json!("unix:///var/run/gw.sock");
            server["port"]["number"] = json!(0);
        }
        if self.bypass && self.random.chance(6) {
            server.as_object_mut().map(|s| s.remove("port"));
        }
        server
    }

    /// A name of a Gateway in one of the forms that istiod takes.
    fn gateway_name(&mut self, from: &str) -> String {
        if self.gateways.is_empty() || self.random.chance(4) {
            return "nope".to_owned();
        }
        let (name, namespace) = if self.theme != Theme::Mixed && self.random.chance(60) {
            self.gateways[0].clone()
        } else {
            self.random.pick(&self.gateways).clone()
        };
        match self.random.below(14) {
            0 => name,
            1 | 2 if namespace == from => format!("./{name}"),
            3 => format!("{name}.{namespace}"),
            4 => format!("{name}.{namespace}.svc.cluster.local"),
            5 if namespace == from => name,
            _ => format!("{namespace}/{name}"),
        }
    }

    fn destination(&mut self, from: &str) -> Value {
        if self.bypass && self.random.chance(10) {
            return json!({"host": ""});
        }
        let wild = self.backends.iter().position(|b| b.host.starts_with('*'));
        let (host, ports) = if let (true, Some(n)) = (self.bypass, wild)
            && self.random.chance(35)
        {
            (
                self.backends[n].host.clone(),
                self.backends[n].ports.clone(),
            )
        } else if self.random.chance(90) {
            let backend = if self.subsets && self.random.chance(60) {
                &self.backends[0]
            } else {
                self.random.pick(&self.backends)
            };
            let host = if backend.name.is_empty() {
                backend.host.clone()
            } else if backend.namespace == from && self.random.chance(50) {
                backend.name.to_owned()
            } else {
                match self.random.below(12) {
                    0 => backend.name.to_owned(),
                    1 => format!("{}.{}", backend.name, backend.namespace),
                    _ => backend.host.clone(),
                }
            };
            (host, backend.ports.clone())
        } else {
            ("missing.default.svc.cluster.local".to_owned(), vec![1])
        };
        let mut destination = json!({"host": host});
        if self.random.chance(60) {
            let port = if self.random.chance(88) {
                *self.random.pick(&ports)
            } else {
                *self.random.pick(&[80u32, 9999])
            };
            destination["port"] = json!({"number": port});
        }
        if self.random.chance(if self.subsets { 60 } else { 20 }) {
            destination["subset"] = json!(self.random.pick(&["v1", "v2", "v3"]));
        }
        destination
    }

    /// Destinations with weights; the webhook wants a sum above 0.
    fn route(&mut self, from: &str) -> Value {
        let count = *self.random.weighted(&[(7, 1usize), (3, 2), (2, 3)]);
        if self.bypass && self.random.chance(15) {
            return json!([]);
        }
        let zero = self.bypass && self.random.chance(30);
        let count = if zero { count.max(2) } else { count };
        let mut route: Vec<Value> = Vec::new();
        for n in 0..count {
            let mut one = json!({"destination": self.destination(from)});
            if count > 1 || self.random.chance(15) {
                let weight = match self.random.below(8) {
                    0 => 0,
                    1 => 100,
                    _ => self.random.between(1, 99),
                };
                if zero {
                    if self.random.chance(50) {
                        one["weight"] = json!(0);
                    }
                } else if n > 0 || weight > 0 {
                    one["weight"] = json!(weight);
                } else if count == 1 {
                    one["weight"] = json!(0);
                } else {
                    one["weight"] = json!(7);
                }
            }
            route.push(one);
        }
        Value::Array(route)
    }

    fn match_port(&mut self) -> u32 {
        match self.random.below(10) {
            0..=3 => *self.random.pick(&self.numbers),
            4 => *self.random.pick(&NUMBERS),
            5..=8 => {
                let number = self.numbers[0];
                if number < 1024 {
                    number + 8000
                } else {
                    number + 1
                }
            }
            _ => 1,
        }
    }

    fn common_match(&mut self, one: &mut Value, from: &str) {
        if self.random.chance(30) {
            one["port"] = json!(self.match_port());
        }
        if self.random.chance(14) {
            let count = self.random.between(1, 2);
            let names: Vec<String> = (0..count)
                .map(|_| {
                    if self.random.chance(15) {
                        "mesh".to_owned()
                    } else {
                        self.gateway_name(from)
                    }
                })
                .collect();
            one["gateways"] = json!(names);
        }
        if self.random.chance(10) {
            one["sourceLabels"] = match self.random.below(4) {
                0 => json!({"app": "gw"}),
                1 => json!({"version": "v1"}),
                _ => json!({"app": "nobody"}),
            };
        }
        if self.random.chance(6) {
            one["sourceNamespace"] = json!(self.namespace());
        }
    }

    fn matches(&mut self, from: &str, block: &str) -> Option<Value> {
        let count = match block {
            "tls" => *self.random.weighted(&[(5, 1usize), (3, 2)]),
            _ => *self.random.weighted(&[(4, 0usize), (5, 1), (3, 2)]),
        };
        if count == 0 || (block == "tls" && self.bypass && self.random.chance(60)) {
            return None;
        }
        let found: Vec<Value> = (0..count)
            .map(|_| {
                let mut one = json!({});
                self.common_match(&mut one, from);
                match block {
                    "tls" => {
                        let mut names: Vec<&str> = (0..self.random.between(1, 2))
                            .map(|_| *self.random.pick(&HOSTS))
                            .collect();
                        names.dedup();
                        one["sniHosts"] = json!(names);
                        if self.random.chance(6) {
                            one["destinationSubnets"] = json!(["10.0.0.0/8"]);
                        }
                    }
                    "tcp" => {
                        if self.random.chance(10) {
                            one["destinationSubnets"] = json!(["10.0.0.0/8"]);
                        }
                        if self.random.chance(5) {
                            one["sourceSubnet"] = json!("10.9.0.0/16");
                        }
                    }
                    _ => self.http_match(&mut one),
                }
                one
            })
            .collect();
        Some(Value::Array(found))
    }

    fn string_match(&mut self, values: &[&str]) -> Value {
        let value = *self.random.pick(values);
        match self.random.below(5) {
            0 => json!({"exact": value}),
            1 => json!({"regex": *self.random.pick(&[".*", "/a/.*", "a|b", "*"])}),
            _ => json!({"prefix": value}),
        }
    }

    fn http_match(&mut self, one: &mut Value) {
        if self.random.chance(70) {
            one["uri"] = match self.random.below(10) {
                0 => json!({"exact": "/a"}),
                1 => json!({"exact": "/"}),
                2 => json!({"regex": "/a/[0-9]+"}),
                3 => json!({"regex": ".*"}),
                4 => json!({"prefix": "/"}),
                5 => json!({"prefix": "/a"}),
                6 => json!({"prefix": "/a/b"}),
                7 => json!({"regex": *self.random.pick(&["*", "/.*", ".+", ""])}),
                8 => json!({"prefix": ""}),
                _ => json!({"prefix": "/b/"}),
            };
            if self.random.chance(8) {
                one["ignoreUriCase"] = json!(true);
            }
        }
        for (field, percent) in [("headers", 16), ("withoutHeaders", 7), ("queryParams", 7)] {
            if self.random.chance(percent) {
                let mut map = Map::new();
                for _ in 0..self.random.between(1, 2) {
                    let name = *self.random.pick(&["x-a", "x-b", "X-Upper", "a"]);
                    let value = if self.random.chance(15) {
                        json!({})
                    } else {
                        self.string_match(&["a", "b", "abc"])
                    };
                    map.insert(name.to_owned(), value);
                }
                if field != "queryParams" && self.random.chance(8) {
                    map.insert(
                        "@request.auth.claims.sub".to_owned(),
                        json!({"exact": "me"}),
                    );
                }
                if field == "headers" && self.random.chance(5) {
                    map.insert(":authority".to_owned(), json!({"exact": "a.example.com"}));
                }
                one[field] = Value::Object(map);
            }
        }
        for (field, values) in [
            ("method", ["GET", "POST"]),
            ("scheme", ["http", "https"]),
            ("authority", ["a.example.com", "b.example.com"]),
        ] {
            if self.random.chance(6) {
                one[field] = self.string_match(&values);
            }
        }
        if self.random.chance(6) {
            one["name"] = json!("m");
        }
    }

    fn http_rule(&mut self, from: &str, delegate: bool) -> Value {
        let mut rule = json!({});
        if let Some(found) = self.matches(from, "http") {
            rule["match"] = found;
        }
        if delegate && self.random.chance(50) {
            // Prefixes that are, or are not, under those of a root.
            let prefix = *self.random.pick(&["/a", "/a/b", "/b/", "/c"]);
            rule["match"] = json!([{"uri": {"prefix": prefix}}]);
        }
        if self.random.chance(15) {
            rule["name"] = json!("rule");
        }
        if !delegate && self.random.chance(18) {
            let (name, namespace) = if self.delegates.is_empty() || self.random.chance(12) {
                ("absent".to_owned(), "default")
            } else {
                self.random.pick(&self.delegates).clone()
            };
            rule["delegate"] = json!({"name": name});
            if namespace != from || self.random.chance(30) {
                rule["delegate"]["namespace"] = json!(namespace);
            }
            if self.random.chance(8) {
                rule["directResponse"] = json!({"status": 418});
            }
            if self.random.chance(50) {
                let prefix = *self.random.pick(&["/a", "/b/"]);
                rule["match"] = json!([{"uri": {"prefix": prefix}}]);
            }
            return rule;
        }
        match self.random.below(14) {
            0 => rule["redirect"] = json!({"uri": "/x"}),
            1 => rule["redirect"] = json!({"authority": "other.example.com", "redirectCode": 302}),
            2 => rule["directResponse"] = json!({"status": *self.random.pick(&[200, 503])}),
            _ => {
                rule["route"] = self.route(from);
                match self.random.below(14) {
                    0 => rule["rewrite"] = json!({"uri": "/"}),
                    1 => rule["timeout"] = json!("3s"),
                    2 => rule["mirror"] = json!({"host": "kafka.apps.svc.cluster.local"}),
                    3 => rule["retries"] = json!({"attempts": 2}),
                    4 => {
                        rule["fault"] =
                            json!({"abort": {"httpStatus": 500, "percentage": {"value": 10}}});
                    }
                    _ => {}
                }
            }
        }
        rule
    }

    fn virtual_services(&mut self) {
        let percent = match self.theme {
            Theme::Http | Theme::Https => 50,
            _ => 15,
        };
        if self.random.chance(percent) {
            for n in 0..self.random.between(1, 2) {
                let namespace = self.namespace();
                let name = format!("delegate-{n}");
                let count = self.random.between(1, 2);
                let rules: Vec<Value> = (0..count)
                    .map(|_| self.http_rule(namespace, true))
                    .collect();
                let mut spec = json!({"http": rules});
                if let Some(export_to) = self.export_to(25) {
                    spec["exportTo"] = export_to;
                }
                if self.random.chance(6) {
                    spec["hosts"] = json!(["a.example.com"]);
                }
                if self.bypass && self.random.chance(50) {
                    spec["gateways"] = json!([self.gateway_name(namespace)]);
                }
                let meta = self.meta(&name, namespace);
                self.istio("VirtualService", &meta, &spec);
                self.delegates.push((name, namespace));
            }
        }
        let count = *self
            .random
            .weighted(&[(1, 0usize), (4, 1), (5, 2), (4, 3), (2, 5)]);
        for n in 0..count {
            let namespace = if self.random.chance(30) && !self.gateways.is_empty() {
                self.random.pick(&self.gateways).1
            } else {
                self.namespace()
            };
            let mut hosts: Vec<&str> = (0..*self.random.weighted(&[(7, 1), (3, 2), (1, 3)]))
                .map(|_| {
                    if self.random.chance(8) {
                        *self.random.pick(&["tcp-echo", "short"])
                    } else {
                        *self.random.pick(&HOSTS)
                    }
                })
                .collect();
            let mut seen = Vec::new();
            hosts.retain(|h| {
                let new = !seen.contains(h);
                seen.push(h);
                new
            });
            let mut spec = json!({"hosts": hosts});
            let names: Vec<String> = match self.random.below(14) {
                0 if self.random.chance(50) => Vec::new(),
                1 if self.random.chance(50) => vec!["mesh".to_owned()],
                2 => vec!["mesh".to_owned(), self.gateway_name(namespace)],
                3..=6 => vec![self.gateway_name(namespace), self.gateway_name(namespace)],
                7 => {
                    // The same one twice, in two spellings.
                    let (name, of) = self
                        .gateways
                        .first()
                        .cloned()
                        .unwrap_or(("g-0".to_owned(), "default"));
                    vec![
                        format!("{of}/{name}"),
                        format!("{name}.{of}.svc.cluster.local"),
                    ]
                }
                _ => vec![self.gateway_name(namespace)],
            };
            if !names.is_empty() {
                spec["gateways"] = json!(names);
            }
            let blocks: &[&str] = match (self.theme, self.random.below(10)) {
                (Theme::Tcp, 0..=6) => &["tcp"],
                (Theme::Http | Theme::Https, 0..=7) => &["http"],
                (Theme::Passthrough, 0..=6) => &["tls"],
                (_, 0..=2) => &["tcp"],
                (_, 3..=5) => &["http"],
                (_, 6) => &["tls"],
                (_, 7) => &["tcp", "tls"],
                _ => &["tcp", "tls", "http"],
            };
            for block in blocks {
                let rules: Vec<Value> = (0..*self.random.weighted(&[(5, 1usize), (4, 2), (1, 3)]))
                    .map(|_| {
                        if *block == "http" {
                            return self.http_rule(namespace, false);
                        }
                        let mut rule = json!({"route": self.route(namespace)});
                        if let Some(found) = self.matches(namespace, block) {
                            rule["match"] = found;
                        }
                        rule
                    })
                    .collect();
                spec[*block] = Value::Array(rules);
            }
            if self.theme == Theme::Tcp && self.random.chance(40) {
                spec["exportTo"] = json!([self.home]);
            } else if let Some(export_to) = self.export_to(18) {
                spec["exportTo"] = export_to;
            } else if self.random.chance(2) {
                spec["exportTo"] = json!(["~"]);
            }
            // Names of equal age decide: sometimes the later one comes first.
            let name = match self.random.below(8) {
                0 => "vs-0".to_owned(),
                1 | 2 => format!("a-{n}"),
                _ => format!("vs-{n}"),
            };
            let taken = self.objects.iter().any(|o| {
                o["kind"] == "VirtualService"
                    && o["metadata"]["name"] == name.as_str()
                    && o["metadata"]["namespace"] == namespace
            });
            if taken {
                continue;
            }
            let meta = self.meta(&name, namespace);
            self.istio("VirtualService", &meta, &spec);
        }
    }
}
