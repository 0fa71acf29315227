//! Views of Kubernetes' own kinds.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{LabelSelector, Labels};

/// A Namespace: its labels are in the metadata.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Namespace {}

/// A MutatingWebhookConfiguration: the labels of a revision's tag are in the metadata.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MutatingWebhookConfiguration {
    /// Each of them may change an object that is made.
    pub webhooks: Vec<MutatingWebhook>,
}

/// `MutatingWebhookConfiguration.webhooks[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MutatingWebhook {
    /// Name, with a domain.
    pub name: String,
    /// By the labels of the namespace; empty takes all.
    pub namespace_selector: LabelSelector,
    /// By the labels of the object; empty takes all.
    pub object_selector: LabelSelector,
}

/// A ConfigMap.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConfigMap {
    /// Texts by key.
    pub data: BTreeMap<String, String>,
}

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Service {
    /// The spec.
    pub spec: ServiceSpec,
    /// The status.
    pub status: ServiceStatus,
}

/// `Service.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `ClusterIP` (default), `NodePort`, `LoadBalancer`, `ExternalName`.
    pub r#type: String,
    /// Which pods; empty selects none.
    pub selector: Labels,
    /// Ports in the order written.
    pub ports: Vec<ServicePort>,
    /// `None` makes it headless.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    /// All of them, of a Service with two families.
    #[serde(rename = "clusterIPs")]
    pub cluster_ips: Vec<String>,
    /// Further addresses.
    #[serde(rename = "externalIPs")]
    pub external_ips: Vec<String>,
    /// Target of an ExternalName.
    pub external_name: String,
    /// Endpoints that are not ready count as well.
    pub publish_not_ready_addresses: bool,
    /// Whom a load balancer lets in; empty is everybody.
    pub load_balancer_source_ranges: Vec<String>,
    /// `Local`: a node leads to its own pods only.
    pub external_traffic_policy: String,
}

/// `Service.spec.ports[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServicePort {
    /// Name; may be absent when there is one port.
    pub name: String,
    /// `TCP` (default), `UDP`, `SCTP`.
    pub protocol: String,
    /// Number.
    pub port: u32,
    /// Port of the pods: absent is the same number.
    pub target_port: Option<IntOrString>,
    /// Port of the nodes.
    pub node_port: Option<u32>,
    /// Protocol for the mesh.
    pub app_protocol: Option<String>,
}

/// A number or a container port's name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A number.
    Int(u32),
    /// A name, or a number in quotes.
    Name(String),
}

/// `Service.status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceStatus {
    /// Addresses given by a load balancer.
    pub load_balancer: LoadBalancerStatus,
}

/// `Service.status.loadBalancer`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LoadBalancerStatus {
    /// Addresses.
    pub ingress: Vec<LoadBalancerIngress>,
}

/// `Service.status.loadBalancer.ingress[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LoadBalancerIngress {
    /// IP.
    pub ip: String,
    /// Host name.
    pub hostname: String,
}

/// A Pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Pod {
    /// The spec.
    pub spec: PodSpec,
    /// The status.
    pub status: PodStatus,
}

/// `Pod.spec` and `template.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// Containers.
    pub containers: Vec<Container>,
    /// Init containers; with `restartPolicy: Always` they are sidecars.
    pub init_containers: Vec<Container>,
    /// Shares the node's network.
    pub host_network: bool,
    /// Service account.
    pub service_account_name: String,
    /// Node it runs on.
    pub node_name: String,
    /// What its processes may do.
    pub security_context: PodSecurity,
}

/// `securityContext` of a pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSecurity {
    /// Settings of the kernel.
    pub sysctls: Vec<Sysctl>,
    /// The user of its processes; absent is the image's.
    pub run_as_user: Option<i64>,
    /// Their group; absent is the image's.
    pub run_as_group: Option<i64>,
}

/// `securityContext.sysctls[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Sysctl {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// `securityContext` of a container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerSecurity {
    /// May do all that root of the node may.
    pub privileged: bool,
    /// The user of its processes; absent is the pod's.
    pub run_as_user: Option<i64>,
    /// Their group; absent is the pod's.
    pub run_as_group: Option<i64>,
    /// Single rights of root.
    pub capabilities: Capabilities,
}

/// `securityContext.capabilities`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Capabilities {
    /// Those that it has besides the usual ones.
    pub add: Vec<String>,
}

/// `containers[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    /// Name.
    pub name: String,
    /// Image.
    pub image: String,
    /// Arguments.
    pub args: Vec<String>,
    /// Environment.
    pub env: Vec<EnvVar>,
    /// Ports.
    pub ports: Vec<ContainerPort>,
    /// `Always` makes an init container a sidecar.
    pub restart_policy: String,
    /// What its processes may do.
    pub security_context: ContainerSecurity,
}

/// `containers[].env[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EnvVar {
    /// Name.
    pub name: String,
    /// Value when written in place.
    pub value: String,
    /// The value is elsewhere.
    pub value_from: Option<ValueFrom>,
}

/// `containers[].env[].valueFrom`: that it is there is all that is read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ValueFrom {}

/// `containers[].ports[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerPort {
    /// Name.
    pub name: String,
    /// Number.
    pub container_port: u32,
    /// `TCP` (default), `UDP`, `SCTP`.
    pub protocol: String,
    /// Port of the node.
    pub host_port: Option<u32>,
}

/// `Pod.status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// Phase.
    pub phase: String,
    /// First IP.
    #[serde(rename = "podIP")]
    pub pod_ip: String,
    /// All IPs.
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<PodIp>,
    /// Conditions.
    pub conditions: Vec<PodCondition>,
}

/// `Pod.status.podIPs[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PodIp {
    /// IP.
    pub ip: String,
}

/// `Pod.status.conditions[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodCondition {
    /// Type.
    pub r#type: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
}

/// `template` of a workload.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodTemplate {
    /// Labels and annotations of the pods.
    pub metadata: TemplateMeta,
    /// The pods' spec.
    pub spec: PodSpec,
}

/// `template.metadata`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateMeta {
    /// Labels.
    pub labels: Labels,
    /// Annotations.
    pub annotations: Labels,
}

macro_rules! workload {
    ($($name:ident)*) => {$(
        /// A workload: its template stands for pods that do not exist yet.
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        pub struct $name {
            /// The spec.
            pub spec: WorkloadSpec,
        }
    )*};
}
workload! { Deployment StatefulSet DaemonSet }

/// `spec` of a Deployment, StatefulSet or DaemonSet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadSpec {
    /// Number of pods; absent is 1.
    pub replicas: Option<u32>,
    /// What each pod is made from.
    pub template: PodTemplate,
}

/// An EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EndpointSlice {
    /// `IPv4`, `IPv6` or `FQDN`.
    pub address_type: String,
    /// Endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Ports of every endpoint.
    pub ports: Vec<EndpointPort>,
}

/// `EndpointSlice.endpoints[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Endpoint {
    /// Addresses.
    pub addresses: Vec<String>,
    /// Conditions.
    pub conditions: EndpointConditions,
    /// The pod.
    pub target_ref: Option<TargetRef>,
}

/// `EndpointSlice.endpoints[].conditions`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EndpointConditions {
    /// Ready; absent is ready.
    pub ready: Option<bool>,
    /// Serving, also while terminating.
    pub serving: Option<bool>,
    /// Terminating.
    pub terminating: Option<bool>,
}

/// `targetRef` of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TargetRef {
    /// `Pod`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
}

/// `EndpointSlice.ports[]` and `Endpoints.subsets[].ports[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EndpointPort {
    /// The Service port's name.
    pub name: String,
    /// Number.
    pub port: u32,
    /// Protocol.
    pub protocol: String,
}

/// An Endpoints object.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Endpoints {
    /// Groups of addresses.
    pub subsets: Vec<EndpointSubset>,
}

/// `Endpoints.subsets[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EndpointSubset {
    /// Ready addresses.
    pub addresses: Vec<EndpointAddress>,
    /// Addresses that are not ready.
    pub not_ready_addresses: Vec<EndpointAddress>,
    /// Ports of every address.
    pub ports: Vec<EndpointPort>,
}

/// `Endpoints.subsets[].addresses[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EndpointAddress {
    /// IP.
    pub ip: String,
    /// The pod.
    pub target_ref: Option<TargetRef>,
}
