//! Which kinds are read, and how an object is named.

use std::fmt;

macro_rules! kinds {
    ($($kind:ident $(= $name:literal)? $group:literal $plural:literal $short:literal,)*) => {
        /// A kind that is read. Order and names are stable; two APIs have a `Gateway`, so the group decides.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $(#[doc = concat!($group, "/", $plural)] $kind,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The API group, empty for the core group.
            #[must_use]
            pub const fn group(self) -> &'static str { match self { $(Self::$kind => $group,)* } }

            /// The kind's name as manifests write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => {
                        let [name, ..] = [$($name,)? stringify!($kind)];
                        name
                    })*
                }
            }

            /// The resource's plural, lower case.
            #[must_use]
            pub const fn plural(self) -> &'static str { match self { $(Self::$kind => $plural,)* } }

            /// The short name that tables use.
            #[must_use]
            pub const fn short(self) -> &'static str { match self { $(Self::$kind => $short,)* } }
        }
    };
}

kinds! {
    Namespace "" "namespaces" "ns",
    ConfigMap "" "configmaps" "cm",
    Service "" "services" "svc",
    Pod "" "pods" "pod",
    Endpoints "" "endpoints" "ep",
    EndpointSlice "discovery.k8s.io" "endpointslices" "eps",
    Deployment "apps" "deployments" "deploy",
    StatefulSet "apps" "statefulsets" "sts",
    DaemonSet "apps" "daemonsets" "ds",
    Gateway "networking.istio.io" "gateways" "gw",
    VirtualService "networking.istio.io" "virtualservices" "vs",
    DestinationRule "networking.istio.io" "destinationrules" "dr",
    ServiceEntry "networking.istio.io" "serviceentries" "se",
    WorkloadEntry "networking.istio.io" "workloadentries" "we",
    Sidecar "networking.istio.io" "sidecars" "sidecar",
    PeerAuthentication "security.istio.io" "peerauthentications" "pa",
    AuthorizationPolicy "security.istio.io" "authorizationpolicies" "ap",
    Secret "" "secrets" "secret",
    NetworkPolicy "networking.k8s.io" "networkpolicies" "netpol",
    Ingress "networking.k8s.io" "ingresses" "ing",
    KubernetesGateway = "Gateway" "gateway.networking.k8s.io" "gateways" "gtw",
    IngressClass "networking.k8s.io" "ingressclasses" "ingressclass",
    EnvoyFilter "networking.istio.io" "envoyfilters" "ef",
    WasmPlugin "extensions.istio.io" "wasmplugins" "wasmplugin",
    MutatingWebhookConfiguration "admissionregistration.k8s.io" "mutatingwebhookconfigurations" "mwc",
}

impl Kind {
    /// The kind that an `apiVersion` and a `kind` name, by group: versions of a group are read alike.
    #[must_use]
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self::ALL
            .iter()
            .copied()
            .find(|k| k.name() == kind && k.group() == group)
    }

    /// Whether objects of this kind live in a namespace.
    #[must_use]
    pub const fn namespaced(self) -> bool {
        !matches!(
            self,
            Self::Namespace | Self::IngressClass | Self::MutatingWebhookConfiguration
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An object's identity; the version is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Kind, and by it the group.
    pub kind: Kind,
    /// Namespace; empty for a kind without.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// The key of these parts.
    #[must_use]
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// `namespace/name`, or the name alone.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.namespace.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.qualified())
    }
}
