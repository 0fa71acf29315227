//! The part of the mesh configuration that decides about gateways: ConfigMap `istio` in istiod's namespace, key `mesh`.

use serde::Deserialize;

use super::istiod::Istiod;
use crate::snapshot::views::{ConfigMap, Labels, OutlierDetection};
use crate::snapshot::{Kind, Object, Snapshot, reader, views::AsView};

/// Namespace of istiod and of mesh-wide objects unless the mesh configuration says otherwise.
pub const DEFAULT_ROOT_NAMESPACE: &str = "istio-system";

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
    /// What DestinationRules leave open.
    pub default_traffic_policy: DefaultTrafficPolicy,
    /// Which namespaces are watched: those that any of them fits, all when there is none.
    pub discovery_selectors: Vec<LabelSelector>,
    /// Suffix of the cluster's names.
    #[serde(skip)]
    pub domain: String,
}

/// `MeshConfig.defaultTrafficPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DefaultTrafficPolicy {
    /// Ejection of endpoints that fail.
    pub outlier_detection: Option<OutlierDetection>,
}

/// A label selector, after Kubernetes' `meta/v1`; an empty one selects all.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must be there.
    pub match_labels: Labels,
    /// Further requirements.
    pub match_expressions: Vec<Requirement>,
}

/// `matchExpressions[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`.
    pub operator: String,
    /// What it is, or is not.
    pub values: Vec<String>,
}

impl LabelSelector {
    fn fits(&self, labels: &Labels) -> bool {
        let fits = |requirement: &Requirement| {
            let value = labels.get(&requirement.key);
            let listed = value.is_some_and(|v| requirement.values.contains(v));
            match requirement.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                _ => value.is_none(),
            }
        };
        super::selects(&self.match_labels, labels) && self.match_expressions.iter().all(fits)
    }
}

impl Default for MeshConfig {
    fn default() -> Self {
        Self {
            root_namespace: DEFAULT_ROOT_NAMESPACE.to_owned(),
            default_virtual_service_export_to: Vec::new(),
            default_destination_rule_export_to: Vec::new(),
            default_service_export_to: Vec::new(),
            default_traffic_policy: DefaultTrafficPolicy::default(),
            discovery_selectors: Vec::new(),
            domain: "cluster.local".to_owned(),
        }
    }
}

impl MeshConfig {
    /// The mesh configuration that an istiod reads, or the defaults.
    #[must_use]
    pub fn of(snapshot: &Snapshot, istiod: &Istiod) -> Self {
        Self::object(snapshot, istiod)
            .and_then(|object| ConfigMap::of(&object.view))
            .and_then(|config_map| config_map.data.get("mesh"))
            .and_then(|text| reader::parse(text))
            .and_then(|value| Self::deserialize(value).ok())
            .unwrap_or_default()
    }

    /// The object that it stands in. After istio `pilot/pkg/bootstrap/mesh.go:getMeshConfigMapName`.
    #[must_use]
    pub fn object<'s>(snapshot: &'s Snapshot, istiod: &Istiod) -> Option<&'s Object> {
        let name = match istiod.revision.as_deref() {
            None | Some("" | "default") => "istio".to_owned(),
            Some(revision) => format!("istio-{revision}"),
        };
        snapshot.find(Kind::ConfigMap, &istiod.namespace, &name)
    }

    /// Whether a namespace is watched; `None` where that hangs on labels of a Namespace that was not read.
    /// After istio `pkg/kube/namespace/filter.go:discoveryNamespacesFilter.selectorsChanged`.
    #[must_use]
    pub fn discovers(&self, snapshot: &Snapshot, namespace: &str) -> Option<bool> {
        if self.discovery_selectors.is_empty() || namespace.is_empty() {
            return Some(true);
        }
        let object = snapshot.find(Kind::Namespace, "", namespace);
        let mut labels = object.map(|o| o.meta.labels.clone()).unwrap_or_default();
        labels.insert(NAME_LABEL.to_owned(), namespace.to_owned());
        let fits = self.discovery_selectors.iter().any(|s| s.fits(&labels));
        (fits || object.is_some()).then_some(fits)
    }
}
