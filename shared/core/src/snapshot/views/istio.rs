//! Views of `networking.istio.io`, after istio/api `networking/v1alpha3/*.proto`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Labels;

/// `Gateway.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GatewaySpec {
    /// Which pods, by label, in any namespace.
    pub selector: Labels,
    /// Servers in the order written.
    pub servers: Vec<Server>,
}

/// A Gateway.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Gateway {
    /// The spec.
    pub spec: GatewaySpec,
}

/// `Gateway.spec.servers[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Server {
    /// The declared port.
    pub port: Option<ServerPort>,
    /// Another address than the wildcard.
    pub bind: String,
    /// Hosts, perhaps as `namespace/host`.
    pub hosts: Vec<String>,
    /// TLS settings.
    pub tls: Option<ServerTls>,
    /// A name for people.
    pub name: String,
}

/// `Gateway.spec.servers[].port`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServerPort {
    /// The declared number: a Service port or a raw port.
    pub number: u32,
    /// Protocol as written.
    pub protocol: String,
    /// Name, unique in the Gateway.
    pub name: String,
}

/// `Gateway.spec.servers[].tls`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServerTls {
    /// 301 for plain HTTP.
    pub https_redirect: bool,
    /// Mode; absent is PASSTHROUGH.
    pub mode: String,
    /// Secret's name.
    pub credential_name: String,
    /// Certificate file.
    pub server_certificate: String,
    /// Key file.
    pub private_key: String,
}

/// A VirtualService.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VirtualService {
    /// The spec.
    pub spec: VirtualServiceSpec,
}

/// `VirtualService.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VirtualServiceSpec {
    /// Hosts.
    pub hosts: Vec<String>,
    /// Gateways by name, `mesh` for sidecars; empty means `mesh`.
    pub gateways: Vec<String>,
    /// HTTP rules.
    pub http: Vec<HttpRoute>,
    /// TLS rules, by SNI.
    pub tls: Vec<TlsRoute>,
    /// TCP rules.
    pub tcp: Vec<TcpRoute>,
    /// Namespaces that see it; empty means all.
    pub export_to: Vec<String>,
}

/// `VirtualService.spec.tcp[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpRoute {
    /// Any of these.
    pub r#match: Vec<L4Match>,
    /// Destinations.
    pub route: Vec<RouteDestination>,
}

/// `VirtualService.spec.tls[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TlsRoute {
    /// Any of these.
    pub r#match: Vec<L4Match>,
    /// Destinations.
    pub route: Vec<RouteDestination>,
}

/// `tcp[].match[]` and `tls[].match[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct L4Match {
    /// SNI, for `tls` rules only.
    pub sni_hosts: Vec<String>,
    /// Destination networks; gateways ignore them.
    pub destination_subnets: Vec<String>,
    /// The Gateway server's declared number; 0 is any.
    pub port: u32,
    /// Labels of the client; gateways ignore them.
    pub source_labels: Labels,
    /// Namespace of the client; gateways ignore it.
    pub source_namespace: String,
    /// Gateways; empty is any that the VirtualService names.
    pub gateways: Vec<String>,
}

/// `route[]` of any rule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteDestination {
    /// Where to.
    pub destination: Destination,
    /// Share; absent is 0.
    pub weight: Option<i32>,
}

/// `destination`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Destination {
    /// Host: a name without dots is looked up in the VirtualService's namespace.
    pub host: String,
    /// Subset of the DestinationRule.
    pub subset: String,
    /// Service port.
    pub port: Option<PortSelector>,
}

/// `destination.port`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PortSelector {
    /// Service port number.
    pub number: u32,
}

/// `VirtualService.spec.http[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HttpRoute {
    /// A name for people.
    pub name: String,
    /// Any of these.
    pub r#match: Vec<HttpMatch>,
    /// Destinations.
    pub route: Vec<RouteDestination>,
    /// Answers with a redirect.
    pub redirect: Option<serde_json::Value>,
    /// Answers by itself.
    pub direct_response: Option<DirectResponse>,
    /// Another VirtualService that holds the rules.
    pub delegate: Option<Delegate>,
    /// Gets a copy of each request.
    pub mirror: Option<Destination>,
    /// Get copies of some requests.
    pub mirrors: Vec<Mirror>,
}

/// `http[].mirrors[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Mirror {
    /// Where the copies go.
    pub destination: Destination,
}

/// `http[].directResponse`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DirectResponse {
    /// Status code.
    pub status: u32,
}

/// `http[].delegate`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Delegate {
    /// Name of the VirtualService.
    pub name: String,
    /// Its namespace; empty is the root's.
    pub namespace: String,
}

/// `http[].match[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HttpMatch {
    /// A name for people.
    pub name: String,
    /// Path.
    pub uri: Option<StringMatch>,
    /// Scheme.
    pub scheme: Option<StringMatch>,
    /// Method.
    pub method: Option<StringMatch>,
    /// Host header.
    pub authority: Option<StringMatch>,
    /// Headers.
    pub headers: BTreeMap<String, StringMatch>,
    /// Headers that must not match.
    pub without_headers: BTreeMap<String, StringMatch>,
    /// Query parameters.
    pub query_params: BTreeMap<String, StringMatch>,
    /// The Gateway server's declared number; 0 is any.
    pub port: u32,
    /// Labels of the proxy.
    pub source_labels: Labels,
    /// Namespace of the proxy.
    pub source_namespace: String,
    /// Gateways; empty is any that the VirtualService names.
    pub gateways: Vec<String>,
    /// Case of the path does not matter.
    pub ignore_uri_case: bool,
}

/// A string match: one of three forms, none is "present".
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StringMatch {
    /// Equal.
    pub exact: Option<String>,
    /// Begins with.
    pub prefix: Option<String>,
    /// RE2.
    pub regex: Option<String>,
}

/// A DestinationRule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DestinationRule {
    /// The spec.
    pub spec: DestinationRuleSpec,
}

/// `DestinationRule.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DestinationRuleSpec {
    /// Host, perhaps a wildcard.
    pub host: String,
    /// Named groups of endpoints.
    pub subsets: Vec<Subset>,
    /// Namespaces that see it; empty means all.
    pub export_to: Vec<String>,
    /// Which client workloads.
    pub workload_selector: Option<WorkloadSelector>,
    /// How connections are made.
    pub traffic_policy: Option<TrafficPolicy>,
}

/// `trafficPolicy` of a DestinationRule or a subset: what decides about clusters and their endpoints.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TrafficPolicy {
    /// Choice of an endpoint.
    pub load_balancer: Option<LoadBalancer>,
    /// TLS towards the endpoints.
    pub tls: Option<ClientTls>,
    /// The same for single ports, without what is said for all.
    pub port_level_settings: Vec<PortTrafficPolicy>,
}

/// `trafficPolicy.portLevelSettings[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PortTrafficPolicy {
    /// Service port.
    pub port: Option<PortSelector>,
    /// Choice of an endpoint.
    pub load_balancer: Option<LoadBalancer>,
    /// TLS towards the endpoints.
    pub tls: Option<ClientTls>,
}

/// `trafficPolicy.loadBalancer`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LoadBalancer {
    /// `PASSTHROUGH` goes to the address that the client asked for.
    pub simple: String,
}

/// `trafficPolicy.tls`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientTls {
    /// `DISABLE` (default), `SIMPLE`, `MUTUAL`, `ISTIO_MUTUAL`.
    pub mode: String,
}

/// `DestinationRule.spec.subsets[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Subset {
    /// Name.
    pub name: String,
    /// Labels of its endpoints.
    pub labels: Labels,
    /// How connections are made.
    pub traffic_policy: Option<TrafficPolicy>,
}

/// `workloadSelector` of a DestinationRule (`matchLabels`) or a ServiceEntry (`labels`).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadSelector {
    /// DestinationRule's spelling.
    pub match_labels: Labels,
    /// ServiceEntry's spelling.
    pub labels: Labels,
}

/// A ServiceEntry.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceEntry {
    /// The spec.
    pub spec: ServiceEntrySpec,
    /// The status.
    pub status: ServiceEntryStatus,
}

/// `ServiceEntry.status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceEntryStatus {
    /// Addresses that istiod gave to the hosts.
    pub addresses: Vec<ServiceEntryAddress>,
}

/// `ServiceEntry.status.addresses[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceEntryAddress {
    /// Address.
    pub value: String,
    /// The host it stands for.
    pub host: String,
}

/// `ServiceEntry.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceEntrySpec {
    /// Hosts: each becomes a service.
    pub hosts: Vec<String>,
    /// Virtual addresses.
    pub addresses: Vec<String>,
    /// Ports.
    pub ports: Vec<ServiceEntryPort>,
    /// `MESH_EXTERNAL` (default) or `MESH_INTERNAL`.
    pub location: String,
    /// `NONE` (default), `STATIC`, `DNS`, `DNS_ROUND_ROBIN`, `DYNAMIC_DNS`.
    pub resolution: String,
    /// Endpoints written in place.
    pub endpoints: Vec<WorkloadEntrySpec>,
    /// Pods and WorkloadEntries by label.
    pub workload_selector: Option<WorkloadSelector>,
    /// Namespaces that see it; empty means all.
    pub export_to: Vec<String>,
}

/// `ServiceEntry.spec.ports[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceEntryPort {
    /// Number.
    pub number: u32,
    /// Protocol as written.
    pub protocol: String,
    /// Name.
    pub name: String,
    /// Port of the endpoints, when another.
    pub target_port: u32,
}

/// A WorkloadEntry.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadEntry {
    /// The spec.
    pub spec: WorkloadEntrySpec,
}

/// `WorkloadEntry.spec` and `ServiceEntry.spec.endpoints[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadEntrySpec {
    /// IP, host name, or `unix://` path.
    pub address: String,
    /// Ports by the name of the ServiceEntry's port.
    pub ports: BTreeMap<String, u32>,
    /// Labels.
    pub labels: Labels,
    /// Weight.
    pub weight: u32,
    /// Service account: makes it a workload that takes Istio's mutual TLS.
    pub service_account: String,
}
