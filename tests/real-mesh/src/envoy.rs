//! Envoy as Istio's proxy image starts it, without the agent beside it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::http;
use crate::network::Namespace;

/// Envoy's own pages, inside of its pod.
pub const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 15000);

/// What Envoy's own connections carry.
pub(crate) const MARK: u32 = 1337;

const SOL_SOCKET: u32 = 1;
const SO_MARK: u32 = 36;

/// What a proxy tells istiod about itself.
#[derive(Clone, Debug)]
pub struct Identity<'a> {
    /// `router` or `sidecar`.
    pub kind: &'a str,
    /// The pod.
    pub pod: &'a Value,
    /// Its address.
    pub address: Ipv4Addr,
    /// Where istiod serves without TLS.
    pub istiod: SocketAddr,
}

/// Where an Envoy counts for which pod: istiod's `proxyID`.
#[must_use]
pub fn node_name(pod: &Value) -> String {
    let text = |name: &str| pod["metadata"][name].as_str().unwrap_or_default();
    format!("{}.{}", text("name"), text("namespace"))
}

impl Identity<'_> {
    /// The configuration that Envoy is started with.
    ///
    /// After `tools/packaging/common/envoy_bootstrap.json` of istio, with the defaults of
    /// `pkg/bootstrap/config.go:getStatsOptions`. Two things stand in for Istio's agent: Envoy speaks to istiod itself, and
    /// 15021 answers without asking the agent.
    #[must_use]
    pub fn bootstrap(&self) -> Value {
        let metadata = &self.pod["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or_default();
        let account = self.pod["spec"]["serviceAccountName"]
            .as_str()
            .unwrap_or("default");
        let name = node_name(self.pod);
        let included: Vec<Value> = [
            [
                "reporter=",
                "cluster_manager",
                "listener_manager",
                "server",
                "cluster.xds-grpc",
                "wasm",
                "component",
                "istio",
            ]
            .map(|p| json!({"prefix": p}))
            .to_vec(),
            [
                "rbac.allowed",
                "rbac.denied",
                "shadow_allowed",
                "shadow_denied",
                "downstream_cx_active",
            ]
            .map(|s| json!({"suffix": s}))
            .to_vec(),
            vec![json!({"safe_regex": {"regex": r"vhost\..*\.route\..*"}})],
        ]
        .concat();
        json!({
            "node": {
                "id": format!("{}~{}~{name}~{namespace}.svc.cluster.local", self.kind, self.address),
                "cluster": format!("{}.{namespace}", metadata["labels"]["app"].as_str().unwrap_or("app")),
                "metadata": {
                    "NAME": metadata["name"],
                    "NAMESPACE": namespace,
                    "LABELS": metadata["labels"],
                    "ANNOTATIONS": metadata["annotations"],
                    "CLUSTER_ID": "Kubernetes",
                    "INSTANCE_IPS": self.address.to_string(),
                    "INTERCEPTION_MODE": "REDIRECT",
                    "ISTIO_VERSION": "1.31.0",
                    "MESH_ID": "cluster.local",
                    "SERVICE_ACCOUNT": account,
                },
            },
            "stats_config": {"use_all_default_tags": false, "stats_matcher": {"inclusion_list": {"patterns": included}}},
            // By this mark the pod's rules know Envoy's own connections. Istio knows them by the user 1337, whom a user
            // namespace does not have.
            "cluster_manager": {"upstream_bind_config": {"socket_options": [
                {"level": SOL_SOCKET, "name": SO_MARK, "int_value": MARK, "state": "STATE_PREBIND"},
            ]}},
            "admin": {"address": socket("127.0.0.1", 15000)},
            "dynamic_resources": {
                "lds_config": {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"},
                "cds_config": {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"},
                "ads_config": {
                    "api_type": "DELTA_GRPC",
                    "set_node_on_first_message_only": true,
                    "transport_api_version": "V3",
                    "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
                },
            },
            "static_resources": {
                "clusters": [
                    cluster("prometheus_stats", "127.0.0.1", 15000, &json!({})),
                    cluster("xds-grpc", &self.istiod.ip().to_string(), self.istiod.port(), &json!({
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                            "explicit_http_config": {"http2_protocol_options": {"connection_keepalive": {
                                // As often as the agent; more often, and istiod ends the stream.
                                "interval": "30s", "timeout": "10s",
                            }}},
                        },
                    })),
                ],
                "listeners": [
                    listener(15090, "stats", "/stats/prometheus", &json!({"route": {"cluster": "prometheus_stats"}})),
                    listener(15021, "agent", "/healthz/ready", &json!({"direct_response": {"status": 200}})),
                ],
            },
        })
    }
}

fn socket(address: &str, port: u16) -> Value {
    json!({"socket_address": {"protocol": "TCP", "address": address, "port_value": port}})
}

fn cluster(name: &str, address: &str, port: u16, options: &Value) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "ROUND_ROBIN",
        "typed_extension_protocol_options": options,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(address, port)}}]}],
        },
    })
}

fn listener(port: u16, name: &str, prefix: &str, action: &Value) -> Value {
    let mut route = json!({"match": {"prefix": prefix}});
    if let (Some(route), Some(action)) = (route.as_object_mut(), action.as_object()) {
        route.extend(action.clone());
    }
    json!({
        "name": format!("0.0.0.0_{port}"),
        "address": socket("0.0.0.0", port),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "codec_type": "AUTO",
                "stat_prefix": name,
                "route_config": {"virtual_hosts": [{"name": "backend", "domains": ["*"], "routes": [route]}]},
                "http_filters": [{
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
                }],
            },
        }]}],
    })
}

/// How Istio's agent starts Envoy, as `pkg/envoy/proxy.go:args` of istio has it.
#[must_use]
pub fn args(bootstrap: &str, pod: &Value) -> Vec<String> {
    let drain = drain_seconds(pod).to_string();
    [
        "-c",
        bootstrap,
        "--drain-time-s",
        &drain,
        "--drain-strategy",
        "immediate",
        "--local-address-ip-version",
        "v4",
        "--file-flush-interval-msec",
        "1000",
        "--disable-hot-restart",
        "--allow-unknown-static-fields",
        "-l",
        "warning",
        "--component-log-level",
        "config:info,upstream:info",
        "--concurrency",
        "2",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// `drainDuration` of the pod's annotation `proxy.istio.io/config`; 45 s by default.
fn drain_seconds(pod: &Value) -> u64 {
    let written = pod["metadata"]["annotations"]["proxy.istio.io/config"].as_str();
    let config = written
        .and_then(mesh_core::snapshot::reader::parse)
        .unwrap_or_default();
    let seconds = config["drainDuration"]
        .as_str()
        .and_then(|d| d.strip_suffix('s')?.parse().ok());
    seconds.unwrap_or(45)
}

/// A page of an Envoy's administration, as text.
///
/// # Errors
/// When it does not answer.
pub fn admin(pod: &Namespace, target: &str) -> Result<String> {
    let (status, body) = pod.within(|| http::get(ADMIN, target, Duration::from_secs(5)))??;
    ensure!(status == 200, "{target}: {status} {body}");
    Ok(body)
}

/// Whether it serves and has taken its first listeners, which is what Istio's agent asks for
/// (`pilot/cmd/pilot-agent/status/ready/probe.go` of istio).
pub(crate) fn is_ready(pod: &Namespace) -> bool {
    let asked = pod.within(|| {
        let page = |target| http::get(ADMIN, target, Duration::from_millis(500));
        let (status, _) = page("/ready").ok()?;
        let (_, stats) = page("/stats?usedonly&filter=(lds|cds).update_success").ok()?;
        let taken = ["cluster_manager.cds", "listener_manager.lds"]
            .iter()
            .all(|name| stats.lines().any(|l| l.starts_with(name)));
        Some(status == 200 && taken)
    });
    matches!(asked, Ok(Some(true)))
}
