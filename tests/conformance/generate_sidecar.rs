//! Random scenarios around one pod with a sidecar, the same for the same seed.
//!
//! Hosts, addresses and ports come from small pools, so that services meet on one listener, and rules of one object
//! reach those of another. Objects are written as the API server stores them.

use serde_json::{Map, Value, json};

use crate::random::Random;
use crate::scenario::Scenario;

const NAMESPACES: [&str; 3] = ["default", "apps", "istio-system"];

const NAMES: [&str; 6] = ["tcp-echo", "kafka", "db", "web", "cache", "client"];

const PORT_NAMES: [&str; 22] = [
    "tcp", "tcp-a", "tcp-b", "http", "http-a", "http2-a", "grpc", "grpc-web", "https", "https-a",
    "tls", "tls-a", "mongo", "mysql", "redis", "udp-a", "data", "one", "two", "HTTP-x", "tcpx", "",
];

const NUMBERS: [u32; 12] = [
    80, 80, 443, 5432, 9000, 9000, 9092, 7800, 3306, 15021, 27017, 15001,
];

const ENTRY_PROTOCOLS: [&str; 14] = [
    "TCP",
    "TCP",
    "TCP",
    "HTTP",
    "HTTP",
    "TLS",
    "TLS",
    "HTTPS",
    "MONGO",
    "MySQL",
    "GRPC",
    "HTTP2",
    "HTTP_PROXY",
    "",
];

const ENTRY_HOSTS: [&str; 9] = [
    "db.example.com",
    "db.example.com",
    "a.example.com",
    "b.example.com",
    "*.example.com",
    "*.wild.com",
    "kafka.test",
    "kafka.apps.svc.cluster.local",
    "Upper.example.com",
];

const ADDRESSES: [&str; 9] = [
    "240.1.1.5",
    "240.1.1.5",
    "240.1.1.6",
    "10.96.0.20",
    "192.168.0.0/16",
    "192.168.7.9/16",
    "192.168.0.0/24",
    "240.1.1.6/32",
    "0.0.0.0/0",
];

const RULE_HOSTS: [&str; 14] = [
    "tcp-echo",
    "kafka",
    "tcp-echo.default.svc.cluster.local",
    "kafka.apps.svc.cluster.local",
    "kafka.apps.svc.cluster.local",
    "db.example.com",
    "db.example.com",
    "a.example.com",
    "*.example.com",
    "*.wild.com",
    "x.wild.com",
    "*.svc.cluster.local",
    "*.apps.svc.cluster.local",
    "*",
];

const SUBNETS: [&str; 5] = [
    "10.0.0.0/8",
    "192.168.0.0/16",
    "192.168.1.0/16",
    "172.16.0.0/12",
    "10.1.2.3",
];

struct Draw<'r> {
    random: &'r mut Random,
    objects: Vec<Value>,
    home: &'static str,
    pods: Vec<PodFacts>,
    ip: u32,
    cluster_ip: u32,
    /// Numbers of this scenario: few, so that they meet.
    numbers: Vec<u32>,
    hosts: Vec<String>,
}

struct PodFacts {
    namespace: &'static str,
    name: String,
    app: &'static str,
    ip: String,
    ready: bool,
}

/// One scenario.
pub(crate) fn scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed ^ 0x51DE_CA12);
    let home = *random.pick(&["default", "default", "apps", "istio-system"]);
    let numbers = (0..random.between(1, 4))
        .map(|_| *random.pick(&NUMBERS))
        .collect();
    let mut draw = Draw {
        random: &mut random,
        objects: Vec::new(),
        home,
        pods: Vec::new(),
        ip: 2,
        cluster_ip: 5,
        numbers,
        hosts: Vec::new(),
    };
    draw.all();
    let mut objects = draw.objects;
    for name in NAMESPACES {
        objects.insert(
            0,
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}),
        );
    }
    Scenario {
        objects,
        pod: format!("{home}/client"),
        bypass: false,
    }
}

impl Draw<'_> {
    fn chance(&mut self, percent: u64) -> bool {
        self.random.chance(percent)
    }

    fn up_to(&mut self, most: usize) -> usize {
        self.random.between(0, most)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *self.random.pick(from)
    }

    fn number(&mut self) -> u32 {
        let numbers = self.numbers.clone();
        self.pick(&numbers)
    }

    fn namespace(&mut self) -> &'static str {
        self.pick(&NAMESPACES)
    }

    fn all(&mut self) {
        self.mesh_config();
        self.pods();
        for n in 0..self.random.between(1, 5) {
            self.service(n);
        }
        if self.chance(12) {
            self.own_service();
        }
        if self.chance(8) {
            self.listed_service();
        }
        for n in 0..self.up_to(4) {
            self.service_entry(n);
        }
        if self.chance(15) {
            self.twin_entry();
        }
        for n in 0..self.up_to(4) {
            self.virtual_service(n);
        }
        for n in 0..self.up_to(2) {
            self.destination_rule(n);
        }
        if self.chance(55) {
            for n in 0..self.random.between(1, 2) {
                self.sidecar(n);
            }
        }
        for n in 0..self.up_to(2) {
            self.peer_authentication(n);
        }
        if self.chance(14) {
            self.workload_entry();
        }
        if self.chance(4) {
            self.named_instance();
        }
    }

    fn push(&mut self, api: &str, kind: &str, namespace: &str, name: &str, rest: Value) {
        let day = self.random.between(1, 5);
        let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {
            "name": name, "namespace": namespace,
            "creationTimestamp": format!("2026-01-0{day}T00:00:00Z")}});
        if let (Value::Object(all), Value::Object(rest)) = (&mut object, rest) {
            for (key, value) in rest {
                if key == "metadata" {
                    if let (Some(Value::Object(meta)), Value::Object(more)) =
                        (all.get_mut("metadata"), value)
                    {
                        meta.extend(more);
                    }
                } else {
                    all.insert(key, value);
                }
            }
        }
        self.objects.push(object);
    }

    fn mesh_config(&mut self) {
        let mut lines: Vec<String> = Vec::new();
        match self.up_to(9) {
            0 => lines.push("outboundTrafficPolicy: {mode: REGISTRY_ONLY}".to_owned()),
            1 => lines.push("outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}".to_owned()),
            2 => lines.push("outboundTrafficPolicy: {}".to_owned()),
            _ => {}
        }
        if self.chance(5) {
            lines.push("defaultServiceExportTo: [\".\"]".to_owned());
        }
        if self.chance(5) {
            lines.push("defaultVirtualServiceExportTo: [\".\"]".to_owned());
        }
        if self.chance(4) {
            lines.push("proxyHttpPort: 15002".to_owned());
        }
        if self.chance(4) {
            lines.push("inboundTrafficPolicy: {mode: LOCALHOST}".to_owned());
        }
        if self.chance(6) {
            let how = self.pick(&["NAMESPACE", "NAMESPACE", "NONE"]);
            lines.push(format!(
                "serviceEntryVisibility: {{defaultVisibility: {how}, applyToSidecars: true}}"
            ));
        }
        if lines.is_empty() {
            return;
        }
        self.objects.push(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": "istio-system"}, "data": {"mesh": lines.join("\n")}}));
    }

    fn pods(&mut self) {
        let home = self.home;
        self.pod(home, "client".to_owned(), "client", true);
        for n in 0..self.random.between(1, 4) {
            let app = self.pick(&["tcp-echo", "kafka", "db", "client"]);
            let namespace = self.namespace();
            self.pod(namespace, format!("pod-{n}"), app, false);
        }
    }

    fn pod(&mut self, namespace: &'static str, name: String, app: &'static str, asked: bool) {
        self.ip += 1;
        let ip = format!("10.0.0.{}", self.ip);
        let version = self.pick(&["v1", "v2"]);
        let ready = asked || self.chance(85);
        let mut proxy =
            json!({"name": "istio-proxy", "image": "proxyv2", "args": ["proxy", "sidecar"]});
        let mut env = Vec::new();
        let mut set = |name: &str, value: &str| env.push(json!({"name": name, "value": value}));
        let unprivileged = asked && self.random.chance(14);
        if unprivileged {
            set("ISTIO_META_UNPRIVILEGED_POD", "true");
        }
        if asked && self.random.chance(if unprivileged { 40 } else { 7 }) {
            set("ISTIO_META_INTERCEPTION_MODE", "NONE");
        }
        if asked && self.random.chance(4) {
            set("ISTIO_META_HTTP10", "1");
        }
        if asked && self.random.chance(20) {
            set("ISTIO_META_DNS_CAPTURE", "true");
        }
        if asked && self.random.chance(3) {
            set("ISTIO_META_HTTP_PROXY_PORT", "15003");
        }
        if !env.is_empty() {
            proxy["env"] = json!(env);
        }
        let ports = json!([
            {"name": "echo", "containerPort": 9000, "protocol": "TCP"},
            {"name": "web", "containerPort": 8080, "protocol": "TCP"}
        ]);
        let labels = json!({"app": app, "version": version});
        let spec = json!({"containers": [{"name": "app", "image": "app", "ports": ports}, proxy]});
        let v6 = format!("fd00::{}", self.ip);
        let ips = match self.random.below(20) {
            0 if asked => vec![v6],
            1 if asked => vec![ip.clone(), v6],
            2 if asked => vec![v6, ip.clone()],
            _ => vec![ip.clone()],
        };
        let ip = ips[0].clone();
        let all: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
        let status = json!({"podIP": ip, "podIPs": all, "phase": "Running",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]});
        self.push(
            "v1",
            "Pod",
            namespace,
            &name,
            json!({"metadata": {"labels": labels}, "spec": spec, "status": status}),
        );
        self.pods.push(PodFacts {
            namespace,
            name,
            app,
            ip,
            ready,
        });
    }

    fn export_to(&mut self) -> Vec<&'static str> {
        match self.up_to(9) {
            0 => vec!["."],
            1 => vec!["*"],
            2 => vec!["~"],
            3 => vec!["apps"],
            4 => vec!["default", "."],
            _ => vec![],
        }
    }

    fn service(&mut self, n: usize) {
        let namespace = self.namespace();
        let name = if self.chance(70) {
            self.pick(&NAMES)
        } else {
            "other"
        };
        let name = if self.objects.iter().any(|o| {
            o["kind"] == "Service"
                && o["metadata"]["name"] == name
                && o["metadata"]["namespace"] == namespace
        }) {
            format!("{name}-{n}")
        } else {
            name.to_owned()
        };
        let host = format!("{name}.{namespace}.svc.cluster.local");
        let mut ports: Vec<Value> = Vec::new();
        for _ in 0..self.random.between(1, 3) {
            let number = self.number();
            if ports.iter().any(|p| p["port"] == number) {
                continue;
            }
            let mut port = Map::new();
            let mut port_name = self.pick(&PORT_NAMES).to_lowercase();
            if port_name.is_empty() && !ports.is_empty()
                || ports.iter().any(|p| p["name"] == port_name.as_str())
            {
                port_name = format!("tcp-{number}");
            }
            if !port_name.is_empty() {
                port.insert("name".to_owned(), json!(port_name));
            }
            port.insert("port".to_owned(), json!(number));
            let udp = self.chance(5);
            let transport = if udp { "UDP" } else { "TCP" };
            port.insert("protocol".to_owned(), json!(transport));
            let target = match self.up_to(9) {
                0 => json!("echo"),
                1 => json!("web"),
                2 => json!("missing"),
                3 => json!(15021),
                4..=6 => json!(9000),
                _ => json!(number),
            };
            port.insert("targetPort".to_owned(), target);
            if self.chance(10) {
                let app = self.pick(&["http", "tcp", "tls", "kubernetes.io/h2c", "redis", "x"]);
                port.insert("appProtocol".to_owned(), json!(app));
            }
            ports.push(Value::Object(port));
        }
        let mut meta = Map::new();
        let export_to = self.export_to();
        if !export_to.is_empty() && self.chance(40) {
            let text = export_to.join(",");
            meta.insert(
                "annotations".to_owned(),
                json!({"networking.istio.io/exportTo": text}),
            );
        }
        let kind = self.up_to(9);
        self.hosts.push(host);
        if kind == 0 {
            let target = self.pick(&[
                "kafka.apps.svc.cluster.local",
                "db.example.com",
                "tcp-echo.default.svc.cluster.local",
                "www.else.com",
            ]);
            let spec = json!({"type": "ExternalName", "externalName": target, "ports": ports});
            self.push(
                "v1",
                "Service",
                namespace,
                &name,
                json!({"metadata": meta, "spec": spec}),
            );
            return;
        }
        let app = self.pick(&["tcp-echo", "kafka", "db", "client", "client", "none"]);
        self.cluster_ip += 1;
        let address = if kind < 4 {
            "None".to_owned()
        } else {
            format!("10.96.0.{}", self.cluster_ip)
        };
        let v6 = format!("fd00:96::{}", self.cluster_ip);
        let addresses = match self.random.below(12) {
            0 if kind >= 4 => vec![v6],
            1 if kind >= 4 => vec![address, v6],
            2 if kind >= 4 => vec![v6, address],
            _ => vec![address],
        };
        let spec = json!({"type": "ClusterIP", "clusterIP": addresses[0], "clusterIPs": addresses, "selector": {"app": app}, "ports": ports});
        self.push(
            "v1",
            "Service",
            namespace,
            &name,
            json!({"metadata": meta, "spec": spec}),
        );
        self.slice(namespace, &name, app, &ports);
    }

    /// What the endpoint controller writes: a slice for each set of target ports.
    fn slice(&mut self, namespace: &str, service: &str, app: &str, ports: &[Value]) {
        let mut endpoints = Vec::new();
        for pod in &self.pods {
            if pod.namespace == namespace && pod.app == app {
                endpoints.push(json!({"addresses": [pod.ip], "conditions": {"ready": pod.ready, "serving": pod.ready, "terminating": false},
                    "targetRef": {"kind": "Pod", "name": pod.name, "namespace": pod.namespace}}));
            }
        }
        let resolved: Vec<Value> = ports
            .iter()
            .filter_map(|p| {
                let number = match (p["targetPort"].as_str(), p["protocol"].as_str()) {
                    (Some("echo"), Some("TCP")) => 9000,
                    (Some("web"), Some("TCP")) => 8080,
                    (Some(_), _) => return None,
                    _ => p["targetPort"].as_u64()?,
                };
                let name = p["name"].as_str().unwrap_or_default();
                Some(json!({"name": name, "port": number, "protocol": p["protocol"]}))
            })
            .collect();
        if endpoints.is_empty() || resolved.is_empty() {
            return;
        }
        self.objects.push(json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": format!("{service}-x"), "namespace": namespace, "labels": {"kubernetes.io/service-name": service}},
            "endpoints": endpoints, "ports": resolved}));
    }

    /// A Service that selects the pod that is asked about, with ports that meet at one of its own.
    fn own_service(&mut self) {
        let home = self.home;
        let mut ports: Vec<Value> = Vec::new();
        for number in [80, 9000, 9092] {
            let protocol = self.pick(&["tcp", "http", "tls"]);
            let targets = [json!(9000), json!(8080), json!("echo")];
            let target = self.random.pick(&targets).clone();
            ports.push(
                json!({"name": format!("{protocol}-{number}"), "port": number,
                "protocol": "TCP", "targetPort": target}),
            );
        }
        self.cluster_ip += 1;
        let address = format!("10.96.0.{}", self.cluster_ip);
        let spec = json!({"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
            "selector": {"app": "client"}, "ports": ports});
        self.push("v1", "Service", home, "own", json!({"spec": spec}));
        self.slice(home, "own", "client", &ports);
    }

    /// A Service without selector whose slice has the pod that is asked about.
    fn listed_service(&mut self) {
        let home = self.home;
        let number = self.number();
        let ports = [
            json!({"name": "tcp-listed", "port": number, "protocol": "TCP",
            "targetPort": 9000}),
        ];
        self.cluster_ip += 1;
        let address = format!("10.96.0.{}", self.cluster_ip);
        let spec = json!({"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
            "ports": ports});
        self.push("v1", "Service", home, "listed", json!({"spec": spec}));
        self.slice(home, "listed", "client", &ports);
    }

    /// A ServiceEntry of a host, and one of another age in the same namespace that has it too.
    fn twin_entry(&mut self) {
        let namespace = self.pick(&[self.home, "apps"]);
        let host = self.pick(&["twin.example.com", "db.example.com"]);
        let number = self.number();
        let protocol = self.pick(&["TCP", "TCP", "HTTP", "TLS"]);
        self.hosts.push(host.to_owned());
        for day in [6, 7] {
            let port =
                json!({"number": number, "name": format!("p-{number}"), "protocol": protocol});
            let spec = json!({"hosts": [host], "resolution": "NONE", "location": "MESH_EXTERNAL",
                "addresses": [format!("240.1.2.{day}")], "ports": [port]});
            let age = json!({"creationTimestamp": format!("2026-01-0{day}T00:00:00Z")});
            self.push(
                "networking.istio.io/v1",
                "ServiceEntry",
                namespace,
                &format!("twin-{day}"),
                json!({"metadata": age, "spec": spec}),
            );
        }
        if self.chance(60) {
            let hosts = [format!("{namespace}/{host}")];
            let home = self.home;
            self.push(
                "networking.istio.io/v1",
                "Sidecar",
                home,
                "twin",
                json!({"spec": {"egress": [{"hosts": hosts}]}}),
            );
        }
    }

    fn service_entry(&mut self, n: usize) {
        let namespace = self.namespace();
        let mut hosts = vec![self.pick(&ENTRY_HOSTS)];
        if self.chance(15) {
            let other = self.pick(&ENTRY_HOSTS);
            if !hosts.contains(&other) {
                hosts.push(other);
            }
        }
        let wildcard = hosts.iter().any(|h| h.starts_with('*'));
        let resolution = match self.up_to(9) {
            0..=3 => "NONE",
            4..=6 if !wildcard => "DNS",
            7 if wildcard => "DYNAMIC_DNS",
            _ => "STATIC",
        };
        let mut spec = json!({"hosts": hosts, "resolution": resolution,
            "location": self.pick(&["MESH_EXTERNAL", "MESH_INTERNAL"])});
        let mut ports: Vec<Value> = Vec::new();
        for _ in 0..self.random.between(1, 2) {
            let number = self.number();
            if ports.iter().any(|p| p["number"] == number) {
                continue;
            }
            let mut port = json!({"number": number, "name": format!("p-{number}")});
            let protocol = self.pick(&ENTRY_PROTOCOLS);
            if !protocol.is_empty() {
                port["protocol"] = json!(protocol);
            }
            if self.chance(10) {
                port["targetPort"] = json!(8443);
            }
            ports.push(port);
        }
        spec["ports"] = json!(ports);
        if self.chance(45) {
            let mut addresses = vec![self.pick(&ADDRESSES)];
            if self.chance(25) {
                addresses.push(self.pick(&ADDRESSES));
            }
            addresses.dedup();
            spec["addresses"] = json!(addresses);
        }
        let by_labels = self.chance(15) && resolution != "DYNAMIC_DNS";
        if by_labels {
            let app = self.pick(&["client", "kafka", "vm"]);
            spec["workloadSelector"] = json!({"labels": {"app": app}});
        } else if resolution == "STATIC" || (resolution == "DNS" && self.chance(40)) {
            let address = if resolution == "DNS" {
                "backend.else.com".to_owned()
            } else if self.chance(15) {
                self.pods[0].ip.clone()
            } else {
                format!("10.9.0.{}", self.random.between(1, 9))
            };
            spec["endpoints"] = json!([{"address": address, "labels": {"version": "v1"}}]);
        }
        let export_to = self.export_to();
        if !export_to.is_empty() && self.chance(50) {
            spec["exportTo"] = json!(export_to);
        }
        let mut given: Vec<Value> = Vec::new();
        for host in &hosts {
            self.hosts.push((*host).to_owned());
            if spec.get("addresses").is_none() && self.chance(60) {
                let last = self.random.between(1, 3);
                given.push(json!({"host": host, "value": format!("240.240.0.{last}")}));
                if self.chance(50) {
                    given.push(json!({"host": host, "value": format!("2001:2::{last}")}));
                }
            }
        }
        self.push(
            "networking.istio.io/v1",
            "ServiceEntry",
            namespace,
            &format!("se-{n}"),
            json!({"spec": spec, "status": {"addresses": given}}),
        );
    }

    fn workload_entry(&mut self) {
        let namespace = self.namespace();
        let own = self.pods[0].ip.clone();
        let address = match self.up_to(5) {
            0 => "10.8.0.1".to_owned(),
            1 => "10.8.0.2".to_owned(),
            2 | 3 => "vm.else.com".to_owned(),
            _ => own,
        };
        self.push(
            "networking.istio.io/v1",
            "WorkloadEntry",
            namespace,
            "we-0",
            json!({"spec": {"address": address, "labels": {"app": "vm", "version": "v1"}}}),
        );
    }

    /// A ServiceEntry with a listener for each of its instances, of which one has a name for an address.
    fn named_instance(&mut self) {
        let namespace = self.home;
        let number = self.number();
        let labels = json!({"app": "named"});
        let port = json!({"number": number, "name": format!("p-{number}"), "protocol": "TCP"});
        let spec = json!({"hosts": ["named.example.com"], "resolution": "NONE",
            "location": "MESH_INTERNAL", "workloadSelector": {"labels": labels}, "ports": [port]});
        for (kind, name, spec) in [
            ("ServiceEntry", "named", spec),
            (
                "WorkloadEntry",
                "named-0",
                json!({"address": "vm.else.com", "labels": labels}),
            ),
            (
                "WorkloadEntry",
                "named-1",
                json!({"address": "10.8.0.7", "labels": labels}),
            ),
        ] {
            self.push(
                "networking.istio.io/v1",
                kind,
                namespace,
                name,
                json!({"spec": spec}),
            );
        }
    }

    fn destination(&mut self) -> Value {
        let known = self.hosts.clone();
        let host = match self.up_to(9) {
            0 => "missing".to_owned(),
            1 => "kafka".to_owned(),
            2 => "db.example.com".to_owned(),
            _ if known.is_empty() => "kafka.apps.svc.cluster.local".to_owned(),
            _ => self.random.pick(&known).clone(),
        };
        let host = if host.starts_with('*') {
            "db.example.com".to_owned()
        } else {
            host
        };
        let mut destination = json!({"host": host});
        if self.chance(60) {
            destination["port"] = json!({"number": self.number()});
        }
        if self.chance(30) {
            destination["subset"] = json!(self.pick(&["v1", "v2", "v3"]));
        }
        destination
    }

    fn route(&mut self) -> Value {
        let count = self.pick(&[1, 1, 1, 2, 3]);
        let mut route = Vec::new();
        for _ in 0..count {
            let mut one = json!({"destination": self.destination()});
            if count > 1 {
                let zero = self.chance(10);
                one["weight"] = json!(if zero { 0 } else { self.random.between(0, 90) });
            }
            route.push(one);
        }
        if count > 1 {
            route[0]["weight"] = json!(10);
        }
        json!(route)
    }

    fn source(&mut self, m: &mut Value) {
        if self.chance(12) {
            m["sourceLabels"] = json!({"app": self.pick(&["client", "kafka"])});
        }
        if self.chance(10) {
            m["sourceNamespace"] = json!(self.namespace());
        }
        if self.chance(8) {
            m["gateways"] = json!([self.pick(&["mesh", "gw"])]);
        }
    }

    fn virtual_service(&mut self, n: usize) {
        let namespace = self.namespace();
        let mut hosts: Vec<String> = vec![self.pick(&RULE_HOSTS).to_owned()];
        if self.chance(40) && !self.hosts.is_empty() {
            let known = self.hosts.clone();
            hosts = vec![self.random.pick(&known).clone()];
        }
        if self.chance(20) {
            hosts.push(self.pick(&RULE_HOSTS).to_owned());
        }
        hosts.dedup();
        let mut spec = json!({"hosts": hosts});
        match self.up_to(9) {
            0 => spec["gateways"] = json!(["mesh"]),
            1 => spec["gateways"] = json!(["gw", "mesh"]),
            2 => spec["gateways"] = json!(["gw"]),
            _ => {}
        }
        let export_to = self.export_to();
        if !export_to.is_empty() && self.chance(40) {
            spec["exportTo"] = json!(export_to);
        }
        if self.chance(55) {
            spec["tcp"] = self.tcp_rules();
        }
        if self.chance(40) {
            spec["tls"] = self.tls_rules(&hosts);
        }
        if self.chance(50) || (spec.get("tcp").is_none() && spec.get("tls").is_none()) {
            spec["http"] = self.http_rules();
        }
        self.push(
            "networking.istio.io/v1",
            "VirtualService",
            namespace,
            &format!("vs-{n}"),
            json!({"spec": spec}),
        );
    }

    fn tcp_rules(&mut self) -> Value {
        let mut rules = Vec::new();
        for _ in 0..self.random.between(1, 3) {
            let mut rule = json!({"route": self.route()});
            if self.chance(70) {
                let mut matches = Vec::new();
                for _ in 0..self.random.between(1, 2) {
                    let mut m = json!({});
                    if self.chance(60) {
                        m["port"] = json!(self.number());
                    }
                    if self.chance(30) {
                        m["destinationSubnets"] = json!([self.pick(&SUBNETS)]);
                    }
                    self.source(&mut m);
                    matches.push(m);
                }
                rule["match"] = json!(matches);
            }
            rules.push(rule);
        }
        json!(rules)
    }

    fn tls_rules(&mut self, hosts: &[String]) -> Value {
        let mut rules = Vec::new();
        for _ in 0..self.random.between(1, 2) {
            let mut matches = Vec::new();
            for _ in 0..self.random.between(1, 2) {
                let mut m = json!({"sniHosts": [hosts[0]]});
                if self.chance(50) {
                    m["port"] = json!(self.number());
                }
                if self.chance(25) {
                    m["destinationSubnets"] = json!([self.pick(&SUBNETS)]);
                }
                self.source(&mut m);
                matches.push(m);
            }
            rules.push(json!({"match": matches, "route": self.route()}));
        }
        json!(rules)
    }

    fn http_rules(&mut self) -> Value {
        let mut rules = Vec::new();
        for _ in 0..self.random.between(1, 3) {
            let mut rule = match self.up_to(11) {
                0 => json!({"redirect": {"uri": "/x"}}),
                1 => json!({"directResponse": {"status": 503}}),
                _ => json!({"route": self.route()}),
            };
            if rule.get("route").is_some() && self.chance(8) {
                rule["mirror"] = self.destination();
            }
            if self.chance(60) {
                let mut matches = Vec::new();
                for _ in 0..self.random.between(1, 2) {
                    let mut m = json!({});
                    if self.chance(70) {
                        m["uri"] = json!({"prefix": self.pick(&["/a", "/b", "/"])});
                    }
                    if self.chance(30) {
                        m["port"] = json!(self.number());
                    }
                    if self.chance(15) {
                        m["headers"] = json!({"x-user": {"exact": "me"}});
                    }
                    self.source(&mut m);
                    matches.push(m);
                }
                rule["match"] = json!(matches);
            }
            rules.push(rule);
        }
        json!(rules)
    }

    fn destination_rule(&mut self, n: usize) {
        let namespace = self.namespace();
        let known = self.hosts.clone();
        let host = if known.is_empty() {
            "db.example.com".to_owned()
        } else {
            self.random.pick(&known).clone()
        };
        let mut spec = json!({"host": host, "subsets": [
            {"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}]});
        let export_to = self.export_to();
        if !export_to.is_empty() && !export_to.contains(&"~") && self.chance(40) {
            spec["exportTo"] = json!(export_to);
        }
        if self.chance(10) {
            spec["trafficPolicy"] = json!({"loadBalancer": {"simple": "PASSTHROUGH"}});
        }
        if self.chance(10) {
            spec["workloadSelector"] = json!({"matchLabels": {"app": "client"}});
        }
        self.push(
            "networking.istio.io/v1",
            "DestinationRule",
            namespace,
            &format!("dr-{n}"),
            json!({"spec": spec}),
        );
    }

    fn import_hosts(&mut self) -> Vec<String> {
        let mut hosts = Vec::new();
        let only_exact = self.chance(15);
        for _ in 0..self.random.between(1, 3) {
            let exact = self.pick(&[
                "*/kafka.apps.svc.cluster.local",
                "apps/kafka.apps.svc.cluster.local",
                "default/tcp-echo.default.svc.cluster.local",
                "./db.example.com",
                "apps/db.example.com",
                "*/*.example.com",
                "*/db.example.com",
            ]);
            let host = self.pick(&[
                "*/*",
                "*/*",
                "./*",
                "apps/*",
                "default/*",
                "istio-system/*",
                "~/*",
                "~apps/*",
                "~*/db.example.com",
                exact,
                exact,
                exact,
                exact,
            ]);
            if only_exact {
                let namespace = self.pick(&["./", "apps/", "default/"]);
                let known = self.hosts.clone();
                let host = self.pick(&["db.example.com", "kafka.apps.svc.cluster.local"]);
                let host = match known.as_slice() {
                    known if !known.is_empty() && self.chance(60) => {
                        self.random.pick(known).clone()
                    }
                    _ => host.to_owned(),
                };
                hosts.push(format!("{namespace}{host}"));
            } else {
                hosts.push(host.to_owned());
            }
        }
        hosts.dedup();
        hosts
    }

    fn sidecar(&mut self, n: usize) {
        let namespace = if self.chance(75) {
            self.home
        } else {
            "istio-system"
        };
        let mut spec = json!({});
        let mut egress = Vec::new();
        for _ in 0..self.pick(&[0, 1, 1, 1, 2]) {
            let mut entry = json!({"hosts": self.import_hosts()});
            let number = self.number();
            let protocol = self.pick(&["HTTP", "TCP", "TLS", "HTTP_PROXY", "HTTPS", "MONGO", ""]);
            entry["port"] =
                json!({"number": number, "protocol": protocol, "name": format!("p-{number}")});
            if protocol.is_empty() {
                entry["port"] = json!({"number": number, "name": format!("p-{number}")});
            }
            if self.chance(25) {
                entry["bind"] = json!(self.pick(&["127.0.0.2", "0.0.0.0", "10.96.0.6"]));
            }
            if self.chance(20) {
                entry["captureMode"] = json!(self.pick(&["NONE", "IPTABLES", "DEFAULT"]));
            }
            egress.push(entry);
        }
        if egress.is_empty() || self.chance(75) {
            let mut entry = json!({"hosts": self.import_hosts()});
            if self.chance(8) {
                entry["bind"] = json!(self.pick(&["127.0.0.2", "0.0.0.0"]));
            }
            if self.chance(8) {
                entry["captureMode"] = json!("NONE");
            }
            egress.push(entry);
        }
        if self.chance(92) {
            spec["egress"] = json!(egress);
        }
        match self.up_to(7) {
            0 => spec["outboundTrafficPolicy"] = json!({"mode": "REGISTRY_ONLY"}),
            1 => spec["outboundTrafficPolicy"] = json!({"mode": "ALLOW_ANY"}),
            2 => {
                spec["outboundTrafficPolicy"] = json!({"mode": "ALLOW_ANY", "egressProxy": {
                    "host": "kafka.apps.svc.cluster.local", "port": {"number": self.number()}}});
            }
            3 => spec["outboundTrafficPolicy"] = json!({}),
            _ => {}
        }
        if self.chance(35) {
            let app = self.pick(&["client", "client", "kafka"]);
            spec["workloadSelector"] = json!({"labels": {"app": app}});
        }
        if self.chance(20) {
            let mut ingress = Vec::new();
            for _ in 0..self.random.between(1, 2) {
                let number = self.number();
                let mut entry = json!({"port": {"number": number, "protocol": self.pick(&["HTTP", "TCP", "TLS", ""]), "name": format!("i-{number}")}});
                if entry["port"]["protocol"] == "" {
                    entry["port"] = json!({"number": number, "name": format!("i-{number}")});
                }
                if self.chance(30) {
                    entry["bind"] = json!(self.pick(&["0.0.0.0", "127.0.0.1"]));
                }
                if self.chance(25) {
                    entry["captureMode"] = json!(self.pick(&["NONE", "IPTABLES"]));
                }
                if self.chance(40) {
                    entry["defaultEndpoint"] = json!(self.pick(&[
                        "127.0.0.1:8080",
                        "0.0.0.0:8080",
                        "unix:///var/run/app.sock",
                    ]));
                }
                ingress.push(entry);
            }
            spec["ingress"] = json!(ingress);
        }
        self.push(
            "networking.istio.io/v1",
            "Sidecar",
            namespace,
            &format!("sc-{n}"),
            json!({"spec": spec}),
        );
    }

    fn peer_authentication(&mut self, n: usize) {
        let namespace = if self.chance(70) {
            self.home
        } else {
            "istio-system"
        };
        let modes = ["STRICT", "PERMISSIVE", "DISABLE", "UNSET"];
        let mut spec = json!({});
        if self.chance(85) {
            spec["mtls"] = json!({"mode": self.pick(&modes)});
        }
        if self.chance(50) {
            spec["selector"] =
                json!({"matchLabels": {"app": self.pick(&["client", "client", "kafka"])}});
            if self.chance(50) {
                let port = self.pick(&["9000", "8080", "7777", "80"]);
                spec["portLevelMtls"] = json!({port: {"mode": self.pick(&modes)}});
            }
        }
        self.push(
            "security.istio.io/v1",
            "PeerAuthentication",
            namespace,
            &format!("pa-{n}"),
            json!({"spec": spec}),
        );
    }
}
