//! Which gateway: its pods, its Service, and the labels that select just these pods.

use std::collections::{BTreeMap, BTreeSet};

use super::{Edit, Options, Stop};
use crate::predict::store::Store;
use crate::predict::{ProxyFacts, routers, selects};
use crate::snapshot::views::{self, AsView, Labels};
use crate::snapshot::{Kind, Object, ObjectId};
use crate::walk::{Class, counted};

/// The kinds that `--gateway` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayKind {
    /// The Service in front of it.
    Service,
    /// Its Deployment, StatefulSet or DaemonSet.
    Workload,
    /// A Gateway that selects it.
    Gateway,
}

/// A gateway as `--gateway` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayName {
    /// What the name is a name of.
    pub kind: GatewayKind,
    /// Its namespace, if it was said.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A gateway that ports are opened on.
#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    /// Its workloads: mostly one, several where one Service leads to several.
    pub proxies: Vec<ProxyFacts>,
    /// Its Service, when that is in the files.
    pub service: Option<ObjectId>,
    /// Namespace and name of its Service, as far as known.
    pub service_name: Option<(String, String)>,
    /// The labels that select its pods.
    pub selector: Labels,
    /// Other gateways that those labels select too.
    pub also: Vec<String>,
}

impl Gateway {
    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.proxies.first().map_or("", |p| &p.namespace)
    }

    /// Whether no workload of it was read.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        self.proxies.iter().all(ProxyFacts::is_assumed)
    }

    /// How many pods it has.
    #[must_use]
    pub fn pods(&self) -> u32 {
        self.proxies.iter().map(|p| p.replicas).sum()
    }

    /// What a person calls it: its Service, else its workload, else its labels.
    #[must_use]
    pub fn called(&self) -> String {
        match (&self.service_name, self.proxies.first()) {
            (Some((namespace, name)), _) => format!("{namespace}/{name}"),
            (None, Some(proxy)) if !proxy.is_assumed() => proxy.qualified(),
            _ => format!("the gateway with labels {}", in_words(&self.selector)),
        }
    }

    /// Its pods, predicted.
    pub(super) fn classes(&self, store: &Store<'_>) -> Vec<Class> {
        let proxies = self.proxies.iter().cloned();
        proxies.map(|proxy| Class::of(store, proxy)).collect()
    }

    /// Whether a Service leads to it.
    pub(super) fn is_behind(&self, namespace: &str, service: &views::Service) -> bool {
        let spec = &service.spec;
        !spec.selector.is_empty()
            && spec.r#type != "ExternalName"
            && self
                .proxies
                .iter()
                .any(|proxy| proxy.namespace == namespace && selects(&spec.selector, &proxy.labels))
    }
}

/// Labels as people write them.
pub(super) fn in_words(labels: &Labels) -> String {
    let parts: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    parts.join(",")
}

/// Finds the gateway.
pub(super) fn find(store: &Store<'_>, options: &Options) -> Result<Gateway, Stop> {
    let mut gateway = match &options.gateway {
        Some(name) => named(store, name)?,
        None => only(store)?,
    };
    if gateway.service.is_none() && gateway.service_name.is_none() {
        let service = service_of(store, &gateway)?;
        gateway.service = service.map(|object| object.id);
        gateway.service_name = service.map(|o| (o.key.namespace.clone(), o.key.name.clone()));
    }
    if gateway.selector.is_empty() {
        let (selector, also) = selector(store, &gateway.proxies)?;
        gateway.selector = selector;
        gateway.also = also;
        if !gateway.also.is_empty() && !options.selects_also_ok {
            let labels = in_words(&gateway.selector);
            let others = gateway.also.join(", ");
            return Err(
                Stop::refused(format!("no labels select {} alone", gateway.called()))
                    .why(format!(
                        "{labels} selects {others} too, and the port would open there as well"
                    ))
                    .fix("give its pods a label of their own")
                    .or(
                        "to open it on all of them",
                        Edit::Flag("--selects-also-ok".to_owned()),
                    ),
            );
        }
    }
    all_of_service(store, &gateway)?;
    Ok(gateway)
}

/// A client that comes through the Service can meet any of its pods: each must have the port.
fn all_of_service(store: &Store<'_>, gateway: &Gateway) -> Result<(), Stop> {
    let service = gateway.service.and_then(|id| store.snapshot.get(id));
    let Some((object, view)) = service.and_then(|o| Some((o, views::Service::of(&o.view)?))) else {
        return Ok(());
    };
    let left_out: Vec<String> = routers(store.snapshot)
        .into_iter()
        .filter(|p| p.namespace == object.key.namespace)
        .filter(|p| selects(&view.spec.selector, &p.labels))
        .filter(|p| !selects(&gateway.selector, &p.labels))
        .map(|p| p.qualified())
        .collect();
    if left_out.is_empty() {
        return Ok(());
    }
    Err(Stop::refused(format!(
        "Service {} leads to {} too",
        object.qualified(),
        left_out.join(", ")
    ))
    .why("a connection that meets one of those pods would be refused")
    .next(Edit::Gateway(format!("svc/{}", object.qualified()))))
}

impl Gateway {
    fn of(proxies: Vec<ProxyFacts>) -> Self {
        Self {
            proxies,
            service: None,
            service_name: None,
            selector: Labels::new(),
            also: Vec::new(),
        }
    }

    fn at(mut self, service: &Object) -> Self {
        self.service = Some(service.id);
        self.service_name = Some((service.key.namespace.clone(), service.key.name.clone()));
        self
    }

    /// A gateway of which only labels are known.
    fn assumed(namespace: &str, labels: &Labels, selector: &Labels) -> Self {
        Self {
            selector: selector.clone(),
            ..Self::of(vec![ProxyFacts::assumed(namespace, labels)])
        }
    }
}

fn named(store: &Store<'_>, name: &GatewayName) -> Result<Gateway, Stop> {
    match name.kind {
        GatewayKind::Service => by_service(store, name),
        GatewayKind::Workload => {
            let found: Vec<ProxyFacts> = routers(store.snapshot)
                .into_iter()
                .filter(|p| p.name == name.name)
                .filter(|p| name.namespace.as_ref().is_none_or(|ns| *ns == p.namespace))
                .collect();
            if found.is_empty() {
                return Err(none(store, &format!("no gateway workload {}", name.name)));
            }
            one(store, found)
        }
        GatewayKind::Gateway => by_gateway(store, name),
    }
}

fn services<'a>(store: &Store<'a>) -> impl Iterator<Item = (&'a Object, &'a views::Service)> {
    store
        .snapshot
        .of_kind(Kind::Service)
        .filter_map(|o| views::Service::of(&o.view).map(|v| (o, v)))
}

fn by_service(store: &Store<'_>, name: &GatewayName) -> Result<Gateway, Stop> {
    let all = routers(store.snapshot);
    let behind = |object: &Object, service: &views::Service| -> Vec<ProxyFacts> {
        let selector = &service.spec.selector;
        all.iter()
            .filter(|p| p.namespace == object.key.namespace)
            .filter(|p| !selector.is_empty() && selects(selector, &p.labels))
            .cloned()
            .collect()
    };
    let mut found: Vec<(&Object, &views::Service)> = services(store)
        .filter(|(o, _)| o.key.name == name.name)
        .filter(|(o, _)| {
            let named = name.namespace.as_ref();
            named.is_none_or(|ns| *ns == o.key.namespace)
        })
        .collect();
    // A Service of that name in another namespace, which leads to no gateway, is not meant.
    if found.len() > 1 && found.iter().any(|(o, s)| !behind(o, s).is_empty()) {
        found.retain(|(o, s)| !behind(o, s).is_empty());
    }
    match found.as_slice() {
        [] => {
            // The Service is somewhere else; its pods may be here.
            let mut gateway = match &name.namespace {
                Some(ns) => {
                    let here: Vec<ProxyFacts> =
                        all.iter().filter(|p| p.namespace == *ns).cloned().collect();
                    match here.as_slice() {
                        [_] => Gateway::of(here),
                        _ => only(store)?,
                    }
                }
                None => only(store)?,
            };
            if gateway.service.is_some() {
                return Err(none(
                    store,
                    &format!("no Service {} in the files", name.name),
                ));
            }
            let namespace = name.namespace.clone();
            let namespace = namespace.unwrap_or_else(|| gateway.namespace().to_owned());
            gateway.service_name = Some((namespace, name.name.clone()));
            Ok(gateway)
        }
        [(object, service)] => {
            let proxies = behind(object, service);
            if !proxies.is_empty() {
                return Ok(Gateway::of(proxies).at(object));
            }
            let labels = &service.spec.selector;
            if labels.is_empty() {
                return Err(Stop::cannot_work(format!(
                    "Service {} selects no pods",
                    object.qualified()
                )));
            }
            let short = shortest(labels);
            Ok(Gateway::assumed(&object.key.namespace, labels, &short).at(object))
        }
        several => Err(list(
            format!("{} Services are named {}", several.len(), name.name),
            several
                .iter()
                .map(|(o, _)| format!("svc/{}", o.qualified()))
                .collect(),
        )),
    }
}

fn by_gateway(store: &Store<'_>, name: &GatewayName) -> Result<Gateway, Stop> {
    let found: Vec<_> = store
        .gateways
        .iter()
        .filter(|g| g.object.key.name == name.name)
        .filter(|g| {
            let named = name.namespace.as_ref();
            named.is_none_or(|ns| *ns == g.object.key.namespace)
        })
        .collect();
    let gateway = match found.as_slice() {
        [] => {
            return Err(none(
                store,
                &format!("no Gateway {} in the files", name.name),
            ));
        }
        [gateway] => gateway,
        several => {
            return Err(list(
                format!("{} Gateways are named {}", several.len(), name.name),
                several
                    .iter()
                    .map(|g| format!("gateway/{}", g.name))
                    .collect(),
            ));
        }
    };
    let selector = &gateway.spec.selector;
    let selected: Vec<ProxyFacts> = routers(store.snapshot)
        .into_iter()
        .filter(|p| selects(selector, &p.labels))
        .collect();
    if selected.is_empty() {
        return assumed_by(store, &gateway.object.key.namespace, selector);
    }
    one(store, selected)
}

/// The only gateway of the files.
fn only(store: &Store<'_>) -> Result<Gateway, Stop> {
    let all = routers(store.snapshot);
    if !all.is_empty() {
        return one(store, all);
    }
    let selectors: BTreeMap<&Labels, &str> = store
        .gateways
        .iter()
        .filter(|g| !g.spec.selector.is_empty())
        .map(|g| (&g.spec.selector, g.object.key.namespace.as_str()))
        .collect();
    let mut selectors = selectors.into_iter();
    match (selectors.next(), selectors.next()) {
        (Some((selector, namespace)), None) => assumed_by(store, namespace, selector),
        (Some(_), Some(_)) => {
            let mut seen = BTreeSet::new();
            Err(list(
                "the Gateways select several gateways".to_owned(),
                store
                    .gateways
                    .iter()
                    .filter(|g| seen.insert(&g.spec.selector))
                    .map(|g| format!("gateway/{}", g.name))
                    .collect(),
            ))
        }
        // Only a gateway's Service leads to the port on which its proxy tells that it is ready.
        (None, _) => {
            let found: Vec<_> = services(store)
                .filter(|(_, s)| !s.spec.selector.is_empty())
                .filter(|(_, s)| s.spec.ports.iter().any(|p| p.port == 15021))
                .collect();
            match found.as_slice() {
                [(object, service)] => {
                    let labels = &service.spec.selector;
                    let short = shortest(labels);
                    Ok(Gateway::assumed(&object.key.namespace, labels, &short).at(object))
                }
                [] => Err(none(store, "no gateway in the files")),
                several => Err(list(
                    format!("{} Services look like a gateway's", several.len()),
                    several
                        .iter()
                        .map(|(o, _)| format!("svc/{}", o.qualified()))
                        .collect(),
                )),
            }
        }
    }
}

/// A gateway that only a selector tells of, and perhaps a Service that selects the same pods.
fn assumed_by(store: &Store<'_>, namespace: &str, selector: &Labels) -> Result<Gateway, Stop> {
    let leading: Vec<_> = services(store)
        .filter(|(_, s)| !s.spec.selector.is_empty() && selects(selector, &s.spec.selector))
        .collect();
    match leading.as_slice() {
        [(object, service)] => {
            Ok(
                Gateway::assumed(&object.key.namespace, &service.spec.selector, selector)
                    .at(object),
            )
        }
        [] => Ok(Gateway::assumed(namespace, selector, selector)),
        several => Err(list(
            format!(
                "{} Services select pods with {}",
                several.len(),
                in_words(selector)
            ),
            several
                .iter()
                .map(|(o, _)| format!("svc/{}", o.qualified()))
                .collect(),
        )),
    }
}

fn one(store: &Store<'_>, found: Vec<ProxyFacts>) -> Result<Gateway, Stop> {
    if found.len() == 1 {
        return Ok(Gateway::of(found));
    }
    let named = |p: &ProxyFacts| {
        let same = routers(store.snapshot);
        let unique = same.iter().filter(|other| other.name == p.name).count() == 1;
        if unique {
            format!("deploy/{}", p.name)
        } else {
            format!("deploy/{}", p.qualified())
        }
    };
    Err(list(
        format!("{} could be meant", counted(found.len(), "gateway")),
        found.iter().map(named).collect(),
    ))
}

/// Several could be meant: the list, ready to be typed.
fn list(sentence: String, ways: Vec<String>) -> Stop {
    let mut stop = Stop::cannot_work(sentence);
    stop.why = Some(ways.join(", "));
    for way in ways {
        stop = stop.or("another", Edit::Gateway(way));
    }
    stop
}

fn none(store: &Store<'_>, sentence: &str) -> Stop {
    let all = routers(store.snapshot);
    if all.is_empty() {
        return Stop::cannot_work(sentence)
            .fix("add the gateway's Deployment and Service to -f, or a Gateway that selects it");
    }
    let mut stop = Stop::cannot_work(sentence);
    for proxy in all {
        stop = stop.or(
            "another",
            Edit::Gateway(format!("deploy/{}", proxy.qualified())),
        );
    }
    stop
}

/// The Service that clients come through.
fn service_of<'a>(store: &Store<'a>, gateway: &Gateway) -> Result<Option<&'a Object>, Stop> {
    let found: Vec<_> = services(store)
        .filter(|(o, s)| gateway.is_behind(&o.key.namespace, s))
        .collect();
    let outside: Vec<_> = found
        .iter()
        .filter(|(_, s)| matches!(s.spec.r#type.as_str(), "LoadBalancer" | "NodePort"))
        .collect();
    match (found.as_slice(), outside.as_slice()) {
        ([], _) => Ok(None),
        ([(object, _)], _) => Ok(Some(object)),
        (_, [(object, _)]) => Ok(Some(object)),
        (several, _) => Err(list(
            format!("{} Services lead to {}", several.len(), gateway.called()),
            several
                .iter()
                .map(|(o, _)| format!("svc/{}", o.qualified()))
                .collect(),
        )),
    }
}

/// Labels that change with a release, a rollout or an injection: selected today, gone tomorrow.
fn is_stable(key: &str) -> bool {
    const PREFIXES: [&str; 9] = [
        "helm.sh/",
        "istio.io/",
        "service.istio.io/",
        "sidecar.istio.io/",
        "operator.istio.io/",
        "install.operator.istio.io/",
        "statefulset.kubernetes.io/",
        "apps.kubernetes.io/",
        "topology.",
    ];
    const KEYS: [&str; 8] = [
        "pod-template-hash",
        "pod-template-generation",
        "controller-revision-hash",
        "version",
        "chart",
        "heritage",
        "app.kubernetes.io/version",
        "app.kubernetes.io/managed-by",
    ];
    !KEYS.contains(&key) && !PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// What people select gateways by, first.
fn rank(key: &str) -> usize {
    const ORDER: [&str; 5] = [
        "istio",
        "app",
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
        "release",
    ];
    ORDER.iter().position(|k| *k == key).unwrap_or(ORDER.len())
}

/// The stable labels, the most usual first.
fn stable(labels: &Labels) -> Vec<(&String, &String)> {
    let mut stable: Vec<_> = labels.iter().filter(|(key, _)| is_stable(key)).collect();
    stable.sort_by_key(|(key, _)| (rank(key), key.as_str()));
    stable
}

/// One stable label, where nothing is known of other gateways.
fn shortest(labels: &Labels) -> Labels {
    let first = stable(labels).into_iter().next();
    let first = first.map(|(k, v)| (k.clone(), v.clone()));
    let short: Labels = first.into_iter().collect();
    if short.is_empty() {
        labels.clone()
    } else {
        short
    }
}

/// The smallest stable label set that selects exactly these pods, and the other gateways that it selects all the
/// same when there is none.
fn selector(store: &Store<'_>, proxies: &[ProxyFacts]) -> Result<(Labels, Vec<String>), Stop> {
    let mut common = proxies
        .first()
        .map(|p| p.labels.clone())
        .unwrap_or_default();
    common.retain(|key, value| proxies.iter().all(|p| p.labels.get(key) == Some(value)));
    let labels = stable(&common);
    if labels.is_empty() {
        let name = proxies
            .first()
            .map(ProxyFacts::qualified)
            .unwrap_or_default();
        return Err(
            Stop::refused(format!("the pods of {name} have no stable label"))
                .why(
                    "a Gateway selects pods by labels, and those that a rollout changes are no use",
                )
                .fix("give the pod template a label, such as istio: NAME"),
        );
    }
    let others: Vec<ProxyFacts> = routers(store.snapshot)
        .into_iter()
        .filter(|p| {
            !proxies
                .iter()
                .any(|own| own.namespace == p.namespace && own.name == p.name)
        })
        .collect();
    let selected = |set: &[&(&String, &String)]| -> Vec<String> {
        others
            .iter()
            .filter(|p| {
                set.iter()
                    .all(|(key, value)| p.labels.get(key) == Some(value))
            })
            .map(ProxyFacts::qualified)
            .collect()
    };
    let made = |set: &[&(&String, &String)]| -> Labels {
        set.iter()
            .map(|(k, v)| ((*k).clone(), (*v).clone()))
            .collect()
    };
    // Sets of one, two and three labels in order of preference; then all of them.
    let count = labels.len();
    let mut sets: Vec<Vec<&(&String, &String)>> = labels.iter().map(|one| vec![one]).collect();
    for (i, a) in labels.iter().enumerate() {
        sets.extend(labels.iter().skip(i + 1).map(|b| vec![a, b]));
    }
    for (i, a) in labels.iter().enumerate() {
        for (j, b) in labels.iter().enumerate().skip(i + 1) {
            sets.extend(labels.iter().skip(j + 1).map(|c| vec![a, b, c]));
        }
    }
    sets.sort_by_key(Vec::len);
    if count > 3 {
        sets.push(labels.iter().collect());
    }
    if let Some(exact) = sets.iter().find(|set| selected(set).is_empty()) {
        return Ok((made(exact), Vec::new()));
    }
    let fewest = sets.iter().min_by_key(|set| selected(set).len());
    Ok(fewest.map_or_else(
        || (common.clone(), Vec::new()),
        |set| (made(set), selected(set)),
    ))
}
