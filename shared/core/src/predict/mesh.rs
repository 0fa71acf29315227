//! The part of the mesh configuration that decides about listeners: ConfigMap `istio` in istiod's namespace, key `mesh`.

use serde::Deserialize;

use super::istiod::Istiod;
use super::reach::ProxyConfig;
use super::version::Release;
use crate::snapshot::views::{
    ConfigMap, LabelSelector, Labels, OutboundTrafficPolicy, OutlierDetection,
};
use crate::snapshot::{Kind, ObjectId, Snapshot, reader, views::AsView};

/// Namespace of istiod and of mesh-wide objects unless the mesh configuration says otherwise.
pub const DEFAULT_ROOT_NAMESPACE: &str = "istio-system";

/// The first release that reads `serviceEntryVisibility`.
const VISIBILITY_SINCE: Release = Release(1, 31, 0);

/// The last number of a port.
const LAST_PORT: i64 = 65535;

/// The label that Kubernetes gives to every namespace: its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// `MeshConfig`, after istio/api `mesh/v1alpha1/config.proto`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MeshConfig {
    /// Namespace of mesh-wide objects.
    pub root_namespace: String,
    /// Who sees a VirtualService without `exportTo`; empty is everybody.
    pub default_virtual_service_export_to: Vec<String>,
    /// Who sees a DestinationRule without `exportTo`.
    pub default_destination_rule_export_to: Vec<String>,
    /// Who sees a Service without its annotation.
    pub default_service_export_to: Vec<String>,
    /// What happens to destinations that nobody declared.
    pub outbound_traffic_policy: OutboundTrafficPolicy,
    /// Where inbound connections go: to the pod's address, or to `LOCALHOST`.
    pub inbound_traffic_policy: InboundTrafficPolicy,
    /// Port that outbound connections are redirected to.
    pub proxy_listen_port: i64,
    /// Port that inbound connections are redirected to.
    pub proxy_inbound_listen_port: u32,
    /// Port of an explicit HTTP proxy; 0 is none.
    pub proxy_http_port: u32,
    /// Whether sidecars speak mutual TLS by themselves where the other end takes it.
    pub enable_auto_mtls: bool,
    /// What DestinationRules leave open.
    pub default_traffic_policy: DefaultTrafficPolicy,
    /// What every proxy is configured with unless its pod says otherwise.
    pub default_config: ProxyConfig,
    /// Which Ingresses are handled: `STRICT`, `DEFAULT`, `OFF`.
    pub ingress_controller_mode: String,
    /// The class of Ingresses by annotation.
    pub ingress_class: String,
    /// The value of the label `istio` of pods that serve Ingresses.
    pub ingress_selector: String,
    /// The Service of those pods: gives the value where the selector does not.
    pub ingress_service: String,
    /// Which namespaces are watched: those that any of them fits, all when there is none.
    pub discovery_selectors: Vec<LabelSelector>,
    /// Who sees ServiceEntries, whatever their `exportTo`.
    pub service_entry_visibility: Option<ServiceEntryVisibility>,
    /// Suffix of the cluster's names.
    #[serde(skip)]
    pub domain: String,
    /// The ConfigMap it was read from.
    #[serde(skip)]
    pub object: Option<ObjectId>,
}

/// `MeshConfig.defaultTrafficPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DefaultTrafficPolicy {
    /// Ejection of endpoints that fail.
    pub outlier_detection: Option<OutlierDetection>,
}

/// `MeshConfig.serviceEntryVisibility`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceEntryVisibility {
    /// Where no policy fits.
    pub default_visibility: String,
    /// Whether it counts for sidecars and gateways at all; else for ambient only.
    pub apply_to_sidecars: bool,
    /// The first that fits decides.
    pub policies: Vec<VisibilityPolicy>,
}

/// One of `serviceEntryVisibility.policies`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VisibilityPolicy {
    /// `NONE`, `NAMESPACE` or `PUBLIC`.
    pub visibility: String,
    /// All of them must fit; without any it fits every ServiceEntry.
    pub matching_rules: Vec<VisibilityRule>,
}

/// One of `matchingRules`; one that asks for nothing known never fits.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VisibilityRule {
    /// Labels of the ServiceEntry's namespace.
    pub namespace_selector: Option<LabelSelector>,
}

/// How far a ServiceEntry may be seen at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// As far as its `exportTo` says.
    Public,
    /// In its own namespace.
    Namespace,
    /// Nowhere.
    Nobody,
}

/// `MeshConfig.inboundTrafficPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InboundTrafficPolicy {
    /// `PASSTHROUGH` (default) or `LOCALHOST`.
    pub mode: String,
}

impl Default for MeshConfig {
    fn default() -> Self {
        Self {
            root_namespace: DEFAULT_ROOT_NAMESPACE.to_owned(),
            default_virtual_service_export_to: Vec::new(),
            default_destination_rule_export_to: Vec::new(),
            default_service_export_to: Vec::new(),
            outbound_traffic_policy: OutboundTrafficPolicy {
                mode: "ALLOW_ANY".to_owned(),
                egress_proxy: None,
            },
            inbound_traffic_policy: InboundTrafficPolicy::default(),
            proxy_listen_port: 15001,
            proxy_inbound_listen_port: 15006,
            proxy_http_port: 0,
            enable_auto_mtls: true,
            default_traffic_policy: DefaultTrafficPolicy::default(),
            default_config: ProxyConfig::default(),
            ingress_controller_mode: "STRICT".to_owned(),
            ingress_class: "istio".to_owned(),
            ingress_selector: String::new(),
            ingress_service: "istio-ingressgateway".to_owned(),
            discovery_selectors: Vec::new(),
            service_entry_visibility: None,
            domain: "cluster.local".to_owned(),
            object: None,
        }
    }
}

impl MeshConfig {
    /// The ConfigMap that holds the mesh configuration of an istiod, in its namespace. After istio
    /// `pilot/pkg/bootstrap/mesh.go:getMeshConfigMapName`.
    #[must_use]
    pub fn name(istiod: &Istiod) -> String {
        match istiod.revision.as_deref() {
            None | Some("" | "default") => "istio".to_owned(),
            Some(revision) => format!("istio-{revision}"),
        }
    }

    /// The mesh configuration that an istiod reads, or the defaults.
    #[must_use]
    pub fn of(snapshot: &Snapshot, istiod: &Istiod) -> Self {
        let name = Self::name(istiod);
        let object = snapshot.find(Kind::ConfigMap, &istiod.namespace, &name);
        let read = object
            .and_then(|object| ConfigMap::of(&object.view))
            .and_then(|config_map| config_map.data.get("mesh"))
            .and_then(|text| reader::parse(text))
            .and_then(|value| Self::deserialize(value).ok())
            // istiod refuses the whole of it otherwise: `agent/validation.go:ValidateMeshConfig`.
            .filter(|read: &Self| (1..=LAST_PORT).contains(&read.proxy_listen_port));
        let mut read: Self = read.unwrap_or_default();
        if istiod.version.release() < VISIBILITY_SINCE {
            read.service_entry_visibility = None;
        }
        Self {
            object: object.map(|o| o.id),
            ..read
        }
    }

    /// How far ServiceEntries of a namespace may be seen; `None` where that hangs on labels of a Namespace that was
    /// not read. After istio `pilot/pkg/model/serviceentry_visibility.go:VisibilityFor`.
    #[must_use]
    pub fn cap(&self, snapshot: &Snapshot, namespace: &str) -> Option<Cap> {
        let written = self.service_entry_visibility.as_ref();
        let Some(written) = written.filter(|v| v.apply_to_sidecars) else {
            return Some(Cap::Public);
        };
        let (labels, read) = namespace_labels(snapshot, namespace);
        let mut policies = written.policies.iter();
        if !read
            && written
                .policies
                .iter()
                .any(|p| !p.matching_rules.is_empty())
        {
            return None;
        }
        let fits = |rule: &VisibilityRule| {
            let selector = rule.namespace_selector.as_ref();
            selector.is_some_and(|s| s.fits(&labels))
        };
        let policy = policies.find(|p| p.matching_rules.iter().all(fits));
        let visibility = policy.map_or(&written.default_visibility, |p| &p.visibility);
        Some(match visibility.as_str() {
            "NAMESPACE" => Cap::Namespace,
            "NONE" => Cap::Nobody,
            _ => Cap::Public,
        })
    }

    /// Whether a namespace is watched; `None` where that hangs on labels of a Namespace that was not read.
    /// After istio `pkg/kube/namespace/filter.go:discoveryNamespacesFilter.selectorsChanged`.
    #[must_use]
    pub fn discovers(&self, snapshot: &Snapshot, namespace: &str) -> Option<bool> {
        if self.discovery_selectors.is_empty() || namespace.is_empty() {
            return Some(true);
        }
        let (labels, read) = namespace_labels(snapshot, namespace);
        let fits = self.discovery_selectors.iter().any(|s| s.fits(&labels));
        (fits || read).then_some(fits)
    }
}

/// The labels of a namespace, its name's among them, and whether it was read.
fn namespace_labels(snapshot: &Snapshot, namespace: &str) -> (Labels, bool) {
    let object = snapshot.find(Kind::Namespace, "", namespace);
    let mut labels = object.map(|o| o.meta.labels.clone()).unwrap_or_default();
    labels.insert(NAME_LABEL.to_owned(), namespace.to_owned());
    (labels, object.is_some())
}
