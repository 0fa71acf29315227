//! What was exposed, by the label and the annotation of our own objects.

use super::objects::{ANNOTATION, is_ours};
use crate::ledger::{Effect, Fate, Step};
use crate::predict::store::Store;
use crate::report::Verdict;
use crate::snapshot::views::{self, AsView};
use crate::snapshot::{Kind, Object};
use crate::walk::{self, Class, Question};

/// One exposure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The Service's namespace.
    pub namespace: String,
    /// `service:port`, or the service alone while no route leads to it.
    pub service: String,
    /// The port of the gateway.
    pub number: u32,
    /// Where clients connect, as far as the objects say.
    pub address: Option<String>,
    /// Pods that listen, by prediction.
    pub listens: u32,
    /// Pods of the gateway.
    pub pods: u32,
    /// How a connection ends.
    pub status: Verdict,
}

/// The exposure that an object of ours belongs to: namespace, service, port.
pub(super) fn exposure_of(object: &Object) -> Option<(&str, &str, u32)> {
    if !is_ours(object) {
        return None;
    }
    let facts = object.meta.annotations.get(ANNOTATION)?;
    let (rest, number) = facts.strip_prefix("mesh-expose.")?.rsplit_once('.')?;
    let (namespace, service) = rest.split_once('.')?;
    Some((namespace, service, number.parse().ok()?))
}

/// Every exposure, by namespace and Service.
#[must_use]
pub fn listed(store: &Store<'_>, namespace: Option<&str>) -> Vec<Listed> {
    let classes = walk::gateway_classes(store);
    let mut rows: Vec<Listed> = store
        .gateways
        .iter()
        .filter(|g| namespace.is_none_or(|ns| ns == g.object.key.namespace))
        .filter_map(|g| row(store, &classes, g.object))
        .collect();
    rows.sort();
    rows
}

fn row(store: &Store<'_>, classes: &[Class], gateway: &Object) -> Option<Listed> {
    let (namespace, service, number) = exposure_of(gateway)?;
    let route = store
        .snapshot
        .find(
            Kind::VirtualService,
            &gateway.key.namespace,
            &gateway.key.name,
        )
        .and_then(|o| views::VirtualService::of(&o.view));
    let port = route.and_then(|route| {
        let tcp = route.spec.tcp.iter().flat_map(|r| &r.route);
        let tls = route.spec.tls.iter().flat_map(|r| &r.route);
        tcp.chain(tls)
            .find_map(|d| Some(d.destination.port.as_ref()?.number))
    });
    let question = Question {
        port: number,
        namespace: Some(gateway.key.namespace.clone()),
        ..Question::default()
    };
    let answers = walk::ask(store, classes, &question);
    let listens = |class: &&Class| {
        class.prediction.ledger.entries().any(|(_, entry)| {
            matches!(&entry.step, Step::Chains { gateway: id, .. } if *id == gateway.id)
                && matches!(
                    entry.fate,
                    Fate::Effective(Effect::Chains { count: 1.., .. })
                )
        })
    };
    let selected = || {
        classes.iter().filter(|c| {
            answers
                .iter()
                .any(|a| a.proxy.namespace == c.proxy.namespace && a.proxy.name == c.proxy.name)
        })
    };
    Some(Listed {
        namespace: namespace.to_owned(),
        service: port.map_or_else(|| service.to_owned(), |port| format!("{service}:{port}")),
        number,
        address: selected().find_map(|c| address(store, c, number)),
        listens: selected().filter(listens).map(|c| c.proxy.replicas).sum(),
        pods: selected().map(|c| c.proxy.replicas).sum(),
        status: answers
            .iter()
            .map(|a| a.verdict)
            .max()
            .unwrap_or(Verdict::Missing),
    })
}

/// The address of the Service that has the port.
fn address(store: &Store<'_>, class: &Class, number: u32) -> Option<String> {
    store
        .kubernetes_services(&class.proxy.namespace)
        .filter(|(_, s)| !s.spec.selector.is_empty())
        .filter(|(_, s)| crate::predict::selects(&s.spec.selector, &class.proxy.labels))
        .filter(|(_, s)| s.spec.ports.iter().any(|p| p.port == number))
        .find_map(|(_, service)| at(service))
        .map(|address| format!("{address}:{number}"))
}

/// The address that a load balancer or a person gave to a Service.
pub(super) fn at(service: &views::Service) -> Option<String> {
    let assigned = service
        .status
        .load_balancer
        .ingress
        .iter()
        .map(|i| if i.ip.is_empty() { &i.hostname } else { &i.ip });
    let mut addresses = assigned.chain(&service.spec.external_ips);
    addresses.find(|a| !a.is_empty()).cloned()
}

impl super::Plan {
    /// The address of the gateway's Service, when its objects say one.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        let object = self.after.get(self.gateway.service?)?;
        at(views::Service::of(&object.view)?)
    }

    /// Who can reach the gateway's Service, as far as its objects say.
    #[must_use]
    pub fn reach(&self) -> Option<String> {
        // What the clouds call a load balancer that has no public address.
        const INTERNAL: [(&str, &str); 5] = [
            (
                "service.beta.kubernetes.io/aws-load-balancer-internal",
                "true",
            ),
            (
                "service.beta.kubernetes.io/aws-load-balancer-scheme",
                "internal",
            ),
            ("networking.gke.io/load-balancer-type", "internal"),
            ("cloud.google.com/load-balancer-type", "internal"),
            (
                "service.beta.kubernetes.io/azure-load-balancer-internal",
                "true",
            ),
        ];
        let object = self.after.get(self.gateway.service?)?;
        let service = views::Service::of(&object.view)?;
        let internal = INTERNAL.iter().any(|(key, value)| {
            let said = object.meta.annotations.get(key);
            said.is_some_and(|said| said.eq_ignore_ascii_case(value))
        });
        Some(match service.spec.r#type.as_str() {
            "LoadBalancer" if internal => {
                "its network, through an internal load balancer".to_owned()
            }
            "LoadBalancer" => match at(service) {
                Some(address) => format!("who reaches load balancer {address}, often the internet"),
                None => "who reaches its load balancer, often the internet".to_owned(),
            },
            "NodePort" => "who reaches the nodes, on a port of theirs".to_owned(),
            _ => "the cluster only: the Service's type is ClusterIP".to_owned(),
        })
    }
}
