//! Views of `networking.k8s.io`: what the network lets pass, and Ingress.

use serde::Deserialize;

use super::{IntOrString, Labels};

/// A NetworkPolicy.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// The spec.
    pub spec: NetworkPolicySpec,
}

/// `NetworkPolicy.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NetworkPolicySpec {
    /// Which pods of its namespace; empty is all of them.
    pub pod_selector: LabelSelector,
    /// `Ingress`, `Egress`; absent is Ingress, and Egress if there is such a rule.
    pub policy_types: Vec<String>,
    /// What may come in: any of these.
    pub ingress: Vec<NetworkIngressRule>,
}

/// `NetworkPolicy.spec.ingress[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NetworkIngressRule {
    /// Ports of the pods; empty is every port.
    pub ports: Vec<NetworkPort>,
}

/// `NetworkPolicy.spec.ingress[].ports[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NetworkPort {
    /// `TCP` (default), `UDP`, `SCTP`.
    pub protocol: String,
    /// A number, or a container port's name; absent is every port.
    pub port: Option<IntOrString>,
    /// The last of a range.
    pub end_port: Option<u32>,
}

/// A selector of Kubernetes' own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels, all of which have to be there.
    pub match_labels: Labels,
    /// Conditions, all of which have to hold.
    pub match_expressions: Vec<LabelExpression>,
}

impl LabelSelector {
    /// Whether labels satisfy it; an empty one takes all.
    #[must_use]
    pub fn fits(&self, labels: &Labels) -> bool {
        let mut wanted = self.match_labels.iter();
        wanted.all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|e| {
                let value = labels.get(&e.key);
                let listed = value.is_some_and(|v| e.values.contains(v));
                match e.operator.as_str() {
                    "In" => listed,
                    "NotIn" => !listed,
                    "Exists" => value.is_some(),
                    // The API server refuses a fifth.
                    _ => value.is_none(),
                }
            })
    }
}

/// `matchExpressions[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelExpression {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`.
    pub operator: String,
    /// For the first two.
    pub values: Vec<String>,
}

/// An Ingress.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Ingress {
    /// The spec.
    pub spec: IngressSpec,
}

/// `Ingress.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IngressSpec {
    /// The class, which names the controller.
    pub ingress_class_name: Option<String>,
    /// Hosts that are served with a certificate.
    pub tls: Vec<IngressTls>,
}

/// `Ingress.spec.tls[]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IngressTls {
    /// Hosts; empty is every host.
    pub hosts: Vec<String>,
    /// The Secret with the certificate.
    pub secret_name: String,
}

/// An IngressClass.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IngressClass {
    /// The spec.
    pub spec: IngressClassSpec,
}

/// `IngressClass.spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IngressClassSpec {
    /// Which controller handles it.
    pub controller: String,
}
