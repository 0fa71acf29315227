//! The servers that Ingress objects make, as far as they take ports and hosts from those of Gateways.
//! After istio `pilot/pkg/config/kube/ingress` (1.31): a Gateway made of an Ingress has no creation time, so it comes
//! before all others. Its own listener and routes are not predicted.

use super::selects;
use crate::predict::ProxyFacts;
use crate::predict::mesh::MeshConfig;
use crate::predict::store::Store;
use crate::snapshot::views::{AsView, Ingress, IngressClass, Labels};
use crate::snapshot::{Kind, Object, ObjectId};

/// The annotation that named the class before there was a field.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// The controller of IngressClasses that are istiod's.
const CONTROLLER: &str = "istio.io/ingress-controller";

/// The numbers that every Ingress has.
const HTTP: u32 = 80;
const HTTPS: u32 = 443;

/// What an Ingress takes.
pub(super) struct Claim<'s> {
    pub(super) ingress: ObjectId,
    /// Index in `spec.tls`; behind its end the server for plain HTTP.
    pub(super) index: usize,
    pub(super) number: u32,
    /// The hosts with a certificate; `None` for plain HTTP, which is for all.
    pub(super) hosts: Option<Vec<&'s str>>,
}

/// What the Ingresses that istiod handles take on a proxy, in the order of their names.
pub(super) fn claims<'s>(store: &'s Store<'_>, proxy: &ProxyFacts) -> Vec<Claim<'s>> {
    if !selects(&selector(&store.mesh), &proxy.labels) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for object in store.snapshot.of_kind(Kind::Ingress) {
        let view = Ingress::of(&object.view).filter(|_| store.sees(object));
        let Some(Ingress { spec }) = view.filter(|i| handled(store, object, i)) else {
            continue;
        };
        for (index, tls) in spec
            .tls
            .iter()
            .enumerate()
            .filter(|(_, t)| !t.secret_name.is_empty())
        {
            let mut hosts: Vec<&str> = tls.hosts.iter().map(String::as_str).collect();
            if hosts.is_empty() {
                hosts.push("*");
            }
            found.push(Claim {
                ingress: object.id,
                index,
                number: HTTPS,
                hosts: Some(hosts),
            });
        }
        found.push(Claim {
            ingress: object.id,
            index: spec.tls.len(),
            number: HTTP,
            hosts: None,
        });
    }
    found
}

/// After `virtualservices.go:shouldProcessIngressWithClass`: the annotation counts before the class.
fn handled(store: &Store<'_>, object: &Object, ingress: &Ingress) -> bool {
    let mode = store.mesh.ingress_controller_mode.as_str();
    if let Some(class) = object.meta.annotations.get(CLASS_ANNOTATION) {
        return matches!(mode, "STRICT" | "DEFAULT") && *class == store.mesh.ingress_class;
    }
    let class = ingress
        .spec
        .ingress_class_name
        .as_ref()
        .and_then(|name| store.snapshot.find(Kind::IngressClass, "", name))
        .and_then(|o| IngressClass::of(&o.view));
    match class {
        Some(class) => class.spec.controller == CONTROLLER,
        None => mode == "DEFAULT",
    }
}

/// After `gateways.go:getIngressGatewaySelector`.
fn selector(mesh: &MeshConfig) -> Labels {
    let value = match (
        mesh.ingress_selector.as_str(),
        mesh.ingress_service.as_str(),
    ) {
        ("", "" | "istio-ingressgateway") => "ingressgateway",
        ("", service) => service,
        (selector, _) => selector,
    };
    let mut labels = Labels::new();
    labels.insert("istio".to_owned(), value.to_owned());
    labels
}
